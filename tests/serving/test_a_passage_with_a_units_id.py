"""A passage may bear the id of a unit, by chance or by design: whoever reads gets each text once, and the right one.

Readers of corpora refuse such ids. Corpora that were indexed before they did hold them still, and an id is no proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.retrieval.conftest import units_of
from tests.scripted import Scripted
from tests.serving.conftest import Deployment
from tests.systems import system_over
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.evaluation.evaluate import evaluate_release
from wbrag_pipeline.generation.evidence_groups import evidence_groups
from wbrag_pipeline.generation.generator import Answer, Passage
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.releases.store import Release, build_release, promote
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.training.context import StageContext

UNIT = "u_1f0c5be2a9d34c7e"
# From 10 degrees: the unit at 10, then its namesake of the corpus at 20, then another unit at 40 and a passage at 45.
OTHER = "u_00000000000000aa"
READ = [("writeback", UNIT, "10.0"), ("corpus", UNIT, "20.0"), ("writeback", OTHER, "40.0"), ("corpus", "up", "45.0")]


class Reading(Scripted):
    """Remembers what it read of each question: (origin, id, text)."""

    def __init__(self) -> None:
        super().__init__(lambda question, ids: "an answer")
        self.read: list[list[tuple[str, str, str]]] = []

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        self.read += [[(p.origin, p.passage_id, p.text) for p in row] for row in passages]
        return super().answer(questions, passages, task)


@pytest.fixture
def generator() -> Reading:
    return Reading()


@pytest.fixture
def release(deployment: Deployment) -> Release:
    """Served: two units, one of which has its id in the corpus too."""
    deployment.settings = deployment.settings.with_(top_k=4)
    deployment.index({UNIT: 20.0, "up": 45.0, "west": 180.0})
    sources = tables.PASSAGES.load(deployment.settings, "c").filter(passage_id=UNIT)
    units = units_of({UNIT: 10.0, OTHER: 40.0}).with_columns(
        source_passage_ids=pl.lit([UNIT]), source_hashes=pl.lit([sources["content_hash"][0]])
    )
    made = build_release(units, deployment.encoder, deployment.folder, {"settings": deployment.settings.record()})
    promote(deployment.folder, made.name, actor="test", reason="test")
    return made


def test_in_evaluation_each_text_is_read_once(deployment: Deployment, release: Release, generator: Reading) -> None:
    context = StageContext.of(
        deployment.settings, "b", encoder=lambda _: deployment.encoder, generator=lambda _: generator
    )
    row = {"question_id": "q", "question": "10", "golden_answers": ["an answer"], "split": "test"}
    questions = pl.DataFrame([row], schema=tables.QUESTIONS.schema)
    passages = tables.PASSAGES.load_lazily(deployment.settings, "c")
    evaluated = evaluate_release(context, questions, release, passages).table
    assert generator.read[-1] == READ
    assert evaluated["passages_with"].to_list() == [[f"{origin}:{name}" for origin, name, _ in READ]]
    assert evaluated["passages_without"].to_list()[0][:2] == [f"corpus:{UNIT}", "corpus:up"]


def test_the_live_retriever_gives_each_text_once(deployment: Deployment, release: Release, generator: Reading) -> None:
    live = LiveRetriever(deployment.settings, "b", deployment.encoder, generator=lambda _: generator)
    hits = live.search(["10"]).hits
    assert hits.select("origin", "passage_id", "text").rows() == READ
    # The unit has sources, its namesake has none.
    assert hits["sources"].to_list() == [[UNIT], [], [UNIT], []]
    _, answered = live.answer(["10"])
    assert generator.read[-1] == READ and answered.hits.equals(hits)


def test_ask_reads_and_shows_each_text_once(
    deployment: Deployment, release: Release, generator: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wbrag_pipeline.retrieval.encoding.encoder.load_encoder", lambda *_: deployment.encoder)
    monkeypatch.setattr("wbrag_pipeline.generation.engines.deployed_generator", lambda _: generator)
    done = CliRunner().invoke(app, ["ask", "10", "-b", "b", "--home", str(deployment.settings.home)])
    assert done.exit_code == 0, done.output
    assert generator.read[-1] == READ
    shown = [line.split()[2] for line in done.output.partition("\nwith write-back")[2].splitlines() if ". " in line]
    assert shown == [f"{origin}:{name}" for origin, name, _ in READ]


@pytest.mark.parametrize("once", [True, False])
def test_a_namesake_is_no_second_vote_of_the_unit(
    deployment: Deployment, release: Release, generator: Reading, once: bool
) -> None:
    """RePlug counts a unit and its sources once. An id in common makes no such group."""
    given: list[list[Passage]] = []

    class Mixing(Reading):
        def answer_ensemble(self, questions: Any, passages: Any, weights: Any, task: Any) -> list[Answer]:
            given.extend(list(row) for row in passages)
            return [Answer("", 1.0) for _ in questions]

    base = open_knowledge_base(deployment.settings, "c", deployment.encoder)
    system = system_over(base, Mixing(), method=RePlug(once=once), top_k=4).with_release(release)
    system.answer(["10"])
    # Both units were made of the namesake: with it they are one group. Each for itself, all four stand alone.
    assert evidence_groups(given[0]) == ([0, 0, 0, 3] if once else [0, 1, 2, 3])


def test_a_unit_of_another_passage_and_its_namesake_are_two() -> None:
    unit = Passage(UNIT, "", "a", sources=("up",), origin="writeback")
    assert evidence_groups([unit, Passage(UNIT, "", "b")]) == [0, 1]
    bare = Passage(UNIT, "", "a", origin="writeback")
    assert evidence_groups([bare, Passage(UNIT, "", "b"), Passage("up", "", "c")]) == [0, 1, 2]
