"""The tiny towns with a scripted generator that finds an answer where a passage holds it, and an encoder of words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline.conftest import write_tiny
from tests.scripted import Scripted
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Passage
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext


class Finder(Scripted):
    """Answers with the gold answer where a passage holds it; ``name`` decides how its HyDE passages begin."""

    def __init__(self, name: str, gold: dict[str, str]) -> None:
        super().__init__(lambda question, ids: "")
        self.name = self.fingerprint = name
        self.num_fewshot = 0
        self.gold = gold

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        self.asked += [(q, tuple(p.passage_id for p in row)) for q, row in zip(questions, passages, strict=True)]
        self.usage.calls += len(questions)
        return [
            Answer(gold if any(gold in p.text for p in row) else self.name, 1.0)
            for gold, row in zip((self.gold[question] for question in questions), passages, strict=True)
        ]

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        return [float(any(answer in p.text for p in row)) for answer, row in zip(answers, passages, strict=True)]


class Imaginative(Finder):
    """One that can also write: without this HyDE fuses what the top K holds."""

    def imagine(self, questions: Sequence[str]) -> list[str]:
        return [f"{self.name} says that {self.gold[question]} was a merchant." for question in questions]


@dataclass(frozen=True)
class Towns:
    """A home with the corpus and the benchmark ``towns``, not trained; engines are made of the settings' words."""

    settings: Settings
    gold: dict[str, str]
    imagines: bool = False

    def load_encoder(self, settings: Settings) -> HashEncoder:
        return HashEncoder(96 if settings.encoder.endswith("other") else 64)

    def load_generator(self, settings: Settings) -> Finder:
        kind = Imaginative if self.imagines else Finder
        found = kind(f"{settings.generator} {settings.engine_arguments}".strip(), self.gold)
        # Examples stand in prompts that answer, and in none that makes up a passage to search by.
        found.num_fewshot = settings.num_fewshot
        return found

    def context(self, settings: Settings) -> StageContext:
        return StageContext.of(settings, "towns", encoder=self.load_encoder, generator=self.load_generator, run="test")

    def index(self, settings: Settings) -> None:
        refresh_corpus(settings, Registry.load(settings.home), "towns", self.load_encoder(settings), run="test")


def make_towns(folder: Path, *, imagines: bool = False) -> Towns:
    corpus, train, test = write_tiny(folder)
    settings = Settings(home=folder / "home", top_k=2, rescue_depth=8, validation_share=0.25, generator="finder")
    add_corpus(settings.home, "towns", corpus)
    add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
    rows = [json.loads(line) for file in (train, test) for line in file.read_text(encoding="utf-8").splitlines()]
    towns = Towns(settings, {row["question"]: row["golden_answers"][0] for row in rows}, imagines)
    towns.index(settings)
    return towns
