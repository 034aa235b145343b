"""What is computed from results: headline, means, differences, ceilings, grids, and the estimate of the time left."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments import ablation, oracle, paper
from wbrag_pipeline.evaluation.experiments.conduct import Cell, conduct
from wbrag_pipeline.evaluation.experiments.matrix import headline, means
from wbrag_pipeline.evaluation.experiments.results import MATRIX, TRANSFER, Results
from wbrag_pipeline.evaluation.experiments.transfer import own_against_other, pairs
from wbrag_pipeline.settings import Settings


def matrix_of(*gains: tuple[str, str, float, float, float]) -> pl.DataFrame:
    rows = [
        {"generator": "reader", "encoder": "e", "benchmark": b, "method": m, "gain": g, "ci_low": low, "ci_high": high}
        for b, m, g, low, high in gains
    ]
    return pl.DataFrame(rows, schema=MATRIX.schema)


MATRIX_ROWS = matrix_of(
    ("nq", "naive", 2.0, 1.0, 3.0),
    ("nq", "flare", -1.0, -2.0, -0.5),
    ("squad", "naive", 0.0, -1.0, 1.0),
    ("squad", "flare", 3.0, -0.5, 6.0),
)


def test_the_headline_counts_settings() -> None:
    h = headline(MATRIX_ROWS)
    assert (h.settings, h.improved, h.worsened, h.better, h.worse, h.mean_gain) == (4, 2, 1, 1, 1, 1.0)


def test_means_by_method_and_benchmark() -> None:
    assert means(MATRIX_ROWS, "method").rows() == [("naive", 2, 1, 1.0), ("flare", 2, 1, 1.0)]
    assert means(MATRIX_ROWS, "benchmark").rows() == [("nq", 2, 1, 0.5), ("squad", 2, 1, 1.5)]


def test_own_and_other_stand_beside_each_other() -> None:
    rows = [
        {"generator": "g", "encoder": "e", "benchmark": "nq", "method": used, "made_by": maker, "gain": gain}
        for (used, maker), gain in zip(pairs(["naive", "replug"]), (0.0, 2.0, 2.5, 0.0, 3.0, 2.0), strict=True)
    ]
    compared = own_against_other(pl.DataFrame(rows, schema=TRANSFER.schema))
    assert compared.select("method", "made_by", "gain_own", "gain_other", "difference").rows() == [
        ("naive", "replug", 2.0, 2.5, 0.5),
        ("replug", "naive", 3.0, 2.0, -1.0),
    ]


def test_grids_hold_the_default_and_refuse_what_cannot_be() -> None:
    settings = Settings()
    assert [value for _, value, _ in ablation.points(settings, {"n_min": (4, 1)})] == [1.0, 2.0, 4.0]
    _, _, moved = ablation.points(settings, {"top_k": (10,)})[-1]
    assert moved == settings.with_(top_k=10)
    for grid in ({"tau": (0.1,)}, {"tau_s": (2.0,)}, {"n_min": (1.5,)}, {"top_k": (0,)}):
        with pytest.raises(InputError):
            ablation.points(settings, grid)


def evaluation_of(rows: list[tuple[float, float, list[str]]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"q{i}", without, with_, units) for i, (without, with_, units) in enumerate(rows)],
        schema={"question_id": pl.String, "score_without": pl.Float64, "score_with": pl.Float64}
        | {"passages_with": pl.List(pl.String)},
        orient="row",
    )


def test_harmful_units_hurt_as_often_as_they_helped() -> None:
    frame = evaluation_of(
        [
            (0.0, 1.0, ["writeback:good", "writeback:mixed", "corpus:1"]),
            (1.0, 0.0, ["writeback:mixed", "writeback:bad"]),
            (1.0, 1.0, ["writeback:idle"]),
            (0.0, 1.0, ["writeback:saved"]),
            (0.0, 1.0, ["writeback:saved"]),
            (1.0, 0.0, ["writeback:saved", "corpus:2"]),
            (0.0, 0.0, []),
        ]
    )
    assert oracle.harmful_units(frame) == ["bad", "mixed"]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.lists(st.floats(0, 1), max_size=3)), min_size=1))
def test_ceilings_are_over_both_sides(rows: list[tuple[float, float, list[float]]]) -> None:
    frame = evaluation_of([(without, with_, []) for without, with_, _ in rows])
    choices = pl.DataFrame(
        [(f"q{i}", n + 1, score) for i, (_, _, scores) in enumerate(rows) for n, score in enumerate(scores)],
        schema=oracle.CHOICES.schema,
        orient="row",
    )
    assert oracle.perfect_switch(frame).to_list() == [max(without, with_) for without, with_, _ in rows]
    assert oracle.perfect_choice(frame, choices).to_list() == [max([w, *scores]) for w, _, scores in rows]


def test_the_estimate_goes_by_the_work_that_took_time() -> None:
    now = 0.0

    def work(seconds: float) -> str:
        nonlocal now
        now += seconds
        return "done"

    lines: list[str] = []
    cells = [Cell(name, 10, lambda s=s: work(s)) for name, s in (("a", 0.0), ("b", 20.0), ("c", 40.0), ("d", 1.0))]  # type: ignore[misc]
    conduct(cells, lines.append, clock=lambda: now)
    assert lines == [
        "[1/4] a: done (0.0 s)",
        "[2/4] b: done (20.0 s; about 40.0 s left)",
        "[3/4] c: done (40.0 s; about 30.0 s left)",
        "[4/4] d: done (1.0 s)",
    ]


def test_results_come_back_in_order_of_the_benchmarks(wbrag_home: Any) -> None:
    results = Results(Settings(home=wbrag_home), "reader")
    for name in ("nq", "squad"):
        results.write(MATRIX, name, MATRIX_ROWS.filter(pl.col("benchmark") == name).to_dicts())
    assert results.read(MATRIX, ["squad", "missing", "nq"])["benchmark"].to_list() == ["squad"] * 2 + ["nq"] * 2
    other = Results(Settings(home=wbrag_home, curate=False), "reader")
    assert other.read(MATRIX, ["nq"]).is_empty()


def test_names_of_ours_find_the_papers() -> None:
    assert [paper.benchmark_of(name) for name in ("nq", "sample_nq", "my-squad", "handbook")] == [
        "nq",
        "nq",
        "squad",
        "",
    ]
    assert paper.gain_by_method(["naive", "replug:once=no", "hyde+naive"]) == {"naive": 2.29, "replug:once=no": 2.40}
