"""The units of a release as they are written into a collection, with the marks by which they are found again."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import polars as pl

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.releases.store import Release
from wbrag_pipeline.retrieval.index import RecordedSpace, open_index, read_manifest
from wbrag_pipeline.retrieval.protocols import Vectors

HOME, BENCHMARK, RELEASE, UNIT = "wbrag_home", "wbrag_benchmark", "wbrag_release", "wbrag_unit"
SOURCES, LABELS = "wbrag_sources", "wbrag_labels"
# What every written row carries. The first four say whose it is: together they are there once.
IDENTITY = (HOME, BENCHMARK, RELEASE, UNIT)
# What a target holds of ours.
HELD = pl.Schema(dict.fromkeys(IDENTITY, pl.String()))
_ROWS_ARE = uuid.UUID("6d1b2c0e-5a0f-5a63-9d0e-2b6b1d3c7f41")


@dataclass(frozen=True)
class UnitRows:
    """Units of one release.

    home: id of the home that publishes. encoder: name of what made the vectors. table: row_id (a UUID that home,
    benchmark, release and unit decide), unit_id, title, text, sources and labels (List(String)), one row a unit.
    vectors: [units, dimension], in the order of the table.
    """

    home: str
    benchmark: str
    release: str
    encoder: str
    table: pl.DataFrame
    vectors: Vectors

    def __len__(self) -> int:
        return self.table.height

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @property
    def labelled(self) -> int:
        """Units that only readers with some label may see."""
        return self.table.filter(pl.col("labels").list.len() > 0).height

    @property
    def held(self) -> pl.DataFrame:
        """The rows as HELD."""
        named = {HOME: pl.lit(self.home), BENCHMARK: pl.lit(self.benchmark), RELEASE: pl.lit(self.release)}
        return self.table.select(**named, **{UNIT: "unit_id"}).select(list(HELD))

    @property
    def marks(self) -> list[dict[str, Any]]:
        """The marks of each row, as JSON values."""
        rest = self.table.select(**{SOURCES: "sources", LABELS: "labels"})
        return pl.concat([self.held, rest], how="horizontal").to_dicts()


def published_rows(release: Release, home: str, benchmark: str) -> UnitRows:
    """Units and vectors of a release, as they are stored in it; no model is loaded.

    Raises IntegrityError where a file of the release is not the one that was built.
    """
    units, encoder, vectors = units_with_vectors(release)
    ids = [row_id(home, benchmark, release.name, unit) for unit in units["unit_id"]]
    table = units.select(
        pl.Series("row_id", ids, dtype=pl.String),
        "unit_id",
        "title",
        "text",
        sources="source_passage_ids",
        labels="labels",
    )
    return UnitRows(home, benchmark, release.name, encoder.name, table, vectors)


def units_with_vectors(release: Release) -> tuple[pl.DataFrame, RecordedSpace, Vectors]:
    """KNOWLEDGE_UNITS of a release, its encoder, and its stored vectors [units, dimension] in the same order."""
    release.verify()
    folder = release.folder / "index"
    encoder = read_manifest(folder).space
    index = open_index(folder, encoder)
    vectors, units = index.vectors(), release.units()
    if vectors is None or not index.ids.equals(units["unit_id"].alias(index.ids.name)):
        raise IntegrityError(folder, "does not hold the vectors of the release's units; make a release with wbrag run")
    return units, encoder, vectors


def row_id(home: str, benchmark: str, release: str, unit: str) -> str:
    """The UUID of a published unit: the same each time that it is published."""
    return str(uuid.uuid5(_ROWS_ARE, json.dumps([home, benchmark, release, unit])))


def passage_text(title: str, text: str) -> str:
    """Title and text as one text, for collections that have no place for a title."""
    return f"{title}\n{text}" if title.strip() else text


def held_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """What a target said it holds, as HELD; rows with a mark missing are not ours."""
    found = pl.DataFrame(rows, schema=HELD) if rows else pl.DataFrame(schema=HELD)
    return found.drop_nulls().unique(maintain_order=True)


def other_dimensions(rows: UnitRows, name: str, dimension: int) -> InputError:
    """The error where a collection has vectors of another length than the release."""
    return InputError(
        f"{name!r} has vectors of {dimension} dimensions; the units of {rows.release} have {rows.dimension}, from the "
        f"encoder {rows.encoder}",
        field="--to",
        hint="units must be encoded as the collection is: train with its encoder (wbrag run BENCHMARK --encoder NAME), "
        "or name another collection",
    )
