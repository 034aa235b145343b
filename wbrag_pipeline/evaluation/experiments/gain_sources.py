"""Where the gain comes from: test questions in groups, and what each group scores without and with write-back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.query_cache import nearest
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.recall import answers_shown
from wbrag_pipeline.evaluation.statistics import summarise

BORDERS = (0.5, 0.7, 0.85)  # of likeness to the nearest training question
_BANDS = ("under 0.5", "0.5 to 0.7", "0.7 to 0.85", "0.85 and more")
_YES, _NO = "yes", "no"

# What questions are grouped by, and what it means.
GROUPINGS = {
    "likeness": "how alike the most alike training question is (inner product of the encoder's vectors)",
    "source": "whether a source of some unit is among the passages that the corpus alone gives",
    "answer": "whether these passages hold a gold answer; it means nothing for labels, which have no rows",
}


def by_group(bench: Workbench, trial: Trial) -> list[dict[str, Any]]:
    """Rows of ``results.GAIN_SOURCES``: the present settings' units, every grouping's groups."""
    units = bench.published(trial)
    evaluation = bench.evaluation(trial, units)
    near = nearest(bench.questions(trial, "test"), bench.questions(trial, "train"), bench.encoder(trial.settings))
    groups = {"likeness": bands(near["likeness"]), "source": sources_shown(evaluation, units)}
    if not bench.context(trial).task.choices:
        groups["answer"] = answer_shown(evaluation, bench.passages(trial))
    return [{**who(trial), **line} for line in group_rows(evaluation, groups, trial.settings.seed)]


def group_rows(evaluation: pl.DataFrame, groups: Mapping[str, pl.Series], seed: int) -> list[dict[str, Any]]:
    """EVALUATION and, for each grouping, the name of each question's group to a row a group that has questions."""
    order = {name: place for place, name in enumerate((*_BANDS, _YES, _NO))}
    rows = []
    for grouping, names in groups.items():
        for name in sorted(names.unique(), key=order.__getitem__):
            part = evaluation.filter(names == name)
            summary = summarise(part, seed=seed)
            rows.append(
                {"grouping": grouping, "group": name, "questions": part.height}
                | {"units_in_top_k": summary.units_in_top_k, **gain_columns(summary)}
            )
    return rows


def bands(likeness: pl.Series) -> pl.Series:
    """The band of each likeness; a border belongs to the band above it. Null, where nothing is known, is the lowest."""
    return pl.Series(_BANDS).gather(pl.Series(BORDERS).search_sorted(likeness.fill_null(-1.0), side="right"))


def sources_shown(evaluation: pl.DataFrame, units: pl.DataFrame) -> pl.Series:
    """Of each question of EVALUATION, whether a source of KNOWLEDGE_UNITS is among its passages without write-back."""
    sources = "corpus:" + units["source_passage_ids"].list.explode(keep_nulls=False, empty_as_null=False).unique()
    touched = evaluation["passages_without"].list.eval(pl.element().is_in(sources.to_list())).list.any()
    return _yes_or_no(touched.fill_null(False))


def answer_shown(evaluation: pl.DataFrame, passages: pl.LazyFrame) -> pl.Series:
    """Of each question of EVALUATION, whether its passages without write-back hold a gold answer."""
    nothing = evaluation.with_columns(passages_with=pl.lit([], pl.List(pl.String)))
    found = answers_shown(nothing, passages, _NO_UNITS).filter(pl.col("side") == "without")
    rows = evaluation.select("question_id").join(found, on="question_id", how="left", maintain_order="left")
    return _yes_or_no(rows["found"].fill_null(0.0) > 0)


_NO_UNITS = pl.DataFrame(schema={"unit_id": pl.String, "title": pl.String, "text": pl.String})


def _yes_or_no(values: pl.Series) -> pl.Series:
    return pl.select(pl.when(values).then(pl.lit(_YES)).otherwise(pl.lit(_NO)))["literal"]
