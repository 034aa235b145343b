"""``wbrag refresh``: read corpora again, and bring index and units in step with what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import NotBuiltError

if TYPE_CHECKING:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.settings import Settings


@with_settings(*RELEASE_SETTINGS, "skip_bad", "workers")
def refresh(
    corpora: Annotated[list[str] | None, typer.Argument(help="Corpora to read again; all indexed ones.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Also when more than half of a corpus is gone.")
    ] = False,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train the trained benchmarks over a changed corpus again.")
    ] = True,
    *,
    settings: Settings,
) -> None:
    """Find what was added, updated, relabelled and deleted in the corpora's files, and do what follows from it.

    Only new texts are encoded. Units whose sources changed are retired at once, in all variants of this encoder; then
    the benchmarks are trained again as they were trained last, which costs what changed.

    Example: wbrag refresh handbook --dry-run
    """
    from wbrag_pipeline.datasets.registry import Registry

    registry = Registry.load(settings.home)
    names = list(dict.fromkeys(corpora)) if corpora else _indexed(settings, registry)
    for name in names:
        registry.corpus(name)
    if not names:
        raise NotBuiltError("a corpus' index", "wbrag run BENCHMARK")
    for name in names:
        if dry_run:
            _show_plan(settings, registry, name)
        else:
            _refresh(settings, registry, name, allow_deletions=allow_deletions, train=train)


def _indexed(settings: Settings, registry: Registry) -> list[str]:
    from wbrag_pipeline.retrieval.corpus import is_indexed

    return [name for name in registry.corpora if is_indexed(settings, name)]


def _show_plan(settings: Settings, registry: Registry, corpus: str) -> None:
    from wbrag_pipeline.lineage.refreshes import summary
    from wbrag_pipeline.refresh.planning import plan_refresh

    plan = plan_refresh(settings, registry, corpus)
    say(summary(corpus, plan.counts, plan.changes, plan.retired))
    if plan.refused:
        say(f"  would be refused: {plan.refused}")
    for line in plan.bad.lines():
        say(f"  {line}")
    for damaged in plan.damaged:
        say(f"  would be passed over: {damaged}")
    say("nothing was changed")


def _refresh(settings: Settings, registry: Registry, corpus: str, *, allow_deletions: bool, train: bool) -> None:
    import polars as pl

    from wbrag_pipeline import tables
    from wbrag_pipeline.commands.pipeline import run_refresh, train_again
    from wbrag_pipeline.commands.publish import say_what_to_publish
    from wbrag_pipeline.lineage.refreshes import summary
    from wbrag_pipeline.refresh.corpus_stages import is_fresh
    from wbrag_pipeline.refresh.retiring import other_encoders
    from wbrag_pipeline.retrieval.corpus import committed_state
    from wbrag_pipeline.retrieval.passage_changes import counts

    # What a retriever shows now is not known before it is asked.
    if registry.corpus(corpus).retriever is None and is_fresh(settings, registry, corpus):
        say(f"corpus {corpus}: its files have not changed")
        return
    first = committed_state(settings, corpus) is None
    run_refresh(settings, corpus, allow_deletions=allow_deletions)
    changes, retired = (
        table.read(settings.table(table.name, corpus)) for table in (tables.CORPUS_CHANGES, tables.RETIRED_UNITS)
    )
    passages = tables.PASSAGES.scan(settings.table("passages", corpus)).select(pl.len()).collect().item()
    say(summary(corpus, counts(changes, passages), changes, retired))
    if others := other_encoders(settings, corpus):
        say(f"  its indexes for other encoders stay as they are until --encoder names them: {', '.join(others)}")
    if train and not first and (changes.height or retired.height):
        train_again(settings, registry.benchmarks_of(corpus))
    say_what_to_publish(settings, registry.benchmarks_of(corpus))
