"""Trials on the hand-worked compass: what is made, what is made only once, and what must never be touched."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.evaluation.experiments.conftest import TEST, TRAIN, World, write_split
from wbrag_pipeline.evaluation.experiments import ablation, matrix, oracle, transfer
from wbrag_pipeline.evaluation.experiments.trials import Trial


def with_gates(world: World, **change: float) -> Trial:
    return Trial("compass", world.settings.with_(**change))  # type: ignore[arg-type]


def test_a_setting_from_training_questions_to_its_row(world: World) -> None:
    row, costs = matrix.setting(world.open(), world.trial)
    # 2 and 4 find a; 58 finds c and b, and says no.
    assert (row["trained_on"], row["kept"], row["units"], row["published"]) == (3, 2, 2, 2)
    # Without: 1 and 29 are right. With units at 10°: 1 still sees a and a unit; 6 gains; 29 still sees b and no unit.
    assert (row["score_without"], row["score_with"]) == (50.0, 50.0 + 25.0 * row["helped"] - 25.0 * row["hurt"])
    assert row["helped"] == 1
    assert [line["stage"] for line in costs][:2] == ["utility_scores", "passage_scores"]
    assert sum(line["plain"] for line in costs) == 2 * 3 + 2 * 2 + 2


def test_lost_questions_are_rescued_from_below_the_top_k(world: World, tmp_path: Path) -> None:
    write_split(tmp_path / "train.jsonl", TRAIN, answer="90")
    world.generator.script = lambda question, ids: "90" if ids == ("d",) else "no"
    bench = world.open()
    off = Trial("compass", world.settings.with_(rescue_depth=0))
    assert bench.gated_docs(off).read().is_empty() and bench.units(off).read().is_empty()
    world.generator.asked.clear()
    gated = bench.gated_docs(world.trial).read()
    # a and b, or c and b, are what the method sees; of the rest only d holds the answer, and is read alone.
    assert {ids for _, ids in world.generator.asked if len(ids) == 1} == {("d",)}
    assert gated.filter("retained")["passage_id"].to_list() == ["d"] * len(TRAIN)
    assert gated["rank"].min() > world.settings.top_k  # type: ignore[operator]
    row, _ = matrix.setting(bench, world.trial)
    assert (row["kept"], row["units"]) == (0, len(TRAIN))


def test_what_was_made_is_not_made_again(world: World) -> None:
    first = matrix.setting(world.open(), world.trial)
    asked, distilled = len(world.generator.asked), len(world.generator.distilled)
    assert matrix.setting(world.open(), world.trial) == first
    assert (len(world.generator.asked), len(world.generator.distilled)) == (asked, distilled)


def test_a_table_that_was_lost_is_made_again_and_the_rest_is_not(world: World) -> None:
    bench = world.open()
    first, _ = matrix.setting(bench, world.trial)
    bench.answers(world.trial).path.unlink()
    asked = len(world.generator.asked)
    again, _ = matrix.setting(world.open(), world.trial)
    assert again == first
    assert len(world.generator.asked) == asked + len(TEST)


def test_a_damaged_table_is_made_again(world: World) -> None:
    bench = world.open()
    before = matrix.setting(bench, world.trial)
    table = bench.gated_docs(world.trial).path
    whole = table.read_bytes()
    table.write_bytes(b"no parquet")
    assert matrix.setting(world.open(), world.trial) == before
    assert table.read_bytes() == whole


def test_stricter_thresholds_ask_for_no_score_and_distil_only_new_evidence(world: World) -> None:
    matrix.setting(world.open(), world.trial)
    bench = world.open()
    world.generator.asked.clear()
    for trial in (with_gates(world, tau_s=0.5), with_gates(world, tau_delta=0.5), with_gates(world, n_min=1)):
        assert bench.units(trial).content == bench.units(world.trial).content
    assert world.generator.asked == []
    # No passage gains more than 1: all fall back to two passages, evidence that nobody has distilled before.
    world.generator.distilled.clear()
    assert bench.units(with_gates(world, tau_doc=1.0)).read()["fallback"].all()
    assert len(world.generator.distilled) == 2


def test_nothing_is_written_outside_the_experiments(world: World) -> None:
    def files() -> dict[Path, bytes]:
        home = world.settings.home
        return {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and "experiments" not in p.parts}

    before = files()
    bench = world.open()
    matrix.setting(bench, world.trial)
    ablation.point(bench, world.trial, "top_k", 1)
    transfer.transferred(bench, world.trial, "replug")
    oracle.ceilings(bench, world.trial)
    assert files() == before


def test_poisoned_test_answers_change_no_unit(world: World, tmp_path: Path) -> None:
    bench = world.open()
    clean = bench.curated(world.trial)
    scored = bench.answers(world.trial).read()["score"].sum()
    write_split(tmp_path / "test.jsonl", TEST, answer="poison")
    poisoned = world.open()
    world.generator.asked.clear()
    # Not only the same bytes: the test's answers are no part of what a unit is made from, so nothing is asked.
    assert poisoned.curated(world.trial).path == clean.path
    assert not poisoned.curated(world.trial).made and world.generator.asked == []
    assert poisoned.answers(world.trial).read()["score"].sum() == 0 < scored


def test_units_of_another_method_are_used(world: World) -> None:
    bench = world.open()
    own = transfer.transferred(bench, world.trial, "naive")
    other = transfer.transferred(bench, world.trial, "replug")
    none = transfer.transferred(bench, world.trial, "none")
    assert (none["gain"], none["units"]) == (0.0, 0)
    assert own["score_without"] == other["score_without"] == none["score_with"]
    assert own["units"] == other["units"] == 2
    assert own["over_own"] is None and none["over_own"] is None
    assert other["over_own"] == other["gain"] - own["gain"]
    assert other["over_own_low"] <= other["over_own"] <= other["over_own_high"]


def test_a_point_names_what_it_cost_alone(world: World) -> None:
    rows = [
        ablation.point(world.open(), world.trial, name, value)
        for name, value, _ in ablation.points(world.settings, {"tau_s": (0.0, 0.5), "top_k": (1,)})
    ]
    assert [(row["parameter"], row["value"], row["default"]) for row in rows] == [
        ("tau_s", 0.0, False),
        ("tau_s", 0.1, True),
        ("tau_s", 0.5, False),
        ("top_k", 1.0, False),
        ("top_k", 2.0, True),
    ]
    assert all(row["scoring_sent"] == 0 for row in rows if row["parameter"] == "tau_s")


def test_no_ceiling_lies_under_what_it_is_the_ceiling_of(world: World) -> None:
    rows = oracle.ceilings(world.open(), world.trial)
    scores = {row["ceiling"]: row["score"] for row in rows}
    for row in rows:
        assert row["gain"] == row["score"] - scores["without"] and row["ci_low"] <= row["gain"] <= row["ci_high"]
    assert list(scores) == list(oracle.CEILINGS)
    assert scores["perfect switch"] >= max(scores["without"], scores["reached"])
    assert scores["perfect choice"] >= scores["without"]
    # 1, 6 and 29 can be right, 88 cannot.
    assert scores["perfect switch"] == scores["perfect choice"] == 75.0


def test_every_set_of_near_units_is_tried(world: World) -> None:
    bench = world.open()
    tried = oracle.unit_choices(bench, world.trial, bench.published(world.trial)).read()
    # Two units are published and the top 2 are read: the nearer one, the other, and both.
    assert tried.group_by("question_id").agg(pl.col("choice").sort())["choice"].to_list() == [[1, 2, 3]] * len(TEST)


def test_limits_and_methods_have_tables_of_their_own(world: World) -> None:
    bench = world.open()
    some = [bench.units(Trial("compass", world.settings.with_(limit=n))).read().height for n in (1, 2, 3)]
    assert some == [1, 2, 2]
    paths = {bench.utility_scores(Trial("compass", world.settings.with_(method=m))).path for m in ("naive", "replug")}
    assert len(paths) == 2
    same = {bench.retrievals(Trial("compass", world.settings.with_(method=m))).path for m in ("naive", "replug")}
    assert len(same) == 1


def test_evaluation_is_that_of_the_pipeline(world: World) -> None:
    bench = world.open()
    frame = bench.evaluation(world.trial, bench.published(world.trial))
    assert frame["question"].to_list() == list(TEST)
    shown = frame.filter(pl.col("question") == "6")["passages_with"].to_list()[0]
    assert shown[0].startswith("writeback:u_") and len(shown) == 2
