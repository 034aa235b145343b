"""The key of an endpoint is shown and stored nowhere, also where the server repeats it."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.generation.replying import CHOICE, GOOD, ONCE, asked, body_of, endpoint, wire, with_value
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.language_model import LanguageModel

KEY = "sk-very-secret-4711"
SPELLINGS = {
    "whole": KEY,
    "in upper case": KEY.upper(),
    "over lines": "sk-very\n-secret\n  -4711",
    "letter by letter": " ".join(KEY),
    "in pieces": '["sk-very-", "secret-", "4711"]',
    "reversed": KEY[::-1],
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 in more": base64.b64encode(f"Authorization: Bearer {KEY}; and more".encode()).decode(),
    "base64 over lines": "\n".join(base64.b64encode(f"x{KEY}".encode()).decode()[i : i + 7] for i in range(0, 28, 7)),
    "base64 for URLs": base64.urlsafe_b64encode(f"ab{KEY}".encode()).decode().rstrip("="),
    "hexadecimal": KEY.encode().hex(),
    "in an address": quote(KEY, safe="").replace("-", "%2D"),
    "all of it in percent": "".join(f"%{ord(c):02x}" for c in KEY),
    "JSON escapes": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "JSON in JSON": json.dumps(json.dumps("".join(f"\\u{ord(c):04x}" for c in KEY))),
    "HTML": "".join(f"&#{ord(c)};" for c in KEY),
}


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("where", ["answer", "error", "refusal", "model"])
def test_a_server_that_repeats_the_key_gets_it_nowhere(
    spelling: str, where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_API_KEY", KEY)
    caplog.set_level(logging.DEBUG, logger="wbrag_pipeline")
    echo = f"You sent {SPELLINGS[spelling]}, and that is all"
    shown = ""
    if where == "model":

        def handle(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"data": [{"id": echo}]})

        engine = OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))
        with pytest.raises(WbragError) as caught:
            _ = engine.capabilities
        shown = str(caught.value)
    elif where == "answer":
        # JSON's own escapes are what the server writes; all else is text inside it.
        body = body_of(with_value(*CHOICE, "message", "content", value="ECHO")).replace(
            b"ECHO", echo.encode() if spelling == "JSON escapes" else json.dumps(echo)[1:-1].encode()
        )
        asked(lambda: wire(body), tmp_path)
    elif where == "error":
        asked(lambda: wire(body_of({"error": {"message": echo}})), tmp_path)
    else:
        asked(lambda: wire(echo.encode(), 400), tmp_path)
    shown += caplog.text
    assert "key" in shown
    assert not any(piece in shown for piece in (KEY, SPELLINGS[spelling], "You sent", "very-secret"))


def test_a_refusal_with_a_part_of_the_key_is_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_API_KEY", KEY)
    asked(lambda: wire(b"wrong key sk-very-***", 400), tmp_path)
    assert "sk-very" not in caplog.text


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-ü4711", "sk-\x1b[31m4711"])
def test_a_key_that_cannot_be_sent_is_an_error_that_does_not_repeat_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        _ = endpoint(lambda: wire(body_of(GOOD))).capabilities
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("key", ["EMPTY", "x", "none", "not-needed", "ollama", "sk-no-key-required"])
def test_a_placeholder_in_place_of_a_key_costs_no_answer(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    text = "The set is empty: none is needed, no key required, not needed in Ollama or x"
    reply = with_value(*CHOICE, "message", "content", value=text)
    model = LanguageModel(endpoint(lambda: wire(body_of(reply))), CompletionCache(tmp_path / "c.sqlite"))
    assert model.answer(["Where?"], [[]], OPEN_QA)[0].text == text
