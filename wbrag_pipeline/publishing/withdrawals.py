"""Forgotten units leave every collection that they were published to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from wbrag_pipeline.errors import VectorStoreError, WbragError
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.publishing.publications import Publication, Publications, record_publication
from wbrag_pipeline.publishing.publish import remove_and_verify
from wbrag_pipeline.publishing.published_rows import HOME, UNIT
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.publishing.unit_target import opened_target
from wbrag_pipeline.settings import Settings


@dataclass(frozen=True)
class Withdrawal:
    """What became of forgotten units in one target.

    units: how many were there. problem: why it is not known that none is left, "" where it is. keeps: where the store
    may keep what was removed for some time.
    """

    target: str
    benchmark: str
    units: int
    problem: str
    keeps: str


def withdraw(settings: Settings, unit_ids: Sequence[str]) -> tuple[Withdrawal, ...]:
    """Take these units out of every target of this home, and look whether they are gone.

    A target that cannot be reached, or where the collection is missing, has a ``problem``; the others are done.
    """
    if not unit_ids:
        return ()
    noted = Publications.load(settings.layout)
    return tuple(_withdraw(settings, entry, noted.home_id, unit_ids) for entry in noted.entries)


def _withdraw(settings: Settings, entry: Publication, home_id: str, unit_ids: Sequence[str]) -> Withdrawal:
    address = entry.address
    try:
        with opened_target(address, TargetColumns.parse(entry.columns)) as target:
            if not target.there:
                # It may be a server of another database that is asked: that is no proof.
                again = f"wbrag publish {entry.benchmark} --to '{address}' --remove"
                problem = f"is not there; if it was deleted, take it off the record: {again}"
                raise VectorStoreError(str(address), problem)
            held = target.held(entry.benchmark)
            gone = held.filter((pl.col(HOME) == home_id) & pl.col(UNIT).is_in(list(unit_ids)))
            remove_and_verify(target, gone, address)
            keeps = target.keeps if gone.height else ""
    except WbragError as error:
        problem = error.reason if isinstance(error, VectorStoreError) else str(error)
        return Withdrawal(str(address), entry.benchmark, 0, problem, "")
    if gone.height:
        record_publication(settings.layout, replace(entry, units=max(0, entry.units - gone.height)))
        lineage = Lineage(settings.layout.lineage)
        lineage.record_publication(
            "wbrag forget", entry.variant, entry.benchmark, entry.release, str(address), "withdraw", gone.height
        )
    return Withdrawal(str(address), entry.benchmark, gone.height, "", keeps)
