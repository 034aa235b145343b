"""A knowledge unit as a page shows it: beside its sources, the evidence marked, with the test questions that met it.

Nothing here is HTML. Texts are cut into segments that say whether they are evidence, and the template escapes them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.statistics import WRITEBACK_TAG, changed_questions
from wbrag_pipeline.sentences import split_sentences

_FEWEST_WORDS = 3  # a shorter sentence occurs by chance and is no evidence
_MOST_QUESTIONS = 12  # shown with a unit; helped and hurt come first


@dataclass(frozen=True)
class MarkedText:
    """A piece of a text. ``sources`` are the numbers (from 1) of the sources it is in; empty where it is in none."""

    text: str
    sources: tuple[int, ...] = ()


@dataclass(frozen=True)
class SourceView:
    """A source passage. ``state``: "same" as when the unit was made, "changed" since, or "absent" from the corpus."""

    passage_id: str
    title: str
    segments: list[MarkedText]
    state: str


@dataclass(frozen=True)
class Meeting:
    """A test question whose top-K held the unit. ``outcome``: "helped", "hurt" or "unchanged"."""

    question: str
    outcome: str


@dataclass(frozen=True)
class UnitView:
    """One row of tables.KNOWLEDGE_UNITS with all that a page says about it.

    verbatim, sentences: how many of its sentences stand in a source, of how many.
    helped, hurt, unchanged: counts of test questions; ``meetings`` lists the first of them.
    """

    row: Mapping[str, Any]
    segments: list[MarkedText]
    sources: list[SourceView]
    verbatim: int
    sentences: int
    helped: int
    hurt: int
    unchanged: int
    meetings: list[Meeting]

    @property
    def retrieved(self) -> int:
        """Test questions that had the unit in their top-K."""
        return self.helped + self.hurt + self.unchanged


def units_for_page(
    knowledge_units: pl.DataFrame, passages: pl.DataFrame, evaluation: pl.DataFrame, *, most: int
) -> list[UnitView]:
    """At most ``most`` units: those that changed most test questions first, then those retrieved most, then by id."""
    meetings = _meetings(evaluation)

    def rank(row: Mapping[str, Any]) -> tuple[int, int, str]:
        met = meetings.get(row["unit_id"], [])
        return -sum(m.outcome != "unchanged" for m in met), -len(met), row["unit_id"]

    rows = sorted(knowledge_units.iter_rows(named=True), key=rank)[:most]
    wanted = {passage for row in rows for passage in row["source_passage_ids"] or []}
    known = {
        row["passage_id"]: row for row in passages.filter(pl.col("passage_id").is_in(wanted)).iter_rows(named=True)
    }
    return [_unit(row, known, meetings.get(row["unit_id"], [])) for row in rows]


def mark_evidence(text: str, sources: Sequence[str]) -> tuple[list[MarkedText], list[list[MarkedText]]]:
    """Segments of a unit's text, a sentence each, and of each of its sources; evidence is what they share verbatim.

    Blanks may differ and a sentence's end mark may be missing; nothing else may.
    """
    found: list[list[tuple[int, int]]] = [[] for _ in sources]
    segments = []
    for sentence in split_sentences(text):
        numbers = []
        words = sentence.rstrip(".!?").split()
        if len(words) >= _FEWEST_WORDS:
            pattern = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)[.!?]?")
            for place, source in enumerate(sources):
                spans = [match.span() for match in pattern.finditer(source)]
                found[place] += spans
                numbers += [place + 1] if spans else []
        segments.append(MarkedText(sentence, tuple(numbers)))
    return segments, [
        _cut(source, spans, place + 1) for place, (source, spans) in enumerate(zip(sources, found, strict=True))
    ]


def _cut(text: str, spans: list[tuple[int, int]], number: int) -> list[MarkedText]:
    segments, at = [], 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        start = max(start, at)
        segments += [MarkedText(text[at:start])] if start > at else []
        segments.append(MarkedText(text[start:end], (number,)))
        at = end
    return [*segments, MarkedText(text[at:])] if at < len(text) else segments


def _unit(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], meetings: list[Meeting]) -> UnitView:
    ids, hashes = row["source_passage_ids"] or [], row["source_hashes"] or []
    found = [known.get(passage) for passage in ids]
    segments, marked = mark_evidence(row["text"], [passage["text"] if passage else "" for passage in found])
    sources = [
        SourceView(
            passage_id=identity,
            title=passage["title"] if passage else "",
            segments=pieces,
            state="absent" if passage is None else "same" if passage["content_hash"] in hashes else "changed",
        )
        for identity, passage, pieces in zip(ids, found, marked, strict=True)
    ]
    counts = {outcome: sum(m.outcome == outcome for m in meetings) for outcome in ("helped", "hurt", "unchanged")}
    return UnitView(
        row=row,
        segments=segments,
        sources=sources,
        verbatim=sum(bool(segment.sources) for segment in segments),
        sentences=len(segments),
        meetings=meetings[:_MOST_QUESTIONS],
        **counts,
    )


def _meetings(evaluation: pl.DataFrame) -> dict[str, list[Meeting]]:
    """By unit id, the test questions that had it in their top-K: helped, then hurt, then unchanged."""
    changes = dict(changed_questions(evaluation).select("question_id", "change").iter_rows())
    meetings: defaultdict[str, list[Meeting]] = defaultdict(list)
    for identity, question, passages in evaluation.select("question_id", "question", "passages_with").iter_rows():
        for passage in passages or []:
            if passage.startswith(WRITEBACK_TAG):
                outcome = changes.get(identity, "unchanged")
                meetings[passage.removeprefix(WRITEBACK_TAG)].append(Meeting(question, outcome))
    for met in meetings.values():
        met.sort(key=lambda meeting: meeting.outcome)  # alphabetical order is the order wanted; the sort is stable
    return meetings
