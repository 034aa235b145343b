"""Other splits and fewer training questions: nothing of a test part trains, and sizes, draws and intervals by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.experiments.conftest import TEST, TRAIN, World
from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.evaluation.experiments import drawn_splits, labels
from wbrag_pipeline.evaluation.experiments.results import LABELS, SPLITS
from wbrag_pipeline.evaluation.experiments.sampling import resplit, with_labels
from wbrag_pipeline.evaluation.experiments.sampling_tables import labels_table, splits_table
from wbrag_pipeline.evaluation.statistics import bootstrap_interval, hierarchical_interval, holm
from wbrag_pipeline.tables import QUESTIONS


def questions(train: int, validation: int, test: int, *, weak: int = 0, twins: bool = False) -> pl.DataFrame:
    """Test ids are training ids too; with twins, each two questions have one wording."""
    rows = []
    for split, count in (("train", train), ("validation", validation), ("test", test)):
        for n in range(count):
            told = f"{split} question {n // 2 if twins else n}"
            name = f"v{n}" if split == "validation" else f"{n}"
            rows.append((split, name, told.upper() if twins and n % 2 else told, ["a"], "gold"))
    rows += [("train", f"w{n}", f"weak {n}", ["a"], "weak") for n in range(weak)]
    return pl.DataFrame(rows, schema=QUESTIONS.schema, orient="row")


def test_parts_keep_their_sizes_and_test_parts_are_disjoint_while_they_last() -> None:
    asked = questions(60, 10, 30)
    drawn = [resplit(asked, number) for number in (1, 2, 3, 4)]
    for frame in drawn:
        assert dict(frame.group_by("split").len().iter_rows()) == {"train": 60, "validation": 10, "test": 30}
    tests = [set(frame.filter(split="test")["question"]) for frame in drawn]
    assert not tests[0] & tests[1] and not tests[1] & tests[2] and not tests[0] & tests[2]
    assert tests[3] & tests[0]  # a hundred questions have no fourth part of thirty
    assert resplit(asked, 1).equals(drawn[0]) and set(drawn[0]["question"]) == set(asked["question"])


@given(
    train=st.integers(0, 25), validation=st.integers(0, 8), test=st.integers(0, 12), weak=st.integers(0, 4),
    number=st.integers(1, 6), twins=st.booleans(),
)  # fmt: skip
def test_no_wording_is_on_both_sides_and_nothing_is_lost(
    train: int, validation: int, test: int, weak: int, number: int, twins: bool
) -> None:
    asked = questions(train, validation, test, weak=weak, twins=twins)
    moved = resplit(asked, number)
    assert sorted(moved["question"]) == sorted(asked["question"])
    told = moved.with_columns(told=wording(moved["question"]))
    assert told.group_by("told").agg(pl.col("split").n_unique())["split"].max() in (None, 1)
    assert moved.filter(pl.col("label") == "weak")["split"].to_list() == ["train"] * weak
    assert set(moved.filter(pl.col("split") == "test")["label"]) <= {"gold"}


@given(number=st.integers(1, 30), draw=st.integers(0, 3))
def test_fewer_training_questions_are_among_more_of_the_same_draw(number: int, draw: int) -> None:
    asked = questions(40, 5, 10, weak=3)
    few, more = with_labels(asked, number, draw), with_labels(asked, number + 5, draw)
    trained = [set(frame.filter(split="train")["question_id"]) for frame in (few, more)]
    assert len(trained[0]) == number and trained[0] < trained[1]
    assert few.filter(pl.col("split") != "train").equals(asked.filter(pl.col("split") != "train"))
    assert set(few["label"]) == {"gold"}


def test_test_parts_are_the_same_in_the_same_order_whatever_is_kept_for_validation() -> None:
    asked = questions(60, 10, 30)
    without = asked.with_columns(split=pl.col("split").replace("validation", "train"))
    for number in (1, 2, 3):
        parts = [resplit(frame, number).filter(split="test").sort("question_id") for frame in (asked, without)]
        assert parts[0].equals(parts[1])


def test_draws_differ() -> None:
    asked = questions(40, 0, 10)
    drawn = {tuple(with_labels(asked, 10, draw).filter(split="train")["question_id"].sort()) for draw in range(4)}
    assert len(drawn) == 4


def test_a_trial_keeps_its_questions_under_other_settings(world: World) -> None:
    bench = world.open()
    few = bench.asking(world.trial, with_labels(bench.asked(world.trial).read(), 1, 0))
    assert few.with_(rescue_depth=0).instead == few.instead
    assert bench.questions(few.with_(rescue_depth=0), "train").height == 1
    assert bench.questions(world.trial, "train").height == len(TRAIN)
    moved = replace(world.trial, split=1)
    assert bench.questions(moved, "test").height == len(TEST)
    assert resplit(bench.asked(world.trial).read(), 1).height == len(TRAIN) + len(TEST)


def test_a_learning_curve(world: World) -> None:
    bench = world.open()
    assert labels.numbers_of((2, 50), len(TRAIN)) == [2, 3]
    rows = [labels.curve_point(bench, world.trial, number, 2) for number in (1, len(TRAIN))]
    assert [row["draws"] for row in rows] == [2, 1]  # all of them are drawn once
    assert rows[0]["lowest"] <= rows[0]["gain"] <= rows[0]["highest"]
    whole = bench.evaluation(world.trial, bench.published(world.trial))
    assert rows[1]["score_with"] == pytest.approx(100 * whole["score_with"].mean())  # type: ignore[operator]
    assert rows[0]["units"] <= rows[1]["units"] and rows[0]["kept"] <= rows[1]["kept"]
    assert "| compass | gold | 3 |" in labels_table(pl.DataFrame(rows, schema=LABELS.schema)).as_markdown()


def test_variants_on_drawn_splits(world: World) -> None:
    bench = world.open()
    names = list(drawn_splits.variants_of(world.settings))
    assert "each vote counts" not in names
    assert "each vote counts" in drawn_splits.variants_of(world.settings.with_(method="replug"))
    rows = [drawn_splits.split_row(bench, world.trial, name, split) for split in (1, 2) for name in names]
    frame = SPLITS.check(pl.DataFrame(rows, schema=SPLITS.schema))
    told = drawn_splits.over_splits(frame)
    assert [row["variant"] for row in told] == names and all(len(row["by_split"]) == 2 for row in told)
    ours = told[0]
    assert (ours["behind"], ours["behind_low"], ours["behind_high"]) == (0.0, 0.0, 0.0)
    assert ours["gain"] == pytest.approx(np.mean(ours["by_split"]))
    assert set(drawn_splits.VARIANT_MEANINGS) >= set(names) and "| no rescue |" in splits_table(frame).as_markdown()


def test_the_mean_over_benchmarks_counts_each_once() -> None:
    def made(benchmark: str, variant: str, split: int, differences: list[float]) -> dict[str, object]:
        who = {"generator": "g", "encoder": "e", "benchmark": benchmark, "method": "naive", "variant": variant}
        return dict.fromkeys(SPLITS.schema) | who | {"split": split, "differences": differences}

    rows = [
        made("a", "write-back", 1, [1.0, 0.0]), made("a", "write-back", 2, [0.0, 0.0]),
        made("b", "write-back", 1, [0.0] * 8), made("b", "write-back", 2, [0.0] * 8),
        made("a", "no rescue", 1, [0.0, 0.0]), made("a", "no rescue", 2, [0.0, 0.0]),
    ]  # fmt: skip
    told = {
        (r["benchmark"], r["variant"]): r for r in drawn_splits.over_splits(pl.DataFrame(rows, schema=SPLITS.schema))
    }
    assert told["a", "write-back"]["gain"] == 25.0 and told["mean", "write-back"]["gain"] == 12.5
    assert told["a", "no rescue"]["behind"] == 25.0 and ("b", "no rescue") not in told


def test_the_hierarchical_interval_widens_with_what_varies() -> None:
    draws = np.random.default_rng(0)
    same = [[draws.choice([-1.0, 0.0, 1.0], 400) + 0.0 for _ in range(3)] for _ in range(6)]
    apart = [[part + number for part in parts] for number, parts in enumerate(same)]
    low, high = hierarchical_interval(same)
    wide_low, wide_high = hierarchical_interval(apart)
    assert low < 0 < high and wide_high - wide_low > 5 * (high - low)
    assert hierarchical_interval(same) == (low, high)
    one = [[same[0][0]]]
    assert hierarchical_interval(one) == pytest.approx(bootstrap_interval(same[0][0]), abs=0.02)
    assert hierarchical_interval([[np.zeros(5)]]) == (0.0, 0.0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []
