"""Units as exports have them: without what decides only here, and without what not everybody may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from wbrag_pipeline.publishing.published_rows import units_with_vectors
from wbrag_pipeline.releases.store import Release
from wbrag_pipeline.retrieval.index import RecordedSpace
from wbrag_pipeline.retrieval.protocols import Vectors


@dataclass(frozen=True)
class ExportedUnits:
    """Units of one release.

    table: unit_id, title, text, sources and labels (List(String)). vectors: [units, dimension], in its order. left_out:
    units with access labels that are not in it. No questions: readers are never shown them.
    """

    benchmark: str
    release: str
    built_at: str
    encoder: RecordedSpace
    table: pl.DataFrame
    vectors: Vectors
    left_out: int

    def metadata(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each row, and what documents of other libraries have as their metadata."""
        for row in self.table.iter_rows(named=True):
            kept = {name: row[name] for name in ("title", "sources", "labels")}
            facts = {"wbrag_benchmark": self.benchmark, "wbrag_release": self.release, "wbrag_unit": row["unit_id"]}
            yield row, {**kept, **facts}


def units_to_export(release: Release, benchmark: str, *, with_labels: bool) -> ExportedUnits:
    """Units and stored vectors of a release. Raises IntegrityError where a file is not the one that was built."""
    units, encoder, vectors = units_with_vectors(release)
    labelled = units["labels"].list.len() > 0
    kept = pl.repeat(True, units.height, eager=True) if with_labels else ~labelled
    table = units.select("unit_id", "title", "text", sources="source_passage_ids", labels="labels").filter(kept)
    return ExportedUnits(
        benchmark=benchmark,
        release=release.name,
        built_at=str(release.made.get("built_at", "")),
        encoder=encoder,
        table=table,
        vectors=vectors[kept.to_numpy()],
        left_out=units.height - table.height,
    )
