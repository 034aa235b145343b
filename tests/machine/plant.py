"""The real thing: tables, FAISS, releases and the pointer on disk, without Dagster and with an encoder of angles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.machine.oracle import REACH, TOP_K, TRAINING, VALIDATION, Passage, Unit
from tests.retrieval.conftest import CompassEncoder, passages_of
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.benchmarks.adding import add_benchmark, add_corpus
from wbrag_pipeline.benchmarks.tasks import OPEN_QA, Task
from wbrag_pipeline.evaluation.promotion import Comparison, settle
from wbrag_pipeline.generation.protocol import Answer, Distillate
from wbrag_pipeline.generation.protocol import Passage as Found
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.retrieval.corpus import build_corpus_index, current_state, open_knowledge_base
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing, sha256_of_text
from wbrag_pipeline.writeback.distillation import distil
from wbrag_pipeline.writeback.gates import document_gate, utility_gate
from wbrag_pipeline.writeback.pointer import read_pointer
from wbrag_pipeline.writeback.releases import build_release, candidate_name, open_release, promote, release_names
from wbrag_pipeline.writeback.releases import rollback as roll_back
from wbrag_pipeline.writeback.scoring import Scorer, retrieve, score_passages, score_utility

# The angle behind a content hash, for each that the corpus can ever have (see ``passages_of``).
_ANGLE_OF = {sha256_of_text(f"T p{n}", str(float(angle))): float(angle) for n in range(10) for angle in range(181)}


class Averager(Scripted):
    """Answers what a passage lies near to, knows nothing by itself, and distils to the mean angle."""

    def __init__(self) -> None:
        super().__init__(lambda question, ids: None)

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Found]], task: Task) -> list[Answer]:
        near = [
            any(abs(float(passage.text) - float(question)) < REACH for passage in row)
            for question, row in zip(questions, passages, strict=True)
        ]
        return [Answer("yes" if there else "no", 1.0) for there in near]

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Found]]) -> list[Distillate]:
        return [Distillate("U", str(sum(float(p.text) for p in row) / len(row))) for row in passages]


class Killed(BaseException):
    """The process ends here: nothing catches it, and nothing is written after it."""


@contextmanager
def killed_before(number: int) -> Iterator[None]:
    """From the ``number``-th change of what files there are, every one raises Killed: cleaning up fails as well."""
    left = [number]

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "rename", "link", "unlink", "mkdir", "rmdir"):
            patch.setattr(os, name, watched(getattr(os, name)))
        yield


def _questions(angles: dict[str, float]) -> pl.DataFrame:
    rows = [(name, str(angle), ["yes"]) for name, angle in angles.items()]
    return pl.DataFrame(rows, schema=tables.QUESTIONS.schema, orient="row")


class Plant:
    """One corpus and one benchmark under ``home``; every operation opens what it needs from disk, as a run does."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, top_k=TOP_K)
        self.encoder, self.generator = CompassEncoder(), Averager()
        self.folder = self.settings.releases("b")
        self.scorer = Scorer(self.generator, method_named("naive"), OPEN_QA, "exact_match")
        data = home.parent / "data"
        data.mkdir()
        (data / "c.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
        for split in ("train", "test"):
            line = f'{{"id": "{split}", "question": "{split}?", "golden_answers": ["a"]}}\n'
            (data / f"{split}.jsonl").write_text(line, encoding="utf-8")
        add_corpus(home, "c", data / "c.jsonl")
        add_benchmark(home, "b", task="open_qa", corpus="c", train=data / "train.jsonl", test=data / "test.jsonl")

    def index(self, source: dict[str, Passage]) -> None:
        names = sorted(source)
        frame = passages_of({name: source[name][0] for name in names}).with_columns(
            pl.Series("labels", [sorted(source[name][1]) for name in names], dtype=pl.List(pl.String))
        )
        with replacing(self.settings.table("passages", "c")) as file:
            frame.write_parquet(file)
        build_corpus_index(self.settings, "c", self.encoder)

    def train(self) -> None:
        state = current_state(self.settings, "c")
        assert state is not None
        base = open_knowledge_base(self.settings, "c", self.encoder).unrestricted()
        questions, passages = _questions(TRAINING), tables.PASSAGES.read(state.passages)
        hits = retrieve(questions, base, TOP_K)
        kept = utility_gate(score_utility(questions, hits, passages, self.scorer), self.settings.gates).filter("kept")
        chosen = questions.join(kept, on="question_id", how="semi")
        docs = document_gate(kept, score_passages(chosen, hits, passages, self.scorer), self.settings.gates)
        units = distil(docs, passages, self.generator, benchmark="b")
        build_release(units, self.encoder, self.folder, {"run": "machine"})

    def release(self) -> str:
        comparison = Comparison(
            questions=_questions(VALIDATION),
            base=lambda: open_knowledge_base(self.settings, "c", self.encoder).unrestricted(),
            scorer=lambda: self.scorer,
            top_k=TOP_K,
        )
        return settle(self.folder, comparison, actor="machine", none_set_aside="-").outcome

    def promote(self, name: str) -> None:
        promote(self.folder, name, actor="machine", reason="by hand")

    def rollback(self) -> None:
        roll_back(self.folder, actor="machine", reason="by hand")

    # What a reader finds.

    @property
    def indexed(self) -> dict[str, Passage]:
        state = current_state(self.settings, "c")
        if state is None:
            return {}
        state.check()
        rows = tables.PASSAGES.read(state.passages).select("passage_id", "text", "labels").iter_rows()
        return {name: (float(text), frozenset(labels)) for name, text, labels in rows}

    @property
    def releases(self) -> dict[str, frozenset[Unit]]:
        return {name: self._units(name) for name in release_names(self.folder)}

    @property
    def candidate(self) -> str | None:
        return candidate_name(self.folder)

    @property
    def trail(self) -> list[str]:
        pointer = read_pointer(self.folder)
        return pointer.trail if pointer else []

    def _units(self, name: str) -> frozenset[Unit]:
        release = open_release(self.folder, name)
        release.verify()
        rows = release.units().iter_rows(named=True)
        found = frozenset(
            (
                row["question_id"],
                tuple(row["source_passage_ids"]),
                tuple(_ANGLE_OF[digest] for digest in row["source_hashes"]),
                float(row["text"]),
                frozenset(row["labels"]),
            )
            for row in rows
        )
        assert sorted(release.index(self.encoder).ids) == sorted(release.units()["unit_id"])
        return found
