"""What an engine that only completes text need not write itself: a subclass writes ``complete_one``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request, require

# Roughly what sub-word vocabularies make of English: a piece for six letters, one for a mark.
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")


class TextEngine:
    """Does all of ``engine_protocol.Engine`` for prompts in and plain text out, without log-probabilities.

    A subclass sets ``name``, the setting's whole value, and writes ``complete_one``. It may set ``fingerprint``; a
    plug-in that leaves it out has one of its code, ``name`` and the engine's arguments. An engine that can do more
    overrides ``capabilities`` and what belongs to them.
    """

    name: str
    fingerprint: str
    capabilities = Capabilities(logprobs=None, structured=False, continues=False, distributions=False)
    attempts = 0

    def complete_one(self, request: Request) -> Completion:
        """The completion of one request: ``cut_to_request`` makes it of a text.

        One that failed for good has ``finish_reason`` "failed" and is no exception: the other requests go on.
        """
        raise NotImplementedError

    def render(self, requests: Sequence[Request]) -> list[str]:
        """The messages as JSON. An engine that makes its own text of them overrides this: it is the cache's key."""
        return [
            json.dumps([*([m.role, m.content] for m in request.messages), request.prefix], ensure_ascii=False)
            for request in requests
        ]

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """One after the other. An engine that can do several at once overrides this."""
        for index, request in enumerate(requests):
            self.attempts += 1
            arrived(index, self.complete_one(request))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate, see ``estimated_tokens``."""
        return estimated_tokens(texts)

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """None: there is no vocabulary."""
        return [None] * len(texts)

    # What works on tokens raises InputError.

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """See ``_has_no_tokens``."""
        self._has_no_tokens()

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """See ``_has_no_tokens``."""
        self._has_no_tokens()

    def decode(self, ids: Sequence[int]) -> str:
        """See ``_has_no_tokens``."""
        self._has_no_tokens()

    def ends(self, token: int) -> bool:
        """See ``_has_no_tokens``."""
        self._has_no_tokens()

    def _has_no_tokens(self) -> NoReturn:
        require(self, "distributions")
        raise NotImplementedError(f"{self.name} says that it has distributions, and lacks what belongs to them")


def cut_to_request(text: str, request: Request) -> Completion:
    """``text`` as the completion that was asked for: it ends before the first of ``stop`` and at ``max_tokens``.

    For a model that cannot be told either. Tokens are estimated.
    """
    ends = [text.index(stop) for stop in request.stop if stop in text]
    text = text[: min(ends)] if ends else text
    pieces = list(_PIECE.finditer(text))
    cut = len(pieces) > request.max_tokens
    if cut:
        text = text[: pieces[request.max_tokens - 1].end()]
    return Completion(
        text, completion_tokens=len(pieces[: request.max_tokens]), finish_reason="length" if cut else "stop"
    )


def estimated_tokens(texts: Sequence[str]) -> list[int]:
    """Roughly how many tokens a model's vocabulary makes of each text."""
    return [len(_PIECE.findall(text)) for text in texts]
