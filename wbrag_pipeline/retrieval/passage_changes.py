"""What a corpus gained and lost between two states, by id and content hash (as LangChain's record manager answers)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import CORPUS_CHANGES, PASSAGES

CHANGE_KINDS = ("added", "updated", "relabelled", "deleted")
# More than this share of a corpus does not go without being told to: an unmounted folder, a wrong file.
MOST_DELETED = 0.5

# What a passage has beside its id and what it says.
_LABELS = ("labels", "source", "said_at")


def changes_between(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.DataFrame:
    """PASSAGES before and after to CORPUS_CHANGES: in the order of ``after``, deleted ones last in that of ``before``.

    A passage is known by its id: the same text under another id is one deleted and one added.
    """
    old, new = _facts(before, "old"), _facts(after, "new")
    rows = new.join(old, on="passage_id", how="full", coalesce=True, maintain_order="left_right").collect()
    change = (
        pl.when(pl.col("old_hash").is_null())
        .then(pl.lit("added"))
        .when(pl.col("new_hash").is_null())
        .then(pl.lit("deleted"))
        .when(pl.col("old_hash") != pl.col("new_hash"))
        .then(pl.lit("updated"))
        .when(pl.col("old_labels").ne_missing(pl.col("new_labels")))
        .then(pl.lit("relabelled"))
    )
    frame = rows.with_columns(change=change).drop_nulls("change")
    return CORPUS_CHANGES.check(frame.select(CORPUS_CHANGES.schema.names()))


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
        before = pl.scan_parquet(stored).select("passage_id", "content_hash").collect()
    except (OSError, pl.exceptions.PolarsError):
        return
    gone = before.lazy().join(after, on="passage_id", how="anti").join(after, on="content_hash", how="anti")
    deleted = gone.select(pl.len()).collect().item()
    if deleted > MOST_DELETED * before.height:
        raise InputError(
            f"{deleted:,} of the {before.height:,} passages of corpus {corpus} would be deleted",
            hint=f"nothing was changed; if that is meant: wbrag refresh {corpus} --allow-deletions",
        )


def _facts(passages: pl.LazyFrame, side: str) -> pl.LazyFrame:
    there = passages.collect_schema().names()
    # A state that an earlier version left has not all of them.
    labels = [pl.col(name) if name in there else pl.lit(None, PASSAGES.schema[name]).alias(name) for name in _LABELS]
    return passages.select(
        "passage_id",
        pl.col("content_hash").alias(f"{side}_hash"),
        pl.struct(labels).alias(f"{side}_labels"),
    )
