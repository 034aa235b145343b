"""``wbrag status``: what there is, what was trained, what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from wbrag_pipeline.commands.console import wide_console
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError

if TYPE_CHECKING:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.settings import Settings


@with_settings(*RELEASE_SETTINGS)
def status(settings: Settings) -> None:
    """List corpora and benchmarks with their state under the present settings.

    Example: wbrag status
    """
    from wbrag_pipeline.commands.release import held_back
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.run_locks import holders

    registry = Registry.load(settings.home)
    console = wide_console()
    # The usual search is not worth a word.
    search = f", search {settings.search}" if settings.search != "dense" else ""
    engines = f"generator {settings.generator}, method {settings.method}"
    missing = "" if settings.home.is_dir() else " (not there yet)"
    console.print(f"home {settings.home}{missing}\nencoder {settings.encoder}{search}, {engines}")
    corpora = _table("Corpora", {"corpus": _WHOLE, "passages": _NUMBER, "index": _WHOLE, "file": _LONG})
    for corpus in registry.corpora.values():
        corpora.add_row(corpus.name, *_corpus_state(settings, corpus.name), corpus.place)
    figures = dict.fromkeys(("units", "without", "with", "gain"), _NUMBER)
    names = {"benchmark": _WHOLE, "corpus": _LONG, "task": _LONG, "release": _WHOLE}
    benchmarks = _table("Benchmarks", names | figures)
    for entry in registry.benchmarks.values():
        benchmarks.add_row(entry.name, entry.corpus, entry.task, *_benchmark_state(settings, entry.name))
    console.print(corpora, benchmarks)
    for holder in holders(settings.layout):
        console.print(f"at work: {holder}", markup=False, highlight=False)
    for name in registry.benchmarks:
        if told := held_back(settings, name):
            console.print(f"{name}: {told}", markup=False, highlight=False)
        if told := _of_another(settings, name):
            console.print(f"{name}: {told}", markup=False, highlight=False)
    for told in (*_logs(settings, registry), *_synthetic(settings, registry)):
        console.print(told, markup=False, highlight=False)
    for told in _recorded(settings, registry):
        console.print(told, markup=False, highlight=False)
    for told in _published(settings):
        console.print(told, markup=False, highlight=False)


# How a column takes little room: names that are typed and figures are there whole, other cells go on in the next line.
_WHOLE: dict[str, Any] = {"no_wrap": True}
_NUMBER: dict[str, Any] = {"no_wrap": True, "justify": "right"}
_LONG: dict[str, Any] = {"overflow": "fold"}


def _table(title: str, columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """A table without lines between its columns: so it fits 60 characters."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for heading, form in columns.items():
        table.add_column(heading, **form)
    return table


def _of_another(settings: Settings, benchmark: str) -> str:
    """One line where the scores are those of the release that was built last, and another is served."""
    from wbrag_pipeline.releases.store import candidate, current

    folder = settings.releases(benchmark)
    try:
        served, built = current(folder), candidate(folder)
    except (NotBuiltError, IntegrityError):
        return ""
    scored = {release.settings(settings).table("evaluation", benchmark) for release in (served, built)}
    if served.name == built.name or len(scored) > 1 or not scored.pop().is_file():
        return ""
    return f"without, with and gain are those of {built.name}, which was evaluated last"


def _logs(settings: Settings, registry: Registry) -> list[str]:
    """What each log holds that a benchmark is made of, and what it taught."""
    from wbrag_pipeline import tables

    told = []
    for entry in registry.benchmarks.values():
        if entry.log is None:
            continue
        try:
            counts = registry.splits(entry.name).log
        except InputError as error:
            told.append(f"{entry.name}: {error}")
            continue
        told += [f"{entry.name}: {line}" for line in (counts.lines() if counts else [])]
        if (file := settings.table("gated_docs", entry.name)).is_file():
            taught = tables.GATED_DOCS.read(file).unique("question_id")
            weak = taught.filter(label=tables.WEAK).height
            told.append(f"{entry.name}: units were made for {taught.height:,} questions, {weak:,} with a weak label")
    return told


def _synthetic(settings: Settings, registry: Registry) -> list[str]:
    """Which benchmarks train on questions that a language model wrote, and what these taught."""
    from wbrag_pipeline import tables

    told = []
    for entry in registry.benchmarks.values():
        if entry.answers != "synthetic":
            continue
        try:
            train = registry.splits(entry.name).train
        except InputError as error:
            told.append(f"{entry.name}: {error}")
            continue
        told.append(f"{entry.name}: trains on {train.height:,} synthetic questions, {entry.source}")
        if (file := settings.table("gated_docs", entry.name)).is_file():
            taught = tables.GATED_DOCS.read(file)["question_id"].n_unique()
            told.append(f"{entry.name}: units were made for {taught:,} synthetic questions")
    return told


def _recorded(settings: Settings, registry: Registry) -> list[str]:
    """One line for each benchmark of which queries were recorded while it was served."""
    from wbrag_pipeline.usage.recorded_queries import RecordedQueries

    counts = {name: RecordedQueries(settings.usage(name)).count() for name in registry.benchmarks}
    said = "served queries are recorded; see wbrag usage"
    return [f"{name}: {count:,} {said} {name}" for name, count in counts.items() if count]


def _published(settings: Settings) -> list[str]:
    """One line for each collection that units were published to, and whether another release is served by now."""
    from wbrag_pipeline.forgetting.unfinished import unfinished_withdrawals
    from wbrag_pipeline.publishing.publications import Publications
    from wbrag_pipeline.releases.pointer import served_name

    told = []
    for entry in Publications.load(settings.layout).entries:
        served = served_name(settings.layout.releases(entry.variant, entry.benchmark))
        other = f"; {served} is served here" if served and served != entry.release else ""
        again = f"; go on with: wbrag publish {entry.benchmark} --to '{entry.target}'" if not entry.finished else ""
        told.append(f"{entry.benchmark} is published to {entry}{other}{again}")
    for one in unfinished_withdrawals(settings.layout):
        where = ", ".join(target["target"] for target in one.certificate.not_withdrawn)
        told.append(f"forgotten units may still be in {where}; go on with: wbrag forget --resume")
    return told


def _corpus_state(settings: Settings, corpus: str) -> tuple[str, str]:
    import polars as pl

    from wbrag_pipeline import tables
    from wbrag_pipeline.retrieval.corpus import is_indexed

    table = settings.table("passages", corpus)
    count = f"{tables.PASSAGES.scan(table).select(pl.len()).collect().item():,}" if table.is_file() else "-"
    return count, "yes" if is_indexed(settings, corpus) else "-"


def _benchmark_state(settings: Settings, benchmark: str) -> tuple[str, str, str, str, str]:
    from wbrag_pipeline import tables
    from wbrag_pipeline.evaluation.statistics import summarise
    from wbrag_pipeline.releases.store import current

    try:
        release = current(settings.releases(benchmark))
        units = f"{release.units().height:,}"
    except NotBuiltError:
        return ("-",) * 5
    except IntegrityError:
        return "damaged, see wbrag doctor", "-", "-", "-", "-"
    table = release.settings(settings).table("evaluation", benchmark)
    if not table.is_file():
        return release.name, units, "-", "-", "-"
    try:
        summary = summarise(tables.EVALUATION.read(table), resamples=1)
    except InputError:
        return release.name, units, "-", "-", "-"
    return release.name, units, f"{summary.score_without:.1f}", f"{summary.score_with:.1f}", f"{summary.gain:+.1f}"
