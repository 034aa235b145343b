"""What a refresh decided of the served units, on disk from before the first release gives way until all is committed.

A refresh that was cut short finds releases that are in step already the next time, and nothing to decide. What it had
decided belongs to the refresh all the same: to its table, and to the lineage of the units that it retired.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.refresh.retiring import served_releases
from wbrag_pipeline.refresh.source_validity import RETIRED
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.retrieval.corpus import commit_state, committed_state
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing
from wbrag_pipeline.table_files import write_parquet

_UNIT = ["variant", "benchmark", "unit_id"]
_SINCE = "since"  # the state that was committed last when it was decided


def note_decisions(settings: Settings, corpus: str, benchmarks: Sequence[str], fresh: pl.DataFrame) -> pl.DataFrame:
    """RETIRED_UNITS of this refresh: what ``decisions_due`` gave now, and before it was cut short; written down.

    Called before ``retire``, so that nothing is retired of which there is no note.
    """
    committed = committed_state(settings, corpus)
    since, file = committed.name if committed else "", settings.table("retiring_units", corpus)
    earlier = _earlier(file, since).join(fresh, on=_UNIT, how="anti")
    # What was to go and is there still was not done, and is not decided any more.
    there = pl.DataFrame(_served(settings, benchmarks), schema=dict.fromkeys(_UNIT, pl.String), orient="row")
    undone = earlier.filter(pl.col("decision") == RETIRED).join(there, on=_UNIT, how="semi")
    frame = tables.RETIRED_UNITS.check(pl.concat([fresh, earlier.join(undone, on=_UNIT, how="anti")]).sort(_UNIT))
    if frame.height:
        with replacing(file) as temporary:
            write_parquet(frame.with_columns(pl.lit(since).alias(_SINCE)), temporary)
    return frame


def commit_decisions(settings: Settings, corpus: str, frame: pl.DataFrame) -> None:
    """Store RETIRED_UNITS and note that the units are in step with the corpus; called when all else is done."""
    with replacing(settings.table(tables.RETIRED_UNITS.name, corpus)) as temporary:
        write_parquet(frame, temporary)
    commit_state(settings, corpus)
    settings.table("retiring_units", corpus).unlink(missing_ok=True)


def _earlier(file: Path, since: str) -> pl.DataFrame:
    try:
        found = pl.read_parquet(file).filter(pl.col(_SINCE) == since).drop(_SINCE)
        return tables.RETIRED_UNITS.check(found)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, IntegrityError):
        return tables.RETIRED_UNITS.empty()  # none, or damaged: a note of what was done, which no reader needs


def _served(settings: Settings, benchmarks: Sequence[str]) -> list[tuple[str, str, str]]:
    found = []
    for variant, benchmark, folder in served_releases(settings, benchmarks):
        with suppress(NotBuiltError, IntegrityError):
            found += [(variant, benchmark, unit) for unit in current(folder).units()["unit_id"]]
    return found
