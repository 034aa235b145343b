"""The figures of an evaluation and of the construction that led to it: pure functions from tables to numbers.

Scores lie in [0, 1] in the tables; every score in a ``Summary`` is in points, 0 to 100, as papers print them.
Both tests are paired: a question is compared with itself, so what makes questions hard or easy cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import SYNTHETIC, WEAK

WRITEBACK_TAG = "writeback:"  # origin tag of a write-back passage in tables.EVALUATION
_TIE = 1e-9  # scores nearer than this are equal; metrics are ratios of small counts
_BLOCK = 2_000_000  # numbers drawn at once, so that memory does not grow with questions x resamples

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """One benchmark without and with write-back. Scores, gain and interval in points (0-100).

    ci_low, ci_high: paired bootstrap 95 % interval of the gain (percentiles).
    p: two-sided paired sign-flip permutation test of "write-back changes nothing".
    units_in_top_k: mean number of write-back passages among the passages of the run with write-back.
    unit_share: share of questions, 0 to 1, with at least one write-back passage among them.
    """

    questions: int
    score_without: float
    score_with: float
    gain: float
    ci_low: float
    ci_high: float
    p: float
    helped: int
    hurt: int
    unchanged: int
    units_in_top_k: float
    unit_share: float

    @property
    def significant(self) -> bool:
        """Whether the 95 % interval of the gain leaves out zero."""
        return self.ci_low > 0 or self.ci_high < 0


def summarise(evaluation: pl.DataFrame, *, seed: int = 0, resamples: int = 10_000) -> Summary:
    """The figures of one tables.EVALUATION; the same rows in any order and the same seed give the same figures."""
    if evaluation.is_empty():
        raise InputError("there is no question to summarise", field="evaluation")
    without, with_ = (evaluation[name].cast(pl.Float64) for name in ("score_without", "score_with"))
    if not (without.is_finite().fill_null(False).all() and with_.is_finite().fill_null(False).all()):
        raise InputError("a score is missing or not a number", field="score_without/score_with")
    differences = (with_ - without).to_numpy()
    low, high = bootstrap_interval(differences, seed=seed, resamples=resamples)
    units = evaluation["passages_with"].list.eval(pl.element().str.starts_with(WRITEBACK_TAG)).list.sum().fill_null(0)
    helped, hurt = changed_counts(differences)
    return Summary(
        questions=evaluation.height,
        score_without=_points(without.to_numpy()),
        score_with=_points(with_.to_numpy()),
        gain=_points(differences),
        ci_low=100.0 * low,
        ci_high=100.0 * high,
        p=sign_flip_p(differences, seed=seed, resamples=resamples),
        helped=helped,
        hurt=hurt,
        unchanged=evaluation.height - helped - hurt,
        units_in_top_k=float(units.to_numpy().mean()),
        unit_share=float((units > 0).to_numpy().mean()),
    )


def changed_counts(differences: Floats) -> tuple[int, int]:
    """How many of these differences are gains, and how many losses."""
    return int((differences > _TIE).sum()), int((differences < -_TIE).sum())


def bootstrap_interval(differences: Floats, *, seed: int = 0, resamples: int = 10_000) -> tuple[float, float]:
    """95 % percentile interval of the mean of ``differences`` (shape (n,)), in their own unit.

    A resample of n differences is one multinomial draw over their distinct values: the same distribution as drawing
    n indices, and an accuracy has three distinct differences however many questions there are. Where nearly all
    differ, indices are the cheaper draw.
    """
    values, counts = _distinct(differences)
    generator = np.random.default_rng(seed)
    total = int(counts.sum())
    if 8 * len(values) <= total:
        return _percentiles(_resampled_means(differences, generator, resamples))
    each = np.repeat(values, counts)
    drawn = [
        each[generator.integers(0, total, size=(rows, total), dtype=np.int32)].mean(axis=1)
        for rows in _blocks(resamples, total)
    ]
    return _percentiles(np.concatenate(drawn))


def hierarchical_interval(groups: Sequence[Sequence[Floats]], *, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean over groups of the mean over their parts, in the differences' own unit.

    groups: benchmarks, each its splits, each the differences of its questions (shape (n,)). Benchmarks, the splits of
    each drawn one, and the questions of each drawn split are drawn with replacement, so the interval allows for other
    benchmarks than these, as far as so few can tell. Of one group only the parts and the questions are drawn.
    """
    generator = np.random.default_rng(seed)
    # Means of resampled questions, some for each part; the draws above them take any of these.
    drawn = [[_resampled_means(part, generator, 2_000) for part in parts] for parts in groups]
    chosen = generator.integers(0, len(groups), size=(10_000, len(groups)))
    sums = np.zeros(len(chosen))
    for slot in range(len(groups)):
        for number, means in enumerate(drawn):
            here = np.flatnonzero(chosen[:, slot] == number)
            parts = generator.integers(0, len(means), size=(len(here), len(means)))
            at = generator.integers(0, len(means[0]), size=parts.shape)
            sums[here] += np.stack(means)[parts, at].mean(axis=1)
    return _percentiles(sums / len(groups))


def _percentiles(means: Floats) -> tuple[float, float]:
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low) + 0.0, float(high) + 0.0  # "+ 0.0" makes a negative zero positive


def _resampled_means(differences: Floats, generator: np.random.Generator, resamples: int) -> Floats:
    values, counts = _distinct(differences)
    total = int(counts.sum())
    means = [
        generator.multinomial(total, counts / total, size=rows) @ values / total
        for rows in _blocks(resamples, len(values))
    ]
    return np.concatenate(means)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction: p values of several tests to p values of which the least of n was multiplied by n."""
    adjusted, highest = [0.0] * len(ps), 0.0
    for place, at in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, ps[at] * (len(ps) - place)))
        adjusted[at] = highest
    return adjusted


def sign_flip_p(differences: Floats, *, seed: int = 0, resamples: int = 10_000) -> float:
    """Two-sided p of the sum of ``differences`` (shape (n,)) when each may as well have had the other sign.

    Flips of equal magnitudes are binomial counts. Where there are at most ``resamples`` combinations of counts
    (for an accuracy: up to that many changed questions) the p is exact; beyond, it is drawn, and never 0.
    """
    values, counts = _distinct(differences)
    observed = abs(float(values @ counts))
    sizes, where = np.unique(np.abs(values), return_inverse=True)
    numbers = np.bincount(where, weights=counts).astype(np.int64)[sizes > 0]
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return 1.0
    reach = observed - _TIE * max(1.0, observed)
    if math.prod(int(n) + 1 for n in numbers) <= resamples:
        sums, chances = np.zeros(1), np.ones(1)
        for size, number in zip(sizes, numbers, strict=True):
            sums = np.add.outer(sums, size * (2.0 * np.arange(number + 1) - number)).ravel()
            chances = np.multiply.outer(chances, _binomial(int(number))).ravel()
        return min(1.0, float(chances[np.abs(sums) >= reach].sum()))
    generator = np.random.default_rng(seed)
    beyond = sum(
        int((np.abs((2 * generator.binomial(numbers, 0.5, size=(rows, len(sizes))) - numbers) @ sizes) >= reach).sum())
        for rows in _blocks(resamples, len(sizes))
    )
    return (1 + beyond) / (1 + resamples)


def changed_questions(evaluation: pl.DataFrame) -> pl.DataFrame:
    """The helped and hurt questions of a tables.EVALUATION, the largest change first, with the passages that did it.

    Adds to the question's columns: ``change`` ("helped" or "hurt"), ``difference`` of the scores (-1 to 1),
    ``gained`` (origin-tagged ids in passages_with alone, in rank order) and ``lost`` (in passages_without alone).
    """
    columns = ["question_id", "question", "golden_answers", "answer_without", "answer_with"]
    columns += ["score_without", "score_with"]
    change = pl.when(pl.col("difference") > 0).then(pl.lit("helped")).otherwise(pl.lit("hurt"))
    changed = (
        evaluation.with_columns((pl.col("score_with") - pl.col("score_without")).alias("difference"))
        .filter(pl.col("difference").abs() > _TIE)
        .with_columns(change.alias("change"))
        .sort(["change", pl.col("difference").abs(), "question_id"], descending=[False, True, False])
    )
    pairs = [
        (list(without or []), list(with_ or []))
        for without, with_ in changed.select("passages_without", "passages_with").iter_rows()
    ]
    return changed.select(*columns, "change", "difference").with_columns(
        pl.Series("gained", [[i for i in new if i not in set(old)] for old, new in pairs], dtype=pl.List(pl.String)),
        pl.Series("lost", [[i for i in old if i not in set(new)] for old, new in pairs], dtype=pl.List(pl.String)),
    )


def construction_figures(
    utility_scores: pl.DataFrame, gated_docs: pl.DataFrame, knowledge_units: pl.DataFrame
) -> dict[str, float]:
    """How the units came about, from the three tables of one benchmark's training; means over nothing are 0.

    questions, kept, rescued, units: counts; weak_questions, weak_taught: of those, with a weak label; likewise with
    synthetic_;
    kept_share, fallback_rate: 0 to 1 (of the questions, of the kept ones);
    retained_passages: mean a kept question; source_tokens, unit_tokens: mean a unit;
    compression: source tokens for one token of a unit, over all units together;
    extractive_share: 0 to 1, units that the extractive fallback wrote since no draft of the model could be used.
    """
    kept = of_kept_questions(gated_docs)["question_id"].n_unique()
    taught = gated_docs["question_id"].n_unique()
    fallbacks = gated_docs.filter(pl.col("fallback"))["question_id"].n_unique()
    retained = int(gated_docs["retained"].sum())
    sources, tokens = (int(knowledge_units[name].sum()) for name in ("source_tokens", "unit_tokens"))
    return {
        "questions": float(utility_scores.height),
        "weak_questions": float(utility_scores.filter(label=WEAK).height),
        "weak_taught": float(gated_docs.filter(label=WEAK)["question_id"].n_unique()),
        "synthetic_questions": float(utility_scores.filter(label=SYNTHETIC).height),
        "synthetic_taught": float(gated_docs.filter(label=SYNTHETIC)["question_id"].n_unique()),
        "kept": float(kept),
        "rescued": float(taught - kept),
        "kept_share": _share(kept, utility_scores.height),
        "fallback_rate": _share(fallbacks, kept),
        "retained_passages": _share(retained, taught),
        "units": float(knowledge_units.height),
        "source_tokens": _share(sources, knowledge_units.height),
        "unit_tokens": _share(tokens, knowledge_units.height),
        "compression": _share(sources, tokens),
        "extractive_share": _share(
            knowledge_units.filter(pl.col("written_by") == "extractive_fallback").height, knowledge_units.height
        ),
    }


def of_kept_questions(gated_docs: pl.DataFrame) -> pl.DataFrame:
    """The rows of GATED_DOCS of questions that the utility gate keeps, without the rescued ones."""
    return gated_docs.filter(pl.col("gate") == "utility")


def rank_profile(gated_docs: pl.DataFrame) -> pl.DataFrame:
    """Retained passages by retrieval rank: rank (from 1), retrieved, retained (counts), share (0 to 1).

    Over the questions that the utility gate keeps.
    """
    return (
        of_kept_questions(gated_docs)
        .group_by("rank")
        .agg(
            pl.len().cast(pl.Int64).alias("retrieved"),
            pl.col("retained").sum().cast(pl.Int64).alias("retained"),
        )
        .with_columns((pl.col("retained") / pl.col("retrieved")).alias("share"))
        .sort("rank")
    )


def _distinct(differences: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    # Rounded, so that 0.6 - 0.4 and 0.3 - 0.1 are one value; "+ 0.0" joins the two zeros.
    values, counts = np.unique(np.round(np.asarray(differences, dtype=np.float64), 12) + 0.0, return_counts=True)
    return values, counts.astype(np.int64)


def _blocks(rows: int, width: int) -> list[int]:
    most = max(1, _BLOCK // max(1, width))
    return [min(most, rows - start) for start in range(0, rows, most)]


def _binomial(number: int) -> Floats:
    """Chances of 0..number heads in ``number`` fair throws, shape (number + 1,)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, number + 1)))])
    weights: Floats = np.exp(logs[-1] - logs - logs[::-1] - number * math.log(2))
    return weights


def _points(scores: npt.NDArray[Any]) -> float:
    # fsum: exact, so the order of the rows does not show in the last digit.
    return 100.0 * math.fsum(scores.tolist()) / len(scores) + 0.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
