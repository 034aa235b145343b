"""Replies that no server should give: each is a valid completion or a failed call, and only what can be is stored."""

from __future__ import annotations

import gzip
import json
import math
import socketserver
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.generation.replying import (
    CHOICE,
    DIALECT,
    GOOD,
    ONCE,
    REQUEST,
    TOKEN,
    Pieces,
    asked,
    body_of,
    endpoint,
    stored,
    wire,
    with_value,
)
from tests.generation.scripted_engine import ScriptedEngine
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.endpoints import reply_body
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.endpoints.openai_format import parse_chat
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy
from wbrag_pipeline.generation.endpoints.reply_body import read_json
from wbrag_pipeline.generation.engine_protocol import Completion, Token
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.ray_engine import RayEngine

DEEP = b"[" * 200_000 + b"]" * 200_000
# Eight times what a reply may have; made wherever this file is collected, so no larger than that.
BOMB = gzip.compress(b"0" * (64 << 20), compresslevel=1)
IMPOSSIBLE: dict[str, Any] = {
    "no choices": with_value("choices", value=[]),
    "null choices": with_value("choices", value=None),
    "choices by name": with_value("choices", value={"0": GOOD["choices"][0]}),
    "several choices": with_value("choices", value=GOOD["choices"] * 2),
    "a choice that is none": with_value("choices", value=[None]),
    "no message": with_value(*CHOICE, "message", value=None),
    "null content": with_value(*CHOICE, "message", "content", value=None),
    "list content": with_value(*CHOICE, "message", "content", value=[{"type": "text", "text": "Paris"}]),
    "object content": with_value(*CHOICE, "message", "content", value={"text": "Paris"}),
    "number content": with_value(*CHOICE, "message", "content", value=7),
    "lone surrogate": with_value(*CHOICE, "message", "content", value="Par\ud800is"),
    "an error in the choice": with_value(*CHOICE, "error", value={"message": "out of memory"}),
    "broken off": with_value(*CHOICE, "finish_reason", value="error"),
    "an error": {"error": {"message": "out of memory"}},
    "an error in words": {"error": "out of memory"},
    "usage as a list": with_value("usage", value=[1]),
    "usage as a word": with_value("usage", value="many"),
    **{
        f"{count} tokens": with_value("usage", "prompt_tokens", value=count)
        for count in (-1, 10**9, 2**63, 10**400, 1.5, 1e308, True, "7", [], math.nan, math.inf)
    },
    **{
        f"log-probability {logprob!r:.20}": with_value(*TOKEN, "logprob", value=logprob)
        for logprob in (1e9, 0.5, 0.001, math.nan, math.inf, -math.inf, 10**400, None, "-0.1", True, [], {})
    },
    **{
        f"alternative of {logprob!r:.20}": with_value(*TOKEN, "top_logprobs", 0, "logprob", value=logprob)
        for logprob in (1e9, math.nan, math.inf, None, "x")
    },
    "alternatives by name": with_value(*TOKEN, "top_logprobs", value={"Paris": -0.1}),
    "alternatives that are none": with_value(*TOKEN, "top_logprobs", value=[1, 2]),
    "alternatives without tokens": with_value(*TOKEN, "top_logprobs", value=[{"logprob": -0.1}]),
    "a token that is none": with_value(*TOKEN, "token", value=None),
    "a token of half a pair": with_value(*TOKEN, "token", value="\udfff"),
    "tokens that are none": with_value(*CHOICE, "logprobs", "content", value=[None]),
    "tokens as a word": with_value(*CHOICE, "logprobs", "content", value="Paris"),
    "log-probabilities as a list": with_value(*CHOICE, "logprobs", value=[-0.1]),
    "no log-probabilities": with_value(*CHOICE, "logprobs", value=None),
    "a list": [GOOD],
    "a number": 7,
    "nothing": None,
    "no JSON": b"<html><body>502 Bad Gateway</body></html>",
    "half of it": body_of(GOOD)[:90],
    "empty": b"",
    "blanks": b" \n ",
    "no UTF-8": body_of(GOOD).replace(b"Paris", b"Par\xefs"),
    "half a pair in bytes": body_of(GOOD).replace(b'"Paris"', b'"Par\xed\xa0\x80is"'),
    "deep": DEEP,
    "deep inside": body_of(GOOD).replace(b'"tiny"', DEEP),
    "a number of 5,000 digits": body_of(GOOD).replace(b"8", b"8" * 5000),
    "an event stream": b"data: " + body_of(GOOD) + b"\n\ndata: [DONE]\n\n",
}


@pytest.mark.parametrize("fault", sorted(IMPOSSIBLE))
def test_a_reply_that_cannot_be_is_a_failed_call_and_is_not_stored(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, cache = asked(lambda: wire(body_of(IMPOSSIBLE[fault])), tmp_path)
    (said,) = [message for message in caplog.messages if "failed for good" in message]
    assert "answered what cannot be used (" in said and len(said) < 600
    # When the server is well again, the same question is asked again.
    well = LanguageModel(endpoint(lambda: wire(body_of(GOOD))), cache)
    assert well.answer(["Where?"], [[]], OPEN_QA)[0].text == "Paris"
    assert (well.usage.sent, well.usage.entries_damaged, len(stored(cache))) == (1, 0, 1)


@pytest.mark.parametrize(
    ("reply", "logprob", "top"),
    [
        (with_value(*TOKEN, "logprob", value=1e-7), 0.0, 2),
        (with_value(*TOKEN, "logprob", value=0), 0.0, 2),
        (with_value(*TOKEN, "logprob", value=-9999.0), -9999.0, 2),
        (with_value(*TOKEN, "top_logprobs", 1, "logprob", value=-math.inf), -0.1, 1),
        (with_value(*TOKEN, "top_logprobs", value=None), -0.1, 0),
        (with_value("usage", value=None), -0.1, 2),
        (with_value("usage", "prompt_tokens", value=None), -0.1, 2),
    ],
)
def test_what_rounding_and_habit_do_is_put_right(reply: Any, logprob: float, top: int) -> None:
    made = parse_chat(read_json(body_of(reply)), REQUEST, DIALECT)
    assert (made.text, made.tokens[0].logprob, len(made.tokens[0].top)) == ("Paris", logprob, top)
    assert Completion.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    "models",
    [
        {"data": 7},
        {"data": [{"id": []}]},
        {"data": {"id": "tiny"}},
        [],
        {"data": [{"id": "tiny", "max_model_len": -5}]},
    ],
)
def test_a_list_of_models_of_another_shape_is_no_traceback(models: Any) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=models if request.url.path.endswith("/models") else GOOD)

    engine = OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))
    try:
        assert engine.capabilities.logprobs is not None
    except WbragError as error:
        assert "cannot be used" in str(error)


def test_probes_whose_replies_cannot_be_used_find_no_ability() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "tiny", "owned_by": "vllm"}]})
        if "tokenize" in request.url.path:
            return httpx.Response(200, json={"tokens": "many"})
        if "logprobs" in body or "structured_outputs" in body or "response_format" in body:
            return httpx.Response(200, json={"choices": []})
        return httpx.Response(200, json=with_value(*CHOICE, "logprobs", value=None))

    engine = OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))
    found = engine.capabilities
    assert (found.logprobs, found.structured, found.distributions) == (None, False, False)


# Sizes, compression, redirects.


def test_a_compressed_reply_is_unpacked(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    body = gzip.compress(body_of(GOOD))
    model = LanguageModel(endpoint(lambda: wire(body, content_encoding="gzip")), cache)
    assert model.answer(["Where?"], [[]], OPEN_QA)[0].text == "Paris"


@pytest.mark.parametrize(
    ("body", "coding", "said"),
    [
        (BOMB, "gzip", "more than 8,388,608 bytes"),
        (gzip.compress(gzip.compress(b"0" * (1 << 20))), "gzip, gzip", "not asked for"),
        (b"\x1b\x00", "br", "not asked for"),
        (b"\x28\xb5\x2f\xfd", "zstd", "not asked for"),
        (b"\x78\x9c", "deflate", "not asked for"),
        (body_of(GOOD), "gzip", "damaged"),
        (gzip.compress(body_of(GOOD))[:-9], "gzip", "cut"),
        (b"", "gzip", "an empty body"),
    ],
    ids=["bomb", "twice", "br", "zstd", "deflate", "not gzip", "cut", "empty"],
)
def test_a_compressed_reply_is_bounded(
    body: bytes,
    coding: str,
    said: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[int] = []
    parse = reply_body.read_json
    monkeypatch.setattr(
        "wbrag_pipeline.generation.endpoints.replicas.read_json", lambda body: held.append(len(body)) or parse(body)
    )
    asked(lambda: wire(body, content_encoding=coding), tmp_path)
    assert said in caplog.text
    assert max(held, default=0) <= reply_body.MOST_BYTES


def test_a_reply_that_never_ends_is_read_up_to_a_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bodies: list[Pieces] = []

    def endless() -> httpx.Response:
        def pieces() -> Iterator[bytes]:
            while True:
                yield b" " * (1 << 16)

        bodies.append(Pieces(pieces()))
        return httpx.Response(200, stream=bodies[-1])

    asked(endless, tmp_path)
    assert "more than" in caplog.text
    assert bodies[-1].sent <= reply_body.MOST_BYTES + (1 << 16)


def test_a_refusal_that_never_ends_is_read_up_to_a_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = Pieces(iter(lambda: b"no! " * 1000, b""))
    asked(lambda: httpx.Response(400, stream=body), tmp_path)
    assert body.sent <= reply_body.MOST_BYTES_OF_REFUSAL + 4000
    assert len(caplog.text) < 2000 and "no! no!" in caplog.text


def test_a_redirect_is_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked(lambda: wire(b"", 307, location="http://elsewhere/v1/chat/completions"), tmp_path)
    assert "redirects, which is not followed" in caplog.text


# On the wire.


class RawServer(socketserver.ThreadingTCPServer):
    """Answers each chat completion but the probes with ``raw``, byte for byte, and closes the connection."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, raw: bytes, *, silent: bool = False) -> None:
        self.raw, self.silent, self.over = raw, silent, threading.Event()
        super().__init__(("127.0.0.1", 0), Connection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()


class Connection(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        length = next(
            (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0
        )
        asked = self.rfile.read(length)
        good = body_of({"data": []} if b"/models" in head else GOOD)
        plain = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(good), good)
        probe = b"/chat/completions" not in head or b"fruit" in asked
        try:
            self.wfile.write(plain if probe else self.server.raw)
            self.wfile.flush()
            if self.server.silent and not probe:
                self.server.over.wait(60)
        except ConnectionError:
            pass


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = body_of(GOOD)
RAW = {
    "more announced than sent": HEAD + b"Content-Length: 1000000000000\r\n\r\n" + BODY,
    "less announced than sent": HEAD + b"Content-Length: 20\r\n\r\n" + BODY,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + BODY,
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n" + BODY,
    "huge headers": HEAD + b"X: " + b"x" * (1 << 20) + b"\r\n\r\n" + BODY,
    "headers of no text": HEAD + b"X\x00\xff: \x1b[31m\r\nContent-Length: 1\r\n\r\n" + BODY,
    "chunks of no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY,
    "chunks that are cut": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + BODY,
    "promises without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
    "nothing": b"",
    "an odd status": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a bomb": HEAD + b"Content-Encoding: gzip\r\n\r\n" + BOMB,
}


@pytest.mark.parametrize("fault", sorted(RAW))
def test_what_is_wrong_on_the_wire_is_a_failed_call(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RawServer(RAW[fault]) as server:
        cache = CompletionCache(tmp_path / "c.sqlite")
        model = LanguageModel(OpenAIEndpoint([server.url], "tiny", policy=ONCE), cache)
        assert model.answer(["Where?"], [[]], OPEN_QA)[0].failed
    assert stored(cache) == [] and "failed for good" in caplog.text and "\x1b" not in caplog.text


@pytest.mark.parametrize("begun", [HEAD, HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_a_reply_that_stops_coming_is_given_up(begun: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    policy = RetryPolicy(tries=1, timeout=0.5)
    with RawServer(begun, silent=True) as server:
        model = LanguageModel(
            OpenAIEndpoint([server.url], "tiny", policy=policy), CompletionCache(tmp_path / "c.sqlite")
        )
        assert model.answer(["Where?"], [[]], OPEN_QA)[0].failed
    assert "did not answer within" in caplog.text


# What was stored before.


@pytest.mark.parametrize(
    "value",
    [
        '["Paris", [["Paris", 1000000000.0, []]], 7, 1, "stop"]',
        '["Paris", [["Paris", NaN, []]], 7, 1, "stop"]',
        '["Paris", [["Paris", -Infinity, []]], 7, 1, "stop"]',
        '["Paris", [], -1, 1, "stop"]',
        '["Par\\ud800is", [], 7, 1, "stop"]',
        '["Paris", [], 7, 1, "failed"]',
        '["Paris", [], 7, 1]',
        '{"text": "Paris"}',
        "null",
        "7",
        '"Par',
        "[" * 100_000,
    ],
)
def test_a_stored_completion_that_cannot_be_is_asked_for_again_and_counted(value: str, tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    LanguageModel(endpoint(lambda: wire(body_of(GOOD))), cache).answer(["Where?"], [[]], OPEN_QA)
    (good,) = stored(cache)
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute("UPDATE completions SET value = ?", (value,))
    model = LanguageModel(endpoint(lambda: wire(body_of(GOOD))), cache)
    assert model.answer(["Where?"], [[]], OPEN_QA)[0].text == "Paris"
    assert (model.usage.sent, model.usage.cached, model.usage.incidents) == (1, 0, {"entries_damaged": 1})
    assert stored(cache) == [good]


def test_an_engine_of_any_kind_whose_completion_cannot_be_has_failed(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    made = {
        "nan": Completion("Paris", (Token("Paris", math.nan),)),
        "half": Completion("\ud800"),
        "rounded": Completion("Paris", (Token("Paris", 1e-7),)),
    }
    model = LanguageModel(
        ScriptedEngine(lambda request: made[request.messages[-1].content.rsplit(maxsplit=1)[-1]]), cache
    )
    nan, half, rounded = model.answer(["nan", "half", "rounded"], [[]] * 3, OPEN_QA)
    assert (nan.failed, half.failed, rounded.failed, rounded.probability) == (True, True, False, 1.0)
    assert model.usage.failed == 2 and len(stored(cache)) == 1


def test_a_clusters_reply_that_cannot_be_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    engine = RayEngine.__new__(RayEngine)  # a cluster is not needed to read what one said
    engine.name = "ray:tiny"
    for row in (
        {"reply": body_of(GOOD).decode()},
        {"reply": "no JSON \x1b[31m"},
        {"reply": DEEP.decode()},
        {"reply": None},
        {"reply": json.dumps({"error": {"message": "out of memory"}})},
        {"reply": json.dumps(with_value(*TOKEN, "logprob", value=1e9))},
        {"__inference_error__": "worker \x1b[31m died"},
        {},
    ):
        made = engine._completion(row, REQUEST, DIALECT)
        assert made.failed == (row.get("reply") != body_of(GOOD).decode())
    assert "\x1b" not in caplog.text
