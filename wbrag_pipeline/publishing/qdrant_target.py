"""A collection of Qdrant: ``qdrant:http://HOST:6333#COLLECTION``, or a folder of its client's local mode.

Marks are in the payload, beside what LangChain's and LlamaIndex' collections keep there. A key is read from
QDRANT_API_KEY.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.publishing.library_shapes import LANGCHAIN, LLAMA_INDEX, TEXT_NAMES, llama_index_node
from wbrag_pipeline.publishing.published_rows import (
    BENCHMARK,
    HOME,
    IDENTITY,
    UnitRows,
    held_frame,
    other_dimensions,
    passage_text,
    row_id,
)
from wbrag_pipeline.publishing.target_address import TargetAddress
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.store_address import connect_qdrant, load_qdrant

_AT_ONCE = 256
# Where a point of another making is looked for, to see what a payload looks like.
_LOOKED_AT = 16


class QdrantTarget:
    """A ``UnitTarget``. In ``--columns``, vector names one of several vectors; text and metadata name payload keys."""

    keeps = "the points are deleted; Qdrant frees their space when it next optimises, and its snapshots keep them"

    def __init__(self, address: TargetAddress, columns: TargetColumns) -> None:
        if columns.id or columns.title:
            raise InputError(
                "a point has no columns id and title", field="--columns", hint="text=, vector= or metadata="
            )
        self._models, self._address, self._given = load_qdrant().models, address, columns
        self._collection, self.there = address.name, False
        self._client: Any = None
        self._vector, self._dimension = "", 0
        self._library, self._text, self._metadata = "", columns.text or "text", columns.metadata
        if address.folder is not None and not address.folder.is_dir():
            return  # the client would make the folder
        self._client = connect_qdrant(address)
        try:
            self.there = bool(self._client.collection_exists(self._collection))
            if self.there:
                self._vector, self._dimension = self._vector_of()
                self._library, self._text, self._metadata = self._payload_of()
        except BaseException:
            self.close()
            raise

    @property
    def columns(self) -> TargetColumns:
        """Keys of the payload, and the named vector."""
        return TargetColumns(text=self._text, vector=self._vector, metadata=self._metadata)

    def lacks(self, rows: UnitRows) -> list[str]:
        """The collection."""
        if not self.there:
            return [f"the collection {self._collection}, with vectors of {rows.dimension} dimensions"]
        if self._dimension != rows.dimension:
            raise other_dimensions(rows, self._collection, self._dimension)
        return []

    def make(self, rows: UnitRows) -> None:
        """A collection of one vector a point, compared by the cosine."""
        if self._client is None:
            self._client = connect_qdrant(self._address)
        space = self._models.VectorParams(size=rows.dimension, distance=self._models.Distance.COSINE)
        vectors = {self._given.vector: space} if self._given.vector else space
        self._client.create_collection(self._collection, vectors_config=vectors)
        self.there = True
        self._vector, self._dimension = self._vector_of()

    def write(self, rows: UnitRows) -> None:
        """In batches; a point's id is a UUID of our own."""
        points = []
        for row, vector, marks in zip(rows.table.iter_rows(named=True), rows.vectors, rows.marks, strict=True):
            numbers = {self._vector: vector.tolist()} if self._vector else vector.tolist()
            payload = self._payload(row, marks)
            points.append(self._models.PointStruct(id=row["row_id"], vector=numbers, payload=payload))
        for start in range(0, len(points), _AT_ONCE):
            self._client.upsert(self._collection, points=points[start : start + _AT_ONCE], wait=True)

    def held(self, benchmark: str) -> pl.DataFrame:
        """Read from the marks, wherever in the payload they are."""
        if not self.there:
            return held_frame([])
        match = self._models.MatchValue(value=benchmark)
        ours = self._models.Filter(must=[self._models.FieldCondition(key=BENCHMARK, match=match)])
        return held_frame([{mark: payload.get(mark) for mark in IDENTITY} for payload in self._scrolled(ours)])

    def remove(self, held: pl.DataFrame) -> None:
        """By id, where the marks are ours too."""
        ids = [row_id(*row) for row in held.select(IDENTITY).iter_rows()]
        homes = self._models.MatchAny(any=held[HOME].unique().to_list())
        for start in range(0, len(ids), _AT_ONCE):
            conditions = [
                self._models.HasIdCondition(has_id=ids[start : start + _AT_ONCE]),
                self._models.FieldCondition(key=HOME, match=homes),
            ]
            chosen = self._models.FilterSelector(filter=self._models.Filter(must=conditions))
            self._client.delete(self._collection, points_selector=chosen, wait=True)

    def close(self) -> None:
        """Let go of the server, or of the folder's lock."""
        if self._client is not None:
            self._client.close()

    def _payload(self, row: dict[str, Any], marks: dict[str, Any]) -> dict[str, Any]:
        text = passage_text(row["title"], row["text"])
        if self._library == LLAMA_INDEX:
            return {**llama_index_node(marks, row["row_id"], text), self._text: text}
        # At the top as well, where they are found again whatever else is in the payload.
        inner = {self._metadata: marks} if self._metadata else {}
        return {self._text: text, **inner, **marks}

    def _payload_of(self) -> tuple[str, str, str]:
        """Library, and the keys of text and metadata, as the points of others have them."""
        text, metadata = self._given.text, self._given.metadata
        for payload in self._others():
            if "_node_content" in payload:
                return LLAMA_INDEX, text or "text", ""
            if isinstance(payload.get("metadata"), dict) and "page_content" in payload:
                return LANGCHAIN, text or "page_content", metadata or "metadata"
            found = next((name for name in TEXT_NAMES if isinstance(payload.get(name), str)), "")
            if found or text:
                return "", text or found, metadata
        return "", text or "text", metadata

    def _others(self) -> list[dict[str, Any]]:
        empty = self._models.IsEmptyCondition(is_empty=self._models.PayloadField(key=BENCHMARK))
        others = self._models.Filter(must=[empty])
        found, _ = self._client.scroll(self._collection, scroll_filter=others, limit=_LOOKED_AT, with_payload=True)
        return [point.payload or {} for point in found]

    def _scrolled(self, chosen: Any) -> Iterator[dict[str, Any]]:
        offset = None
        while True:
            found, offset = self._client.scroll(
                self._collection, scroll_filter=chosen, limit=_AT_ONCE, offset=offset, with_payload=list(IDENTITY)
            )
            yield from (point.payload or {} for point in found)
            if offset is None:
                return

    def _vector_of(self) -> tuple[str, int]:
        """Name and length of the collection's dense vector; the name is "" where there is one without a name."""
        spaces = self._client.get_collection(self._collection).config.params.vectors
        named = spaces if isinstance(spaces, dict) else {"": spaces} if spaces is not None else {}
        wanted = self._given.vector
        if wanted and wanted not in named:
            raise InputError(
                f"{self._collection!r} has no vector {wanted!r}", field="--columns", hint=f"it has {_told(named)}"
            )
        if not wanted and len(named) != 1:
            problem = "several vectors" if named else "no dense vector"
            hint = f"say which: --columns vector=NAME; it has {_told(named)}"
            raise InputError(f"{self._collection!r} has {problem}", field="--columns", hint=hint)
        name = wanted or next(iter(named))
        return name, int(named[name].size)


def _told(named: dict[str, Any]) -> str:
    return ", ".join(map(repr, named)) or "none"
