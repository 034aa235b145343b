"""How far better choices could get: ceilings that know the test's answers, beside what was reached without them.

They are no methods. Each looks at the scores of the test questions and says what remains to be won by deciding better
with the same units, the same retriever and the same generator.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments.matrix import who
from wbrag_pipeline.evaluation.experiments.shelf import Shelved
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.statistics import WRITEBACK
from wbrag_pipeline.generation.protocol import Passage
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import Table
from wbrag_pipeline.writeback.scoring import passages_of

NEAREST = 3  # units that the perfect choice may choose from, a question

CEILINGS = {
    "without": "the corpus alone",
    "reached": "the corpus and the units, as retrieved",
    "perfect gate": "units gone that hurt as many test questions as they helped; the rest retrieved as ever",
    "perfect switch": "each question answered with or without the write-back index, whichever scores more",
    "perfect choice": f"each question answered with none or one of its {NEAREST} nearest units in the last place, "
    "whichever scores most",
}

# Test questions answered with one unit in the place of the passage that ranked last.
ONE_UNIT = Table(
    "one_unit",
    pl.Schema({"question_id": pl.String(), "unit_id": pl.String(), "score": pl.Float64()}),
    ("question_id", "unit_id"),
)


def ceilings(bench: Workbench, trial: Trial) -> list[dict[str, Any]]:
    """Rows of ``results.ORACLE`` for one setting, in the order of CEILINGS."""
    units = bench.published(trial)
    evaluation = bench.evaluation(trial, units)
    kept = units.filter(~pl.col("unit_id").is_in(harmful_units(evaluation)))
    gated = bench.evaluation(trial, kept)
    singly = one_unit(bench, trial, units).read()
    scores = {
        "without": evaluation["score_without"],
        "reached": evaluation["score_with"],
        "perfect gate": gated["score_with"],
        "perfect switch": perfect_switch(evaluation),
        "perfect choice": perfect_choice(evaluation, singly),
    }
    sizes = {"without": 0, "perfect gate": kept.height}
    return [
        {**who(trial), "ceiling": name, "score": 100 * _mean(scores[name]), "units": sizes.get(name, units.height)}
        for name in CEILINGS
    ]


def perfect_switch(evaluation: pl.DataFrame) -> pl.Series:
    """EVALUATION to the better of both scores of each question."""
    return evaluation.select(pl.max_horizontal("score_without", "score_with"))["score_without"]


def perfect_choice(evaluation: pl.DataFrame, singly: pl.DataFrame) -> pl.Series:
    """EVALUATION and ONE_UNIT to the best of each question's score without any unit and with one of them."""
    best = singly.group_by("question_id").agg(pl.col("score").max())
    joined = evaluation.join(best, on="question_id", how="left", maintain_order="left")
    return joined.select(pl.max_horizontal("score_without", pl.col("score").fill_null(0.0)))["score_without"]


def harmful_units(evaluation: pl.DataFrame) -> list[str]:
    """Units in the top K of at least one hurt question and of no more helped ones than hurt ones, sorted."""
    return (
        evaluation.select(
            pl.col("passages_with").alias("unit_id"), (pl.col("score_with") - pl.col("score_without")).alias("change")
        )
        .explode("unit_id")
        .filter(pl.col("unit_id").str.starts_with(WRITEBACK))
        .group_by(pl.col("unit_id").str.strip_prefix(WRITEBACK))
        .agg((pl.col("change") > 0).sum().alias("helped"), (pl.col("change") < 0).sum().alias("hurt"))
        .filter((pl.col("hurt") > 0) & (pl.col("hurt") >= pl.col("helped")))["unit_id"]
        .sort()
        .to_list()
    )


def one_unit(bench: Workbench, trial: Trial, units: pl.DataFrame) -> Shelved:
    """ONE_UNIT: each test question with each of its nearest units in place of the last of its K passages."""
    s = trial.settings
    parts = (bench.answers(trial).key, str(NEAREST), sha256_of_text(units.sort("unit_id").write_json()))

    def make() -> pl.DataFrame:
        if units.is_empty():
            return ONE_UNIT.empty()
        questions, encoder = bench.questions(trial, "test"), bench.encoder(s)
        base = bench.base(trial)
        hits = base.hits_with_text(base.search(questions["question"].to_list(), s.top_k))
        corpus = passages_of(hits, hits.unique("passage_id"), list(range(questions.height)), "query")
        made = encoder.encode_passages(units["title"].to_list(), units["text"].to_list())
        likeness = encoder.encode_queries(questions["question"].to_list()) @ made.T
        nearest = (-likeness).argsort(axis=1, kind="stable")[:, :NEAREST]
        rows, given = [], []
        for place, found in enumerate(nearest.tolist()):
            for at in found:
                unit = units.row(at, named=True)
                passage = Passage(unit["unit_id"], unit["title"], unit["text"], float(likeness[place, at]))
                shown = [*corpus[place][: s.top_k - 1], passage]
                rows.append((place, unit["unit_id"]))
                given.append(sorted(shown, key=lambda p: -p.score))
        asked = questions[[place for place, _ in rows]]
        return asked.select("question_id").with_columns(
            pl.Series("unit_id", [unit for _, unit in rows], pl.String),
            pl.Series("score", bench.score_alone(trial, asked, given), pl.Float64),
        )

    return bench.keep(trial, "one_unit", ONE_UNIT, parts, make)


def _mean(scores: pl.Series) -> float:
    return float(sum(scores.to_list())) / max(1, len(scores))
