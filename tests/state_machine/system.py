"""The real pipeline: tables, FAISS, releases and the pointer on disk, with its defaults and an encoder of angles."""

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
from tests.state_machine.oracle import (
    TOP_K,
    TRAINING,
    VALIDATION,
    Curated,
    Passage,
    Unit,
    Version,
    answers,
    document_of,
)
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.datasets.tombstones import read_tombstones
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.promotion import Comparison, promote_or_hold_back
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.forgetting.subject import SubjectKind
from wbrag_pipeline.generation.generator import Answer, Distillate
from wbrag_pipeline.generation.generator import Passage as Found
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.refresh.corpus_stages import read_passages, refresh_corpus
from wbrag_pipeline.refresh.retiring import in_step
from wbrag_pipeline.releases.pointer import read_pointer
from wbrag_pipeline.releases.store import Release, candidate_name, open_release, promote, release_names
from wbrag_pipeline.releases.store import rollback as roll_back
from wbrag_pipeline.retrieval.corpus import build_corpus_index, current_state
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.train import train_candidate

# The passage behind a content hash, for each that the corpus can ever have.
_VERSION_OF = {sha256_of_text(f"T p{n}", str(float(a))): (f"p{n}", float(a)) for n in range(10) for a in range(181)}


class Averager(Scripted):
    """Answers what a passage lies near to, knows nothing by itself, and distils to what the nearest passage says."""

    def __init__(self) -> None:
        super().__init__(lambda question, ids: None)

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Found]], task: Task) -> list[Answer]:
        found = [
            next((passage.text for passage in row if answers(float(passage.text), float(question))), "no")
            for question, row in zip(questions, passages, strict=True)
        ]
        return [Answer(text, 1.0) for text in found]

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


def _rows(angles: dict[str, float]) -> list[dict[str, Any]]:
    """Questions as a file has them; each passage that can answer one is a gold answer."""
    every = {name: [str(float(a)) for a in range(181) if answers(float(a), angle)] for name, angle in angles.items()}
    return [{"id": name, "question": str(angle), "golden_answers": every[name]} for name, angle in angles.items()]


def _validation(home: Path) -> pl.DataFrame:
    rows = [tuple(row.values()) for row in _rows(VALIDATION)]
    frame = pl.DataFrame(rows, schema=tables.SPLIT.schema, orient="row")
    return read_tombstones(home).without_forgotten_questions(frame)


class System:
    """One corpus and one benchmark under ``home``; every operation opens what it needs from disk, as a run does."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, top_k=TOP_K)
        self.encoder, self.generator = CompassEncoder(), Averager()
        self.folder = self.settings.releases("b")
        self._file = home.parent / "data" / "c.jsonl"
        self._file.parent.mkdir()
        self._file.write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
        asked = {"train": _rows(TRAINING), "test": [{"id": "test", "question": "test?", "golden_answers": ["a"]}]}
        for split, rows in asked.items():
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (self._file.parent / f"{split}.jsonl").write_text(lines, encoding="utf-8")
        add_corpus(home, "c", self._file)
        splits = {split: self._file.parent / f"{split}.jsonl" for split in ("train", "test")}
        add_benchmark(home, "b", task="open_qa", metric="exact_match", corpus="c", **splits)

    def index(self, source: dict[str, Passage]) -> None:
        self._write(source)
        passages = read_passages(self.settings, Registry.load(self.settings.home), "c", allow_deletions=True)
        tables.PASSAGES.store(passages, self.settings, "c")
        build_corpus_index(self.settings, "c", self.encoder)

    def refresh(self, source: dict[str, Passage]) -> None:
        self._write(source)
        registry = Registry.load(self.settings.home)
        refresh_corpus(self.settings, registry, "c", self.encoder, run="machine", allow_deletions=True)

    def train(self) -> None:
        train_candidate(self._context())

    def release(self) -> str:
        context = self._context()

        def system(release: Release | None) -> RagSystem:
            return context.system() if release is None else context.system().with_release(release)

        comparison = Comparison(_validation(self.settings.home), system, "exact_match")
        return promote_or_hold_back(
            self.folder, comparison, actor="machine", none_set_aside="-", instead=self._revalidated
        ).outcome

    def promote(self, name: str) -> None:
        promote(self.folder, name, actor="machine", reason="by hand", instead=self._revalidated)

    def rollback(self) -> str:
        try:
            roll_back(self.folder, actor="machine", reason="by hand", instead=self._revalidated)
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

    @property
    def refresh_was_cut_short(self) -> bool:
        """Between the corpus' table and its index: then training is refused until it is done again."""
        state, table = current_state(self.settings, "c"), self.settings.table("passages", "c")
        return state is not None and table.is_file() and table.read_bytes() != state.passages.read_bytes()

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

    def _write(self, source: dict[str, Passage]) -> None:
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

    def _context(self) -> StageContext:
        encoder, generator = self.encoder, self.generator
        return StageContext.of(
            self.settings, "b", encoder=lambda _: encoder, generator=lambda _: generator, run="machine"
        )

    def _passages(self) -> pl.LazyFrame:
        state = current_state(self.settings, "c")
        assert state is not None
        return tables.PASSAGES.scan(state.passages)

    def _revalidated(self, release: Release) -> Release:
        return in_step(release, self._passages(), lambda: self.encoder, actor="machine")[0]


def _unit(row: dict[str, Any]) -> Unit:
    sources = tuple(_VERSION_OF[digest] for digest in row["source_hashes"])
    assert [name for name, _ in sources] == row["source_passage_ids"]
    labels = frozenset(row["labels"])
    title = row["title"].removeprefix("T ")
    return Unit(row["unit_id"], row["question_id"], title, float(row["text"]), sources, labels, row["gate"])
