"""``wbrag experiment``: the paper's experiments on any benchmarks, methods and generators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.conduct import Study
    from wbrag_pipeline.evaluation.experiments.trials import Workbench
    from wbrag_pipeline.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Run the paper's experiments; what was found before is not computed again.\n\nExample: wbrag experiment all",
)

Benchmarks = Annotated[
    list[str] | None,
    typer.Argument(help="Benchmarks, see wbrag status; left out: your own, or the sample's where you have none."),
]
Methods = Annotated[list[str] | None, typer.Option("--method", help="RAG method; may be given several times.")]
OneMethod = Annotated[str | None, typer.Option("--method", help="RAG method.")]
Yes = Annotated[bool, typer.Option("--yes", help="Begin also where more is expected than the budget allows.")]
Generators = Annotated[
    list[str] | None, typer.Option("--generator", help="What answers and distils; may be given several times.")
]
# The methods and generators are what experiments compare, so those flags are lists.
_flags = with_settings(without=("generator", "method"))


@app.command("matrix")
@_flags
def run_matrix(
    benchmarks: Benchmarks = None,
    method: Methods = None,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Methods by benchmarks by generators: score without and with write-back, gain, interval, p.

    Example: wbrag experiment matrix sample_nq sample_fever --method naive --method replug
    """
    _run(("matrix",), _study(settings, benchmarks, generator, methods=method), yes=yes)


@app.command("transfer")
@_flags
def run_transfer(
    benchmarks: Benchmarks = None,
    method: Methods = None,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Units that one method wrote back, used under another: none, own, other. Methods: naive and replug.

    Example: wbrag experiment transfer sample_nq --method naive --method flare
    """
    _run(("transfer",), _study(settings, benchmarks, generator, crossed=method), yes=yes)


@app.command("ablation")
@_flags
def run_ablation(
    benchmarks: Benchmarks = None,
    method: OneMethod = None,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", help="Setting and values, as tau_s=0,0.1,0.2; may be repeated. Left out: all five."),
    ] = None,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Move tau_s, tau_delta, tau_doc, n_min and top_k, one at a time; a threshold costs no new scoring.

    Example: wbrag experiment ablation sample_nq --grid tau_doc=0,0.05,0.1 --grid n_min=1,2,4
    """
    methods = [method] if method else None
    _run(("ablation",), _study(settings, benchmarks, generator, methods=methods, grid=grid), yes=yes)


@app.command("oracle")
@_flags
def run_oracle(
    benchmarks: Benchmarks = None,
    method: OneMethod = None,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """What perfect gates and a perfect choice among units would reach, beside what was reached.

    Example: wbrag experiment oracle sample_nq
    """
    methods = [method] if method else None
    _run(("oracle",), _study(settings, benchmarks, generator, methods=methods), yes=yes)


@app.command("rivals")
@_flags
def run_rivals(
    benchmarks: Benchmarks = None,
    method: OneMethod = None,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Write-back beside a query cache, copied passages and random text, and which questions it helps.

    Example: wbrag experiment rivals sample_nq
    """
    methods = [method] if method else ["naive"]
    _run(("rivals",), _study(settings, benchmarks, generator, methods=methods, answers=True), yes=yes)


@app.command("labels")
@_flags
def run_labels(
    benchmarks: Benchmarks = None,
    method: OneMethod = None,
    labels: Annotated[
        str | None, typer.Option(help="Numbers of training questions, as 50,100,200,500,1000; all are tried too.")
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Kinds of labels: gold, weak (thumbs), judge, synthetic; with commas between.")
    ] = "gold",
    draws: Annotated[int, typer.Option(min=1, help="How often each number is drawn.")] = 3,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """How many labelled questions it takes: the gain by their number and by the kind of their labels.

    Example: wbrag experiment labels sample_nq --labels 20,50 --kinds gold,weak,judge
    """
    study = _study(settings, benchmarks, generator, methods=[method or "naive"], answers=True)
    numbers = study.label_numbers if labels is None else _numbers(labels)
    wanted = _kinds(kinds, study.generators)
    _run(("labels",), replace(study, label_kinds=wanted, label_numbers=numbers, draws=draws), yes=yes)


@app.command("splits")
@_flags
def run_splits(
    benchmarks: Benchmarks = None,
    method: OneMethod = None,
    splits: Annotated[int, typer.Option(min=1, help="How many splits are drawn.")] = 3,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Gains over several splits into training and test, with what the defaults add to the paper's form.

    Example: wbrag experiment splits sample_nq --splits 2
    """
    study = _study(settings, benchmarks, generator, methods=[method or "naive"], answers=True)
    _run(("splits",), replace(study, splits_drawn=splits), yes=yes)


@app.command("all")
@_flags
def run_all(
    benchmarks: Benchmarks = None,
    method: Methods = None,
    grid: Annotated[list[str] | None, typer.Option("--grid", help="Setting and values of the ablation.")] = None,
    generator: Generators = None,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Matrix, transfer, ablation and oracle, then the report; goes on where an earlier run was stopped.

    Example: wbrag experiment all sample_nq sample_squad
    """
    study = _study(settings, benchmarks, generator, methods=method, grid=grid)
    _run(("matrix", "transfer", "ablation", "oracle"), study, yes=yes)


@app.command("report")
@_flags
def run_report(benchmarks: Benchmarks = None, generator: Generators = None, *, settings: Settings) -> None:
    """Write the report of what the experiments have found so far: HTML, Markdown, CSV and Parquet.

    Example: wbrag experiment report
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.run_locks import at_work

    study = _study(settings, benchmarks, generator)
    with at_work(study.settings.layout, "wbrag experiment", tell=partial(say, err=True)):
        _report(study.settings, Registry.load(study.settings.home), study.generators, study.benchmarks)


def _study(
    settings: Settings,
    benchmarks: list[str] | None,
    generators: list[str] | None,
    *,
    methods: Sequence[str] | None = None,
    crossed: Sequence[str] | None = None,
    grid: Sequence[str] | None = None,
    answers: bool = False,
) -> Study:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.ablation import GRIDS, points
    from wbrag_pipeline.evaluation.experiments.conduct import PAPER_METHODS, Study
    from wbrag_pipeline.generation.engines import check_generator
    from wbrag_pipeline.rag.methods import method_named

    registry = Registry.load(settings.home)
    tested = [name for name, entry in registry.benchmarks.items() if entry.test]
    names = list(dict.fromkeys(benchmarks or [n for n in tested if not n.startswith("sample_")] or tested))
    for name in names:
        if answers or settings.scorer != "judge":
            registry.benchmark(name).require_answers()
        registry.benchmark(name).require_test()
    engines = list(dict.fromkeys(generators or [settings.generator]))
    for engine in engines:
        check_generator(engine)
    used = tuple(dict.fromkeys(method_named(name).name for name in methods or PAPER_METHODS))
    # Those that exchange units: as asked, or the first two of the methods, naive and replug where nothing was said.
    exchanged = tuple(dict.fromkeys(method_named(name).name for name in crossed)) if crossed else used[:2]
    grids = _grids(grid) if grid else GRIDS
    points(settings, grids)  # refuses a bad value before anything runs
    return Study(settings, tuple(names), tuple(engines), used, exchanged, grids)


def _grids(given: Sequence[str]) -> Mapping[str, Sequence[float]]:
    grids: dict[str, list[float]] = {}
    for text in given:
        name, _, values = text.partition("=")
        try:
            grids[name.strip()] = [float(value) for value in values.split(",")]
        except ValueError:
            raise InputError(f"cannot be read: {text!r}", field="grid", hint="write it as tau_s=0,0.1,0.2") from None
    return grids


def _numbers(given: str) -> list[int]:
    try:
        numbers = [int(number) for number in given.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InputError(f"cannot be read: {given!r}", field="--labels", hint="write it as 50,100,200") from None
    return numbers


def _kinds(given: str, generators: Sequence[str]) -> list[str]:
    from wbrag_pipeline.evaluation.experiments.label_kinds import KIND_MEANINGS
    from wbrag_pipeline.training.question_writing import require_writer

    kinds = list(dict.fromkeys(kind.strip() for kind in given.split(",")))
    if unknown := [kind for kind in kinds if kind not in KIND_MEANINGS]:
        hint = f"some of {', '.join(KIND_MEANINGS)}"
        raise InputError(f"there is no kind of labels {unknown[0]!r}", field="--kinds", hint=hint)
    for generator in generators if "synthetic" in kinds else ():
        require_writer(generator)
    return kinds


def _run(kinds: Sequence[str], study: Study, *, yes: bool) -> None:
    from wbrag_pipeline.commands.pipeline import bring_corpora_up_to_date
    from wbrag_pipeline.commands.spending import within_budget
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.run_locks import corpus_lock
    from wbrag_pipeline.training.preflight import check_before_a_run

    registry = Registry.load(study.settings.home)
    entries = [registry.benchmark(name) for name in study.benchmarks]
    tried = [
        study.settings.with_(generator=generator, method=method)
        for generator in study.generators
        for method in dict.fromkeys((*study.methods, *study.crossed))
    ]
    for settings in tried:
        check_before_a_run(settings, entries)
    told, corpora = partial(say, err=True), {corpus_lock(entry.corpus) for entry in entries}
    # What each method asks for a training and an evaluation; the cells of one method share most of it.
    with within_budget([(settings, name) for settings in tried for name in study.benchmarks], yes=yes):
        bring_corpora_up_to_date(study.settings, study.benchmarks)
        _conduct(kinds, study, registry, corpora, told)


def _conduct(
    kinds: Sequence[str], study: Study, registry: Registry, corpora: set[str], told: Callable[[str], object]
) -> None:
    from wbrag_pipeline.evaluation.experiments.conduct import cells, conduct
    from wbrag_pipeline.evaluation.experiments.experiments_report import results_of
    from wbrag_pipeline.evaluation.experiments.markdown import results_as_markdown
    from wbrag_pipeline.evaluation.experiments.results import MADE_WITH
    from wbrag_pipeline.run_locks import at_work

    with at_work(study.settings.layout, "wbrag experiment", shared=corpora, tell=told):
        conduct(list(cells(workbench(study), study, kinds)), told)
        found = results_of(study.settings, study.generators, study.benchmarks)
        say(results_as_markdown({name: table for name, table in found.items() if MADE_WITH.get(name, name) in kinds}))
        if len(kinds) > 1:
            _report(study.settings, registry, study.generators, study.benchmarks)


def _report(settings: Settings, registry: Registry, generators: Sequence[str], benchmarks: Sequence[str]) -> None:
    from wbrag_pipeline.evaluation.experiments.experiments_report import gather, write_experiments_report

    page = write_experiments_report(settings.layout.experiments, gather(settings, registry, generators, benchmarks))
    # As short as it can be told from here.
    say(f"report: {page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page}")


def workbench(study: Study) -> Workbench:
    """A workbench with the engines that the study's settings name, each loaded when it is first needed."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.trials import Workbench
    from wbrag_pipeline.generation.engines import deployed_generator
    from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder

    registry = Registry.load(study.settings.home)
    return Workbench(study.settings, registry, deployed_encoder, deployed_generator)
