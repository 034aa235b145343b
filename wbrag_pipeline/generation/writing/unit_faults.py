"""What a knowledge unit must not be, by kind: a text about its task, its prompt or nothing, and not about a topic.

Language models, small ones above all, tell the prompt back, ask the question again, speak of "passage 2", decline, or
write one sentence until their tokens are used up. Some of that has the form of a unit. It is found here, by words and
in any case, and it is held against the sources: what they say themselves is no fault, so a corpus may be about
passages, documents or questions, and what an extractive distiller copies is never one.

The kinds are fields of ``generator.Usage``, which count them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal

from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.generation.writing import examples, prompts
from wbrag_pipeline.generation.writing.source_words import SourceText, content_words, folded, length_in_words, words_of
from wbrag_pipeline.generation.writing.task_talk import (
    CITATIONS,
    LABEL,
    LOOSE_CITATIONS,
    MARK,
    NOTHING_SAID,
    NOUN,
    REFUSAL,
    TASK,
    THE_PASSAGE,
)
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import split_sentences

FaultKind = Literal[
    "prompts_repeated", "titles_unfit", "passages_spoken_of", "sources_not_met", "writing_declined", "words_repeated"
]

MOST_TITLE_WORDS = 16
# So many words in the order of a prompt are no chance.
_RUN = 5
# Share of different runs of four words below which a text goes in circles.
_LEAST_VARIED = 0.6
_INTERROGATIVE = re.compile(
    r"^(?:(?:what|who|whom|whose|which|when|where|why|how)(?: \w+){0,3}? (?:is|are|was|were|do|does|did|has|have|had"
    r"|can|could|will|would|should|may|might)\b|(?:what|who|where|when|how|why)'s (?:the|an?|his|her|its|their)\b"
    r"|(?:what|who|whom|whose|which|when|where|why) \w+ \w+"
    r"|(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should) (?:the|an?|it|there|he|she|this)\b)"
)
# Verbs that no noun phrase has, but in a clause of its own.
_FINITE = re.compile(
    r" (?:is|are|was|were|has|had|have|does|did|became|becomes|contains|consists|began|wrote|died|gave|took|went"
    r"|(?:lies|stands|rises) (?:in|on|at|near|by|between|above|below|north|south|east|west)"
    r"|ist|wurde|wurden|wird|sont|était|está|fue|foi|è) "
)
# "Marie Curie discovered polonium", and not "towns founded in 1612" or "protected areas".
_DID = re.compile(
    r"(?:^|\s)(?:[A-Z]\S*|[Hh]e|[Ss]he|[Ii]t|[Tt]hey) [a-z]{2,}ed "
    r"(?!(?:in|by|at|on|from|of|for|to|as|with|and|or|during|after|before|near|under|between|over|through)\b)\w"
)
_RELATIVE = re.compile(r"\b(?:that|who|which|whom|where|when) (?:\w+ ){0,3}$")
_ENDS_LIKE_A_SENTENCE = re.compile(r"(?:です|ます|ました|でした|である|だった|입니다|이다|한다)$")


def faults_of(title: str, text: str, question: str, sources: Sequence[SourceText]) -> dict[FaultKind, str]:
    """What is wrong with a unit, by kind, each in words that follow "it"; empty for one that may be published.

    question: what the unit was written for. The words quote nothing of the unit: they are recorded where its text is
    not.
    """
    found: dict[FaultKind, str] = {}
    for kind, reason in (*_of_title(title, text, question, sources), *_of_text(title, text, question, sources)):
        found.setdefault(kind, reason)
    return found


def speaks_of_its_task(text: str, sources: Sequence[SourceText]) -> bool:
    """Whether a text that is no unit tells its prompt back, speaks of its passages or declines."""
    said = folded(text)
    return (
        _tells_the_prompt(said, sources)
        or _has_a_run_of_the_prompt(said, sources)
        or _speaks_of_passages(said, sources)
        or _said(REFUSAL, said, sources)
    )


def counted_by_kind(faults: Iterable[FaultKind]) -> Usage:
    """The kinds, counted."""
    return Usage(**{str(kind): count for kind, count in Counter(faults).items()})


def _of_text(title: str, text: str, question: str, sources: Sequence[SourceText]) -> Iterator[tuple[FaultKind, str]]:
    sentences = [*filter(None, map(folded, split_sentences(text, _language(sources))))]
    own = [sentence for sentence in sentences if not any(_says(source, sentence) for source in sources)]
    if folded(text).strip(" .!\"'()[]-*") in NOTHING_SAID or any(_said(REFUSAL, s, sources) for s in own):
        yield "writing_declined", "declines to say anything"
    if (
        any(_tells_the_prompt(sentence, sources) for sentence in own)
        or _has_a_run_of_the_prompt(" ".join(own), sources)
        or _counts(text, sources)
    ):
        yield "prompts_repeated", "repeats the prompt"
    if any(_asks(sentence, question, sources) for sentence in own) or _is_the_question(text, question, own):
        yield "prompts_repeated", "repeats the question, or asks one, and states no fact"
    if any(_speaks_of_passages(sentence, sources) for sentence in own):
        yield "passages_spoken_of", "speaks of its passages and not only of the topic"
    if _goes_in_circles(sentences, own, sources):
        yield "words_repeated", "says the same over and over"
    content = content_words(text)
    if not any(content & source.content for source in sources):
        yield "sources_not_met", "has no content word of its sources"


def _of_title(title: str, text: str, question: str, sources: Sequence[SourceText]) -> Iterator[tuple[FaultKind, str]]:
    name, words = folded(title), words_of(title)
    if any(words == words_of(source.title) for source in sources):
        return
    if name.strip(" .!\"'()[]-*") in NOTHING_SAID:
        yield "titles_unfit", "has no title"
    elif length_in_words(title) > MOST_TITLE_WORDS or length_in_words(title) >= max(4, length_in_words(text)):
        yield "titles_unfit", f"has a title that is longer than {MOST_TITLE_WORDS} words, or than its text"
    elif not _is_a_name(title, sources) and (
        _asks(name, question, sources) or _INTERROGATIVE.search(name) or _same(words, words_of(question))
    ):
        yield "titles_unfit", "has a question for a title"
    elif not _is_a_name(title, sources) and _is_a_sentence(title, text, sources):
        yield "titles_unfit", "has a sentence for a title"
    if _tells_the_prompt(name, sources) or _has_a_run_of_the_prompt(name, sources):
        yield "prompts_repeated", "repeats the prompt"
    if _speaks_of_passages(name, sources):
        yield "passages_spoken_of", "speaks of its passages and not only of the topic"
    if _said(REFUSAL, name, sources):
        yield "writing_declined", "declines to say anything"


# Against the sources.


def _language(sources: Sequence[SourceText]) -> str:
    return sources[0].language if sources else ENGLISH


def _says(source: SourceText, sentence: str) -> bool:
    """Whether the source has the sentence word for word."""
    return sentence in source.folded


def _held(phrase: str, sources: Sequence[SourceText]) -> bool:
    return any(source.holds(phrase) for source in sources)


def _said(pattern: re.Pattern[str], sentence: str, sources: Sequence[SourceText]) -> bool:
    """Whether the pattern is in the sentence, in words that no source has."""
    return any(not _held(match.group(), sources) for match in pattern.finditer(sentence))


def _has_noun(match: re.Match[str], sources: Sequence[SourceText]) -> bool:
    """Whether the sources have the noun of a citation, in whatever number: then it is their topic's."""
    noun = NOUN.findall(match.group())[-1].removesuffix("s")
    return _held(noun, sources) or _held(f"{noun}s", sources)


# Kinds.


def _speaks_of_passages(sentence: str, sources: Sequence[SourceText]) -> bool:
    for match in CITATIONS.finditer(sentence):
        bare = re.sub(r"^(?:the|this|that|these|those|your|all|each|both|any) ", "", match.group())
        if not _held(match.group(), sources) and not _held(bare, sources):
            return True
    return any(
        not _held(match.group(), sources) and not _has_noun(match, sources)
        for pattern in (LOOSE_CITATIONS, THE_PASSAGE)
        for match in pattern.finditer(sentence)
    )


def _tells_the_prompt(sentence: str, sources: Sequence[SourceText]) -> bool:
    if _said(TASK, sentence, sources):
        return True
    for pattern in (LABEL, MARK):  # to which their marks belong, and not the words alone
        for match in pattern.finditer(sentence):
            if not any(match.group().strip(" .!?;|") in source.folded for source in sources):
                return True
    return False


def _has_a_run_of_the_prompt(text: str, sources: Sequence[SourceText]) -> bool:
    return any(run in _prompt_runs() and not _held(" ".join(run), sources) for run in _runs(text))


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = words_of(text)
    return (tuple(words[place : place + _RUN]) for place in range(len(words) - _RUN + 1))


@cache
def _prompt_runs() -> frozenset[tuple[str, ...]]:
    """Every run of words of every prompt, of what stands in it by itself."""
    lines = [task.instruction for task in TASKS.values()]
    lines += [
        line.text
        for template in vars(prompts).values()
        if isinstance(template, prompts.PromptTemplate)
        for line in (*template.system, *template.user)
    ]
    lines += [message.content for message in prompts.repair_prompt((), "", [""])]
    lines += [examples.UNIT, *examples.EVIDENCE, *map(" ".join, examples.ASKED_QUESTIONS), prompts.WRITE_IN]
    return frozenset(run for line in lines for part in re.split(r"\{\w+\}", line) for run in _runs(part))


def _counts(text: str, sources: Sequence[SourceText]) -> bool:
    """Whether a text is for the most part a list of numbered things: 7, 8, 9 or p7, p8, p9."""
    words = [word for word in words_of(text) if word not in ("passage", "document", "source", "and")]
    numbered = [(match[1], int(match[2])) for word in words if (match := re.fullmatch(r"([a-z]{0,8}?)(\d{1,6})", word))]
    steps = sum(a[0] == b[0] and b[1] == a[1] + 1 for a, b in pairwise(numbered))
    return steps >= 2 and 5 * len(numbered) >= 3 * len(words) and not _held(text, sources)


def _asks(sentence: str, question: str, sources: Sequence[SourceText]) -> bool:
    """Whether a sentence is a question, and not the name of something that the sources call so."""
    bare = sentence.rstrip("\"'”’»)] ")
    if bare.endswith(("?", "؟", "⁇")):
        return not any(bare[-12:] in source.folded for source in sources)
    asked = words_of(question)
    is_question = folded(question).endswith(("?", "؟")) or bool(_INTERROGATIVE.search(folded(question)))
    return is_question and len(asked) > 2 and _same(words_of(sentence), asked)


def _is_the_question(text: str, question: str, own: Sequence[str]) -> bool:
    """Whether the text is what it was written for, word for word, a claim for example."""
    return bool(own) and len(words_of(question)) > 2 and words_of(text) == words_of(question)


def _same(words: Sequence[str], others: Sequence[str]) -> bool:
    a, b = set(words), set(others)
    return bool(a) and len(a & b) >= 0.9 * len(a | b)


def _is_a_name(title: str, sources: Sequence[SourceText]) -> bool:
    """Whether a title that looks like a sentence is the name of a work, as in the sources: in capitals throughout."""
    written = [word for word in re.findall(r"[^\W\d_]+", title) if folded(word) in content_words(title)]
    return all(word[:1].isupper() for word in written) and _held(title, sources)


def _is_a_sentence(title: str, text: str, sources: Sequence[SourceText]) -> bool:
    language = _language(sources)
    name, parts = folded(title), split_sentences(title, language)
    words = words_of(title)
    if length_in_words(title) >= 4 and (
        len(parts) > 1
        or name[-1:] in "!…。！"
        or (name.endswith(".") and _ends(title, language))
        or _ENDS_LIKE_A_SENTENCE.search(name)
    ):
        return True
    finite = _FINITE.search(f" {name} ") if len(words) >= 4 else None
    if finite and not _RELATIVE.search(f" {name} "[: finite.start() + 1]):
        return True
    if len(words) >= 4 and _DID.search(title):
        return True
    whole = {" ".join(words_of(s)) for s in split_sentences(text, language)}
    return len(words) >= 5 and (
        " ".join(words) in whole
        or any(f"{name}." in source.sentences or name in source.sentences for source in sources)
    )


def _ends(title: str, language: str) -> bool:
    """Whether the full stop at its end ends a sentence, and no abbreviation (Ltd., Ph.D.)."""
    last = title.rsplit(maxsplit=1)[-1]
    return len(last) > 4 and "." not in last[:-1] and len(split_sentences(f"{title} X", language)) > 1


def _goes_in_circles(sentences: Sequence[str], own: Sequence[str], sources: Sequence[SourceText]) -> bool:
    often = Counter(" ".join(words_of(sentence)) for sentence in sentences if len(words_of(sentence)) > 1)
    more = sum(count - 1 for said, count in often.items() if not any(s.times(said) >= count for s in sources))
    if more and 3 * more >= len(sentences):
        return True
    words = [token for sentence in own for token in _tokens(sentence)]
    runs = [tuple(words[place : place + 4]) for place in range(len(words) - 3)]
    return len(runs) >= 9 and len(set(runs)) < _LEAST_VARIED * len(runs)


def _tokens(sentence: str) -> list[str]:
    """Words; of scripts without blanks, characters."""
    return [token for word in words_of(sentence) for token in (word if length_in_words(word) > 1 else [word])]
