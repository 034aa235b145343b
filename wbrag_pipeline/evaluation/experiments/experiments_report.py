"""The report of the experiments: one HTML file that needs nothing else, its Markdown twin, and files of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from wbrag_pipeline import storage, tables
from wbrag_pipeline.curation.curate import published
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.evaluation.evaluate import ANSWERED, join_sides
from wbrag_pipeline.evaluation.evidence import UnitView, units_for_page
from wbrag_pipeline.evaluation.experiments import paper, pictures
from wbrag_pipeline.evaluation.experiments.artifact_cache import ArtifactCache
from wbrag_pipeline.evaluation.experiments.matrix import headline, means
from wbrag_pipeline.evaluation.experiments.method_comparison import methods_compared
from wbrag_pipeline.evaluation.experiments.oracle import CEILINGS
from wbrag_pipeline.evaluation.experiments.panels import names_in_order
from wbrag_pipeline.evaluation.experiments.provenance import made_with_in_words
from wbrag_pipeline.evaluation.experiments.result_files import write_result_files
from wbrag_pipeline.evaluation.experiments.result_sections import (
    beyond_chance,
    interval_in_words,
    results_as_markdown,
    sections_of,
    transfer_in_words,
)
from wbrag_pipeline.evaluation.experiments.results import RESULT_TABLES, Results
from wbrag_pipeline.evaluation.experiments.rivals import PLAIN
from wbrag_pipeline.evaluation.experiments.transfer import NONE
from wbrag_pipeline.evaluation.pages import figure, render_page
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.tables import Table
from wbrag_pipeline.training.scoring import select_passages
from wbrag_pipeline.training.stages import of_split

if TYPE_CHECKING:
    import altair as alt

    from wbrag_pipeline.datasets.registry import Registry

MOST_UNITS_A_BENCHMARK = 80  # of a benchmark, in the page; the artifact cache holds all
_WIDTH = 350  # pixels of a picture in a page: three abreast on a desk, one on a phone
_LINE, _TALL = 30, 230
_PANEL = ["generator", "benchmark"]

Pictures = dict[str, list[tuple[str, "alt.LayerChart", int]]]


@dataclass(frozen=True)
class Findings:
    """All results of some benchmarks, and the tables behind the first method's settings, by benchmark.

    tables: ``results.RESULT_TABLES`` by name; evaluations are EVALUATION, units KNOWLEDGE_UNITS, gated GATED_DOCS.
    sources: PASSAGES, the units' sources.
    """

    tables: Mapping[str, pl.DataFrame]
    evaluations: Mapping[str, pl.DataFrame]
    units: Mapping[str, pl.DataFrame]
    gated: Mapping[str, pl.DataFrame]
    sources: Mapping[str, pl.DataFrame]

    @property
    def matrix(self) -> pl.DataFrame:
        """``results.MATRIX``."""
        return self.tables["matrix"]


def results_of(settings: Settings, generators: Sequence[str], benchmarks: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Everything that was found for these, as far as it was: ``results.RESULT_TABLES`` by name."""
    return {
        name: pl.concat([Results(settings, generator).read(kind, benchmarks) for generator in generators])
        for name, kind in RESULT_TABLES.items()
    }


def benchmarks_with_results(settings: Settings, registry: Registry, generators: Sequence[str]) -> list[str]:
    """Those of which something was found under these settings, in the registry's order."""
    studies = [Results(settings, generator) for generator in generators]
    kinds = RESULT_TABLES.values()
    return [
        name for name in registry.benchmarks if any(s.path(kind, name).is_file() for s in studies for kind in kinds)
    ]


def gather(settings: Settings, registry: Registry, generators: Sequence[str], benchmarks: Sequence[str]) -> Findings:
    """What the report needs, from the results and the artifact cache; no engine is loaded.

    Raises NotBuiltError where nothing was found of any of the benchmarks under these settings.
    """
    found = results_of(settings, generators, benchmarks)
    matrix = found["matrix"]
    if all(table.is_empty() for table in found.values()):
        others = ", ".join(sorted(folder.name for folder in (settings.layout.experiments / "results").glob("*")))
        what = f"a result under these settings{f' (there are some under {others})' if others else ''}"
        raise NotBuiltError(what, "wbrag experiment all")
    cache = ArtifactCache(settings.layout.experiments / "stages")
    first = matrix.filter(
        pl.col("method") == pl.col("method").first(), pl.col("generator") == pl.col("generator").first()
    )
    evaluations, units, gated, sources = {}, {}, {}, {}
    for row in first.iter_rows(named=True):
        name = row["benchmark"]

        def kept(stage: str, kind: Table, key: str) -> pl.DataFrame:
            return kind.read(cache.path(stage, key))

        questions = of_split(kept("questions", tables.QUESTIONS, row["question_table"]), "test")
        without = kept("answers", ANSWERED, row["answers_without"])
        evaluations[name] = join_sides(questions, without, kept("answers", ANSWERED, row["answers_with"]))
        units[name] = published(kept("curated_units", tables.CURATED_UNITS, row["curated_units"]))
        gated[name] = kept("gated_docs", tables.GATED_DOCS, row["gated_docs"])
        passages = tables.PASSAGES.scan(settings.table("passages", registry.benchmark(name).corpus))
        sources[name] = select_passages(passages, gated[name])
    return Findings(found, evaluations, units, gated, sources)


def write_experiments_report(folder: Path, findings: Findings) -> Path:
    """Write ``report.html``, its twin ``report.md`` and each table (``write_result_files``) into ``folder``.

    Gives the HTML file's path. The same findings give the same bytes.
    """
    storage.write_text(folder / "report.html", page(findings))
    storage.write_text(folder / "report.md", f"# Experiments\n\n{results_as_markdown(findings.tables)}\n")
    write_result_files(folder, {**findings.tables, "methods": methods_compared(findings.matrix)})
    return folder / "report.html"


def page(findings: Findings) -> str:
    """The page itself."""
    matrix, drawn = findings.matrix, all_pictures(findings)
    units = [
        unit
        for name, made in findings.units.items()
        for unit in units_for_page(
            made, findings.sources[name], findings.evaluations[name], most=MOST_UNITS_A_BENCHMARK
        )
    ]
    units.sort(key=_interest)
    shown = {
        group: [figure(chart, f"{group}-{name}", width=_WIDTH, height=height) for name, chart, height in several]
        for group, several in drawn.items()
    }
    ablation, tables = findings.tables["ablation"], sections_of(findings.tables)
    # Heading, id in the page, and whether there is anything to show.
    sections = [
        ("Gain", "gain", matrix.height),
        ("Benchmarks", "benchmarks", shown["bars"]),
        ("Ceilings", "ceilings", shown["ceilings"]),
        ("Transfer", "transfer", shown["transfer"]),
        ("Thresholds", "ablation", shown["ablation"]),
        ("Rivals", "rivals", shown["rivals"]),
        ("Labels", "labels", "labels" in tables),
        ("Splits", "splits", "splits" in tables),
        ("Construction", "construction", matrix.height),
        ("Cost", "cost", matrix.height),
        ("Units", "units", matrix.height),
    ]
    return render_page(
        "experiments.html.j2",
        title="Experiments",
        head=headline(matrix),
        between=interval_in_words(headline(matrix)),
        verdict=beyond_chance(headline(matrix)),
        paper=paper,
        matrix=matrix.height,
        tables=tables,
        benchmarks=names_in_order(matrix, "benchmark"),
        methods=names_in_order(matrix, "method"),
        generators=names_in_order(matrix, "generator"),
        questions=int(matrix.unique("benchmark")["questions"].sum()),
        written=sum(made.height for made in findings.units.values()),
        contents=[(heading, id) for heading, id, there in sections if there],
        pictures=shown,
        ceilings=CEILINGS,
        transferred=transfer_in_words(findings.tables["transfer"]),
        scoring_sent=int(ablation.filter(pl.col("parameter") != "top_k")["scoring_sent"].sum()),
        units=units,
        made_with=_made_with(findings.tables),
    )


def all_pictures(findings: Findings) -> Pictures:
    """Every picture by section: (name, picture, height on a page)."""
    matrix = findings.matrix
    drawn: Pictures = {
        name: [] for name in ("gain", "bars", "ceilings", "transfer", "ablation", "rivals", "construction", "cost")
    }
    for number, part in enumerate(matrix.partition_by("generator", maintain_order=True)):
        drawn["gain"].append((f"heat-{number}", pictures.heat_map(part), 60 + _LINE * part["benchmark"].n_unique()))
        reach = pictures.reach_of(matrix)
        for place, bars in enumerate(part.partition_by("benchmark", maintain_order=True)):
            height = 64 + _LINE * bars.height
            drawn["bars"].append((f"{number}-{place}", pictures.gain_bars(bars, reach), height))
    ours = {name: paper.benchmark_of(name) for name in names_in_order(matrix, "benchmark")}
    known = {name: paper.GAIN_BY_BENCHMARK[called] for name, called in ours.items() if called}
    papers = paper.gain_by_method(names_in_order(matrix, "method"))
    averages: list[tuple[str, Mapping[str, float]]] = [("benchmark", known), ("method", papers)]
    for by, theirs in [*averages, ("generator", {})]:
        average = means(matrix, by)
        if average.height > 1:
            chart = pictures.mean_gains(average, theirs, f"Mean gain by {by}")
            drawn["gain"].append((f"by-{by}", chart, 60 + _LINE * average.height))
    transfer = findings.tables["transfer"].filter(pl.col("made_by") != NONE)
    for place, part in enumerate(findings.tables["transfer"].partition_by(_PANEL, maintain_order=True)):
        chart = pictures.transfer_bars(part, pictures.reach_of(transfer))
        drawn["transfer"].append((str(place), chart, 64 + _LINE * (part.height - part["method"].n_unique())))
    beside = findings.tables["rivals"].filter(pl.col("rival") != PLAIN)
    for place, part in enumerate(beside.partition_by(*_PANEL, "method", maintain_order=True)):
        chart = pictures.rival_bars(part, pictures.reach_of(beside))
        drawn["rivals"].append((str(place), chart, 64 + _LINE * part.height))
    for part in findings.tables["ablation"].partition_by("generator", "method", "parameter", maintain_order=True):
        name = f"{part['parameter'][0]}-{len(drawn['ablation'])}"
        drawn["ablation"].append((name, pictures.threshold_curve(part), _TALL))
    for place, part in enumerate(findings.tables["oracle"].partition_by("generator", "method", maintain_order=True)):
        height = 90 + _LINE * part["benchmark"].n_unique()
        drawn["ceilings"].append((str(place), pictures.ceiling_dots(part), height))
    gated = {name: frame for name, frame in findings.gated.items() if frame.height}
    units = {name: frame for name, frame in findings.units.items() if frame.height}
    if gated:
        drawn["construction"].append(("ranks", pictures.rank_curves(gated), _TALL))
    if units:
        drawn["construction"].append(("lengths", pictures.length_scatter(units), _TALL))
    costs = findings.tables["cost"].filter(pl.col("stage") != "answers")
    if not costs.is_empty():
        drawn["cost"].append(("calls", pictures.cost_bars(costs), 40 + 48 * costs["benchmark"].n_unique()))
    return drawn


def _interest(unit: UnitView) -> tuple[int, int, str]:
    return -(unit.helped + unit.hurt), -unit.retrieved, unit.row["unit_id"]


def _made_with(found: Mapping[str, pl.DataFrame]) -> str:
    rows = pl.concat([table.select("encoder", "generator") for table in found.values()])
    encoders, generators = (", ".join(names_in_order(rows, column)) for column in ("encoder", "generator"))
    return f"Encoder {encoders}; generator {generators}. {made_with_in_words(found.values())}".strip()
