"""Traces of tools that record every step of an answer: the question and the answer are those of the outermost span.

A trace is one question. Where the outermost span tells no question (a request handler often does not), the next one
that does is taken, with its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from unicodedata import normalize

from wbrag_pipeline.datasets.files.column_map import ColumnMap
from wbrag_pipeline.datasets.logs.chat_texts import answer_in, question_in, shown_passages
from wbrag_pipeline.datasets.logs.feedback import BadJudgement, Judgement, Judging
from wbrag_pipeline.datasets.logs.logged_answer import LoggedAnswer
from wbrag_pipeline.errors import InputError

_LAST = datetime.max.replace(tzinfo=UTC)
# What the attributes are called in OpenInference, in OpenTelemetry's conventions for generative AI, and in OpenLLMetry.
_QUESTION = ("input.value", "gen_ai.input.messages", "gen_ai.prompt", "traceloop.entity.input")
_ANSWER = ("output.value", "gen_ai.output.messages", "gen_ai.completion", "traceloop.entity.output")
_PASSAGES = ("retrieval.documents", "gen_ai.retrieval.documents", "reranker.output_documents")
_SESSION = ("session.id", "gen_ai.conversation.id", "langfuse.session.id")
_USER = ("user.id", "enduser.id", "langfuse.user.id")
# What can be named with --map in a log of spans: scores by their name, the others by their attribute.
SPAN_NAMES = ("question", "answer", "passages", "session", "user", "feedback", "correction")


@dataclass(frozen=True)
class Span:
    """One step. trace, id, parent: ids; parent is "" for the outermost. attributes: by dotted name."""

    place: str
    trace: str
    id: str
    parent: str
    start: datetime | None
    attributes: Mapping[str, object]


@dataclass
class Traces:
    """The spans and the judgements of a log, in the order of its files; a span that is given twice counts once."""

    columns: ColumnMap
    judging: Judging
    spans: dict[tuple[str, str], Span] = field(default_factory=dict)
    judgements: dict[str, list[Judgement]] = field(default_factory=dict)

    def add(self, span: Span) -> None:
        """Add a span; of two with one id the later one counts."""
        self.spans[span.trace, span.id] = span

    def judge(self, of: str, judgement: Judgement) -> None:
        """Add what was said of a span or a trace, named by its id."""
        self.judgements.setdefault(of, []).append(judgement)

    def answers(self, notes: dict[str, int]) -> list[LoggedAnswer]:
        """One answer a trace. notes: takes counts of what was not taken, by what it is.

        Raises InputError for a score that says neither good nor bad.
        """
        traces = dict[str, list[Span]]()
        for span in self.spans.values():
            traces.setdefault(span.trace, []).append(span)
        found, judged, without = list[LoggedAnswer](), set[str](), 0
        for trace, spans in traces.items():
            ids = {span.id for span in spans}
            judged |= {trace, *ids}
            spans.sort(key=lambda span: (span.parent in ids, span.start or _LAST))
            answer = self._answer(trace, spans)
            without += answer is None
            found += [] if answer is None else [answer]
        _note(notes, "traces without a question", without)
        orphans = sum(len(said) for of, said in self.judgements.items() if of not in judged)
        _note(notes, "scores of answers that are not in the log", orphans)
        for name, count in sorted(self.judging.other.items()):
            _note(notes, f"scores called {name!r}, which are not read (--map feedback={name} reads them)", count)
        return found

    def _answer(self, trace: str, spans: Sequence[Span]) -> LoggedAnswer | None:
        asking = next((span for span in spans if question_in(self._value(span, "question", _QUESTION))), None)
        if asking is None:
            return None
        replies = (answer_in(self._value(span, "answer", _ANSWER)) for span in (asking, *spans))
        shown = dict.fromkeys(
            passage for span in spans for passage in shown_passages(self._value(span, "passages", _PASSAGES))
        )
        said = [one for of in (trace, *(span.id for span in spans if span.id != trace)) for one in self._said(of)]
        try:
            up, down, correction, comment = self.judging.of(said)
        except BadJudgement as bad:
            problem = f"the score {bad.judgement.name!r} {bad.why.problem}"
            raise InputError(problem, file=bad.judgement.place, hint=bad.why.hint) from None
        return LoggedAnswer(
            place=asking.place,
            question=normalize("NFC", question_in(self._value(asking, "question", _QUESTION))),
            log_id=trace,
            answer=normalize("NFC", next((reply for reply in replies if reply), "")),
            passages=tuple(shown),
            asked_at=min((span.start for span in spans if span.start is not None), default=None),
            session=self._first(spans, "session", _SESSION) or self._first(spans, "user", _USER) or None,
            up=up,
            down=down,
            correction=normalize("NFC", correction),
            comment=comment,
        )

    def _said(self, of: str) -> list[Judgement]:
        return self.judgements.get(of, [])

    def _value(self, span: Span, ours: str, usual: Sequence[str]) -> object:
        given = self.columns.of(ours)
        names = (given,) if given else usual
        return next((span.attributes[name] for name in names if span.attributes.get(name) not in (None, "")), None)

    def _first(self, spans: Sequence[Span], ours: str, usual: Sequence[str]) -> str:
        values = (self._value(span, ours, usual) for span in spans)
        return next((str(value) for value in values if isinstance(value, (str, int)) and value != ""), "")


def unflattened(attributes: Mapping[str, object]) -> dict[str, object]:
    """Attributes with nested objects as dotted names, and numbered ones as lists.

    ``{"input": {"value": "x"}}`` gives ``input.value``; ``retrieval.documents.0.document.id`` and so on give
    ``retrieval.documents``, a list of objects with the rest of their names.
    """
    flat = dict[str, object]()
    for name, value in attributes.items():
        if isinstance(value, dict) and value:
            flat.update({f"{name}.{inner}": found for inner, found in unflattened(value).items()})
        flat.setdefault(name, value)
    lists = dict[str, dict[int, dict[str, object]]]()
    for name, value in flat.items():
        head, number, rest = _numbered(name)
        if number is not None and rest:
            lists.setdefault(head, {}).setdefault(number, {})[rest] = value
    return flat | {head: [items[number] for number in sorted(items)] for head, items in lists.items()}


def _numbered(name: str) -> tuple[str, int | None, str]:
    """The parts of a name around its first number: ``a.b.0.c`` is (a.b, 0, c)."""
    pieces = name.split(".")
    place = next((place for place, piece in enumerate(pieces) if place and piece.isascii() and piece.isdigit()), None)
    if place is None or len(pieces[place]) > 6:
        return name, None, ""
    return ".".join(pieces[:place]), int(pieces[place]), ".".join(pieces[place + 1 :])


def _note(notes: dict[str, int], what: str, count: int) -> None:
    if count:
        notes[what] = notes.get(what, 0) + count
