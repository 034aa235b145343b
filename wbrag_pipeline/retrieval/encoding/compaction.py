"""Keeping the embedding store small: segments are merged, and vectors that nobody needs leave it.

New segments are written before old ones go, so a kill leaves some vectors twice at worst, and none lost. Both
functions work alone on the store: nobody is reading it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline.retrieval.encoding.embedding_store import SEGMENT_PASSAGES
from wbrag_pipeline.retrieval.encoding.segments import VectorSegment, segment_rows, segments_in, write_segment
from wbrag_pipeline.storage import locked, remove_directory


def compact(folder: Path, live: Callable[[], pl.Series], *, segment_passages: int = SEGMENT_PASSAGES) -> int:
    """Rewrite the segments that are less than half full of live vectors; does nothing while the store is in use.

    folder: the embedding store.
    live: gives the content hashes of all passages that some corpus holds; asked once the store is ours alone.

    Gives the number of vectors that were dropped.
    """
    with locked(folder, wait=False) as alone:
        if not alone:
            return 0
        alive = live().unique().to_frame("content_hash")
        return sum(_compact_one(store, alive, segment_passages) for store in _stores(folder))


def drop_vectors(folder: Path, hashes: pl.Series, *, segment_passages: int = SEGMENT_PASSAGES) -> int:
    """Take the vectors of passages with these content hashes out of the store, under every encoder.

    Waits until nobody uses the store. Gives the number of vectors that went.
    """
    unwanted = hashes.unique().to_frame("content_hash")
    dropped = 0
    with locked(folder):
        for store in _stores(folder):
            segments = segments_in(store)
            rows = segment_rows(segments)
            # One join for all segments: one for each would read the other side as often as there are segments.
            going = rows.join(unwanted, on="content_hash", how="semi")
            touched = rows.join(going.select("segment").unique(), on="segment", how="semi", maintain_order="left")
            keep = touched.join(unwanted, on="content_hash", how="anti", maintain_order="left")
            _rewrite(store, segments, touched["segment"].unique(), keep, segment_passages)
            dropped += going.height
    return dropped


def _compact_one(store: Path, alive: pl.DataFrame, segment_passages: int) -> int:
    segments = segments_in(store)
    rows = segment_rows(segments)
    living = rows.join(alive, on="content_hash", how="semi", maintain_order="left")
    counts = (
        rows.group_by("segment").len("there").join(living.group_by("segment").len("living"), on="segment", how="left")
    )
    emptied = 2 * pl.col("living").fill_null(0) < pl.max_horizontal(pl.lit(segment_passages), "there")
    loose = counts.filter(emptied)
    keep = living.join(loose, on="segment", how="semi", maintain_order="left")
    keep = keep.unique("content_hash", keep="first", maintain_order=True)
    dropped = int(loose["there"].sum()) - keep.height
    if loose.height < 2 and not dropped:
        return 0  # one small segment of live vectors is as small as it gets
    _rewrite(store, segments, loose["segment"], keep, segment_passages)
    return dropped


def _rewrite(
    store: Path, segments: list[VectorSegment], old: pl.Series, keep: pl.DataFrame, segment_passages: int
) -> None:
    """Put the rows in ``keep`` (of ``segment_rows``) into new segments, and take the old ones away.

    old: numbers of the segments that go; all of ``keep`` is in them.
    """
    waiting, vectors = keep.select("content_hash").clear(), None
    written: set[Path] = set()
    for (number,), taken in keep.group_by("segment", maintain_order=True):
        found = np.asarray(segments[number].vectors()[taken["row"].to_numpy()])
        vectors = found if vectors is None else np.concatenate([vectors, found])
        waiting = pl.concat([waiting, taken.select("content_hash")])
        while waiting.height >= segment_passages:
            head, waiting = waiting.head(segment_passages), waiting.slice(segment_passages)
            written.add(write_segment(store, head["content_hash"], vectors[:segment_passages]).folder)
            vectors = vectors[segment_passages:]
    if vectors is not None and waiting.height:
        written.add(write_segment(store, waiting["content_hash"], vectors).folder)
    for number in old.to_list():
        if segments[number].folder not in written:
            remove_directory(segments[number].folder)


def _stores(folder: Path) -> list[Path]:
    """The stores of all encoders, without what killed writers left in them: nobody is writing now."""
    stores = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    for left_over in (path for store in stores for path in store.glob(".*.tmp")):
        remove_directory(left_over)
    return stores
