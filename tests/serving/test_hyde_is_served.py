"""What is validated is what is served: a release searches with its own method and its own K wherever it is searched.

Angles again. The question 10 finds what lies at 10 degrees; with the passage that is imagined for it, at 200 degrees,
the mean of both vectors points to 285 degrees.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.rag.scripted_generators import Dreamer
from tests.retrieval.conftest import units_of
from tests.serving.conftest import Deployment
from wbrag_pipeline import tables
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.evaluate import answer_questions, evaluate_release
from wbrag_pipeline.evaluation.promotion import validate_candidate
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.releases.store import Release, build_release, promote
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext

QUESTIONS = ["10", "100"]
DREAMS = {"10": "200", "100": "310"}  # searched at 285 and at 25 degrees
UNITS = {"near": 12.0, "far": 280.0, "other": 20.0}
# The best three at 285 and at 25 degrees, and at 10 and 100.
WITH_HYDE = [["writeback:far", "corpus:south", "corpus:east"], ["writeback:other", "writeback:near", "corpus:east"]]
NAIVELY = [["writeback:near", "corpus:east", "writeback:other"], ["corpus:north", "corpus:west", "writeback:other"]]


def questions(split: str, asked: list[str]) -> pl.DataFrame:
    rows = [{"question_id": f"{split}{q}", "question": q, "golden_answers": ["a"], "split": split} for q in asked]
    return pl.DataFrame(rows, schema=tables.QUESTIONS.schema)


def tagged(hits: pl.DataFrame) -> list[list[str]]:
    """The hits of each question in rank order, as evaluation writes them down."""
    frame = hits.sort("query", "rank").with_columns(tag=pl.col("origin") + ":" + pl.col("passage_id"))
    return frame.group_by("query", maintain_order=True).agg("tag")["tag"].to_list()


class Served:
    """A release made under some settings, and what serves it under others: those of the environment."""

    def __init__(self, deployment: Deployment, environment: Settings, method: str = "hyde+naive", k: int = 3) -> None:
        self.deployment, self.environment = deployment, environment
        self.made_with = deployment.settings.with_(method=method, top_k=k)
        self.generator = Dreamer(DREAMS)
        self.asked_for: list[Settings] = []
        self.folder = self.made_with.releases("b")

    def load_generator(self, settings: Settings) -> Dreamer:
        self.asked_for.append(settings)
        return self.generator

    def release(self, **angles: float) -> Release:
        (source,) = tables.PASSAGES.load(self.made_with, "c").filter(passage_id="east").rows(named=True)
        units = units_of(angles).with_columns(
            source_passage_ids=pl.lit([source["passage_id"]]), source_hashes=pl.lit([source["content_hash"]])
        )
        made = {"settings": self.made_with.record()}
        return build_release(units, self.deployment.encoder, self.folder, made)

    def promoted(self) -> Release:
        release = self.release(**UNITS)
        promote(self.folder, release.name, actor="test", reason="test")
        return release

    def context(self) -> StageContext:
        return StageContext.of(
            self.environment, "b", encoder=lambda settings: self.deployment.encoder, generator=self.load_generator
        )

    def system(self, release: Release) -> RagSystem:
        base = open_knowledge_base(self.environment, "c", self.deployment.encoder)
        return RagSystem.of_release(release, self.environment, base, "open_qa", self.load_generator)

    def live(self, **given: Any) -> LiveRetriever:
        return LiveRetriever(
            self.environment, "b", self.deployment.encoder, **{"generator": self.load_generator, **given}
        )


@pytest.fixture
def served(deployment: Deployment) -> Served:
    """Made with HyDE at K 3; the environment says K 1."""
    return Served(deployment, deployment.settings.with_(method="hyde+naive", top_k=1))


def test_evaluation_and_serving_search_alike_with_hyde_and_the_releases_k(served: Served) -> None:
    release = served.promoted()
    passages = tables.PASSAGES.load_lazily(served.environment, "c")
    evaluated = evaluate_release(served.context(), questions("test", QUESTIONS), release, passages).table
    split = questions("test", QUESTIONS).drop("split")
    system, live = served.system(release), served.live()
    found = {
        "evaluation": evaluated["passages_with"].to_list(),
        "answers": answer_questions(split, system, "exact_match")["passages"].to_list(),
        "system": tagged(system.retrieve(QUESTIONS)),
        "system's answers": tagged(system.answer(QUESTIONS).hits),
        "live": tagged(live.search(QUESTIONS).hits),
        "live answers": tagged(live.answer(QUESTIONS)[1].hits),
    }
    assert found == dict.fromkeys(found, WITH_HYDE)
    assert live.search(QUESTIONS).release == live.answer(QUESTIONS)[0] == release.name
    # And the answers were given from these: the generator tells what it read.
    read = [",".join(tag.split(":")[1] for tag in row) for row in WITH_HYDE]
    assert live.answer(QUESTIONS)[1].texts == evaluated["answer_with"].to_list() == read
    assert {settings.top_k for settings in served.asked_for} == {3}


def test_the_same_release_made_naively_finds_other_ones(deployment: Deployment) -> None:
    naive = Served(deployment, deployment.settings.with_(method="naive", top_k=1), method="naive")
    naive.promoted()
    assert tagged(naive.live().search(QUESTIONS).hits) == NAIVELY
    assert all(set(row) != set(other) for row, other in zip(WITH_HYDE, NAIVELY, strict=True))


def test_a_reader_can_ask_for_another_depth_and_hyde_stays(served: Served) -> None:
    served.promoted()
    assert tagged(served.live().search(QUESTIONS, top_k=2).hits) == [row[:2] for row in WITH_HYDE]


def test_until_something_is_promoted_it_is_the_system_of_the_settings(served: Served) -> None:
    found = served.live().search(QUESTIONS)
    # K 1, and HyDE still: south is the corpus' nearest at 285 degrees, east at 25.
    assert (found.release, tagged(found.hits)) == ("", [["corpus:south"], ["corpus:east"]])


def test_without_its_generator_a_release_with_hyde_is_refused_and_not_searched_naively(served: Served) -> None:
    served.promoted()

    def gone(settings: Settings) -> Any:
        raise InputError("no such model", field="generator")

    with pytest.raises(InputError, match="no such model"):
        served.live(generator=gone).search(QUESTIONS)


def test_two_releases_are_each_validated_at_their_own_k(deployment: Deployment) -> None:
    environment = deployment.settings.with_(method="naive", top_k=1)
    two, three = (Served(deployment, environment, method="naive", k=k) for k in (2, 3))
    assert two.folder == three.folder  # one benchmark, one variant
    validation = questions("validation", ["10", "100", "190"])
    first = two.promoted()
    second = three.release(**UNITS)  # the same units: K alone makes it another release
    assert second.name != first.name
    decision = validate_candidate(three.context(), validation, actor="test")
    assert (decision.outcome, decision.compared_with) == ("promoted", first.name)
    read = {k: [ids for _, ids in three.generator.asked if len(ids) == k] for k in (1, 2, 3)}
    assert {k: len(rows) for k, rows in read.items()} == {1: 0, 2: 3, 3: 3}
    assert [row[:2] for row in read[3]] == read[2]
    # Served from now on: the K that it was validated with.
    assert len(tagged(three.live().search(["10"]).hits)[0]) == 3
