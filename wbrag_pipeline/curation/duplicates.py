"""Units that say the same become one, which keeps the sources and questions of all."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from wbrag_pipeline.curation.unit import MERGED, Unit


def merge_duplicates(units: Sequence[Unit]) -> None:
    """Merge, in place, what stands among ``units`` and says the same under the same labels.

    The survivor has more sources behind it, or else the lower id.
    """
    standing = sorted((unit for unit in units if unit.stands), key=lambda unit: (-len(unit.sources), unit.unit_id))
    first: dict[tuple[str, ...], Unit] = {}
    for unit in standing:
        survivor = first.setdefault((*unit.labels, "", plain(unit.title), plain(unit.text)), unit)
        if survivor is not unit:
            merge(unit, survivor, f"says word for word what {survivor.unit_id} says")


def merge(unit: Unit, survivor: Unit, reason: str) -> None:
    """Let ``unit`` give way to ``survivor``, which takes over its sources and questions."""
    unit.leave(MERGED, reason, survivor.unit_id)
    survivor.sources = {**unit.sources, **survivor.sources}
    survivor.question_ids = sorted({*survivor.question_ids, *unit.question_ids})


def plain(text: str) -> str:
    """``text`` without differences of case, blanks and Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
