"""Publishing a release to a collection of the user's own, and taking everything out again.

The new units are written first. Only when they are there are those of other releases removed, so that no search in
between finds none. A run that was killed leaves both; the next call writes and removes what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from wbrag_pipeline.errors import InputError, VectorStoreError
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.publishing.publications import (
    Publication,
    Publications,
    columns_of,
    drop_publication,
    record_publication,
)
from wbrag_pipeline.publishing.published_rows import HOME, IDENTITY, UnitRows, published_rows
from wbrag_pipeline.publishing.target_address import TargetAddress
from wbrag_pipeline.publishing.unit_target import UnitTarget, opened_target
from wbrag_pipeline.refresh.retiring import revalidated_release
from wbrag_pipeline.releases.store import Release, current, open_release
from wbrag_pipeline.settings import Settings

_ACTOR = "wbrag publish"


@dataclass(frozen=True)
class Published:
    """What was done, or would be.

    wanted, release: the release that was asked for, and the one that is this over the corpus as it is now. written,
    labelled, removed: units. made: what had to be made in the target, in words. others: units of benchmarks of this
    name from other homes, which were left. columns: those that it is written into, as ``--columns`` has them.
    """

    wanted: str
    release: str
    written: int
    labelled: int
    removed: int
    made: tuple[str, ...]
    others: int
    columns: str


def release_as_it_stands(settings: Settings, benchmark: str, corpus: str, name: str, *, actor: str) -> Release:
    """A release by name, the served one for "", less the units whose sources the corpus has lost since.

    Raises NotBuiltError where nothing is served, InputError where there is no release of that name.
    """
    folder = settings.releases(benchmark)
    release = open_release(folder, name) if name else current(folder)
    release.verify()
    instead = revalidated_release(settings, corpus, actor=actor)
    return instead(release) if instead else release


def publish(
    settings: Settings,
    benchmark: str,
    corpus: str,
    address: TargetAddress,
    *,
    release: str = "",
    columns: str | None = None,
    create: bool = False,
    take_over: bool = False,
    dry_run: bool = False,
) -> Published:
    """Have a target hold the units of one release of a benchmark, and none of its others.

    release: its name, "" for the served one. columns: as ``--columns`` has it; None is as the last time. create: make
    the table, or the columns for marks, where they are missing. take_over: remove units of this benchmark that other
    homes published. dry_run: change nothing.

    Raises InputError where the target does not fit, VectorStoreError where it cannot be reached or refuses.
    """
    _require_outside(settings, address)
    noted = Publications.load(settings.layout) if dry_run else Publications.begin(settings.layout)
    where = columns_of(noted.find(benchmark, address), columns)
    found = release_as_it_stands(settings, benchmark, corpus, release, actor=_ACTOR)
    rows = published_rows(found, noted.home_id, benchmark)
    with opened_target(address, where) as target:
        lacks = target.lacks(rows)
        if lacks and not create:
            raise InputError(f"lacks {' and '.join(lacks)}", field="--to", hint="--create makes it")
        held = target.held(benchmark)
        ours = held if take_over else held.filter(pl.col(HOME) == noted.home_id)
        old = ours.join(rows.held, on=IDENTITY, how="anti")
        done = Published(
            wanted=release or found.name,
            release=found.name,
            written=len(rows),
            labelled=rows.labelled,
            removed=old.height,
            made=tuple(lacks),
            others=held.filter(pl.col(HOME) != noted.home_id).height if not take_over else 0,
            columns=str(target.columns),
        )
        if dry_run:
            return done
        entry = Publication(
            benchmark=benchmark,
            target=str(address),
            columns=str(where),
            release=found.name,
            variant=settings.variant,
            encoder=rows.encoder,
            units=len(rows),
            at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            finished=False,
        )
        record_publication(settings.layout, entry)
        if lacks:
            target.make(rows)
        _replace(target, rows, old, address)
        record_publication(settings.layout, replace(entry, finished=True))
    _record(settings, benchmark, found.name, address, "publish", len(rows))
    return done


def unpublish(
    settings: Settings, benchmark: str, address: TargetAddress, *, columns: str | None = None, dry_run: bool = False
) -> int:
    """Take all units of a benchmark that this home published out of a target; gives how many there were."""
    noted = Publications.load(settings.layout)
    known = noted.find(benchmark, address)
    with opened_target(address, columns_of(known, columns)) as target:
        ours = target.held(benchmark).filter(pl.col(HOME) == noted.home_id)
        if dry_run:
            return ours.height
        remove_and_verify(target, ours, address)
    drop_publication(settings.layout, benchmark, address)
    if known or ours.height:
        _record(settings, benchmark, known.release if known else "", address, "remove", ours.height)
    return ours.height


def remove_and_verify(target: UnitTarget, gone: pl.DataFrame, address: TargetAddress) -> None:
    """Take rows (HELD) out, and look whether they are gone. Raises VectorStoreError where they are not."""
    if gone.is_empty():
        return
    target.remove(gone)
    for benchmark in gone["wbrag_benchmark"].unique():
        left = target.held(benchmark).join(gone, on=IDENTITY, how="semi").height
        if left:
            raise VectorStoreError(str(address), f"says that it removed units, and {left} of them are there still")


def _replace(target: UnitTarget, rows: UnitRows, old: pl.DataFrame, address: TargetAddress) -> None:
    target.write(rows)
    there = target.held(rows.benchmark).join(rows.held, on=IDENTITY, how="semi").height
    if there != len(rows):
        raise VectorStoreError(str(address), f"took {len(rows)} units and holds {there} of them; nothing was removed")
    remove_and_verify(target, old, address)


def _require_outside(settings: Settings, address: TargetAddress) -> None:
    home = settings.home.resolve()
    if address.folder is not None and address.folder.resolve().is_relative_to(home):
        raise InputError(f"lies inside the home {settings.home}", field="--to", hint="publish to a folder elsewhere")


def _record(settings: Settings, benchmark: str, release: str, address: TargetAddress, action: str, units: int) -> None:
    lineage = Lineage(settings.layout.lineage)
    lineage.record_publication(_ACTOR, settings.variant, benchmark, release, str(address), action, units)
