"""An endpoint behind a function, and replies that differ from a good one in one value."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy
from wbrag_pipeline.generation.engine_protocol import Message, Request
from wbrag_pipeline.generation.language_model import LanguageModel

ONCE = RetryPolicy(in_flight=4, tries=1, timeout=5.0, first_wait=0.001)
DIALECT = Dialect(logprobs=20)
REQUEST = Request((Message("user", "Where?"),), 8, logprobs=20)
GOOD: dict[str, Any] = {
    "id": "x",
    "model": "tiny",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Paris"},
            "finish_reason": "stop",
            "logprobs": {
                "content": [
                    {
                        "token": "Paris",
                        "logprob": -0.1,
                        "bytes": [80],
                        "top_logprobs": [{"token": "Paris", "logprob": -0.1}, {"token": "Rome", "logprob": -3.0}],
                    }
                ]
            },
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}


class Pieces(httpx.AsyncByteStream):
    """A body that comes over the wire in pieces, as it is; ``sent`` counts its bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.sent = pieces, 0

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        for piece in self.pieces:
            self.sent += len(piece)
            yield piece


def body_of(reply: Any) -> bytes:
    return reply if isinstance(reply, bytes) else json.dumps(reply).encode()


def endpoint(answer: Callable[[], httpx.Response]) -> OpenAIEndpoint:
    """An endpoint that is well while it is asked what it can do, and then answers by ``answer``."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "tiny"}]})
        if not request.url.path.endswith("/chat/completions"):
            return httpx.Response(404)
        asked = json.loads(request.content)["messages"][-1]["content"]
        return httpx.Response(200, json=GOOD) if "fruit" in asked else answer()

    return OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))


def wire(body: bytes, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=Pieces(iter([body])))


def stored(cache: CompletionCache) -> list[str]:
    with closing(sqlite3.connect(cache.path)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM completions")]


def asked(answer: Callable[[], httpx.Response], folder: Path) -> tuple[LanguageModel, CompletionCache]:
    """A model that was asked one question, whose answer failed and was not stored."""
    cache = CompletionCache(folder / "c.sqlite")
    model = LanguageModel(endpoint(answer), cache)
    (made,) = model.answer(["Where?"], [[]], OPEN_QA)
    assert made.failed and model.usage.failed == 1 and stored(cache) == []
    return model, cache


def with_value(*path: str | int, value: Any) -> dict[str, Any]:
    reply = copy.deepcopy(GOOD)
    place: Any = reply
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return reply


# Where in a reply the choice and its first token are.
CHOICE: tuple[str | int, ...] = ("choices", 0)
TOKEN = (*CHOICE, "logprobs", "content", 0)
