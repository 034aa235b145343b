"""What a run reads, it reads once: the questions' files, and the corpus' index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.pipeline.answering_server import AnsweringServer
from tests.pipeline.conftest import Place
from wbrag_pipeline.retrieval import corpus
from wbrag_pipeline.settings import TABLES_IN_ORDER, Settings

LATER = [
    *TABLES_IN_ORDER[1:-1],
    "writeback_index",
    "release",
    "evaluation",
    "report",
]


@pytest.fixture(scope="module")
def settings(place: Place, instance: Any) -> Iterator[Settings]:
    with AnsweringServer.over(place) as server:
        settings = place.settings.with_(generator=f"openai:{server.url}#tiny", top_k=2)
        assert run(place, settings, instance, "index_corpus").success
        yield settings


def run(place: Place, settings: Settings, instance: Any, job: str, *assets: str) -> Any:
    """A run of a job, or of some of its assets."""
    config = {"home": str(settings.home), "generator": settings.generator, "top_k": settings.top_k}
    return place.definitions.defs.resolve_job_def(job).execute_in_process(
        run_config={"resources": {"deployment": {"config": config}}, "loggers": {"people": {}}},
        instance=instance,
        partition_key="towns",
        **({"asset_selection": [dg.AssetKey(name) for name in assets]} if assets else {}),
    )


def stored(settings: Settings) -> dict[str, bytes]:
    return {table: settings.table(table, "towns").read_bytes() for table in TABLES_IN_ORDER}


def edit(file: Path, more: str) -> None:
    """Change every answer, take a question out and put one in."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["golden_answers"] = ["something else"]
    rows[0] = {"id": "new", "question": more, "golden_answers": ["Vell"], "metadata": {}}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_run_opens_the_index_of_its_corpus_once(
    place: Place, settings: Settings, instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    open_index = corpus.open_index

    def counted(folder: Path, *given: Any) -> Any:
        opened.append(folder)
        return open_index(folder, *given)

    monkeypatch.setattr(corpus, "open_index", counted)
    for runs in (1, 2):
        result = run(place, settings, instance, "train_knowledge_base")
        ran = {event.step_key for event in result.all_node_events if event.is_step_success}
        assert {"retrievals", "release", "evaluation"} <= ran  # which all search it
        assert len(opened) == runs
        assert opened[-1].is_relative_to(settings.corpus_index("towns"))


def test_files_that_are_edited_during_a_run_change_nothing_before_the_next(
    place: Place, settings: Settings, instance: Any
) -> None:
    run(place, settings, instance, "train_knowledge_base")
    before = stored(settings)
    run(place, settings, instance, "train_knowledge_base", "questions")
    folder, texts = settings.home.parent, {}
    for split in ("train", "test"):
        file = folder / f"{split}.jsonl"
        texts[file] = file.read_text(encoding="utf-8")
        edit(file, f"What is the river of Aldermoor in the {split} file?")
    try:
        assert run(place, settings, instance, "train_knowledge_base", *LATER).success
        assert stored(settings) == before
        run(place, settings, instance, "train_knowledge_base")
        after = stored(settings)
        assert {table for table in before if after[table] != before[table]} == set(TABLES_IN_ORDER)
    finally:
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
