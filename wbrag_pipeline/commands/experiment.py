"""``wbrag experiment``: the paper's experiments on any benchmarks, methods and generators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wbrag_pipeline.commands.console import note, say, say_report
from wbrag_pipeline.commands.options import Command, with_settings
from wbrag_pipeline.commands.subject_sample import sample_subjects
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
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
FoundBenchmarks = Annotated[
    list[str] | None, typer.Argument(help="Benchmarks; left out: all that have results under these settings.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the report and its files, in place of experiments/ in the home."),
]
Methods = Annotated[list[str] | None, typer.Option("--method", help="RAG method; may be given several times.")]
OneMethod = Annotated[str | None, typer.Option("--method", help="RAG method.")]
Yes = Annotated[bool, typer.Option("--yes", help="Begin also where more is expected than the budget allows.")]
Generators = Annotated[
    list[str] | None, typer.Option("--generator", help="What answers and distils; may be given several times.")
]
# The methods and generators are what experiments compare, so those flags are lists.
_flags = with_settings(without=("generator", "method"))

app.command("sample")(sample_subjects)


@dataclass(frozen=True)
class _Asked:
    """What every experiment is asked with; ``methods`` are none where they were left out."""

    settings: Settings
    benchmarks: list[str] | None
    methods: list[str]
    generators: list[str] | None
    yes: bool


def _experiment(name: str, method: Any = OneMethod) -> Callable[[Command], Command]:
    """Make a subcommand of a function: its argument ``asked`` comes from the flags that all experiments have.

    method: the flag ``--method``.
    """
    shared = {"benchmarks": Benchmarks, "method": method, "generator": Generators, "yes": Yes}

    def decorate(command: Command) -> Command:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "asked"]
        flags = [
            inspect.Parameter(
                flag, inspect.Parameter.KEYWORD_ONLY, default=False if kind is Yes else None, annotation=kind
            )
            for flag, kind in shared.items()
        ]

        @wraps(command)
        def flat(*, settings: Settings, **given: Any) -> None:
            benchmarks, method, generators, yes = (given.pop(flag) for flag in shared)
            methods = [method] if isinstance(method, str) else method or []
            command(_Asked(settings, benchmarks, methods, generators, yes), **given)

        flat.__signature__ = inspect.Signature([*flags, *own])  # type: ignore[attr-defined]
        return app.command(name)(_flags(flat))

    return decorate


@_experiment("matrix", Methods)
def run_matrix(asked: _Asked) -> None:
    """Methods by benchmarks by generators: score without and with write-back, gain, interval, p.

    Example: wbrag experiment matrix sample_nq sample_fever --method naive --method replug
    """
    _run(("matrix",), asked, _study(asked))


@_experiment("transfer", Methods)
def run_transfer(asked: _Asked) -> None:
    """Units that one method wrote back, used under another: none, own, other. Methods: naive and replug.

    Example: wbrag experiment transfer sample_nq --method naive --method flare
    """
    study = _study(replace(asked, methods=[]), crossed=asked.methods)
    if len(study.crossed) < 2:
        hint = "for example --method naive --method replug"
        raise InputError("one method has nobody to exchange units with", field="--method", hint=hint)
    _run(("transfer",), asked, study)


@_experiment("ablation")
def run_ablation(
    asked: _Asked,
    *,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", help="Setting and values, as tau_s=0,0.1,0.2; may be repeated. Left out: all five."),
    ] = None,
) -> None:
    """Move tau_s, tau_delta, tau_doc, n_min and top_k, one at a time; a threshold costs no new scoring.

    Example: wbrag experiment ablation sample_nq --grid tau_doc=0,0.05,0.1 --grid n_min=1,2,4
    """
    _run(("ablation",), asked, _study(asked, grid=grid))


@_experiment("oracle")
def run_oracle(asked: _Asked) -> None:
    """What perfect gates and a perfect choice among units would reach, beside what was reached.

    Example: wbrag experiment oracle sample_nq
    """
    _run(("oracle",), asked, _study(asked))


@_experiment("rivals")
def run_rivals(
    asked: _Asked,
    *,
    rival: Annotated[
        list[str] | None,
        typer.Option(
            "--rival",
            help="This rival alone; may be repeated. Left out: all, and write-back on top of other retrievers.",
        ),
    ] = None,
) -> None:
    """Write-back beside a query cache, copied passages and random text, and which questions it helps.

    Example: wbrag experiment rivals sample_nq --rival BM25 --rival hybrid
    """
    study = _study(_naive(asked), answers=True)
    _run(("rivals",), asked, replace(study, rivals=_rivals(rival or (), study.generators)))


@_experiment("labels")
def run_labels(
    asked: _Asked,
    *,
    labels: Annotated[
        str | None, typer.Option(help="Numbers of training questions, as 50,100,200,500,1000; all are tried too.")
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Kinds of labels: gold, weak (thumbs), judge, synthetic; with commas between.")
    ] = "gold",
    draws: Annotated[int, typer.Option(min=1, help="How often each number is drawn.")] = 3,
) -> None:
    """How many labelled questions it takes: the gain by their number and by the kind of their labels.

    Example: wbrag experiment labels sample_nq --labels 20,50 --kinds gold,weak,judge
    """
    from wbrag_pipeline.evaluation.experiments.label_kinds import label_kinds_named

    study = _study(_naive(asked), answers=True)
    numbers = study.label_numbers if labels is None else _numbers(labels)
    wanted = label_kinds_named(kinds, study.generators)
    _run(("labels",), asked, replace(study, label_kinds=wanted, label_numbers=numbers, draws=draws))


@_experiment("splits")
def run_splits(
    asked: _Asked,
    *,
    splits: Annotated[int, typer.Option(min=1, help="How many splits are drawn.")] = 3,
) -> None:
    """Gains over several splits into training and test, with what the defaults add to the paper's form.

    Example: wbrag experiment splits sample_nq --splits 2
    """
    _run(("splits",), asked, replace(_study(_naive(asked), answers=True), splits_drawn=splits))


@_experiment("all", Methods)
def run_all(
    asked: _Asked,
    *,
    grid: Annotated[list[str] | None, typer.Option("--grid", help="Setting and values of the ablation.")] = None,
) -> None:
    """Matrix, transfer, ablation and oracle, then the report; goes on where an earlier run was stopped.

    Example: wbrag experiment all sample_nq sample_squad
    """
    _run(("matrix", "transfer", "ablation", "oracle"), asked, _study(asked, grid=grid))


@app.command("report")
@_flags
def run_report(
    benchmarks: FoundBenchmarks = None, generator: Generators = None, out: Out = None, *, settings: Settings
) -> None:
    """Write what the experiments have found under these settings: a page, Markdown, and CSV, Parquet and JSON files.

    Example: wbrag experiment report --out figures
    """
    from wbrag_pipeline.run_locks import at_work

    study = _study(_Asked(settings, benchmarks, [], generator, yes=False))
    with at_work(study.settings.layout, "wbrag experiment", tell=note):
        _report(study.settings, study.generators, study.benchmarks if benchmarks else (), out)


def _naive(asked: _Asked) -> _Asked:
    """The same, with the method naive where none was named."""
    return asked if asked.methods else replace(asked, methods=["naive"])


def _study(
    asked: _Asked, *, crossed: Sequence[str] = (), grid: Sequence[str] | None = None, answers: bool = False
) -> Study:
    """The study that was asked for. crossed: methods that exchange units. answers: no verdict can stand for them."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.ablation import GRIDS, grids_of, points
    from wbrag_pipeline.evaluation.experiments.conduct import PAPER_METHODS, Study
    from wbrag_pipeline.generation.engines import check_generator
    from wbrag_pipeline.rag.methods import method_named

    settings = asked.settings
    registry = Registry.load(settings.home)
    tested = [name for name, entry in registry.benchmarks.items() if entry.test]
    names = list(dict.fromkeys(asked.benchmarks or [n for n in tested if not n.startswith("sample_")] or tested))
    for name in names:
        if answers or settings.scorer != "judge":
            registry.benchmark(name).require_answers()
        registry.benchmark(name).require_test()
    engines = list(dict.fromkeys(asked.generators or [settings.generator]))
    for engine in engines:
        check_generator(engine)
    used = tuple(dict.fromkeys(method_named(name).name for name in asked.methods or PAPER_METHODS))
    # Those that exchange units: as asked, or the first two of the methods, naive and replug where nothing was said.
    exchanged = tuple(dict.fromkeys(method_named(name).name for name in crossed)) if crossed else used[:2]
    grids = grids_of(grid) if grid else GRIDS
    points(settings, grids)  # refuses a bad value before anything runs
    return Study(settings, tuple(names), tuple(engines), used, exchanged, grids)


def _numbers(given: str) -> list[int]:
    try:
        numbers = [int(number) for number in given.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InputError(f"cannot be read: {given!r}", field="--labels", hint="write it as 50,100,200") from None
    return numbers


def _rivals(given: Sequence[str], generators: Sequence[str]) -> list[str]:
    from wbrag_pipeline.evaluation.experiments.rivals import rivals_for

    for generator in generators:
        there = rivals_for(generator)
        if unknown := [name for name in given if name not in there]:
            problem = f"there is no rival {unknown[0]!r} with the generator {generator}"
            raise InputError(problem, field="--rival", hint=f"some of {', '.join(there)}")
    return list(dict.fromkeys(given))


def _run(kinds: Sequence[str], asked: _Asked, study: Study) -> None:
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
    corpora = {corpus_lock(entry.corpus) for entry in entries}
    # What each method asks for a training and an evaluation; the cells of one method share most of it.
    with within_budget([(settings, name) for settings in tried for name in study.benchmarks], yes=asked.yes):
        bring_corpora_up_to_date(study.settings, study.benchmarks)
        _conduct(kinds, study, corpora)


def _conduct(kinds: Sequence[str], study: Study, corpora: set[str]) -> None:
    from wbrag_pipeline.evaluation.experiments.conduct import cells, conduct
    from wbrag_pipeline.evaluation.experiments.experiments_report import results_of
    from wbrag_pipeline.evaluation.experiments.result_sections import results_as_markdown
    from wbrag_pipeline.evaluation.experiments.results import MADE_WITH
    from wbrag_pipeline.run_locks import at_work

    with at_work(study.settings.layout, "wbrag experiment", shared=corpora, tell=note):
        conduct(list(cells(workbench(study), study, kinds)), note)
        found = results_of(study.settings, study.generators, study.benchmarks)
        say(results_as_markdown({name: table for name, table in found.items() if MADE_WITH.get(name, name) in kinds}))
        _report(study.settings, study.generators)


def _report(
    settings: Settings, generators: Sequence[str], benchmarks: Sequence[str] = (), folder: Path | None = None
) -> None:
    """Write the report and the files of its tables. benchmarks: all that have results, where none is named."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.experiments_report import (
        benchmarks_with_results,
        gather,
        write_experiments_report,
    )

    registry = Registry.load(settings.home)
    names = benchmarks or benchmarks_with_results(settings, registry, generators)
    findings = gather(settings, registry, generators, names)
    say_report(write_experiments_report(folder or settings.layout.experiments, findings))


def workbench(study: Study) -> Workbench:
    """A workbench with the engines that the study's settings name, each loaded when it is first needed."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.trials import Workbench
    from wbrag_pipeline.generation.engines import deployed_generator
    from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder

    registry = Registry.load(study.settings.home)
    return Workbench(study.settings, registry, deployed_encoder, deployed_generator)
