"""A scripted generator: the stand-in for a model where a test needs known answers.

It answers from a table of (question, passage ids) and counts what it is asked. The real reader and real
engines have tests of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Assessment, Distillate, Passage, Usage, Verdict

Script = Callable[[str, tuple[str, ...]], str | None]


class Scripted:
    """``script(question, passage_ids)`` is the answer; None is a call that failed for good."""

    name = "scripted"
    fingerprint = "scripted-1"
    prompt_version = "scripted-1"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.usage = Usage()
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.verified: list[tuple[str, tuple[str, ...]]] = []
        self.distilled: list[tuple[str, tuple[Passage, ...]]] = []

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        answers = []
        for question, row in zip(questions, passages, strict=True):
            key = (question, tuple(passage.passage_id for passage in row))
            self.asked.append(key)
            self.usage.calls += 1
            text = self.script(*key)
            answers.append(Answer("", failed=True) if text is None else Answer(text, 1.0))
        return answers

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        return self.answer(questions, passages, task)

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        return [Assessment(1.0, 1.0, 1.0) for _ in questions]

    def verify(self, claims: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Verdict]:
        """``script`` says SUPPORTS or REFUTES; anything else is undecided, None a failed call."""
        verdicts = []
        for claim, row in zip(claims, passages, strict=True):
            self.verified.append((claim, tuple(passage.passage_id for passage in row)))
            said = self.script(*self.verified[-1])
            failed, supports, refutes = said is None, float(said == "SUPPORTS"), float(said == "REFUTES")
            verdicts.append(Verdict(supports, refutes, 1.0 - supports - refutes, failed))
        return verdicts

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        self.distilled += [(question, tuple(row)) for question, row in zip(questions, passages, strict=True)]
        return [
            Distillate(row[0].title, " ".join(passage.text.split(".")[0] + "." for passage in row)) for row in passages
        ]

    def count_incidents(self, incidents: Usage) -> None:
        self.usage.add(incidents)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]
