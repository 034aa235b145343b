"""Experiments in order: what is to be done, how far it is, and how long the rest will take.

Every cell keeps its tables in the artifact cache the moment they are made, so whatever stops a run, the next one goes
on there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments import (
    ablation,
    drawn_splits,
    gain_sources,
    labels,
    matrix,
    on_top,
    oracle,
    rivals,
    transfer,
)
from wbrag_pipeline.evaluation.experiments.label_kinds import pool_of
from wbrag_pipeline.evaluation.experiments.provenance import made_with
from wbrag_pipeline.evaluation.experiments.results import (
    ABLATION,
    COST,
    GAIN_SOURCES,
    LABELS,
    MATRIX,
    ON_TOP,
    ORACLE,
    RIVALS,
    SPLITS,
    TRANSFER,
    Results,
)
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.formatting import duration
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.tables import Table

PAPER_METHODS = ("naive", "replug", "self_rag", "flare")  # the paper's four
ResultRow = Mapping[str, Any]


@dataclass(frozen=True)
class Study:
    """What is to be found out.

    settings: encoder, K, thresholds, limit and seed of all settings that are tried.
    methods: of the matrix; ``crossed`` are those that exchange their units. The first method is the one whose
        thresholds are moved and whose ceilings are measured.
    grids: values by setting, for the ablation. label_kinds: of ``label_kinds.KIND_MEANINGS``. label_numbers, draws:
        numbers of training questions, and how often each is drawn. splits_drawn: how many splits are drawn.
    rivals: these alone, and nothing on top of other retrievers; all where empty.
    """

    settings: Settings
    benchmarks: tuple[str, ...]
    generators: tuple[str, ...]
    methods: tuple[str, ...] = PAPER_METHODS
    crossed: tuple[str, ...] = PAPER_METHODS[:2]
    grids: Mapping[str, Sequence[float]] = field(default_factory=lambda: ablation.GRIDS)
    label_kinds: Sequence[str] = ("gold",)
    label_numbers: Sequence[int] = labels.NUMBERS
    draws: int = labels.DRAWS
    splits_drawn: int = drawn_splits.SPLITS_DRAWN
    rivals: Sequence[str] = ()

    def own_rows(self, table: Table, found: pl.DataFrame) -> pl.DataFrame:
        """Of a table of results the rows that this study makes, without those of other methods that stand there too."""
        if table == TRANSFER:
            makers = (transfer.NONE, *self.crossed)
            return found.filter(pl.col("method").is_in(self.crossed) & pl.col("made_by").is_in(makers))
        methods = self.methods if table in (MATRIX, COST) else self.methods[:1]
        return found.filter(pl.col("method").is_in(methods))


@dataclass(frozen=True)
class Cell:
    """A piece of work. ``weight`` is its share of the whole, in questions to answer; ``run`` gives a line to show."""

    label: str
    weight: float
    run: Callable[[], str]


def cells(bench: Workbench, study: Study, kinds: Iterable[str]) -> Iterator[Cell]:
    """The cells of these experiments (``matrix``, ``transfer``, ``ablation`` …), in that order.

    The last cell of each experiment on a benchmark stores its rows.
    """
    for kind in kinds:
        for generator in study.generators:
            for benchmark in study.benchmarks:
                first = study.settings.with_(generator=generator, method=study.methods[0])
                yield from _CELLS_OF[kind](bench, study, Trial(benchmark, first))


def conduct(
    work: Sequence[Cell], tell: Callable[[str], object], clock: Callable[[], float] = time.perf_counter
) -> None:
    """Do the cells one after the other and say after each how far it is and how long the rest will take.

    The estimate goes by the cells that took time: what an earlier run left in the cache passes in an instant and says
    nothing about the rest.
    """
    worked, spent = 0.0, 0.0
    for place, cell in enumerate(work):
        began = clock()
        said = cell.run()
        seconds = clock() - began
        if seconds > _INSTANT:
            worked, spent = worked + cell.weight, spent + seconds
        left = sum(later.weight for later in work[place + 1 :])
        rest = f"; about {duration(spent / worked * left)} left" if worked and left else ""
        tell(f"[{place + 1}/{len(work)}] {cell.label}: {said} ({duration(seconds)}{rest})")


_INSTANT = 0.5  # seconds


@dataclass(frozen=True)
class _Rows:
    """The rows of a table of results, as the cells of an experiment find them."""

    table: Table
    found: list[ResultRow] = field(default_factory=list)

    def cell(self, label: str, weight: float, find: Callable[[], ResultRow]) -> Cell:
        """A cell that finds one row, and shows its scores."""

        def run() -> str:
            row = find()
            self.found.append(row)
            return f"{row['score_without']:.2f} → {row['score_with']:.2f}"

        return Cell(label, weight, run)


def _matrix(bench: Workbench, study: Study, first: Trial) -> Iterator[Cell]:
    rows, spent = _Rows(MATRIX), _Rows(COST)

    def one(trial: Trial) -> ResultRow:
        row, costs = matrix.setting(bench, trial)
        spent.found.extend(costs)
        return row

    weight = _questions(bench, first, "train") * 2 + _questions(bench, first, "test") * 2
    for method in study.methods:
        trial = first.with_(method=method)
        yield rows.cell(f"matrix {_name(trial)}", weight, partial(one, trial))
    yield _store(bench, first, rows, spent)


def _transfer(bench: Workbench, study: Study, first: Trial) -> Iterator[Cell]:
    rows = _Rows(TRANSFER)
    for used, made_by in transfer.pairs(study.crossed):
        trial = first.with_(method=used)
        label = f"transfer {_name(trial)} with units of {made_by}"
        weight = _questions(bench, trial, "test")
        yield rows.cell(label, weight, partial(transfer.transferred, bench, trial, made_by))
    yield _store(bench, first, rows)


def _ablation(bench: Workbench, study: Study, default: Trial) -> Iterator[Cell]:
    rows = _Rows(ABLATION)
    for parameter, value, _ in ablation.points(default.settings, study.grids):
        trained = _questions(bench, default, "train") if parameter == "top_k" else 0
        label = f"ablation {_name(default)} {ablation.SYMBOLS[parameter]} = {value:g}"
        weight = trained + _questions(bench, default, "test")
        yield rows.cell(label, weight, partial(ablation.point, bench, default, parameter, value))
    yield _store(bench, default, rows)


def _oracle(bench: Workbench, study: Study, trial: Trial) -> Iterator[Cell]:
    rows = _Rows(ORACLE)

    def all_ceilings() -> str:
        rows.found.extend(oracle.ceilings(bench, trial))
        return ", ".join(f"{row['ceiling']} {row['score']:.2f}" for row in rows.found)

    yield Cell(f"oracle {_name(trial)}", _questions(bench, trial, "test") * 2**oracle.NEAREST, all_ceilings)
    yield _store(bench, trial, rows)


def _rivals(bench: Workbench, study: Study, trial: Trial) -> Iterator[Cell]:
    rows, stacked, grouped = _Rows(RIVALS), _Rows(ON_TOP), _Rows(GAIN_SOURCES)

    def groups() -> str:
        grouped.found.extend(gain_sources.by_group(bench, trial))
        return f"{len(grouped.found)} groups"

    weight, generator = _questions(bench, trial, "test"), trial.settings.generator
    there = rivals.rivals_for(generator)
    for name in study.rivals or there:
        yield rows.cell(f"rivals {_name(trial)} {name}", weight, partial(rivals.row, bench, trial, name))
    if study.rivals:
        yield _store(bench, trial, rows)
        return
    if left := [name for name in rivals.ALL_RIVALS if name not in there]:
        said = f"left out, for {generator} writes no text"
        yield Cell(f"rivals {_name(trial)} {', '.join(left)}", 0, lambda: said)
    for name, units_of in on_top.pairs_for(generator):
        label = f"rivals {_name(trial)} units of {units_of} on top of {name}"
        yield stacked.cell(label, weight, partial(on_top.on_top_row, bench, trial, name, units_of))
    yield Cell(f"rivals {_name(trial)} where the gain comes from", 0, groups)
    yield _store(bench, trial, rows, stacked, grouped)


def _labels(bench: Workbench, study: Study, trial: Trial) -> Iterator[Cell]:
    rows = _Rows(LABELS)

    def of(kind: str, number: int, weight: float) -> Cell:
        find = partial(labels.curve_point, bench, trial, number, study.draws, kind)
        return rows.cell(f"labels {_name(trial)} {kind} {number:,}", weight, find)

    def written() -> str:
        there = pool_of(bench, trial, "synthetic").there
        numbers = labels.numbers_of(study.label_numbers, there) if there else []
        points = [f"{number:,}: {of('synthetic', number, 0).run()}" for number in numbers]
        return ", ".join([f"{there:,} questions", *points])

    there = _questions(bench, trial, "train")
    numbers = labels.numbers_of(study.label_numbers, there)
    weights = {number: study.draws * (_questions(bench, trial, "test") + number) for number in numbers}
    for kind in study.label_kinds:
        if kind == "synthetic":  # how many there are is known once they are written
            yield Cell(f"labels {_name(trial)} {kind}", sum(weights.values()), written)
        else:
            yield from (of(kind, number, weight) for number, weight in weights.items())
    if more := [f"{number:,}" for number in study.label_numbers if number > there]:
        left_out = f"left out, for there are {there:,} training questions"
        yield Cell(f"labels {_name(trial)} {', '.join(more)}", 0, lambda: left_out)
    yield _store(bench, trial, rows)


def _splits(bench: Workbench, study: Study, trial: Trial) -> Iterator[Cell]:
    rows = _Rows(SPLITS)
    weight = _questions(bench, trial, "train") + _questions(bench, trial, "test")
    for split in range(1, study.splits_drawn + 1):
        for variant in drawn_splits.variants_of(trial.settings):
            label = f"splits {_name(trial)} split {split} {variant}"
            yield rows.cell(label, weight, partial(drawn_splits.split_row, bench, trial, variant, split))
    yield _store(bench, trial, rows)


# Each gets the study and its first method on one benchmark by one generator.
_CELLS_OF: dict[str, Callable[[Workbench, Study, Trial], Iterator[Cell]]] = {
    "matrix": _matrix,
    "transfer": _transfer,
    "ablation": _ablation,
    "oracle": _oracle,
    "rivals": _rivals,
    "labels": _labels,
    "splits": _splits,
}


def _store(bench: Workbench, trial: Trial, *several: _Rows) -> Cell:
    def write() -> str:
        results, made = Results(trial.settings, trial.settings.generator), made_with(bench, trial)
        taken_out = sum(
            results.write(rows.table, trial.benchmark, [{**row, **made} for row in rows.found]) for rows in several
        )
        stored = f"{len(several[0].found)} rows stored"
        return f"{stored}, {taken_out} of other questions or another corpus taken out" if taken_out else stored

    names = " and ".join(rows.table.name for rows in several)
    return Cell(f"{names} {trial.benchmark}", 0, write)


def _questions(bench: Workbench, trial: Trial, split: str) -> int:
    return bench.questions(trial, split).height


def _name(trial: Trial) -> str:
    return f"{trial.benchmark} {trial.settings.method} {trial.settings.generator}"
