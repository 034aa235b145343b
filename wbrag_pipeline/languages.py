"""Languages of texts, by their codes (ISO 639: ``de``, ``fr``): which there are rules for, and which are neutral.

A corpus has one language, in its registry entry; its benchmarks have that of their corpus. It decides how sentences
are cut (``sentences``), which words curation knows (``curation.language_words``), and which language a language model
is told to write. A language without rules is never treated as English: what depends on words is then left out, or goes
by equal words alone, and ``told`` says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from wbrag_pipeline.errors import InputError, MissingPartError

ENGLISH = "en"
LANGUAGES_INSTALL = 'pip install "wbrag-pipeline[languages]"'
# What a language model is told by name.
NAMES = {
    "am": "Amharic", "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fi": "Finnish", "fr": "French",
    "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "hy": "Armenian", "it": "Italian",
    "ja": "Japanese", "kk": "Kazakh", "kn": "Kannada", "ko": "Korean", "ml": "Malayalam", "mr": "Marathi",
    "my": "Burmese", "nl": "Dutch", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sv": "Swedish", "ta": "Tamil", "te": "Telugu", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# Those whose abbreviations sentencex knows; for any other code it would take the English ones without a word.
SENTENCE_RULES = frozenset(
    "am ar bg bn ca da de el es fi fr gu hi hy it kk kn ml mr my nl pa pl pt ru sk ta te uk".split()
)
# Those whose sentences end at marks of their own, which nothing else uses.
SENTENCE_MARKS = frozenset(("ja", "zh"))
# Those of which curation knows negations, opposites, numbers and what happens once.
CURATION_RULES = frozenset((ENGLISH, "de"))

_CODE = re.compile(r"[a-z]{2,3}")
_SAMPLED = 100  # passages that a language is told by
_LEAST_LETTERS = 40  # of a passage, or its language is a guess
_MOST_OF_THEM = 0.6


def language_code(code: str) -> str:
    """``code`` itself, or English for "". Raises InputError for what is no code of a language."""
    if code and not _CODE.fullmatch(code):
        hint = "two or three small letters, without a country: de, fr, en"
        raise InputError(f"{code!r} is no language", field="language", hint=hint)
    return code or ENGLISH


def name_of_language(code: str) -> str:
    """The language in English, or its code where it has no name here."""
    return NAMES.get(code, code)


def language_notes(code: str) -> list[str]:
    """What is done for a language, as lines for people; none for English, for which everything is made."""
    if code == ENGLISH:
        return []
    name = name_of_language(code)
    if code in SENTENCE_RULES:
        cut = "cut by its own rules"
    elif code in SENTENCE_MARKS:
        cut = "cut at its own marks"
    else:
        cut = "cut at full stops and other end marks; its abbreviations are not known"
    if code in CURATION_RULES:
        curated = "by its own words"
    else:
        curated = "by equal words alone: its negations are not known, so no contradiction is found"
    return [f"language {name}: sentences are {cut}", f"language {name}: units are compared {curated}"]


def detected_language(texts: Iterable[str]) -> str:
    """The language that most of the first texts are in; "" where they are too few or too mixed to tell.

    Raises MissingPartError where the library is not installed.
    """
    try:
        from py3langid.langid import classify
    except ImportError:
        raise MissingPartError("py3langid", LANGUAGES_INSTALL) from None
    told_of = [text for text in islice(texts, _SAMPLED) if sum(map(str.isalpha, text)) >= _LEAST_LETTERS]
    found = Counter(classify(text)[0] for text in told_of)
    if not found:
        return ""
    language, often = found.most_common(1)[0]
    return str(language) if often >= _MOST_OF_THEM * len(told_of) else ""
