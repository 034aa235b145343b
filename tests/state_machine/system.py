"""The real thing: tables, FAISS, releases and the pointer on disk, without Dagster and with an encoder of angles."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.retrieval.conftest import CompassEncoder
from tests.scripted import Scripted
from tests.state_machine.oracle import REACH, TOP_K, TRAINING, VALIDATION, Curated, Passage, Unit, Version, document_of
from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import curate, published
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import OPEN_QA, Task
from wbrag_pipeline.datasets.tombstones import read_tombstones
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.promotion import Comparison, promote_or_hold_back
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.forgetting.subject import SubjectKind
from wbrag_pipeline.generation.generator import Answer, Distillate
from wbrag_pipeline.generation.generator import Passage as Found
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.refresh.retirement_log import commit_decisions, note_decisions
from wbrag_pipeline.refresh.retiring import decide, in_step, retire
from wbrag_pipeline.releases.pointer import read_pointer
from wbrag_pipeline.releases.store import (
    Release,
    build_release,
    candidate_name,
    open_release,
    promote,
    release_names,
)
from wbrag_pipeline.releases.store import rollback as roll_back
from wbrag_pipeline.retrieval.corpus import build_corpus_index, current_state, open_knowledge_base
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing, sha256_of_text
from wbrag_pipeline.training.distillation import distil
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.scoring import Scorer, retrieve, score_passages, score_utility

# The passage behind a content hash, for each that the corpus can ever have.
_VERSION_OF = {sha256_of_text(f"T p{n}", str(float(a))): (f"p{n}", float(a)) for n in range(10) for a in range(181)}


class Averager(Scripted):
    """Answers what a passage lies near to, knows nothing by itself, and distils to what the nearest passage says."""

    def __init__(self) -> None:
        super().__init__(lambda question, ids: None)

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Found]], task: Task) -> list[Answer]:
        near = [
            any(abs(float(passage.text) - float(question)) < REACH for passage in row)
            for question, row in zip(questions, passages, strict=True)
        ]
        return [Answer("yes" if there else "no", 1.0) for there in near]

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Found]]) -> list[Distillate]:
        return [Distillate(row[0].title, row[0].text) for row in passages]


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


def _questions(home: Path, angles: dict[str, float]) -> pl.DataFrame:
    rows = [(name, str(angle), ["yes"]) for name, angle in angles.items()]
    frame = pl.DataFrame(rows, schema=tables.QUESTIONS.schema, orient="row")
    return read_tombstones(home).without_forgotten_questions(frame)


class System:
    """One corpus and one benchmark under ``home``; every operation opens what it needs from disk, as a run does."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, top_k=TOP_K)
        self.encoder, self.generator = CompassEncoder(), Averager()
        self.folder = self.settings.releases("b")
        self.scorer = Scorer(self.generator, method_named("naive"), OPEN_QA, "exact_match")
        self._file = home.parent / "data" / "c.jsonl"
        self._file.parent.mkdir()
        self._file.write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
        for split in ("train", "test"):
            line = f'{{"id": "{split}", "question": "{split}?", "golden_answers": ["a"]}}\n'
            (self._file.parent / f"{split}.jsonl").write_text(line, encoding="utf-8")
        add_corpus(home, "c", self._file)
        splits = {split: self._file.parent / f"{split}.jsonl" for split in ("train", "test")}
        add_benchmark(home, "b", task="open_qa", corpus="c", **splits)

    def index(self, source: dict[str, Passage]) -> None:
        rows = [
            {
                "id": name,
                "title": f"T {name}",
                "text": str(place),
                "labels": sorted(labels),
                "source": document_of(name),
            }
            for name, (place, labels) in sorted(source.items())
        ]
        self._file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self._store("passages", Registry.load(self.settings.home).passages("c"), "c")
        build_corpus_index(self.settings, "c", self.encoder)

    def refresh(self, source: dict[str, Passage]) -> None:
        self.index(source)
        decided = note_decisions(self.settings, "c", ["b"], decide(self.settings, ["b"], self._passages()))
        retire(self.settings, ["b"], self._passages(), self.encoder, actor="machine")
        commit_decisions(self.settings, "c", decided)

    def train(self) -> None:
        home, gates = self.settings.home, self.settings.gates
        base = open_knowledge_base(self.settings, "c", self.encoder).unrestricted()
        questions, passages = _questions(home, TRAINING), self._passages().collect()
        hits = retrieve(questions, base, TOP_K)
        scores = score_utility(questions, hits, passages, self.scorer)
        self._store("utility_scores", scores)
        kept = utility_gate(scores, gates).filter("kept")
        chosen = questions.join(kept, on="question_id", how="semi")
        docs = document_gate(kept, score_passages(chosen, hits, passages, self.scorer), gates)
        self._store("gated_docs", docs)
        units = distil(docs, passages, self.generator, benchmark="b", forgotten=read_tombstones(home).evidence)
        Lineage(self.settings.lineage).record_units(
            "machine",
            self.settings.variant,
            "b",
            "c",
            units=units,
            gated_docs=docs,
            generator_fingerprint=self.generator.fingerprint,
            encoder=self.settings.encoder,
            method="naive",
            gates={},
        )
        self._store("knowledge_units", units)
        curated = curate(units, passages, self.encoder, self.generator)
        self._store("curated_units", curated)
        build_release(published(curated), self.encoder, self.folder, {"run": "machine"})

    def release(self) -> str:
        comparison = Comparison(
            questions=_questions(self.settings.home, VALIDATION),
            base=lambda: open_knowledge_base(self.settings, "c", self.encoder).unrestricted(),
            scorer=lambda: self.scorer,
            top_k=TOP_K,
        )
        return promote_or_hold_back(
            self.folder, comparison, actor="machine", none_set_aside="-", instead=self._as_it_stands
        ).outcome

    def promote(self, name: str) -> None:
        promote(self.folder, name, actor="machine", reason="by hand", instead=self._as_it_stands)

    def rollback(self) -> str:
        try:
            roll_back(self.folder, actor="machine", reason="by hand", instead=self._as_it_stands)
        except InputError:
            return "nothing was served before"
        return "rolled back"

    def forget(self, kind: SubjectKind, name: str) -> set[Version]:
        """Gives the passages that went."""
        certificate = forget(self.settings, kind, [name])
        return {_VERSION_OF[passage["content_sha256"]] for passage in certificate.passages}

    def holds(self, *words: str) -> list[str]:
        """Files of the home that hold one of these words, tables decoded; what forgetting itself keeps aside."""
        found = []
        for file in (path for path in self.settings.home.rglob("*") if path.is_file()):
            data = repr(pl.read_parquet(file).to_dicts()).encode() if file.suffix == ".parquet" else file.read_bytes()
            if file.parent.name != "forgotten" and any(word.encode() in data for word in words):
                found.append(str(file))
        return found

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
    def distilled(self) -> frozenset[Unit]:
        file = self.settings.table("knowledge_units", "b")
        return frozenset(map(_unit, tables.KNOWLEDGE_UNITS.read(file).iter_rows(named=True) if file.exists() else ()))

    @property
    def curated(self) -> frozenset[Curated]:
        file = self.settings.table("curated_units", "b")
        rows = tables.CURATED_UNITS.read(file).iter_rows(named=True) if file.exists() else ()
        return frozenset((_unit(row), row["state"], row["kept_by"]) for row in rows)

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
        units = release.units()
        assert sorted(release.index(self.encoder).ids) == sorted(units["unit_id"])
        return frozenset(map(_unit, units.iter_rows(named=True)))

    def _store(self, name: str, frame: pl.DataFrame, partition: str = "b") -> None:
        with replacing(self.settings.table(name, partition)) as file:
            frame.write_parquet(file)

    def _passages(self) -> pl.LazyFrame:
        state = current_state(self.settings, "c")
        assert state is not None
        return tables.PASSAGES.scan(state.passages)

    def _as_it_stands(self, release: Release) -> Release:
        return in_step(release, self._passages(), lambda: self.encoder, actor="machine")[0]


def _unit(row: dict[str, Any]) -> Unit:
    sources = tuple(_VERSION_OF[digest] for digest in row["source_hashes"])
    assert [name for name, _ in sources] == row["source_passage_ids"]
    labels = frozenset(row["labels"])
    title = row["title"].removeprefix("T ")
    return Unit(row["unit_id"], row["question_id"], title, float(row["text"]), sources, labels)
