"""What single tokens say in the middle of a text, and which tokens can begin a given text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# How vocabularies write a blank in front of a word: as it is, GPT-2's bytes, SentencePiece.
_BLANKS = (" ", "\u0120", "\u2581")


class TokenTexts:
    """By a Hugging Face tokenizer. A token alone may lose its blank, so it is decoded behind another one."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._before: list[int] = tokenizer.encode("a", add_special_tokens=False)[-1:]
        self._skipped = len(tokenizer.decode(self._before))
        self._texts: dict[int, str] = {}

    def of(self, token: int) -> str:
        """The token's text, with its blank."""
        if token not in self._texts:
            self._texts[token] = str(self._tokenizer.decode([*self._before, token]))[self._skipped :]
        return self._texts[token]

    def beginning(self, texts: Iterable[str]) -> list[int]:
        """Ids, in order, of the tokens that say the beginning of one of ``texts``, or all of it."""
        found: set[int] = set()
        for text in texts:
            for length in range(1, len(text) + 1):
                piece = text[:length]
                written = {piece.replace(" ", blank) for blank in _BLANKS}
                ids = (self._vocabulary.get(name) for name in written)
                found.update(token for token in ids if token is not None and self.of(token) == piece)
            # Letters that the vocabulary writes in bytes are in no such list; the tokenizer's own way always is.
            found.update(self._tokenizer.encode(text, add_special_tokens=False)[:1])
        return sorted(found)
