"""Extractive distillation: evidence sentences of several passages, as one short unit under their title.

The rewriting half of the paper's distiller (section 3.4) needs a language model. This one only selects, so every
sentence of a unit stands in its sources word for word, and nothing can be made up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wbrag_pipeline.generation.generator import Distillate, Passage
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import is_fragment, split_sentences

LEAST_TOKENS, MOST_TOKENS = 60, 100
# Share of words (Jaccard) from which two sentences say the same.
_SAME = 0.7


@dataclass(frozen=True)
class SourceSentence:
    """A sentence with its place: passage number, number within the passage, character span in the passage."""

    passage: int
    position: int
    text: str
    start: int


def sentences_of(passages: Sequence[Passage], language: str = ENGLISH) -> list[SourceSentence]:
    """All sentences of the passages, in reading order."""
    found = []
    for number, passage in enumerate(passages):
        start = 0
        for position, text in enumerate(split_sentences(passage.text, language)):
            found.append(SourceSentence(number, position, text, start))
            start += len(text) + 1
    return found


def compose(
    passages: Sequence[Passage],
    sentences: Sequence[SourceSentence],
    relevance: Sequence[float],
    count_tokens: Callable[[str], int],
) -> Distillate:
    """A unit of the most relevant sentences, between 60 and 100 tokens where the sources allow it.

    ``relevance`` follows ``sentences``. The most relevant sentence is always in, however long; the others join
    in order of relevance while they fit and say something new. Passages come in the order of their best
    sentence, sentences in their own order; the title is that of the best sentence's passage.
    """
    if not sentences:
        return Distillate(passages[0].title if passages else "", "")
    ranked = sorted(range(len(sentences)), key=lambda i: (-relevance[i] + 0.1 * is_fragment(sentences[i].text), i))
    title = passages[sentences[ranked[0]].passage].title
    chosen: list[int] = []
    total = count_tokens(title)
    for index in ranked:
        if chosen and total >= LEAST_TOKENS:
            break
        tokens = count_tokens(sentences[index].text)
        # Half a sentence is worth having only where it is the evidence itself.
        if chosen and (total + tokens > MOST_TOKENS or is_fragment(sentences[index].text)):
            continue
        if any(_overlap(sentences[index].text, sentences[other].text) >= _SAME for other in chosen):
            continue
        chosen.append(index)
        total += tokens
    first_of = {sentences[i].passage: place for place, i in reversed(list(enumerate(chosen)))}
    ordered = sorted(chosen, key=lambda i: (first_of[sentences[i].passage], sentences[i].position))
    return Distillate(title, " ".join(sentences[i].text for i in ordered))


def _overlap(left: str, right: str) -> float:
    a, b = (set(re.findall(r"\w+", text.lower())) for text in (left, right))
    return len(a & b) / max(1, len(a | b))
