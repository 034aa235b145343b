"""What experiments have found, as tables: a file an experiment and benchmark, for the report and for anybody else.

Scores, gains and intervals are in points (0 to 100), as papers print them; shares lie in 0 to 1. Each row says what it
was made with, so rows of several studies can stand in one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.home import path_name
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing
from wbrag_pipeline.table_files import write_parquet
from wbrag_pipeline.tables import Table

_WHO: dict[str, pl.DataType] = {
    "generator": pl.String(),
    "encoder": pl.String(),
    "benchmark": pl.String(),
    "method": pl.String(),
}
_GAIN: dict[str, pl.DataType] = {
    "score_without": pl.Float64(),
    "score_with": pl.Float64(),
    "gain": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "p": pl.Float64(),
    "helped": pl.Int64(),
    "hurt": pl.Int64(),
}


# What a row was made with, see ``provenance``.
_MADE_WITH: dict[str, pl.DataType] = {
    "seed": pl.Int64(),
    "settings": pl.String(),
    "version": pl.String(),
    "data": pl.String(),
}


def _results(name: str, columns: Mapping[str, pl.DataType], *key: str) -> Table:
    """A table of results: which setting of which benchmark, these columns, and what the row was made with.

    key: columns that tell rows apart, beside the setting.
    """
    return Table(name, pl.Schema({**_WHO, **columns, **_MADE_WITH}), (*_WHO, *key))


# One setting a row. scores_without, scores_with: of each test question, 0 to 1, in the order of the questions' ids. The
# columns after them are keys of the cached tables that the row was computed from.
MATRIX = _results(
    "matrix",
    {
        "metric": pl.String(),
        "top_k": pl.Int64(),
        "questions": pl.Int64(),
        **_GAIN,
        "units_in_top_k": pl.Float64(),
        "unit_share": pl.Float64(),
        "recall_without": pl.Float64(),  # null where answers are labels
        "recall_with": pl.Float64(),
        "trained_on": pl.Int64(),
        "kept": pl.Int64(),
        "kept_share": pl.Float64(),
        "fallback_rate": pl.Float64(),
        "retained_passages": pl.Float64(),
        "units": pl.Int64(),
        "source_tokens": pl.Float64(),
        "unit_tokens": pl.Float64(),
        "compression": pl.Float64(),
        "extractive_share": pl.Float64(),
        "published": pl.Int64(),
        "scores_without": pl.List(pl.Float64()),
        "scores_with": pl.List(pl.Float64()),
        "question_table": pl.String(),
        "gated_docs": pl.String(),
        "curated_units": pl.String(),
        "answers_without": pl.String(),
        "answers_with": pl.String(),
    },
)

# What each stage of a setting asked of the generator; `plain` is what the paper's formula gives for it.
COST = _results(
    "cost",
    {
        "stage": pl.String(),
        "plain": pl.Int64(),
        "asked": pl.Int64(),
        "cached": pl.Int64(),
        "sent": pl.Int64(),
        "failed": pl.Int64(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "seconds": pl.Float64(),
    },
    "stage",
)

# `method` answers, with units that `made_by` made ("none": the corpus alone). `over_own` is what another method's units
# score more than one's own, with its interval; null where there is nothing to compare.
TRANSFER = _results(
    "transfer",
    {
        "made_by": pl.String(),
        "units": pl.Int64(),
        **_GAIN,
        "over_own": pl.Float64(),
        "over_own_low": pl.Float64(),
        "over_own_high": pl.Float64(),
    },
    "made_by",
)

# One setting changed, the others at the study's values. The calls are those that no other point of the default needed.
ABLATION = _results(
    "ablation",
    {
        "parameter": pl.String(),
        "value": pl.Float64(),
        "default": pl.Boolean(),
        **_GAIN,
        "kept": pl.Int64(),
        "retained_passages": pl.Float64(),
        "fallback_rate": pl.Float64(),
        "units": pl.Int64(),
        "scoring_sent": pl.Int64(),
        "distilling_sent": pl.Int64(),
    },
    "parameter",
    "value",
)

# What better choices could reach; see oracle.CEILINGS. gain, ci_low, ci_high: over the corpus alone.
ORACLE = _results(
    "oracle",
    {
        "ceiling": pl.String(),
        "score": pl.Float64(),
        **{name: kind for name, kind in _GAIN.items() if name in ("gain", "ci_low", "ci_high")},
        "units": pl.Int64(),
    },
    "ceiling",
)

# Write-back and what it has to beat, see rivals.ALL_RIVALS; without is always the corpus alone. `ahead` is what
# write-back under the present settings scores more than the rival, with its interval. `calls` are those of the
# generator that building took. `entries_in_top_k` are passages that the corpus alone does not give, a question;
# `changed_share` is the share of questions with others, or in another order.
RIVALS = _results(
    "rivals",
    {
        "rival": pl.String(),
        "metric": pl.String(),
        "top_k": pl.Int64(),
        "questions": pl.Int64(),
        **_GAIN,
        "ahead": pl.Float64(),
        "ahead_low": pl.Float64(),
        "ahead_high": pl.Float64(),
        "entries": pl.Int64(),
        "tokens": pl.Int64(),
        "calls": pl.Int64(),
        "entries_in_top_k": pl.Float64(),
        "changed_share": pl.Float64(),
        # What held-out questions chose: a likeness (infinity where the cache is never used), how far keys move.
        "threshold": pl.Float64(),
        "megabytes": pl.Float64(),
        "train_seconds": pl.Float64(),  # null where nothing is indexed or trained but by the generator's calls
        "calls_a_question": pl.Int64(),
        "search_ms": pl.Float64(),  # null where the generator is asked
    },
    "rival",
)

# Retrievers without and with units of the present settings, see retrievers.RETRIEVER_MEANINGS. `units_of`: the
# retriever that these units were trained with.
ON_TOP = _results(
    "on_top",
    {
        "retriever": pl.String(),
        "units_of": pl.String(),
        "questions": pl.Int64(),
        **_GAIN,
        "units": pl.Int64(),
        "units_in_top_k": pl.Float64(),
        "recall_without": pl.Float64(),  # null where answers are labels
        "recall_with": pl.Float64(),
    },
    "retriever",
    "units_of",
)

# The gain by the number of training questions and the kind of their labels, see label_kinds. Scores and gain are means
# over the draws, with the interval over questions; `lowest` and `highest` are single draws. kept, units, calls: means.
LABELS = _results(
    "labels",
    {
        "kind": pl.String(),
        "labels": pl.Int64(),
        "draws": pl.Int64(),
        **{name: kind for name, kind in _GAIN.items() if name not in ("helped", "hurt")},
        "lowest": pl.Float64(),
        "highest": pl.Float64(),
        "kept": pl.Float64(),
        "units": pl.Float64(),
        "calls": pl.Float64(),
    },
    "kind",
    "labels",
)

# Variants of the settings on several splits, see drawn_splits.VARIANT_MEANINGS. `differences`: what each test question
# scores more with write-back, in the order of their ids, so that variants can be compared question by question.
SPLITS = _results(
    "splits",
    {
        "variant": pl.String(),
        "split": pl.Int64(),
        "questions": pl.Int64(),
        **_GAIN,
        "trained_on": pl.Int64(),
        "units": pl.Int64(),
        "differences": pl.List(pl.Float64()),
    },
    "variant",
    "split",
)

# Test questions in groups, without and with write-back; see gain_sources.GROUPINGS.
GAIN_SOURCES = _results(
    "gain_sources",
    {
        "grouping": pl.String(),
        "group": pl.String(),
        "questions": pl.Int64(),
        **_GAIN,
        "units_in_top_k": pl.Float64(),
    },
    "grouping",
    "group",
)

RESULT_TABLES = {
    table.name: table
    for table in (MATRIX, COST, TRANSFER, ABLATION, ORACLE, RIVALS, ON_TOP, GAIN_SOURCES, LABELS, SPLITS)
}
# Tables that the experiment of another one makes.
MADE_WITH = {COST.name: MATRIX.name, ON_TOP.name: RIVALS.name, GAIN_SOURCES.name: RIVALS.name}


@dataclass(frozen=True)
class Results:
    """The results of one encoder and generator under some settings, for all methods."""

    settings: Settings
    generator: str

    @property
    def study(self) -> str:
        """The settings as a folder's name: one file holds all methods, every other setting has a folder of its own."""
        study = self.settings.with_(generator=self.generator, method="methods").variant_of("evaluation")
        return f"{study}~seed={self.settings.seed}" if self.settings.seed else study

    def path(self, kind: Table, benchmark: str) -> Path:
        """Parquet file of one experiment on one benchmark."""
        return self.settings.layout.experiments / "results" / self.study / kind.name / f"{path_name(benchmark)}.parquet"

    def write(self, kind: Table, benchmark: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Put these rows beside those that are there, in the place of those with the same key.

        Rows over other questions or another state of the corpus are taken out: nothing may be compared with them. Gives
        how many these were.
        """
        frame = kind.check(pl.DataFrame(list(rows), schema=kind.schema))
        kept = earlier = self._earlier(kind, benchmark)
        if frame.height:
            kept = earlier.filter(pl.col("data").eq_missing(frame["data"][0]))
        with replacing(self.path(kind, benchmark)) as temporary:
            write_parquet(kind.check(put_beside(kind, kept, frame)), temporary)
        return earlier.height - kept.height

    def read(self, kind: Table, benchmarks: Sequence[str]) -> pl.DataFrame:
        """The rows of these benchmarks, in this order, as far as there are any.

        Raises IntegrityError for a damaged file, with the command that makes it again.
        """
        there = [name for name in benchmarks if self.path(kind, name).is_file()]
        return pl.concat([kind.empty(), *(self._read(kind, benchmark) for benchmark in there)])

    def _earlier(self, kind: Table, benchmark: str) -> pl.DataFrame:
        """What is there; nothing where it is damaged, for it is made again."""
        try:
            return self.read(kind, [benchmark])
        except IntegrityError:
            return kind.empty()

    def _read(self, kind: Table, benchmark: str) -> pl.DataFrame:
        path = self.path(kind, benchmark)
        try:
            return kind.read(path)
        except IntegrityError as error:
            experiment = MADE_WITH.get(kind.name, kind.name)
            again = f"make it again with: wbrag experiment {experiment} {benchmark}"
            raise IntegrityError(path, f"is damaged; {again}") from error


def put_beside(kind: Table, earlier: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Both, so that their order does not tell in how many commands they were found, as far as it can.

    A row that is made again keeps its place, new ones come last; numbers (a threshold's values, splits) ascend.
    """
    keys, last = list(kind.key), kind.key[-1]
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    there = earlier.select(*keys, place.alias("place"))
    new = rows.join(there, on=keys, how="left", maintain_order="left", nulls_equal=True).with_columns(
        pl.col("place").fill_null(earlier.height + place)
    )
    stay = earlier.with_columns(place.alias("place")).join(
        rows, on=keys, how="anti", maintain_order="left", nulls_equal=True
    )
    both = pl.concat([stay, new.select(stay.columns)]).sort("place")
    if kind.schema[last].is_numeric():
        both = both.with_columns(pl.col("place").min().over(keys[:-1])).sort("place", last, maintain_order=True)
    return both.drop("place")
