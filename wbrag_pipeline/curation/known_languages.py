"""The words of the languages that curation knows, by code; an unknown language has none."""

from __future__ import annotations

from functools import cache

from wbrag_pipeline.curation.english_words import ENGLISH_WORDS
from wbrag_pipeline.curation.german_words import GERMAN_WORDS
from wbrag_pipeline.curation.language_words import LanguageWords

_KNOWN = {words.language: words for words in (ENGLISH_WORDS, GERMAN_WORDS)}


@cache
def words_of_language(language: str) -> LanguageWords:
    """The words of that language."""
    return _KNOWN.get(language) or LanguageWords(language=language, known=False)
