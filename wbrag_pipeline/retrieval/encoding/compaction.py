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
from wbrag_pipeline.retrieval.encoding.segments import VectorSegment, segments_in, write_segment
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
            for segment in segments_in(store):
                there = segment.hashes().to_frame()
                keep = there.join(unwanted, on="content_hash", how="anti")
                if keep.height < there.height:
                    _rewrite(store, [segment], keep, segment_passages)
                    dropped += there.height - keep.height
    return dropped


def _compact_one(store: Path, alive: pl.DataFrame, segment_passages: int) -> int:
    loose: list[VectorSegment] = []
    kept: list[pl.DataFrame] = []
    rows = 0
    for segment in segments_in(store):
        there = segment.hashes().to_frame()
        living = there.join(alive, on="content_hash", how="semi", maintain_order="left")
        if 2 * living.height < max(segment_passages, there.height):
            loose.append(segment)
            kept.append(living)
            rows += there.height
    keep = pl.concat(kept).unique("content_hash", keep="first", maintain_order=True) if kept else alive.clear()
    if len(loose) < 2 and keep.height == rows:
        return 0  # one small segment of live vectors is as small as it gets
    _rewrite(store, loose, keep, segment_passages)
    return rows - keep.height


def _rewrite(store: Path, segments: list[VectorSegment], keep: pl.DataFrame, segment_passages: int) -> None:
    """Put the vectors of the hashes in ``keep`` into new segments, and take the old ones away."""
    waiting, vectors = keep.clear(), None
    written: set[Path] = set()
    left = keep
    for segment in segments:
        there = segment.hashes().to_frame().with_row_index("row")
        taken = there.join(left, on="content_hash", how="semi", maintain_order="left")
        left = left.join(taken, on="content_hash", how="anti", maintain_order="left")
        if taken.is_empty():
            continue
        found = np.asarray(segment.vectors()[taken["row"].to_numpy()])
        vectors = found if vectors is None else np.concatenate([vectors, found])
        waiting = pl.concat([waiting, taken.select("content_hash")])
        while waiting.height >= segment_passages:
            head, waiting = waiting.head(segment_passages), waiting.slice(segment_passages)
            written.add(write_segment(store, head["content_hash"], vectors[:segment_passages]).folder)
            vectors = vectors[segment_passages:]
    if vectors is not None and waiting.height:
        written.add(write_segment(store, waiting["content_hash"], vectors).folder)
    for segment in segments:
        if segment.folder not in written:
            remove_directory(segment.folder)


def _stores(folder: Path) -> list[Path]:
    """The stores of all encoders, without what killed writers left in them: nobody is writing now."""
    stores = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    for left_over in (path for store in stores for path in store.glob(".*.tmp")):
        remove_directory(left_over)
    return stores
