"""What a corpus gained and lost between two states, by id and content hash (as LangChain's record manager answers)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import CORPUS_CHANGES, PASSAGES

CHANGE_KINDS = ("added", "updated", "relabelled", "deleted")
# More than this share of a corpus does not go without being told to: an unmounted folder, a wrong file.
MOST_DELETED = 0.5

# Passages of either side that are read together.
_COMPARED_AT_ONCE = 65_536

# What a passage has beside its id and what it says.
_LABELS = ("labels", "source", "said_at")


def changes_between(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.DataFrame:
    """PASSAGES before and after to CORPUS_CHANGES: in the order of ``after``, deleted ones last in that of ``before``.

    A passage is known by its id: the same text under another id is one deleted and one added.
    """
    old, new = _differing(before, after)
    old = old.select("passage_id", old_place="place", old_hash="hash", old_labels="labels")
    new = new.select("passage_id", new_place="place", new_hash="hash", new_labels="labels")
    rows = new.join(old, on="passage_id", how="full", coalesce=True).sort("new_place", "old_place", nulls_last=True)
    change = (
        pl.when(pl.col("old_hash").is_null())
        .then(pl.lit("added"))
        .when(pl.col("new_hash").is_null())
        .then(pl.lit("deleted"))
        .when(pl.col("old_hash") != pl.col("new_hash"))
        .then(pl.lit("updated"))
        .otherwise(pl.lit("relabelled"))
    )
    return CORPUS_CHANGES.check(rows.with_columns(change=change).select(CORPUS_CHANGES.schema.names()))


def counts(changes: pl.DataFrame, passages: int) -> dict[str, int]:
    """How many of ``passages`` passages (those there are now) changed in which way, and how many stayed."""
    found = dict(changes["change"].value_counts().iter_rows())
    by_kind = {kind: found.get(kind, 0) for kind in CHANGE_KINDS}
    stayed = passages - by_kind["added"] - by_kind["updated"] - by_kind["relabelled"]
    return {**by_kind, "skipped": stayed}


def refuse_mass_deletion(stored: Path, after: pl.LazyFrame, corpus: str) -> None:
    """Raise InputError when more than MOST_DELETED of the passages in the file ``stored`` are not in ``after``.

    A passage that has its id or its text still is not deleted: a corpus that was numbered anew lost nothing. Where
    there is no table, or a damaged one, nothing can be lost.
    """
    try:
        before = pl.scan_parquet(stored)
        old, new = _differing(before, after)
    except (OSError, pl.exceptions.PolarsError):
        return
    gone = old.join(new, on="passage_id", how="anti")
    there = after.filter(pl.col("content_hash").is_in(gone["hash"].implode())).select("content_hash").collect()
    deleted = gone.join(there, left_on="hash", right_on="content_hash", how="anti").height
    passages = before.select(pl.len()).collect().item()
    if deleted > MOST_DELETED * passages:
        raise InputError(
            f"{deleted:,} of the {passages:,} passages of corpus {corpus} would be deleted",
            hint=f"nothing was changed; if that is meant: wbrag refresh {corpus} --allow-deletions",
        )


def _differing(before: pl.LazyFrame, after: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The passages of either side that are not the same on the other, by id, as rows of ``_facts`` with ``place``.

    Both are read side by side, and what is the same is let go, so little is held where they are in nearly one order.
    """
    sides = [_facts(passages).with_row_index("place") for passages in (before, after)]
    rows = max(side.select(pl.len()).collect().item() for side in sides)
    old, new = (side.head(0).collect() for side in sides)
    start = 0
    while start < rows:
        # As many as are held already: where the orders differ much, everything is compared a few times, not often.
        step = max(_COMPARED_AT_ONCE, old.height, new.height)
        old, new = (
            pl.concat([held, side.slice(start, step).collect()]) for held, side in zip((old, new), sides, strict=True)
        )
        pairs = new.join(old, on="passage_id", how="inner", suffix="_old")
        unchanged = (pl.col("hash") == pl.col("hash_old")) & pl.col("labels").eq_missing(pl.col("labels_old"))
        same = pairs.filter(unchanged).select("passage_id")
        old, new = (held.join(same, on="passage_id", how="anti", maintain_order="left") for held in (old, new))
        start += step
    return old, new


def _facts(passages: pl.LazyFrame) -> pl.LazyFrame:
    there = passages.collect_schema().names()
    # A state that an earlier version left has not all of them.
    labels = [pl.col(name) if name in there else pl.lit(None, PASSAGES.schema[name]).alias(name) for name in _LABELS]
    return passages.select("passage_id", hash="content_hash", labels=pl.struct(labels))
