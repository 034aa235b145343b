"""How much of its texts an encoder reads: it cuts each at its own limit, and what is behind that is not found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from wbrag_pipeline.retrieval.encoding.loading import is_packaged_minilm

_LOOKED_AT = 20_000  # passages whose tokens are counted; of more, so many are taken at even distances
_AT_ONCE = 1_000


@runtime_checkable
class TokenLimit(Protocol):
    """What an encoder may tell of its limit. The encoders here do; one of a plug-in may not."""

    @property
    def longest(self) -> int:
        """Tokens of a text that are read; 0 where there is no limit."""

    def count_tokens(self, titles: Sequence[str], texts: Sequence[str]) -> list[int]:
        """Tokens of each passage, also of those that are not read."""


@dataclass(frozen=True)
class Unread:
    """What an encoder leaves unread of a corpus.

    longest: tokens that it reads of a passage. passages: how many are longer, of ``total``. share: of the text that is
    not read, by characters, in [0, 1]. estimated: whether they are projected from a part of the passages.
    """

    longest: int
    passages: int
    total: int
    share: float
    estimated: bool

    def __str__(self) -> str:
        about = "about " if self.estimated else ""
        return (
            f"longer than the encoder reads ({self.longest} tokens): {about}{self.passages:,} of {self.total:,} "
            f"passages; {about}{self.share:.1%} of the text is not embedded and cannot be found"
        )


def token_limit(encoder: str) -> TokenLimit | None:
    """The limit of an encoder that tells it without being loaded, which is the default one; None for all others."""
    from wbrag_pipeline.retrieval.encoding.minilm_encoder import MiniLmTokens

    return MiniLmTokens() if is_packaged_minilm(encoder) else None


def unread(passages: pl.DataFrame, limit: TokenLimit) -> Unread:
    """What of PASSAGES is behind the limit, counted in at most 20,000 of them."""
    places = np.unique(np.linspace(0, passages.height - 1, min(passages.height, _LOOKED_AT)).astype(np.int64))
    some = passages.select("title", "text")[places]
    lengths = (some["title"].str.len_chars() + some["text"].str.len_chars()).to_numpy().astype(np.float64)
    # A token has at least one character, so a text of fewer characters is read whole.
    long = np.flatnonzero(lengths > limit.longest - 3) if limit.longest else np.array([], dtype=np.int64)
    over, lost = 0, 0.0
    for start in range(0, len(long), _AT_ONCE):
        part = long[start : start + _AT_ONCE]
        rows = some[part]
        tokens = np.array(limit.count_tokens(rows["title"].to_list(), rows["text"].to_list()), dtype=np.float64)
        beyond = np.maximum(tokens - limit.longest, 0)
        over += int((beyond > 0).sum())
        lost += float((lengths[part] * beyond / np.maximum(tokens, 1)).sum())
    scale = passages.height / max(1, len(places))
    share = lost / max(1.0, float(lengths.sum()))
    return Unread(limit.longest, round(over * scale), passages.height, share, len(places) < passages.height)
