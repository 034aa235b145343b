"""Bringing the served releases in step with a corpus: what is gone from it is gone from them, before any training."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.home import path_name
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.refresh.source_validity import revalidate_units
from wbrag_pipeline.releases.release_lineage import record_served
from wbrag_pipeline.releases.store import Release, build_release, current, promote
from wbrag_pipeline.retrieval.corpus import CURRENT_STATE, current_state
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.settings import Settings


def served_releases(settings: Settings, benchmarks: Sequence[str]) -> Iterator[tuple[str, str, Path]]:
    """Variant, benchmark and folder of all that is served of these benchmarks with this encoder and store."""
    for benchmark in benchmarks:
        pattern = f"{glob.escape(settings.search_space)}~*/{path_name(benchmark)}"
        for folder in sorted((settings.home / "releases").glob(pattern)):
            yield folder.parent.name, benchmark, folder


def damaged_releases(settings: Settings, benchmarks: Sequence[str]) -> list[str]:
    """What is wrong with served releases that cannot be read, in words.

    They keep nothing from going on: no retriever opens one, and the next training makes another.
    """
    problems = []
    for _, _, folder in served_releases(settings, benchmarks):
        with suppress(NotBuiltError):
            try:
                current(folder).units()
            except IntegrityError as error:
                problems.append(str(error))
    return problems


def decisions_due(settings: Settings, benchmarks: Sequence[str], passages: pl.LazyFrame) -> pl.DataFrame:
    """What will be decided of the served units over these PASSAGES, as RETIRED_UNITS; nothing is changed."""
    made = []
    for variant, benchmark, folder in served_releases(settings, benchmarks):
        with suppress(NotBuiltError, IntegrityError):
            release = current(folder)
            decisions = revalidate_units(release.units(), passages, release.language)[1]
            made += [(variant, benchmark, decisions)] if decisions.height else []
    return _table(made)


def retire(
    settings: Settings, benchmarks: Sequence[str], passages: pl.LazyFrame, encoder: Encoder, *, actor: str
) -> pl.DataFrame:
    """Serve releases without the units that no longer stand, of every variant with this encoder.

    A release whose units all stand as they are is not replaced, so that doing it again does nothing; one that cannot be
    read is passed over (``damaged_releases``). Gives RETIRED_UNITS: what was decided of the units that something
    happened to.

    actor: who does it, for the pointer's history.
    """
    made = []
    for variant, benchmark, folder in served_releases(settings, benchmarks):
        try:
            release = current(folder)
            new, decisions = in_step(release, passages, lambda: encoder, Collections.of(settings), actor=actor)
        except (NotBuiltError, IntegrityError):
            continue
        if decisions.height:
            reason = f"sources of {decisions.height} units changed in the corpus"
            # Not validated: what lost its source goes, whatever the scores say.
            promote(folder, new.name, actor=actor, reason=reason)
            made.append((variant, benchmark, decisions))
    return _table(made)


def in_step(
    release: Release,
    passages: pl.LazyFrame,
    load_encoder: Callable[[], Encoder],
    collections: Collections | None = None,
    *,
    actor: str,
) -> tuple[Release, pl.DataFrame]:
    """The release that is this one over these PASSAGES, made where it is another, and what ``stand`` decided.

    collections: as ``build_release`` takes them. Serves nothing. The encoder is loaded only where units changed.
    """
    units, decisions = revalidate_units(release.units(), passages, release.language)
    if decisions.is_empty():
        return release, decisions
    made = {**release.made, "parent": release.name, "run": actor}
    return build_release(units, load_encoder(), release.folder.parent, made, collections), decisions


def revalidated_release(
    settings: Settings, corpus: str, *, actor: str, encoder: Callable[[], Encoder] | None = None
) -> Callable[[Release], Release] | None:
    """What ``promote`` and ``rollback`` serve in the place of an older release; None before the corpus was indexed.

    The corpus may have lost sources since that release was built, or closed them to some readers.
    """
    state = current_state(settings, corpus)
    if state is None:
        return None
    passages = pl.scan_parquet(state.passages)

    def load() -> Encoder:
        from wbrag_pipeline.retrieval.encoding.encoder import load_encoder

        return load_encoder(settings.encoder)

    collections = Collections.of(settings)
    return lambda release: in_step(release, passages, encoder or load, collections, actor=actor)[0]


def record_releases(lineage: Lineage, settings: Settings, benchmarks: Sequence[str], run_id: str) -> None:
    """Record what is served of these benchmarks and the pointers' moves, also those of a ``retire`` that was killed."""
    for variant, benchmark, folder in served_releases(settings, benchmarks):
        with suppress(NotBuiltError, IntegrityError):
            record_served(lineage, folder, run_id, variant, benchmark)


def _table(made: list[tuple[str, str, pl.DataFrame]]) -> pl.DataFrame:
    parts = [
        decisions.with_columns(variant=pl.lit(variant), benchmark=pl.lit(benchmark)).select(
            tables.RETIRED_UNITS.schema.names()
        )
        for variant, benchmark, decisions in made
    ]
    return tables.RETIRED_UNITS.check(pl.concat([tables.RETIRED_UNITS.empty(), *parts]))


def other_encoders(settings: Settings, corpus: str) -> list[str]:
    """Folder names of other encoders' indexes of a corpus: they stay as they are until they are refreshed."""
    mine: Path = settings.corpus_index(corpus)
    return sorted(path.parent.name for path in mine.parent.glob(f"*/{CURRENT_STATE}") if path.parent != mine)
