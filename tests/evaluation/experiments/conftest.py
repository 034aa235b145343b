"""A corpus and a benchmark of angles: every retrieval and every answer can be worked by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.retrieval.conftest import CompassEncoder
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.generation.generator import Distillate, Passage, QuestionDraft, WrittenQuestion
from wbrag_pipeline.retrieval.corpus import build_corpus_index
from wbrag_pipeline.settings import Settings

CORPUS = {"a": 0, "b": 30, "c": 60, "d": 90}
TRAIN = ("2", "4", "58")
TEST = ("1", "6", "29", "88")


class Compass(Scripted):
    """Says yes to a training question where passage a is shown; 6 needs a unit, 29 must not see one, 88 is hopeless."""

    def __init__(self) -> None:
        super().__init__(self._say)
        self.written: list[str] = []

    @staticmethod
    def _say(question: str, ids: tuple[str, ...]) -> str:
        unit = any(name.startswith("u_") for name in ids)
        right = {"1": "a" in ids, "6": unit, "29": not unit and "b" in ids, "88": False}
        return "yes" if right.get(question, "a" in ids or ids == ("c",)) else "no"

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        self.distilled += [(question, tuple(row)) for question, row in zip(questions, passages, strict=True)]
        return [Distillate(f"of {q}", str(float(row[0].text) + 10)) for q, row in zip(questions, passages, strict=True)]

    questions_version = "angles-1"

    def write_questions(self, passages: Sequence[Passage], each: int) -> list[QuestionDraft]:
        """Two degrees beside each passage: answered with yes from a and c alone, as any training question."""
        self.written += [passage.passage_id for passage in passages]
        return [QuestionDraft((WrittenQuestion(f"{float(p.text) + 2:g}.5", "yes"),)) for p in passages]


@dataclass(frozen=True)
class World:
    """A home with the corpus and benchmark ``compass``, and what answers there."""

    settings: Settings
    generator: Compass
    open: Callable[[], Workbench]

    @property
    def trial(self) -> Trial:
        return Trial("compass", self.settings)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_split(path: Path, questions: Sequence[str], answer: str = "yes") -> Path:
    rows = [{"id": f"{path.stem}_{q}", "question": q, "golden_answers": [answer]} for q in questions]
    return write_jsonl(path, rows)


@pytest.fixture
def world(tmp_path: Path) -> World:
    # Angles are no sentences: curation, which has tests of its own, would find no support for them.
    home = tmp_path / "home"
    settings = Settings(home=home, encoder="compass", generator="scripted", top_k=2, curate=False)
    rows = [{"id": name, "contents": f'"T {name}"\n{angle}'} for name, angle in CORPUS.items()]
    add_corpus(settings.home, "compass", write_jsonl(tmp_path / "corpus.jsonl", rows))
    train, test = write_split(tmp_path / "train.jsonl", TRAIN), write_split(tmp_path / "test.jsonl", TEST)
    add_benchmark(settings.home, "compass", task="open_qa", corpus="compass", train=train, test=test)
    registry, compass = Registry.load(settings.home), CompassEncoder("compass")
    tables.PASSAGES.store(registry.passages("compass"), settings, "compass")
    build_corpus_index(settings, "compass", compass)
    generator = Compass()
    return World(
        settings,
        generator,
        lambda: Workbench(settings, Registry.load(settings.home), lambda s: compass, lambda s: generator),
    )
