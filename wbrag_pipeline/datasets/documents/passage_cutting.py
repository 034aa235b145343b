"""Cutting documents into passages of at most 100 words, at sentence ends.

A passage of the middle of a document does not say what it is about; its headings do. So each passage has the path of
headings under which it begins, and the headings that follow stay in its text.

Sizes are in words. Where a script has no blanks between words (Chinese, Japanese, Thai), two characters count as one,
and so do five names and marks in code; 100 words so are about as many tokens of an encoder in every text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wbrag_pipeline.datasets.documents.blocks import Block, paragraphs
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import split_sentences

WORDS_A_PASSAGE = 100  # most words of a passage, as in FlashRAG's wiki18_100w
_BETWEEN = " > "
_LONGEST_HEADING = 80  # characters of a heading in a path; the whole of it is in the text
_LONGEST_PATH = 240  # characters of all of them
_LONG_WORD = 20  # characters; a longer one (an address, a hash) counts as several
_MARKS_A_WORD = 5
_NAME_OR_MARK = re.compile(r"[^\W_]+|[^\w\s]|_+")
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)


class Cut(NamedTuple):
    """One passage: the headings under which it begins, outermost first, and its text."""

    path: tuple[str, ...]
    text: str


class _Piece(NamedTuple):
    """What is not cut any further: a sentence, lines of code. ``joint``: what stands between it and the one before."""

    text: str
    size: int
    joint: str


def cut_text(text: str, words: int = WORDS_A_PASSAGE, language: str = ENGLISH) -> list[str]:
    """Plain text as passages of at most ``words`` words, each ending where a sentence ends.

    A sentence of more than ``words`` words is cut after each ``words`` of them: nothing is ever lost.
    """
    return [cut.text for cut in cut_blocks(paragraphs(text), words, language)]


def cut_blocks(blocks: Iterable[Block], words: int = WORDS_A_PASSAGE, language: str = ENGLISH) -> Iterator[Cut]:
    """A document as passages of at most ``words`` words. Code is cut between lines, and each part fenced anew."""
    headings: list[tuple[int, str]] = []
    path: tuple[str, ...] = ()
    current: list[str] = []
    size = 0
    for block in blocks:
        if block.level:
            headings = [*(above for above in headings if above[0] < block.level), (block.level, block.text)]
        for piece in _pieces(block, words, language):
            if current and size + piece.size > words:
                yield Cut(path, "".join(current))
                current, size = [], 0
            if not current:
                path = tuple(text for _, text in headings)
            current += [piece.joint, piece.text] if current else [piece.text]
            size += piece.size
    if current:
        yield Cut(path, "".join(current))


def title_with_path(title: str, path: tuple[str, ...]) -> str:
    """A passage's title: the document's, then the headings under which it stands, ``Guide > Install > Linux``."""
    parts = [" ".join(heading.split()) for heading in path]
    told = _BETWEEN.join([title, *(part for part in map(_shortened, parts) if part and part != title)])
    return told if len(told) <= len(title) + _LONGEST_PATH else told[: len(title) + _LONGEST_PATH] + "…"


def _shortened(heading: str) -> str:
    return heading if len(heading) <= _LONGEST_HEADING else heading[:_LONGEST_HEADING] + "…"


def size_of(word: str) -> int:
    """How many words a run of characters without blanks counts as, at least 1."""
    if word.isascii() and len(word) <= _LONG_WORD and (word.isalnum() or len(word) <= _MARKS_A_WORD):
        return 1
    unspaced = len(_UNSPACED.findall(word))
    marks = len(_NAME_OR_MARK.findall(word)) - unspaced
    return max(1, -(-unspaced // 2) + -(-(len(word) - unspaced) // _LONG_WORD), -(-marks // _MARKS_A_WORD))


def _pieces(block: Block, words: int, language: str) -> Iterator[_Piece]:
    if block.fence:
        yield from _pieces_of_code(block, words)
        return
    joint, before = "\n", ""
    for sentence in split_sentences(block.text, language):
        for text, size in _within(sentence.split(), words):
            if before:
                joint = "" if _UNSPACED.match(before[-1]) and _UNSPACED.match(text) else " "
            yield _Piece(text, size, joint)
            before = text


def _within(tokens: list[str], words: int) -> Iterator[tuple[str, int]]:
    """Words joined to pieces of at most ``words`` words, each with its size."""
    some: list[str] = []
    size = 0
    for word in (part for token in tokens for part in _parts(token, words)):
        longer = size_of(word)
        if some and size + longer > words:
            yield " ".join(some), size
            some, size = [], 0
        some.append(word)
        size += longer
    if some:
        yield " ".join(some), size


def _parts(word: str, words: int) -> Iterator[str]:
    """A word, in parts where it alone is too long for a passage."""
    if len(word) <= words or size_of(word) <= words:
        yield word
        return
    step = 2 * words if _UNSPACED.search(word) else _LONG_WORD * words
    for start in range(0, len(word), step):
        yield word[start : start + step]


def _pieces_of_code(block: Block, words: int) -> Iterator[_Piece]:
    some: list[str] = []
    size = 0
    for line in block.text.split("\n"):
        longer = sum(map(size_of, line.split()))
        whole = [(line, longer)] if longer <= words else list(_within(line.split(), words))
        for text, length in whole:
            if some and size + length > words:
                yield _fenced(block, some, size)
                some, size = [], 0
            some.append(text)
            size += length
    if any(line.strip() for line in some):
        yield _fenced(block, some, size)


def _fenced(block: Block, lines: list[str], size: int) -> _Piece:
    # The fences are not counted: they say nothing, and code of just the size of a passage would be cut for them.
    return _Piece("\n".join([block.fence, *lines, block.closing]), size, "\n")
