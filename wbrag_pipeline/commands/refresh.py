"""``wbrag refresh``: read corpora again, and bring index and units in step with what changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wbrag_pipeline.commands.console import end_with, say
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import NotBuiltError, WbragError

if TYPE_CHECKING:
    import polars as pl

    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.settings import Settings

Report = dict[str, Any]


@with_settings(*RELEASE_SETTINGS, "skip_bad", "workers")
def refresh(
    corpora: Annotated[list[str] | None, typer.Argument(help="Corpora to read again; all indexed ones.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Also when more than half of a corpus is gone.")
    ] = False,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train the benchmarks again whose corpus changed since.")
    ] = True,
    json: JsonFile = None,
    *,
    settings: Settings,
) -> None:
    """Find what was added, updated, relabelled and deleted in the corpora's files, and do what follows from it.

    Only new texts are encoded. Units whose sources changed are retired at once, in all variants of this encoder; then
    the benchmarks are trained again as they were trained last, which costs what changed. A corpus or benchmark that
    fails does not keep the others from being done; the command fails at its end.

    Example: wbrag refresh handbook --dry-run
    """
    from wbrag_pipeline.commands.pipeline import train_again
    from wbrag_pipeline.commands.publish import say_what_to_publish
    from wbrag_pipeline.datasets.registry import Registry

    registry = Registry.load(settings.home)
    names = list(dict.fromkeys(corpora)) if corpora else _indexed(settings, registry)
    for name in names:
        registry.corpus(name)
    if not names:
        raise NotBuiltError("a corpus' index", "wbrag run BENCHMARK")
    tell = partial(say, err=is_printed(json))
    found: list[Report] = []
    failed: list[WbragError] = []
    for name in names:
        report: Report = {"corpus": name, "error": None}
        found.append(report)
        try:
            if dry_run:
                report |= _planned(settings, registry, name, tell)
            else:
                report |= _refreshed(settings, registry, name, tell, allow_deletions=allow_deletions)
        except WbragError as error:
            failed.append(error)
            report["error"] = str(error)
            continue
        if train and not dry_run:
            report["trained"], errors = train_again(settings, name)
            failed += errors.values()
            if report["trained"]:
                tell(f"  trained again: {', '.join(report['trained'])} (wbrag status shows what they gain now)")
            report["not_trained"] = {benchmark: str(error) for benchmark, error in errors.items()}
        if not dry_run and not is_printed(json):
            say_what_to_publish(settings, registry.benchmarks_of(name))
    tell_as_json(json, found)
    end_with(failed)


def _indexed(settings: Settings, registry: Registry) -> list[str]:
    from wbrag_pipeline.retrieval.corpus import is_indexed

    return [name for name in registry.corpora if is_indexed(settings, name)]


def _planned(settings: Settings, registry: Registry, corpus: str, tell: Callable[[str], None]) -> Report:
    from wbrag_pipeline.lineage.refreshes import summary
    from wbrag_pipeline.refresh.planning import plan_refresh

    plan = plan_refresh(settings, registry, corpus)
    tell(summary(corpus, plan.counts, plan.changes, plan.retired))
    if plan.refused:
        tell(f"  would be refused: {plan.refused}")
    for line in plan.bad.lines():
        tell(f"  {line}")
    for damaged in plan.damaged:
        tell(f"  would be passed over: {damaged}")
    tell("nothing was changed")
    found = {"changes": plan.counts, "units": _decisions(plan.retired), "left_out": plan.bad.count}
    return {**found, "refused": plan.refused or None, "passed_over": plan.damaged}


def _refreshed(
    settings: Settings, registry: Registry, corpus: str, tell: Callable[[str], None], *, allow_deletions: bool
) -> Report:
    import polars as pl

    from wbrag_pipeline import tables
    from wbrag_pipeline.commands.pipeline import run_refresh
    from wbrag_pipeline.lineage.refreshes import summary
    from wbrag_pipeline.refresh.corpus_stages import is_fresh
    from wbrag_pipeline.refresh.retiring import other_encoders
    from wbrag_pipeline.retrieval.passage_changes import counts

    # What a retriever shows now is not known before it is asked.
    if registry.corpus(corpus).retriever is None and is_fresh(settings, registry, corpus):
        tell(f"corpus {corpus}: its files have not changed")
        return {"read": False}
    run_refresh(settings, corpus, allow_deletions=allow_deletions)
    changes, retired = (
        table.read(settings.table(table.name, corpus)) for table in (tables.CORPUS_CHANGES, tables.RETIRED_UNITS)
    )
    passages = tables.PASSAGES.scan(settings.table("passages", corpus)).select(pl.len()).collect().item()
    counted = counts(changes, passages)
    tell(summary(corpus, counted, changes, retired))
    others = other_encoders(settings, corpus)
    if others:
        tell(f"  its indexes for other encoders stay as they are until --encoder names them: {', '.join(others)}")
    return {"read": True, "changes": counted, "units": _decisions(retired), "other_encoders": others}


def _decisions(retired: pl.DataFrame) -> dict[str, int]:
    """How many units each decision was made of."""
    return dict(retired["decision"].value_counts().rows())
