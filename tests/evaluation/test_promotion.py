"""A candidate serves unless it is worse beyond noise than what serves, by validation questions alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from tests.scripted import Scripted
from tests.systems import system_over
from wbrag_pipeline.datasets.validation_split import LEAST_TRAINING, split_validation
from wbrag_pipeline.evaluation.promotion import Comparison, Decision, decisions_of, promote_or_hold_back
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.store import Release, build_release, candidate, current, promote, rollback
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.tables import LABELLED

Decide = Callable[..., Decision]
# Question n is the angle 2n°, the corpus has nothing near, and a unit "good" at an angle answers what is near to it.
ANGLES = [2.0 * n for n in range(40)]


def questions(angles: list[float] = ANGLES) -> pl.DataFrame:
    rows = [(f"v{angle}", str(angle), ["yes"], "gold") for angle in angles]
    return pl.DataFrame(rows, schema=LABELLED.schema, orient="row")


def units(**angles: float) -> pl.DataFrame:
    return units_of(angles)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "releases" / "b"


@pytest.fixture
def base(tmp_path: Path, compass: CompassEncoder) -> KnowledgeBase:
    corpus = {"far": 200.0, "farther": 220.0}
    build_index(
        compass.encode_queries([str(angle) for angle in corpus.values()]), list(corpus), tmp_path / "i", compass
    )
    passages_of(corpus).write_parquet(tmp_path / "passages.parquet")
    return KnowledgeBase(compass, open_index(tmp_path / "i", compass), tmp_path / "passages.parquet")


@pytest.fixture
def compass() -> CompassEncoder:
    return CompassEncoder()


@pytest.fixture
def scripted() -> Scripted:
    """Answers right with a unit whose name begins with "good" on top, and whenever there is no other unit for it."""
    return Scripted(lambda question, ids: "no" if ids and ids[0].startswith("bad") else "yes")


@pytest.fixture
def decide(folder: Path, base: KnowledgeBase, scripted: Scripted, compass: CompassEncoder) -> Decide:
    def decide(table: pl.DataFrame, asked: pl.DataFrame | None = None, **how: Any) -> Decision:
        build_release(table, compass, folder, {})
        system = system_over(base, scripted, top_k=1)
        comparison = Comparison(
            questions=questions() if asked is None else asked,
            system=lambda release: system if release is None else system.with_release(release),
            metric="accuracy",
        )
        return promote_or_hold_back(folder, comparison, actor="run 1", none_set_aside="nobody wants it", **how)

    return decide


def test_without_validation_questions_the_candidate_serves_and_says_so(folder: Path, decide: Decide) -> None:
    decision = decide(units(bad1=0.0), questions([]))
    assert decision.outcome == "promoted" and decision.reason == "not validated: nobody wants it"
    assert current(folder).name == "r000001"
    assert current(folder).validation == {"passed": True, "compared_with": "", "reason": decision.reason}


def test_what_is_clearly_worse_is_held_back_and_the_old_one_serves_on(folder: Path, decide: Decide) -> None:
    assert decide(units(good1=10.0)).outcome == "promoted"
    worse = decide(units(bad1=10.0))
    assert (worse.outcome, worse.release, worse.compared_with) == ("held_back", "r000002", "r000001")
    assert worse.reason.startswith("worse beyond noise: 100.00 → 0.00 against r000001 on 40 validation questions")
    assert worse.figures["validation_gain"] == -100.0 and worse.figures["validation_p"] < 1e-6
    assert current(folder).name == "r000001" and candidate(folder).name == "r000002"
    note = candidate(folder).validation
    assert note is not None and note["passed"] is False and note["validation_questions"] == 40
    # Asked again it says the same, and a person may see it otherwise.
    assert decide(units(bad1=10.0)).outcome == "held_back"
    promote(folder, "r000002", actor="ann", reason="I know better")
    assert decide(units(bad1=10.0)).outcome == "served_already"


def test_the_first_candidate_is_compared_with_the_corpus_alone(folder: Path, decide: Decide) -> None:
    decision = decide(units(bad1=10.0))
    assert decision.outcome == "held_back" and decision.compared_with == ""
    assert "against the corpus alone" in decision.reason
    assert not (folder / "CURRENT").exists()
    assert decide(units(good1=10.0)).outcome == "promoted"


def test_a_candidate_gives_way_to_what_the_corpus_left_of_it(
    folder: Path, decide: Decide, compass: CompassEncoder
) -> None:
    def instead(release: Release) -> Release:
        return build_release(release.units().filter(pl.col("unit_id") != "bad1"), compass, folder, {})

    decision = decide(units(good1=10.0, bad1=10.0), instead=instead)
    assert (decision.outcome, decision.release) == ("promoted", "r000002")
    assert current(folder).units()["unit_id"].to_list() == ["good1"]


def test_noise_does_not_stand_in_the_way(folder: Path, decide: Decide) -> None:
    decide(units(good1=40.0))
    # "bad" is nearest for 4 of the 40 questions only: all four are lost, which has p = 1/8.
    decision = decide(units(good1=40.0, bad2=-26.0))
    assert decision.figures["validation_worse"] == 4 and decision.figures["validation_gain"] == -10.0
    assert math.isclose(decision.figures["validation_p"], 0.125)
    assert decision.outcome == "promoted" and current(folder).name == "r000002"


def test_few_questions_stop_only_a_landslide(decide: Decide) -> None:
    few = questions(ANGLES[:5])
    decide(units(good1=4.0), few)
    close = decide(units(bad1=4.0), few)  # all five lost: p = 1/16
    assert close.outcome == "promoted" and "fewer than 30 questions show little" in close.reason
    decide(units(good1=5.0), questions(ANGLES[:6]))
    assert decide(units(bad1=5.0), questions(ANGLES[:6])).outcome == "held_back"  # all six: p = 1/32


def test_no_release_is_asked_what_it_was_taught(decide: Decide, scripted: Scripted) -> None:
    taught = questions([0.0, 2.0, 4.0])
    first = units(good1=0.0).with_columns(question_id=pl.lit("v0.0"))
    decide(first, questions([]))
    decision = decide(units(good2=1.0).with_columns(question_id=pl.lit("v2.0")), taught)
    assert decision.figures["validation_questions"] == 1
    assert {question for question, _ in scripted.asked} == {"4.0"}
    only = decide(units(good3=2.0).with_columns(question_id=pl.lit("v0.0")), questions([0.0]))
    assert only.outcome == "promoted" and "not validated" in only.reason


def test_what_somebody_rolled_back_from_does_not_come_back_by_itself(folder: Path, decide: Decide) -> None:
    decide(units(good1=10.0))
    decide(units(good2=10.0))
    rollback(folder, actor="ann", reason="wrong hours")
    decision = decide(units(good2=10.0))
    assert decision.outcome == "held_back" and "ann rolled back from it" in decision.reason
    assert "wrong hours" in decision.reason
    assert current(folder).name == "r000001"
    assert decide(units(good3=10.0)).outcome == "promoted"  # another release is another matter


def test_a_damaged_served_release_gives_way(folder: Path, decide: Decide) -> None:
    decide(units(good1=10.0))
    (folder / "r000001" / "units.parquet").write_bytes(b"")
    decision = decide(units(good1=10.0))
    assert decision.outcome == "promoted" and decision.release == "r000002"
    assert decision.reason.startswith("what was served is damaged")
    current(folder).verify()


def test_the_lineage_tells_who_served_what_when(folder: Path, decide: Decide, tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage")

    def record(decision: Decision) -> None:
        lineage.record_release_decisions("run-1", "v", "b", decisions_of(folder, decision, "run 1"))

    decide(units(good1=10.0))  # this run died before it could record anything
    record(decide(units(good2=10.0)))
    record(decide(units(bad1=10.0)))
    rollback(folder, actor="ann", reason="hm")
    record(decide(units(bad1=10.0)))
    with lineage.connect() as connection:
        told = connection.execute(
            "SELECT action, release, previous, actor FROM release_decisions ORDER BY decided_at"
        ).fetchall()
        serving = connection.execute(
            "SELECT release, served_until IS NULL FROM serving ORDER BY served_from"
        ).fetchall()
    assert told == [
        ("promote", "r000001", "", "run 1"),
        ("promote", "r000002", "r000001", "run 1"),
        ("hold_back", "r000003", "r000002", "run 1"),
        ("rollback", "r000001", "r000002", "ann"),
        ("hold_back", "r000003", "r000001", "run 1"),
    ]
    assert serving == [("r000001", False), ("r000002", False), ("r000001", True)]


def many(count: int) -> pl.DataFrame:
    rows = [(f"q{n}", f"What is number {n}?", ["a"], "gold") for n in range(count)]
    return pl.DataFrame(rows, schema=LABELLED.schema, orient="row")


def test_the_validation_part_is_stable_and_apart() -> None:
    train, validation = split_validation(many(2000), 0.1)
    assert 150 < validation.height < 250 and train.height + validation.height == 2000
    assert not set(train["question_id"]) & set(validation["question_id"])
    more = split_validation(many(3000), 0.1)[1]
    assert set(validation["question_id"]) <= set(more["question_id"])
    assert set(validation["question_id"]) <= set(split_validation(many(2000), 0.2)[1]["question_id"])
    twins = pl.concat(
        [many(2000), many(2000).with_columns(pl.col("question_id") + "b", pl.col("question").str.to_uppercase())]
    )
    parts = split_validation(twins, 0.1)
    assert not {q.lower() for q in parts[0]["question"]} & {q.lower() for q in parts[1]["question"]}


@pytest.mark.parametrize(("count", "share"), [(LEAST_TRAINING - 1, 0.1), (1000, 0.0)])
def test_small_or_unwanted_there_is_no_validation_part(count: int, share: float) -> None:
    train, validation = split_validation(many(count), share)
    assert train.equals(many(count)) and validation.is_empty()
