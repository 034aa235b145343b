"""Hits in the shapes of other search servers. Pure functions from ``KnowledgeBase.hits_with_text`` to JSON values."""

from __future__ import annotations

from typing import Any

import polars as pl

from wbrag_pipeline.serving.retrieved_passage import one_line_title

# Of a text attribute of an OpenAI vector store.
_LONGEST_ATTRIBUTE = 512


def search_r1_result(hits: pl.DataFrame, queries: int, *, scores: bool) -> list[list[dict[str, Any]]]:
    """One list a query, best first: documents, with ``scores`` beside their scores.

    A document's ``contents`` are those of FlashRAG's corpora: the title in quotes on a line of its own, then the text.
    """
    rows = hits.sort("query", "rank").select(
        "query",
        "score",
        pl.struct(
            pl.col("passage_id").alias("id"),
            pl.format('"{}"\n{}', one_line_title(pl.col("title")), "text").alias("contents"),
            "origin",
            "sources",
        ).alias("document"),
    )
    result: list[list[dict[str, Any]]] = [[] for _ in range(queries)]
    for query, score, document in rows.iter_rows():
        result[query].append({"document": document, "score": score} if scores else document)
    return result


def vector_store_results(
    hits: pl.DataFrame, release: str, *, most: int, threshold: float | None
) -> list[dict[str, Any]]:
    """OpenAI's results: of several queries together, each passage once, as its best query has it, best first.

    most: results at most. threshold: least score, or None.
    """
    # A search by words may rank a passage before one with a higher score. It stays before it.
    placed = hits.sort("query", "rank").with_columns(_placed=pl.col("score").cum_min().over("query"))
    best = (
        placed.sort("_placed", descending=True, maintain_order=True)
        .unique(["origin", "passage_id"], keep="first", maintain_order=True)
        .filter(pl.lit(True) if threshold is None else pl.col("score") >= threshold)
        .head(most)
    )
    return [_vector_store_result(row, release) for row in best.iter_rows(named=True)]


def answer_passages(hits: pl.DataFrame) -> list[dict[str, Any]]:
    """The passages that an answer was given from, best first."""
    shown = hits.sort("rank").select(pl.col("passage_id").alias("id"), "origin", "title", "text", "score", "sources")
    return shown.to_dicts()


def _vector_store_result(row: dict[str, Any], release: str) -> dict[str, Any]:
    attributes = {"origin": row["origin"], "id": row["passage_id"], "release": release}
    if row["sources"]:
        attributes["sources"] = " ".join(row["sources"])
    return {
        "file_id": f"{row['origin']}:{row['passage_id']}",
        "filename": row["title"],
        "score": row["score"],
        "attributes": {name: value[:_LONGEST_ATTRIBUTE] for name, value in attributes.items()},
        "content": [{"type": "text", "text": row["text"]}],
    }
