"""``wbrag status``: what there is, what was trained, what it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    console.print(f"home {settings.home}\nencoder {settings.encoder}{search}, {engines}")
    corpora = Table("corpus", "passages", "index", "file", title="Corpora", title_justify="left")
    for corpus in registry.corpora.values():
        corpora.add_row(corpus.name, *_corpus_state(settings, corpus.name), corpus.place)
    benchmarks = Table(title="Benchmarks", title_justify="left")
    for heading in ("benchmark", "corpus", "task", "release", "units", "without", "with", "gain"):
        # Names must be there whole: they are what is typed.
        right = heading in ("units", "without", "with", "gain")
        benchmarks.add_column(heading, justify="right" if right else "left", no_wrap=heading == "benchmark")
    for entry in registry.benchmarks.values():
        benchmarks.add_row(entry.name, entry.corpus, entry.task, *_benchmark_state(settings, entry.name))
    console.print(corpora, benchmarks)
    at_work = [f"at work: {holder}" for holder in holders(settings.layout)]
    held = [f"{name}: {told}" for name in registry.benchmarks if (told := held_back(settings, name))]
    taught, recorded = _taught(settings, registry), _recorded(settings, registry)
    for line in (*at_work, *held, *taught, *recorded, *_published(settings)):
        console.print(line)


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
