"""Experiments in order: what is to be done, how far it is, and how long the rest will take.

Every cell keeps its tables in the artifact cache the moment they are made, so whatever stops a run, the next one goes
on there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    makers = {"matrix": _matrix, "transfer": _transfer, "ablation": _ablation, "oracle": _oracle, "rivals": _rivals}
    makers |= {"labels": _labels, "splits": _splits}
    for kind in kinds:
        for generator in study.generators:
            for benchmark in study.benchmarks:
                yield from makers[kind](bench, study, study.settings.with_(generator=generator), benchmark)


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


def _matrix(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    rows: list[ResultRow] = []
    costs: list[ResultRow] = []

    def one(trial: Trial) -> str:
        row, spent = matrix.setting(bench, trial)
        rows.append(row)
        costs.extend(spent)
        return _scores(row)

    trials = [Trial(benchmark, settings.with_(method=method)) for method in study.methods]
    weight = _questions(bench, trials[0], "train") * 2 + _questions(bench, trials[0], "test") * 2
    for trial in trials:
        yield Cell(f"matrix {_name(trial)}", weight, lambda trial=trial: one(trial))  # type: ignore[misc]
    yield _store(settings, benchmark, (MATRIX, rows), (COST, costs))


def _transfer(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    rows: list[ResultRow] = []

    def one(trial: Trial, made_by: str) -> str:
        rows.append(transfer.transferred(bench, trial, made_by))
        return _scores(rows[-1])

    for used, made_by in transfer.pairs(study.crossed):
        trial = Trial(benchmark, settings.with_(method=used))
        label = f"transfer {_name(trial)} with units of {made_by}"
        weight = _questions(bench, trial, "test")
        yield Cell(label, weight, lambda trial=trial, made_by=made_by: one(trial, made_by))  # type: ignore[misc]
    yield _store(settings, benchmark, (TRANSFER, rows))


def _ablation(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    rows: list[ResultRow] = []
    default = Trial(benchmark, settings.with_(method=study.methods[0]))

    def one(parameter: str, value: float) -> str:
        rows.append(ablation.point(bench, default, parameter, value))
        return _scores(rows[-1])

    for parameter, value, _ in ablation.points(default.settings, study.grids):
        trained = _questions(bench, default, "train") if parameter == "top_k" else 0
        weight = trained + _questions(bench, default, "test")
        label = f"ablation {_name(default)} {ablation.SYMBOLS[parameter]} = {value:g}"
        yield Cell(label, weight, lambda parameter=parameter, value=value: one(parameter, value))  # type: ignore[misc]
    yield _store(settings, benchmark, (ABLATION, rows))


def _oracle(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    trial = Trial(benchmark, settings.with_(method=study.methods[0]))
    rows: list[ResultRow] = []

    def one() -> str:
        rows.extend(oracle.ceilings(bench, trial))
        return ", ".join(f"{row['ceiling']} {row['score']:.2f}" for row in rows)

    yield Cell(f"oracle {_name(trial)}", _questions(bench, trial, "test") * 2**oracle.NEAREST, one)
    yield _store(settings, benchmark, (ORACLE, rows))


def _rivals(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    trial = Trial(benchmark, settings.with_(method=study.methods[0]))
    rows: list[ResultRow] = []
    stacked: list[ResultRow] = []
    grouped: list[ResultRow] = []

    def one(name: str) -> str:
        rows.append(rivals.row(bench, trial, name))
        return _scores(rows[-1])

    def one_on_top(name: str, units_of: str) -> str:
        stacked.append(on_top.on_top_row(bench, trial, name, units_of))
        return _scores(stacked[-1])

    def groups() -> str:
        grouped.extend(gain_sources.by_group(bench, trial))
        return f"{len(grouped)} groups"

    weight = _questions(bench, trial, "test")
    for name in rivals.rivals_for(settings.generator):
        yield Cell(f"rivals {_name(trial)} {name}", weight, lambda name=name: one(name))  # type: ignore[misc]
    there = rivals.rivals_for(settings.generator)
    if left := [name for name in rivals.RIVAL_MEANINGS if name not in there]:
        said = f"left out, for {settings.generator} writes no text"
        yield Cell(f"rivals {_name(trial)} {', '.join(left)}", 0, lambda: said)
    for name, units_of in on_top.pairs_for(settings.generator):
        label = f"rivals {_name(trial)} units of {units_of} on top of {name}"
        yield Cell(label, weight, lambda name=name, units_of=units_of: one_on_top(name, units_of))  # type: ignore[misc]
    yield Cell(f"rivals {_name(trial)} where the gain comes from", 0, groups)
    yield _store(settings, benchmark, (RIVALS, rows), (ON_TOP, stacked), (GAIN_SOURCES, grouped))


def _labels(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    trial = Trial(benchmark, settings.with_(method=study.methods[0]))
    rows: list[ResultRow] = []

    def one(kind: str, number: int) -> str:
        rows.append(labels.curve_point(bench, trial, number, study.draws, kind))
        return _scores(rows[-1])

    def written() -> str:
        there = pool_of(bench, trial, "synthetic").there
        numbers = labels.numbers_of(study.label_numbers, there) if there else []
        return ", ".join([f"{there:,} questions", *(f"{number:,}: {one('synthetic', number)}" for number in numbers)])

    numbers = labels.numbers_of(study.label_numbers, _questions(bench, trial, "train"))
    weights = {number: study.draws * (_questions(bench, trial, "test") + number) for number in numbers}
    for kind in study.label_kinds:
        if kind == "synthetic":  # how many there are is known once they are written
            yield Cell(f"labels {_name(trial)} {kind}", sum(weights.values()), written)
            continue
        for number, weight in weights.items():
            label = f"labels {_name(trial)} {kind} {number:,}"
            yield Cell(label, weight, lambda kind=kind, number=number: one(kind, number))  # type: ignore[misc]
    yield _store(settings, benchmark, (LABELS, rows))


def _splits(bench: Workbench, study: Study, settings: Settings, benchmark: str) -> Iterator[Cell]:
    trial = Trial(benchmark, settings.with_(method=study.methods[0]))
    rows: list[ResultRow] = []

    def one(variant: str, split: int) -> str:
        rows.append(drawn_splits.split_row(bench, trial, variant, split))
        return _scores(rows[-1])

    weight = _questions(bench, trial, "train") + _questions(bench, trial, "test")
    for split in range(1, study.splits_drawn + 1):
        for variant in drawn_splits.variants_of(trial.settings):
            label = f"splits {_name(trial)} split {split} {variant}"
            yield Cell(label, weight, lambda variant=variant, split=split: one(variant, split))  # type: ignore[misc]
    yield _store(settings, benchmark, (SPLITS, rows))


def _store(settings: Settings, benchmark: str, *found: tuple[Table, Sequence[ResultRow]]) -> Cell:
    def write() -> str:
        frames = [Results(settings, settings.generator).write(kind, benchmark, rows) for kind, rows in found]
        return f"{frames[0].height} rows stored"

    names = " and ".join(kind.name for kind, _ in found)
    return Cell(f"{names} {benchmark}", 0, write)


def _questions(bench: Workbench, trial: Trial, split: str) -> int:
    return bench.questions(trial, split).height


def _name(trial: Trial) -> str:
    return f"{trial.benchmark} {trial.settings.method} {trial.settings.generator}"


def _scores(row: ResultRow) -> str:
    return f"{row['score_without']:.2f} → {row['score_with']:.2f}"
