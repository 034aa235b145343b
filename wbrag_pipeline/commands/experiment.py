"""``wbrag experiment``: the paper's experiments on any benchmarks, methods and generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.options import Encoder, Home, RescueDepth, TopK, ValidationShare, bundled, settings_of
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


@dataclass(frozen=True)
class Scope:
    """The flags that every experiment has."""

    generator: Annotated[
        list[str] | None, typer.Option("--generator", help="What answers and distils; may be repeated.")
    ] = None
    encoder: Encoder = None
    top_k: TopK = 5
    limit: Annotated[int | None, typer.Option(help="At most so many questions a split.")] = None
    validation_share: ValidationShare = 0.1
    rescue_depth: RescueDepth = None
    home: Home = None

    def settings(self) -> Settings:
        """Settings from the environment and these flags; the generator is one of several."""
        return settings_of(
            home=self.home,
            encoder=self.encoder,
            top_k=self.top_k,
            limit=self.limit,
            validation_share=self.validation_share,
            rescue_depth=self.rescue_depth,
        )


@app.command("matrix")
@bundled
def run_matrix(
    benchmarks: Benchmarks = None,
    method: Methods = None,
    *,
    scope: Scope,
) -> None:
    """Methods by benchmarks by generators: score without and with write-back, gain, interval, p.

    Example: wbrag experiment matrix sample_nq sample_fever --method naive --method replug
    """
    _run(("matrix",), _study(benchmarks, scope, methods=method))


@app.command("transfer")
@bundled
def run_transfer(
    benchmarks: Benchmarks = None,
    method: Methods = None,
    *,
    scope: Scope,
) -> None:
    """Units that one method wrote back, used under another: none, own, other. Methods: naive and replug.

    Example: wbrag experiment transfer sample_nq --method naive --method flare
    """
    _run(("transfer",), _study(benchmarks, scope, crossed=method))


@app.command("ablation")
@bundled
def run_ablation(
    benchmarks: Benchmarks = None,
    method: Annotated[str | None, typer.Option("--method", help="RAG method.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", help="Setting and values, as tau_s=0,0.1,0.2; may be repeated. Left out: all five."),
    ] = None,
    *,
    scope: Scope,
) -> None:
    """Move tau_s, tau_delta, tau_doc, n_min and top_k, one at a time; a threshold costs no new scoring.

    Example: wbrag experiment ablation sample_nq --grid tau_doc=0,0.05,0.1 --grid n_min=1,2,4
    """
    methods = [method] if method else None
    _run(("ablation",), _study(benchmarks, scope, methods=methods, grid=grid))


@app.command("oracle")
@bundled
def run_oracle(
    benchmarks: Benchmarks = None,
    method: Annotated[str | None, typer.Option("--method", help="RAG method.")] = None,
    *,
    scope: Scope,
) -> None:
    """What perfect gates and a perfect choice among units would reach, beside what was reached.

    Example: wbrag experiment oracle sample_nq
    """
    methods = [method] if method else None
    _run(("oracle",), _study(benchmarks, scope, methods=methods))


@app.command("all")
@bundled
def run_all(
    benchmarks: Benchmarks = None,
    method: Methods = None,
    grid: Annotated[list[str] | None, typer.Option("--grid", help="Setting and values of the ablation.")] = None,
    *,
    scope: Scope,
) -> None:
    """Matrix, transfer, ablation and oracle, then the report; goes on where an earlier run was stopped.

    Example: wbrag experiment all sample_nq sample_squad
    """
    study = _study(benchmarks, scope, methods=method, grid=grid)
    _run(("matrix", "transfer", "ablation", "oracle"), study)


@app.command("report")
@bundled
def run_report(benchmarks: Benchmarks = None, *, scope: Scope) -> None:
    """Write the report of what the experiments have found so far: HTML, Markdown, CSV and Parquet.

    Example: wbrag experiment report
    """
    study = _study(benchmarks, scope)
    from wbrag_pipeline.datasets.registry import Registry

    _report(study.settings, Registry.load(study.settings.home), study.generators, study.benchmarks)


def _study(
    benchmarks: list[str] | None,
    scope: Scope,
    *,
    methods: Sequence[str] | None = None,
    crossed: Sequence[str] | None = None,
    grid: Sequence[str] | None = None,
) -> Study:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.ablation import GRIDS, points
    from wbrag_pipeline.evaluation.experiments.conduct import PAPER_METHODS, Study
    from wbrag_pipeline.generation.engines import check_generator
    from wbrag_pipeline.rag.methods import method_named

    settings = scope.settings()
    registry = Registry.load(settings.home)
    tested = [name for name, entry in registry.benchmarks.items() if entry.test]
    names = list(dict.fromkeys(benchmarks or [n for n in tested if not n.startswith("sample_")] or tested))
    for name in names:
        if settings.scorer != "judge":
            registry.benchmark(name).require_answers()
        if registry.benchmark(name).test is None:
            raise InputError(f"{name} has no test questions to experiment with", field="test")
    engines = list(dict.fromkeys(scope.generator or [settings.generator]))
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


def _run(kinds: Sequence[str], study: Study) -> None:
    from wbrag_pipeline.commands.pipeline import bring_corpora_up_to_date
    from wbrag_pipeline.evaluation.experiments.conduct import cells, conduct
    from wbrag_pipeline.evaluation.experiments.experiments_report import results_of
    from wbrag_pipeline.evaluation.experiments.markdown import results_as_markdown
    from wbrag_pipeline.rag.methods import check_able, method_named
    from wbrag_pipeline.settings import DEFAULT_GENERATOR

    bench = workbench(study)
    for name in study.generators:
        for method in map(method_named, (*study.methods, *study.crossed)):
            if name != DEFAULT_GENERATOR and method.needs:  # before a corpus is indexed for hours
                check_able(bench.load_generator(study.settings.with_(generator=name)), method)
    bring_corpora_up_to_date(study.settings, study.benchmarks)
    conduct(list(cells(bench, study, kinds)), lambda line: typer.echo(line, err=True))
    found = results_of(study.settings, study.generators, study.benchmarks)
    asked = {*kinds, "cost"} if "matrix" in kinds else {*kinds}
    typer.echo(results_as_markdown({name: table for name, table in found.items() if name in asked}))
    if len(kinds) > 1:
        _report(study.settings, bench.registry, study.generators, study.benchmarks)


def _report(settings: Settings, registry: Registry, generators: Sequence[str], benchmarks: Sequence[str]) -> None:
    from wbrag_pipeline.evaluation.experiments.experiments_report import gather, write_experiments_report

    page = write_experiments_report(settings.experiments, gather(settings, registry, generators, benchmarks))
    # As short as it can be told from here.
    typer.echo(f"report: {page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page}")


def workbench(study: Study) -> Workbench:
    """A workbench with the engines that the study's settings name, each loaded when it is first needed."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.trials import Workbench
    from wbrag_pipeline.generation.engines import deployed_generator
    from wbrag_pipeline.retrieval.encoder import load_encoder

    return Workbench(study.settings, Registry.load(study.settings.home), load_encoder, deployed_generator)
