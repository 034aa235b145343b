"""Units as one file: JSONL, Parquet with vectors, LangChain's documents, LlamaIndex' nodes."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wbrag_pipeline.publishing.exported_units import ExportedUnits
from wbrag_pipeline.publishing.published_rows import passage_text
from wbrag_pipeline.storage import write_json
from wbrag_pipeline.table_files import write_parquet


def write_jsonl(units: ExportedUnits, folder: Path) -> None:
    """``units.jsonl``: id, title, text, sources, labels and release."""
    _named(units).write_ndjson(folder / "units.jsonl")


def write_parquet_units(units: ExportedUnits, folder: Path) -> None:
    """``units.parquet``: the same with ``vector``, of the release's encoder."""
    write_parquet(with_vectors(units), folder / "units.parquet")


def write_langchain(units: ExportedUnits, folder: Path) -> None:
    """``documents.json``: a list of what ``Document(**row)`` takes."""
    documents = [
        {
            "id": row["unit_id"],
            "page_content": passage_text(row["title"], row["text"]),
            "metadata": metadata,
            "type": "Document",
        }
        for row, metadata in units.metadata()
    ]
    write_json(folder / "documents.json", documents)


def write_llama_index(units: ExportedUnits, folder: Path) -> None:
    """``nodes.json``: a list of what ``TextNode.from_dict(row)`` takes."""
    nodes = [
        {"id_": row["unit_id"], "text": row["text"], "metadata": metadata, "class_name": "TextNode"}
        for row, metadata in units.metadata()
    ]
    write_json(folder / "nodes.json", nodes)


def with_vectors(units: ExportedUnits) -> pl.DataFrame:
    """The rows of ``units.jsonl`` with ``vector`` (Array of float32)."""
    dimension = units.vectors.shape[1]
    vectors = pl.Series("vector", units.vectors, dtype=pl.Array(pl.Float32, dimension))
    return _named(units).with_columns(vectors.cast(pl.List(pl.Float32)))


def _named(units: ExportedUnits) -> pl.DataFrame:
    return units.table.rename({"unit_id": "id"}).with_columns(
        benchmark=pl.lit(units.benchmark), release=pl.lit(units.release)
    )
