"""Which units of a release still stand, now that their sources changed.

A unit stands on passages with certain contents. Where one of these is gone or says something else, the unit is kept
only if each of its sentences is still there, word for word, in what remains of its sources, which may be fewer than
before or the new wording of one. All others are retired: whether evidence that changed still helps, and what should
be said of it, is for the gates, the distiller and curation to find out, when the benchmark is trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.curation.support import holds
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import split_sentences

KEPT, RELABELLED, RETIRED = "kept", "relabelled", "retired"


@dataclass(frozen=True)
class _Source:
    """A source as it is now. ``was`` is its id when the unit was made; ``same`` says that it still says the same."""

    was: str
    passage_id: str
    content_hash: str
    title: str
    text: str
    labels: tuple[str, ...]
    same: bool


def revalidate_units(
    units: pl.DataFrame, passages: pl.LazyFrame, language: str = ENGLISH
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """KNOWLEDGE_UNITS and the corpus' PASSAGES to the units that stand, and what was decided of those that changed.

    The first keeps the order and has, where that changed, other sources, title and labels. The second has columns
    unit_id, decision ("kept" on other sources, "relabelled" or "retired") and reason; a unit that nothing happened to
    has no row there. The same passage under another id counts as the same. language: that of the texts.
    """
    sources = _sources_now(units, passages)
    changed: dict[str, dict[str, Any]] = {}
    decisions: list[tuple[str, str, str]] = []
    for unit in units.iter_rows(named=True):
        now = sources.get(unit["unit_id"], [])
        if len(now) == len(unit["source_passage_ids"]) and all(source.same for source in now):
            remaining, decision, reason = now, KEPT, "a source has another id now"
        else:
            remaining = _carriers(unit, now, language)
            decision, reason = (KEPT, _why_kept(unit, remaining)) if remaining else (RETIRED, _why_gone(unit, now))
        if decision == RETIRED:
            decisions.append((unit["unit_id"], decision, reason))
            continue
        after = _on(unit, remaining)
        if after == unit:
            continue
        if {**after, "labels": unit["labels"]} == unit:
            decision, reason = RELABELLED, f"for {_readers(after['labels'])}, before for {_readers(unit['labels'])}"
        changed[unit["unit_id"]] = after
        decisions.append((unit["unit_id"], decision, reason))
    retired = [unit_id for unit_id, decision, _ in decisions if decision == RETIRED]
    left = units.filter(~pl.col("unit_id").is_in(retired))
    rows = [changed.get(unit["unit_id"], unit) for unit in left.iter_rows(named=True)] if changed else None
    after_all = left if rows is None else pl.DataFrame(rows, schema=tables.KNOWLEDGE_UNITS.schema)
    schema = pl.Schema({"unit_id": pl.String(), "decision": pl.String(), "reason": pl.String()})
    return tables.KNOWLEDGE_UNITS.check(after_all), pl.DataFrame(decisions, schema=schema, orient="row")


def _sources_now(units: pl.DataFrame, passages: pl.LazyFrame) -> dict[str, list[_Source]]:
    """What became of each unit's sources, in the unit's order; one that is gone without a trace is left out."""
    wanted = (
        units.select("unit_id", "source_passage_ids", "source_hashes")
        .explode("source_passage_ids", "source_hashes")
        .drop_nulls()
        .rename({"source_passage_ids": "was", "source_hashes": "hash_was"})
        .with_row_index("place")
    )
    facts = passages.select("passage_id", "content_hash", "title", "text", "labels")
    found = pl.concat(
        [
            facts.join(wanted.lazy().select(passage_id="was").unique(), on="passage_id", how="semi"),
            facts.join(wanted.lazy().select(content_hash="hash_was").unique(), on="content_hash", how="semi"),
        ]
    ).collect(engine="streaming")
    found = found.unique("passage_id", maintain_order=True)
    by_id = wanted.join(found, left_on="was", right_on="passage_id", how="inner").with_columns(passage_id="was")
    # The same text under several ids: the one that it had, else the first by name.
    by_text = wanted.join(found.sort("passage_id"), left_on="hash_was", right_on="content_hash", how="inner")
    by_text = by_text.with_columns(content_hash="hash_was")
    columns = ["place", "unit_id", "was", "passage_id", "content_hash", "title", "text", "labels"]
    rows = (
        pl.concat([by_id.select(*columns, "hash_was"), by_text.select(*columns, "hash_was")])
        .with_columns(same=pl.col("content_hash") == pl.col("hash_was"), moved=pl.col("passage_id") != pl.col("was"))
        .sort("place", "same", "moved", "passage_id", descending=[False, True, False, False])
        .unique("place", keep="first", maintain_order=True)
        .sort("place")
    )
    sources: dict[str, list[_Source]] = {}
    for row in rows.iter_rows(named=True):
        source = _Source(
            row["was"],
            row["passage_id"],
            row["content_hash"],
            row["title"],
            row["text"],
            tuple(row["labels"]),
            row["same"],
        )
        sources.setdefault(row["unit_id"], []).append(source)
    return sources


def _carriers(unit: Mapping[str, Any], now: Sequence[_Source], language: str) -> list[_Source]:
    """The sources that the unit can stand on: unchanged ones, and changed ones that still hold a sentence of it.

    None when a sentence of it stands in no source.
    """
    sentences = [_plain(sentence) for sentence in split_sentences(unit["text"], language)]
    texts = {source.was: _plain(f"{source.title} {source.text}") for source in now}
    if not sentences or not all(any(holds(text, sentence) for text in texts.values()) for sentence in sentences):
        return []
    return [
        source for source in now if source.same or any(holds(texts[source.was], sentence) for sentence in sentences)
    ]


def _on(unit: Mapping[str, Any], sources: Sequence[_Source]) -> dict[str, Any]:
    """The unit with ``sources`` as its sources."""
    ids = dict.fromkeys(source.passage_id for source in sources)
    hashes = {source.passage_id: source.content_hash for source in sources}
    # A title that no source has any more may be all that is left of one that went.
    title, held = unit["title"], " ".join(_plain(f"{source.title} {source.text}") for source in sources)
    if any(not source.same for source in sources) or len(ids) < len(unit["source_passage_ids"]):
        title = title if holds(held, _plain(title)) else sources[0].title
    return {
        **unit,
        "title": title,
        "source_passage_ids": list(ids),
        "source_hashes": [hashes[name] for name in ids],
        "labels": sorted({label for source in sources for label in source.labels}),
    }


def _why_kept(unit: Mapping[str, Any], remaining: Sequence[_Source]) -> str:
    stands_on = ", ".join(source.passage_id for source in remaining)
    return f"{_lost(unit, remaining)}; all it says stands in {stands_on}"


def _why_gone(unit: Mapping[str, Any], now: Sequence[_Source]) -> str:
    left = [source.passage_id for source in now]
    return f"{_lost(unit, now)}; " + (f"not all it says stands in {', '.join(left)}" if left else "no source is left")


def _lost(unit: Mapping[str, Any], now: Sequence[_Source]) -> str:
    kept = {source.was: source for source in now}
    gone = [name for name in unit["source_passage_ids"] if name not in kept]
    edited = [name for name, source in kept.items() if not source.same]
    parts = [f"{what} {', '.join(names)}" for what, names in (("deleted:", gone), ("changed:", edited)) if names]
    return "; ".join(parts) or "its sources are others"


def _readers(labels: Sequence[str]) -> str:
    return f"readers with {', '.join(labels)}" if labels else "everybody"


def _plain(text: str) -> str:
    return " ".join(text.split())
