"""The passages that curation holds units against: what they were made of, and what was retrieved beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from wbrag_pipeline.curation.details import normalized, words_as_written
from wbrag_pipeline.curation.known_languages import words_of_language
from wbrag_pipeline.curation.language_words import LanguageWords
from wbrag_pipeline.curation.same_words import NormalizedSentence, normalized_sentences
from wbrag_pipeline.curation.unit import Unit
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.writing.source_words import SourceText
from wbrag_pipeline.languages import ENGLISH


@dataclass(frozen=True)
class SourcePassage:
    """A passage. ``document`` is what it was cut from, ``said_at`` when that said it, where that is known."""

    passage_id: str
    title: str
    text: str
    content_hash: str
    labels: frozenset[str]
    document: str
    said_at: datetime | None = None
    language: str = ENGLISH

    @property
    def passage(self) -> Passage:
        """As a generator is given it."""
        return Passage(self.passage_id, self.title, self.text)

    # Each is found once, however many sentences are held against the passage.

    @cached_property
    def whole(self) -> str:
        """Title and text, blanks squeezed: where a sentence's words, numbers and names are looked for."""
        return " ".join(f"{self.title} {self.text}".split())

    @cached_property
    def squeezed(self) -> str:
        """The text alone, blanks squeezed."""
        return " ".join(self.text.split())

    @cached_property
    def normalized(self) -> str:
        """The text without what does not make it another one: copies of a passage are equal here."""
        return normalized(self.text)

    @cached_property
    def tokens(self) -> frozenset[str]:
        """Its words and numbers, as they are compared."""
        return frozenset(self.words.token_of(word) for word in words_as_written(self.whole))

    @cached_property
    def stems(self) -> frozenset[str]:
        """Its words without their endings, where its language has rules for them."""
        return frozenset(map(self.words.stem, self.tokens))

    @cached_property
    def sentences(self) -> frozenset[NormalizedSentence]:
        """Its sentences, as they are compared with a unit's."""
        return normalized_sentences(self.text, self.words)

    @property
    def words(self) -> LanguageWords:
        """What is known of words in its language."""
        return words_of_language(self.language)

    @cached_property
    def source_text(self) -> SourceText:
        """The passage as a unit's form is held against it."""
        return SourceText(self.title, self.text, self.language)


def sources_of(passages: pl.DataFrame, language: str = ENGLISH) -> dict[str, SourcePassage]:
    """PASSAGES by id, in that language."""
    return {
        row["passage_id"]: SourcePassage(
            row["passage_id"],
            row["title"],
            row["text"],
            row["content_hash"],
            frozenset(row["labels"]),
            row["source"],
            row["said_at"],
            language,
        )
        for row in passages.iter_rows(named=True)
    }


def present_sources(unit: Unit, sources: Mapping[str, SourcePassage]) -> tuple[SourcePassage, ...]:
    """The unit's sources that are still what they were when it was made, in its order."""
    found = (
        source
        for passage, content in unit.sources.items()
        if (source := sources.get(passage)) and source.content_hash == content
    )
    return tuple(found)
