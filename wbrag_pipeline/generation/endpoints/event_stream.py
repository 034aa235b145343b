"""A streamed completion as the one reply that it would have been without streaming (server-sent events)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wbrag_pipeline.generation.endpoints.api_key import holds_key
from wbrag_pipeline.generation.endpoints.reply_body import Malformed, read_json
from wbrag_pipeline.generation.reasoning import text_of, thought_of


def read_events(body: bytes) -> Any:
    """The reply that a stream of chunks amounts to; a body that is no stream is read as JSON.

    Raises Malformed for a stream that was cut, for chunks that are none, and for one that holds the key.
    """
    if holds_key(body):
        raise Malformed("it repeats the key")
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    told = [line[5:].strip() for line in lines if line.startswith(b"data:")]
    if not told:
        return read_json(body)
    chunks = [read_json(data) for data in told if data not in (b"", b"[DONE]")]
    whole = _Whole()
    for chunk in chunks:
        if not isinstance(chunk, Mapping):
            raise Malformed("a chunk that is no object")
        if chunk.get("error"):
            return {"error": chunk["error"]}
        whole.add(chunk)
    return whole.reply()


class _Whole:
    """Chunks put together. Only what ``parse_chat`` reads is kept."""

    def __init__(self) -> None:
        self._message: dict[str, str] = {}
        self._tokens: list[Any] = []
        self._finish: Any = None
        self._rest: dict[str, Any] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        for field in ("model", "usage"):
            if chunk.get(field):
                self._rest[field] = chunk[field]
        choices = chunk.get("choices") or ()
        if not isinstance(choices, list | tuple) or len(choices) > 1:
            raise Malformed("several choices for one request")
        for choice in choices:
            delta = (choice.get("delta") or {}) if isinstance(choice, Mapping) else None
            if not isinstance(delta, Mapping):
                raise Malformed("a chunk of another shape")
            for field, piece in (("content", text_of(delta.get("content"))), ("reasoning_content", thought_of(delta))):
                if isinstance(piece, str):
                    self._message[field] = self._message.get(field, "") + piece
            logprobs = choice.get("logprobs")
            if isinstance(logprobs, Mapping) and isinstance(logprobs.get("content"), list):
                self._tokens += logprobs["content"]
            self._finish = choice.get("finish_reason") or self._finish

    def reply(self) -> dict[str, Any]:
        if self._finish is None:
            raise Malformed("a stream that was cut")
        choice = {"message": {"content": None} | self._message, "finish_reason": self._finish}
        return {"choices": [choice | {"logprobs": {"content": self._tokens} if self._tokens else None}], **self._rest}
