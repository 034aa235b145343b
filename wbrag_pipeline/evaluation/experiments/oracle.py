"""How far better choices could get: ceilings that know the test's answers, beside what was reached without them.

They are no methods. Each looks at the scores of the test questions and says what remains to be won by deciding better
with the same units, the same retriever and the same generator.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.matrix import who
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.statistics import WRITEBACK_TAG, bootstrap_interval
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.rag.searching import passages_by_query
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import Table

NEAREST = 3  # units that the perfect choice may choose from, a question

ALONE = "without"
CEILINGS = {
    ALONE: "the corpus alone",
    "reached": "the corpus and the units, as retrieved",
    "perfect gate": "units gone that hurt as many test questions as they helped; the rest retrieved as ever",
    "perfect switch": "each question answered with or without the write-back index, whichever scores more",
    "perfect choice": f"each question answered with none, some or all of its {NEAREST} nearest units in the last "
    "places, whichever scores most",
}

# Test questions answered with some of their nearest units in place of as many passages that ranked last. `choice` is a
# mask: its bit 0 stands for the nearest unit.
CHOICES = Table(
    "unit_choices",
    pl.Schema({"question_id": pl.String(), "choice": pl.Int32(), "score": pl.Float64()}),
    ("question_id", "choice"),
)


def ceilings(bench: Workbench, trial: Trial) -> list[dict[str, Any]]:
    """Rows of ``results.ORACLE`` for one setting, in the order of CEILINGS."""
    units = bench.published(trial)
    evaluation = bench.evaluation(trial, units)
    kept = units.filter(~pl.col("unit_id").is_in(harmful_units(evaluation)))
    gated = bench.evaluation(trial, kept)
    chosen = unit_choices(bench, trial, units).read()
    scores = {
        "without": evaluation["score_without"],
        "reached": evaluation["score_with"],
        "perfect gate": gated["score_with"],
        "perfect switch": perfect_switch(evaluation),
        "perfect choice": perfect_choice(evaluation, chosen),
    }
    sizes = {"without": 0, "perfect gate": kept.height}
    rows = []
    for name in CEILINGS:
        gains = (scores[name] - scores["without"]).to_numpy()
        low, high = bootstrap_interval(gains, seed=trial.settings.seed)
        rows.append(
            {**who(trial), "ceiling": name, "score": 100 * _mean(scores[name]), "gain": 100 * float(gains.mean())}
            | {"ci_low": 100 * low, "ci_high": 100 * high, "units": sizes.get(name, units.height)}
        )
    return rows


def perfect_switch(evaluation: pl.DataFrame) -> pl.Series:
    """EVALUATION to the better of both scores of each question."""
    return evaluation.select(pl.max_horizontal("score_without", "score_with"))["score_without"]


def perfect_choice(evaluation: pl.DataFrame, choices: pl.DataFrame) -> pl.Series:
    """EVALUATION and CHOICES to the best of each question's score without any unit and with some of them."""
    best = choices.group_by("question_id").agg(pl.col("score").max())
    joined = evaluation.join(best, on="question_id", how="left", maintain_order="left")
    return joined.select(pl.max_horizontal("score_without", pl.col("score").fill_null(0.0)))["score_without"]


def harmful_units(evaluation: pl.DataFrame) -> list[str]:
    """Units in the top K of at least one hurt question and of no more helped ones than hurt ones, sorted."""
    return (
        evaluation.select(
            pl.col("passages_with").alias("unit_id"), (pl.col("score_with") - pl.col("score_without")).alias("change")
        )
        .explode("unit_id")
        .filter(pl.col("unit_id").str.starts_with(WRITEBACK_TAG))
        .group_by(pl.col("unit_id").str.strip_prefix(WRITEBACK_TAG))
        .agg((pl.col("change") > 0).sum().alias("helped"), (pl.col("change") < 0).sum().alias("hurt"))
        .filter((pl.col("hurt") > 0) & (pl.col("hurt") >= pl.col("helped")))["unit_id"]
        .sort()
        .to_list()
    )


def unit_choices(bench: Workbench, trial: Trial, units: pl.DataFrame) -> Artifact:
    """CHOICES: each test question with each set of its nearest units in place of the last of its passages."""
    s = trial.settings
    parts = (bench.answers(trial).key, str(NEAREST), sha256_of_text(units.sort("unit_id").write_json()))

    def make() -> pl.DataFrame:
        if units.is_empty():
            return CHOICES.empty()
        questions, encoder = bench.questions(trial, "test"), bench.encoder(s)
        base = bench.base(trial)
        hits = base.hits_with_text(base.search(questions["question"].to_list(), s.top_k))
        corpus = passages_by_query(hits, questions.height)
        made = encoder.encode_passages(units["title"].to_list(), units["text"].to_list())
        likeness = encoder.encode_queries(questions["question"].to_list()) @ made.T
        nearest = (-likeness).argsort(axis=1, kind="stable")[:, : min(NEAREST, s.top_k)]
        known = units.select("unit_id", "title", "text", "source_passage_ids").rows()
        rows, given = [], []
        for place, found in enumerate(nearest.tolist()):
            near = []
            for at in found:
                unit, title, text, sources = known[at]
                near.append(Passage(unit, title, text, float(likeness[place, at]), tuple(sources), "writeback"))
            for choice in range(1, 2 ** len(near)):
                chosen = [passage for bit, passage in enumerate(near) if choice >> bit & 1]
                shown = [*corpus[place][: s.top_k - len(chosen)], *chosen]
                rows.append((place, choice))
                given.append(sorted(shown, key=lambda p: -p.score))
        asked = questions[[place for place, _ in rows]]
        return asked.select("question_id").with_columns(
            pl.Series("choice", [choice for _, choice in rows], pl.Int32),
            pl.Series("score", bench.score_alone(trial, asked, given), pl.Float64),
        )

    return bench.keep(trial, "unit_choices", CHOICES, parts, make)


def _mean(scores: pl.Series) -> float:
    return float(sum(scores.to_list())) / max(1, len(scores))
