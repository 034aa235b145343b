"""``wbrag status``: what there is, what was trained, what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from wbrag_pipeline.commands.console import say, wide_console
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError

if TYPE_CHECKING:
    from wbrag_pipeline.datasets.benchmark_entry import Benchmark
    from wbrag_pipeline.datasets.corpus_entry import Corpus
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.settings import Settings

# What is told of one corpus or benchmark; None is what there is not.
State = dict[str, Any]


@with_settings(*RELEASE_SETTINGS)
def status(json: JsonFile = None, *, settings: Settings) -> None:
    """List corpora and benchmarks with their state under the present settings.

    Example: wbrag status
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.run_locks import holders

    registry = Registry.load(settings.home)
    corpora = [_corpus_state(settings, corpus) for corpus in registry.corpora.values()]
    benchmarks = [_benchmark_state(settings, entry) for entry in registry.benchmarks.values()]
    at_work = holders(settings.layout)
    others = [f"{name}: {told}" for name in registry.benchmarks if (told := _of_another(settings, name))]
    notes = [*_refused(registry), *_held_back(settings, registry), *others, *_taught(settings, registry)]
    notes += [*_recorded(settings, registry), *_published(settings)]
    if not is_printed(json):
        _print(settings, corpora, benchmarks)
        for told in (*(f"at work: {holder}" for holder in at_work), *notes):
            say(told)
    named = ("encoder", "search", "generator", "method")
    found = {"home": str(settings.home), "variant": settings.variant}
    found_now = {"corpora": corpora, "benchmarks": benchmarks, "at_work": [asdict(one) for one in at_work]}
    tell_as_json(json, found | {name: getattr(settings, name) for name in named} | found_now | {"notes": notes})


def _print(settings: Settings, corpora: list[State], benchmarks: list[State]) -> None:
    console = wide_console()
    # The usual search is not worth a word.
    search = f", search {settings.search}" if settings.search != "dense" else ""
    engines = f"generator {settings.generator}, method {settings.method}"
    missing = "" if settings.home.is_dir() else " (not there yet)"
    console.print(f"home {settings.home}{missing}\nencoder {settings.encoder}{search}, {engines}")
    table = _table("Corpora", {"corpus": _WHOLE, "passages": _NUMBER, "index": _WHOLE, "file": _LONG})
    for one in corpora:
        passages = "-" if one["passages"] is None else f"{one['passages']:,}"
        table.add_row(one["name"], passages, "yes" if one["indexed"] else "-", one["source"])
    figures = dict.fromkeys(("units", "without", "with", "gain"), _NUMBER)
    names = {"benchmark": _WHOLE, "corpus": _LONG, "task": _LONG, "release": _WHOLE}
    trained = _table("Benchmarks", names | figures)
    for one in benchmarks:
        release = "damaged, see wbrag doctor" if one["damaged"] else one["release"] or "-"
        units = "-" if one["units"] is None else f"{one['units']:,}"
        sides = ["-" if one[side] is None else f"{one[side]:.1f}" for side in ("without", "with")]
        gain = "-" if one["gain"] is None else f"{one['gain']:+.1f}"
        trained.add_row(one["name"], one["corpus"], one["task"], release, units, *sides, gain)
    console.print(table, trained)


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


def _refused(registry: Registry) -> list[str]:
    """Benchmarks that cannot be worked with, and why."""
    told = []
    for entry in registry.benchmarks.values():
        try:
            entry.require_metric()
        except InputError as error:
            told.append(f"{entry.name}: {error}")
    return told


def _held_back(settings: Settings, registry: Registry) -> list[str]:
    from wbrag_pipeline.commands.release import held_back

    return [f"{name}: {told}" for name in registry.benchmarks if (told := held_back(settings, name))]


def _taught(settings: Settings, registry: Registry) -> list[str]:
    """What benchmarks train on that are made of a log, or of questions that a model wrote, and what that taught."""
    from wbrag_pipeline import tables

    told = []
    for entry in registry.benchmarks.values():
        if entry.log is None and entry.answers != "synthetic":
            continue
        try:
            splits = registry.splits(entry.name)
        except InputError as error:
            told.append(f"{entry.name}: {error}")
            continue
        kind = "synthetic " if entry.log is None else ""
        lines = (
            splits.log.lines() if splits.log else [f"trains on {splits.train.height:,} {kind}questions, {entry.source}"]
        )
        if (file := settings.table("gated_docs", entry.name)).is_file():
            taught = tables.GATED_DOCS.read(file).unique("question_id")
            weak = f", {taught.filter(label=tables.WEAK).height:,} with a weak label" if entry.log else ""
            lines.append(f"units were made for {taught.height:,} {kind}questions{weak}")
        told += [f"{entry.name}: {line}" for line in lines]
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


def _corpus_state(settings: Settings, corpus: Corpus) -> State:
    import polars as pl

    from wbrag_pipeline import tables
    from wbrag_pipeline.retrieval.corpus import is_indexed

    table, last = (settings.table(name, corpus.name) for name in ("passages", "retired_units"))
    count = tables.PASSAGES.scan(table).select(pl.len()).collect().item() if table.is_file() else None
    return {
        "name": corpus.name,
        "passages": count,
        "indexed": is_indexed(settings, corpus.name),
        # Each refresh writes this table, also one that changed nothing.
        "refreshed_at": f"{datetime.fromtimestamp(last.stat().st_mtime, UTC):%FT%TZ}" if last.is_file() else None,
        "source": corpus.place,
    }


def _benchmark_state(settings: Settings, benchmark: Benchmark) -> State:
    from wbrag_pipeline import tables
    from wbrag_pipeline.evaluation.statistics import summarise
    from wbrag_pipeline.releases.store import current

    found: State = {"name": benchmark.name, "corpus": benchmark.corpus, "task": benchmark.task, "damaged": False}
    found |= dict.fromkeys(("release", "built_at", "units", "without", "with", "gain"))
    try:
        release = current(settings.releases(benchmark.name))
        found |= {"release": release.name, "units": release.units().height, "built_at": release.made.get("built_at")}
    except NotBuiltError:
        return found
    except IntegrityError:
        return found | {"damaged": True}
    table = release.settings(settings).table("evaluation", benchmark.name)
    if table.is_file():
        with suppress(InputError):
            summary = summarise(tables.EVALUATION.read(table), resamples=1)
            found |= {"without": summary.score_without, "with": summary.score_with, "gain": summary.gain}
    return found
