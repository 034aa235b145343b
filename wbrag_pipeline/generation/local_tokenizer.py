"""What an engine that has the model's tokenizer at hand answers by it alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class LocalTokenizer:
    """The part of ``engine_protocol.Engine`` that asks no model; the engine gives its Hugging Face tokenizer."""

    @property
    def _tokenizer(self) -> Any:
        raise NotImplementedError

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """By the model's tokenizer."""
        return [len(self._tokenizer.encode(text, add_special_tokens=False)) for text in texts]

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """By the model's tokenizer."""
        vocabulary = self._tokenizer.get_vocab()
        return [vocabulary.get(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """By the model's tokenizer."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))
