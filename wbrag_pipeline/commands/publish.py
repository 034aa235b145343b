"""``wbrag publish``: the units of a release in the collection that an application searches."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.publishing.publish import Published
    from wbrag_pipeline.settings import Settings


@with_settings(*RELEASE_SETTINGS)
def publish(
    benchmark: Annotated[str, typer.Argument(help="The benchmark, see wbrag status.")],
    to: Annotated[
        str,
        typer.Option(
            "--to", help="qdrant:URL#COLLECTION, qdrant:FOLDER#COLLECTION, pgvector:DSN#TABLE or lancedb:FOLDER#TABLE."
        ),
    ],
    release: Annotated[str, typer.Option("--release", help="For example r000003; the served one if left out.")] = "",
    columns: Annotated[
        str | None,
        typer.Option("--columns", help="Columns by name: id=…,title=…,text=…,vector=…,metadata=…; found if left out."),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the table, or the columns that mark units, where missing.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Remove units of this benchmark that other homes published, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take all units of the benchmark out again.")] = False,
    *,
    settings: Settings,
) -> None:
    """Write the units of a release into a collection of your own, in the place of those of the release before.

    Rows that wbrag did not write are not touched. To roll back, give the earlier release. Passwords are read from
    PGPASSWORD, ~/.pgpass, a Postgres service, or QDRANT_API_KEY; an address with one is refused.

    Example: wbrag publish support --to pgvector:postgresql://app@db/rag#passages
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.publishing.publish import publish as publish_now
    from wbrag_pipeline.publishing.publish import unpublish
    from wbrag_pipeline.publishing.target_address import parse_target
    from wbrag_pipeline.run_locks import at_work

    address = parse_target(to)
    if remove and (release or create or take_over):
        raise InputError("--remove takes neither --release nor --create nor --take-over", field="--remove")
    corpus = "" if remove else Registry.load(settings.home).benchmark(benchmark).corpus
    with at_work(settings.layout, "wbrag publish", alone=[f"publishing {benchmark}"], tell=note):
        if remove:
            gone = unpublish(settings, benchmark, address, columns=columns, dry_run=dry_run)
        else:
            done = publish_now(
                settings,
                benchmark,
                corpus,
                address,
                release=release,
                columns=columns,
                create=create,
                take_over=take_over,
                dry_run=dry_run,
            )
    if remove:
        say(f"{address}: {gone:,} units of {benchmark} {'would be removed' if dry_run else 'removed'}")
    else:
        _tell(benchmark, str(address), done, dry_run)
    if dry_run:
        say("nothing was changed")


def say_if_another(benchmark: str, wanted: str, release: str) -> None:
    """One line where the release that was asked for is another one over the corpus as it is now."""
    if wanted != release:
        say(
            f"{release} is {wanted} over the corpus as it is now: some of its units' sources have changed; "
            f"see wbrag release diff {benchmark} {wanted} {release}"
        )


def say_what_to_publish(settings: Settings, benchmarks: Collection[str]) -> None:
    """One line for each collection that holds another release of these benchmarks than the one that is served."""
    from wbrag_pipeline.publishing.publications import Publications
    from wbrag_pipeline.releases.pointer import served_name

    for entry in Publications.load(settings.layout).entries:
        served = served_name(settings.layout.releases(entry.variant, entry.benchmark))
        if entry.benchmark in benchmarks and served not in ("", entry.release):
            say(
                f"{entry.benchmark}: {entry.target} holds {entry.release}, and {served} is served; publish it with: "
                f"wbrag publish {entry.benchmark} --to '{entry.target}'"
            )


def _tell(benchmark: str, target: str, done: Published, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    say_if_another(benchmark, done.wanted, done.release)
    for thing in done.made:
        say(f"{target}: {would}made: {thing}")
    if dry_run and done.columns:
        say(f"{target}: columns {done.columns} (others are named with --columns)")
    written = f"{done.written:,} units of {benchmark} {done.release} {would}written"
    say(f"{target}: {written}, {done.removed:,} {would}removed")
    if done.labelled:
        say(
            f"{done.labelled:,} of them have access labels: your search must leave out what a reader may not see "
            "(wbrag_labels holds the labels, and a reader needs all of them)"
        )
    if done.others:
        say(
            f"{done.others:,} units of a benchmark of this name from other homes are there too and stay; "
            "--take-over removes them"
        )
