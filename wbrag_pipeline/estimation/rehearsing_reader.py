"""The embedded reader with nothing read; see ``rehearsal``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.reader.network import HeadKind
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.sentences import split_sentences


class RehearsingReader(Reader):
    """Readings and units are made up; pairs are counted as ever.

    wants_retrieval: whether label questions are undecided unread, so that Self-RAG retrieves for them.
    """

    def __init__(self, reader: Reader, cache: CompletionCache, *, wants_retrieval: bool) -> None:
        super().__init__(cache, reader._network)
        self._shares = [1 / 3, 1 / 3, 1 / 3] if wants_retrieval else [1.0, 0.0, 0.0]

    def _read_batch(self, requests: list[tuple[HeadKind, str, str]]) -> list[list[Any]]:
        return [["", 0.0, 0.0, [] if kind == "span" else self._shares, 0, 0, False] for kind, _, _ in requests]

    def _distill(self, requests: list[tuple[str, tuple[Passage, ...]]]) -> list[list[str]]:
        self._read([("span", question, f"{p.title}\n{p.text}") for question, row in requests for p in row])
        return [[row[0].title, " ".join(_first(row))] for _, row in requests]


def _first(passages: Sequence[Passage]) -> list[str]:
    """The first sentence of each passage."""
    return [sentence for passage in passages for sentence in split_sentences(passage.text)[:1]]
