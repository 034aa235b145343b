"""What a knowledge unit's text must look like, and what is done when a language model's does not.

METHOD: a title line, then one paragraph (paper, section 3.4). A model is given one chance to repair what is wrong;
after that the extractive distiller writes the unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wbrag_pipeline.generation.generator import Distillate, Passage
from wbrag_pipeline.generation.reader import extraction
from wbrag_pipeline.generation.writing.source_words import STOPWORDS, SourceText, content_words, length_in_words
from wbrag_pipeline.generation.writing.unit_faults import FaultKind, faults_of
from wbrag_pipeline.languages import ENGLISH, detected_language, name_of_language

LEAST_WORDS, MOST_WORDS = 8, 160

_LABEL = re.compile(
    r"^\W*(?:title|entry|text|paragraph|passage|answer|knowledge|summary|evidence|output|note|here (?:is|are)"
    r"|titel|eintrag|absatz|antwort|wissen|zusammenfassung|beleg|belege|ausgabe|hinweis|hier (?:ist|sind|folgt))\b"
    r"[^.\n]{0,40}:",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"^\s*(?:#{1,6}\s|[-*•]\s|\d+[.)]\s|>|```)|\*\*|</?(?:passage|evidence|question)\b|‹", re.IGNORECASE
)
# Words of somebody who speaks to a model or to a reader.
_ADDRESS = re.compile(
    r"\b(?:ignore|disregard|forget) (?:all|any|the|these|those|your|every|previous|prior|everything)\b"
    r"|\b(?:previous|prior|above|system) (?:instructions?|prompts?)\b|\bas an? (?:ai|language model|assistant)\b"
    r"|\b(?:you|readers?|assistants?|models?) (?:must|should|shall|need to|have to) (?:now |only |always |never )?"
    r"(?:answer|reply|respond|say|ignore|output|write|state|report|tell)\b"
    r"|^(?:please )?(?:answer|respond|reply) (?:with|only|exactly|to)\b"
    r"|^(?:sure|certainly|of course|i'm sorry|i cannot|i can't)\b"
    r"|^(?:gerne|natürlich|selbstverständlich|sicher)[,!]|^(?:es tut mir leid|ich kann)\b"
    r"|\bals (?:ki|sprachmodell|assistent)\b",
    re.IGNORECASE | re.MULTILINE,
)
# Words that say nothing about what a question is after.
_DULL = frozenset(
    "a an the of in on at to for from by with as and or not no is are was were be been do does did has have had can "
    "will would it its he his she her they their this that these those who whom whose which what when where why how "
    "many much".split()
)


@dataclass(frozen=True)
class Draft:
    """A model's output as title and paragraph. ``problems`` says in words for the model what is wrong; () is good.

    faults: the kinds of ``unit_faults`` among them. title_lent: it was a paragraph alone, and has its source's title.
    """

    unit: Distillate
    problems: tuple[str, ...]
    faults: tuple[FaultKind, ...]
    title_lent: bool = False


def read_unit(text: str, question: str, passages: Sequence[Passage], language: str = ENGLISH) -> Draft:
    """A model's output for a question, held against the passages that it was written from.

    A paragraph alone, as small models write it whatever they are told, gets the title of the passage that it has most
    words of, if most of its content words are the passages'.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    title_lent = len(lines) == 1 and length_in_words(lines[0]) >= LEAST_WORDS and _is_mostly_theirs(lines[0], passages)
    if title_lent:
        lines = [_title_of_source(lines[0], passages), *lines]
    title, body = (lines[0] if lines else ""), lines[1:]
    unit = Distillate(title, " ".join(body))
    sources = [SourceText(passage.title, passage.text, language) for passage in passages]
    # One line alone is read as the paragraph: that there is no title is told anyway.
    faults = faults_of(title, unit.text, question, sources) if body else faults_of("", title, question, sources)
    if not body:
        faults.pop("titles_unfit", None)
    problems = []
    if len(lines) < 2:
        problems.append("it must be a title line and then a paragraph")
    if len(body) > 1:
        problems.append("the paragraph must be one, on one line")
    words = length_in_words(unit.text)
    if body and words < LEAST_WORDS:
        problems.append(f"the paragraph is shorter than {LEAST_WORDS} words")
    if words > MOST_WORDS:
        problems.append(f"the paragraph is longer than {MOST_WORDS} words")
    if any(_LABEL.search(line) for line in lines):
        problems.append("it has a label such as 'Title:'")
    if any(_MARKUP.search(line) for line in lines):
        problems.append("it has markup, a list or quotation marks of the prompt")
    if _ADDRESS.search("\n".join(lines)):
        problems.append("it speaks to the reader or to a model and not only of the topic")
    if _is_english_by_mistake(unit.text, passages, language):
        problems.append(f"it is in English and not in {name_of_language(language)}, as the evidence is")
    problems += [f"it {reason}" for reason in faults.values()]
    return Draft(unit, tuple(problems), tuple(faults), title_lent)


def _is_english_by_mistake(text: str, passages: Sequence[Passage], language: str) -> bool:
    """Whether a model went over to the language of its instructions, which the passages are not in."""
    if language == ENGLISH or detected_language([text]) != ENGLISH:
        return False
    return detected_language(passage.text for passage in passages) != ENGLISH


def _is_mostly_theirs(text: str, passages: Sequence[Passage]) -> bool:
    said = content_words(text)
    return 2 * len(said & content_words(" ".join(f"{p.title} {p.text}" for p in passages))) > len(said)


def _title_of_source(text: str, passages: Sequence[Passage]) -> str:
    said = content_words(text)
    return max(passages, key=lambda passage: len(said & content_words(passage.text))).title


def verbatim(output: str, passages: Sequence[Passage]) -> tuple[list[str], int]:
    """The lines of ``output`` that stand in a passage word for word, blanks aside, each once; and how many do not.

    The latter were made up, or changed, or are too short to tell. "NONE", which the prompt allows, is no line.
    """
    sources = [" ".join(f"{passage.title} {passage.text}".split()) for passage in passages]
    found, rejected = [], 0
    for line in output.splitlines():
        sentence = " ".join(re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line).split()).strip('"“”')
        # Two words stand in many a passage by chance.
        if len(sentence.split()) > 2 and any(sentence in source for source in sources):
            found.append(sentence)
        elif sentence.rstrip(".") not in ("", "NONE"):
            rejected += 1
    return list(dict.fromkeys(found)), rejected


def extracted(
    question: str,
    passages: Sequence[Passage],
    count_tokens: Callable[[Sequence[str]], list[int]],
    language: str = ENGLISH,
) -> Distillate:
    """The extractive fallback's unit, its sentences ranked by how many of the question's words they share with it."""
    sentences = extraction.sentences_of(passages, language)
    dull = _DULL if language == ENGLISH else STOPWORDS
    asked = _words(question, dull)
    relevance = [
        len(asked & _words(f"{passages[s.passage].title} {s.text}", dull)) / max(1, len(asked)) for s in sentences
    ]
    wordings = list(dict.fromkeys([s.text for s in sentences] + [passage.title for passage in passages]))
    tokens = dict(zip(wordings, count_tokens(wordings), strict=True))
    unit = extraction.compose(passages, sentences, relevance, tokens.__getitem__)
    return Distillate(unit.title, unit.text, written_by="extractive_fallback")


def _words(text: str, dull: frozenset[str]) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - dull
