"""What one release has and another has not: units that were added, removed or changed."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_SHOWN = ("unit_id", "question", "title", "text")


@dataclass(frozen=True)
class ReleaseDiff:
    """Rows (unit_id, question, title, text) by question, then id; ``changed`` has old_unit_id, old_title, old_text too.

    A unit's id is a hash of its content: a unit is changed when the question that made it has another unit now.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    changed: pl.DataFrame
    unchanged: int


def diff_units(old: pl.DataFrame, new: pl.DataFrame) -> ReleaseDiff:
    """Two tables KNOWLEDGE_UNITS of one benchmark to what differs between them."""
    added = new.join(old, on="unit_id", how="anti")
    removed = old.join(new, on="unit_id", how="anti")
    # A question has one unit; where it should have more, those count as removed and added.
    single = [
        frame.filter(pl.col("question_id").is_unique()).select("question_id", *_SHOWN) for frame in (removed, added)
    ]
    changed = single[1].join(
        single[0].select("question_id", *(pl.col(name).alias(f"old_{name}") for name in ("unit_id", "title", "text"))),
        on="question_id",
    )
    return ReleaseDiff(
        added=_rows(added.join(changed, on="unit_id", how="anti")),
        removed=_rows(removed.join(changed.select(unit_id="old_unit_id"), on="unit_id", how="anti")),
        changed=changed.drop("question_id").sort("question", "unit_id"),
        unchanged=new.height - added.height,
    )


def _rows(units: pl.DataFrame) -> pl.DataFrame:
    return units.select(_SHOWN).sort("question", "unit_id")
