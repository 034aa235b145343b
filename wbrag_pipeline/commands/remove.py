"""``wbrag remove``: take a corpus or a benchmark out, with what was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.code_location import reload_code_location
from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.datasets.removing import Kind
    from wbrag_pipeline.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Take a corpus or a benchmark out, with what was made of it.\n\nExample: wbrag remove benchmark nq --dry-run",
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("corpus")
@with_settings("home")
def remove_corpus(
    name: Annotated[str, typer.Argument(help="Name of the corpus.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Remove a corpus' entry, tables and indexes. Benchmarks over it must be removed first.

    Your files stay, and so do lineage and completion cache: wbrag forget deletes a text everywhere.

    Example: wbrag remove corpus handbook --dry-run
    """
    _remove(settings, "corpus", name, dry_run=dry_run, yes=yes)


@app.command("benchmark")
@with_settings("home")
def remove_benchmark(
    name: Annotated[str, typer.Argument(help="Name of the benchmark.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    *,
    settings: Settings,
) -> None:
    """Remove a benchmark's entry, tables, releases and reports, of all settings. Nothing of it is served afterwards.

    Your files stay, and so do lineage and completion cache: wbrag forget deletes a text everywhere.

    Example: wbrag remove benchmark support --dry-run
    """
    _remove(settings, "benchmark", name, dry_run=dry_run, yes=yes)


def _remove(settings: Settings, kind: Kind, name: str, *, dry_run: bool, yes: bool) -> None:
    from wbrag_pipeline.datasets.removing import plan_removal, remove
    from wbrag_pipeline.home import path_name
    from wbrag_pipeline.publishing.publications import Publications
    from wbrag_pipeline.remote.seen_versions import all_seen
    from wbrag_pipeline.retrieval.stores.collections import drop_unneeded
    from wbrag_pipeline.run_locks import WHOLE_HOME, at_work

    plan = plan_removal(settings.layout, kind, name)
    if kind == "benchmark" and (published := Publications.load(settings.layout).of(name)):
        first = " && ".join(f"wbrag publish {name} --to '{entry.target}' --remove" for entry in published)
        raise InputError("its units are published", field="name", hint=f"take them out first: {first}")
    say(f"to be deleted: {plan.entry}, and {len(plan.files):,} files that were made of it ({plan.bytes:,} bytes)")
    say(f"kept: {'; '.join([*map(str, plan.yours), 'lineage, completion cache and ledger'])}")
    if dry_run:
        say("nothing was changed")
        return
    if not yes and not _agreed(f"Remove the {kind} {name}?"):
        raise InputError("nothing was changed", hint="--yes removes without asking")
    with at_work(settings.layout, "wbrag remove", alone=[WHOLE_HOME], tell=note):
        remove(settings.layout, plan_removal(settings.layout, kind, name))
        dropped = drop_unneeded(settings.layout)
    for store, count in dropped.counts.items():
        say(f"dropped: {count} collections in {store}")
    for other in dropped.others:
        say(f"kept: {other}, made when this home lay there; drop it in its store")
    for address, place in all_seen(settings.layout):
        owner = settings.layout.owner(settings.home / place / "pointer.json")
        if path_name(name) == (owner.benchmark if kind == "benchmark" else owner.corpus):
            say(f"kept: {address}/{place}, which other machines may serve; delete it there")
    say(f"{kind} {name} is removed")
    reload_code_location(settings)


def _agreed(question: str) -> bool:
    """Whether a person says yes; nobody does where nobody can answer."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        say()
        return False
