"""Scripted generators with what the methods beyond naive ask for: verdicts, decisions, look-aheads, imagination."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.scripted import Scripted
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Assessment, Passage

Tokens = Sequence[tuple[str, float]]


def passage(name: str, score: float = 0.0) -> Passage:
    return Passage(name, f"T {name}", f"Text of {name}.", score)


def said(*tokens: tuple[str, float], finished: bool = True) -> Answer:
    text = "".join(token for token, _ in tokens).strip()
    probability = 1.0
    for _, p in tokens:
        probability *= p
    return Answer(text, probability, tuple(tokens), finished=finished)


class Critic(Scripted):
    """Self-RAG's side. Answers "from p1" with ``certainty``; verdicts by passage; decisions by question."""

    def __init__(
        self,
        verdicts: dict[str, Assessment],
        decisions: dict[str, float | None] | None = None,
        certainty: dict[str, float] | None = None,
        failing: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(lambda question, ids: None if set(ids) & failing else f"from {','.join(ids) or 'memory'}")
        self.verdicts, self.decisions, self.certainty = verdicts, decisions or {}, certainty or {}
        self.assessed: list[tuple[str, str, str]] = []
        self.decided: list[str] = []

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        return [
            Answer(a.text, self.certainty.get(a.text, 0.5), failed=a.failed)
            for a in super().answer(questions, passages, task)
        ]

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        self.assessed += [(q, p.passage_id, a) for q, p, a in zip(questions, passages, answers, strict=True)]
        return [self.verdicts[p.passage_id] for p in passages]

    def wants_retrieval(self, questions: Sequence[str], task: Task) -> list[float | None]:
        self.decided += questions
        return [self.decisions.get(question, 1.0) for question in questions]


class Foresighted(Scripted):
    """FLARE's side: ``script(question, passage ids, so far)`` is the look-ahead; remembers what it was asked."""

    def __init__(self, look: Callable[[str, tuple[str, ...], str], Answer]) -> None:
        super().__init__(lambda question, ids: look(question, ids, "").text)
        self.look = look
        self.seen: list[tuple[str, tuple[str, ...], str]] = []
        self.batches = 0

    def look_ahead(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], so_far: Sequence[str], task: Task
    ) -> list[Answer]:
        self.batches += 1
        rows = [tuple(p.passage_id for p in row) for row in passages]
        self.seen += zip(questions, rows, so_far, strict=True)
        return [self.look(*asked) for asked in zip(questions, rows, so_far, strict=True)]


class Dreamer(Scripted):
    """HyDE's side."""

    def __init__(self, dreams: dict[str, str]) -> None:
        super().__init__(lambda question, ids: ",".join(ids))
        self.dreams = dreams

    def imagine(self, questions: Sequence[str]) -> list[str]:
        return [self.dreams[question] for question in questions]


class Judge(Scripted):
    """Scores by answer; remembers the evidence."""

    def __init__(self, script: Callable[[str, tuple[str, ...]], str | None], marks: dict[str, float | None]) -> None:
        super().__init__(script)
        self.marks = marks
        self.heard: list[tuple[str, tuple[str, ...], str]] = []

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        rows = [tuple(p.passage_id for p in row) for row in passages]
        self.heard += zip(questions, rows, answers, strict=True)
        return [self.marks[answer] for answer in answers]


class Searched:
    """A ``Retrieve`` that finds one passage named after the query, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    @property
    def queries(self) -> list[str]:
        return [query for call in self.calls for query in call]

    def __call__(self, queries: Sequence[str]) -> list[list[Passage]]:
        self.calls.append(list(queries))
        return [[passage(f"for {query}")] for query in queries]
