"""Does a unit say what its question asked? The generator answers the question from the unit's sources.

A distiller that writes freely may leave the point out: small models write the first sentences of their evidence again.
What the generator itself answers from the sources tells what the point is. No gold answer is involved, here or in any
other step (paper, section 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from wbrag_pipeline.curation.screening import objection
from wbrag_pipeline.curation.sources import SourcePassage, present_sources
from wbrag_pipeline.curation.support import points_back
from wbrag_pipeline.curation.unit import Unit
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Generator, Usage
from wbrag_pipeline.generation.writing.source_words import SourceText, content_words
from wbrag_pipeline.sentences import is_fragment, split_sentences

_POSSESSIVE = re.compile(r"['’]s\b")


def add_missing_answers(
    units: Sequence[Unit],
    sources: Mapping[str, SourcePassage],
    generator: Generator,
    task: Task,
    private_kinds: Sequence[str],
) -> None:
    """Add, in place, to each published unit without its question's answer the sentence of a source that has it.

    The answer is the generator's own, from the unit's sources; the sentence is copied word for word. Nothing is added
    where no source has the answer in these words, or where screening would object to the sentence. A task with choices
    has no answer that a text could hold.

    private_kinds: as for ``quarantine``.
    """
    if task.choices:
        return
    asked = [(unit, there) for unit in units if unit.published and (there := present_sources(unit, sources))]
    answers = generator.answer(
        [unit.question for unit, _ in asked],
        [[source.passage for source in there] for _, there in asked],
        task,
    )
    short, added = replace(task, reduces=True), 0
    for (unit, there), answer in zip(asked, answers, strict=True):
        said = "" if answer.failed else short.parse(answer.text, unit.question)
        if not content_words(said) or _holds(f"{unit.title} {unit.text}", said):
            continue
        longer = (f"{unit.text} {sentences}" for sentences in _telling(said, unit.question, there))
        fine = (text for text in longer if not objection(unit.title, text, private_kinds, unit.language))
        if text := next(fine, ""):
            unit.text, added = text, added + 1
            unit.note("the sentence of its source with what its question asked was added")
    generator.count_incidents(Usage(answers_added=added))


def _telling(answer: str, question: str, sources: Sequence[SourcePassage]) -> list[str]:
    """The sentences of the sources that hold the answer, those first that share most content words with the question.

    One that points back ("This …", "He …") comes with the sentence before it, and not at all without one.
    """
    asked = content_words(question)
    found: list[tuple[bool, int, str]] = []
    for source in sources:
        for before, sentence in pairwise(["", *split_sentences(source.text, source.language)]):
            pointing = points_back(sentence, source.language)
            if not _holds(sentence, answer) or (pointing and not before):
                continue
            whole = f"{before} {sentence}" if pointing else sentence
            found.append((is_fragment(whole), -len(asked & content_words(f"{source.title} {whole}")), whole))
    return [whole for _, _, whole in sorted(found, key=lambda one: one[:2])]


def _holds(text: str, answer: str) -> bool:
    """Whether a text has the words of an answer in their order, whatever belongs to whom ("Watt's", "Watt")."""
    return SourceText("", _POSSESSIVE.sub("", text)).holds(_POSSESSIVE.sub("", answer))
