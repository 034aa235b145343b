"""A retriever of the user's own as the base of a knowledge base, in the place of a corpus' index.

What it shows is kept in its own order. Its scores mean nothing here: the scores of two engines cannot be compared, and
RAG methods take a score for the inner product of two vectors. So each passage that it shows is scored again, by the
encoder of the units, and the first passage gets the best of these scores, the second the next, and so on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from wbrag_pipeline.errors import InputError, RetrieverError
from wbrag_pipeline.retrieval.access import Principal, Unrestricted
from wbrag_pipeline.retrieval.protocols import Encoder, Retriever, Vectors
from wbrag_pipeline.retrieval.retriever_hits import tables_of_hits
from wbrag_pipeline.retrieval.vector_search import Index

# Passages that were shown last are remembered: their texts, and their vectors. More than one request can show.
_REMEMBERED = 100_000
# Where a reader may not see some of what came, more is asked for, up to so many times K.
_WIDEST = 16
# Engines round in other ways, and so much is nothing beside the difference between two encoders.
_SAME_SCORE = 0.01
_COMPARED = 8  # passages whose scores are compared where none has a vector yet
_KEY = ["passage_id", "content_hash"]


class _Remembered(NamedTuple):
    title: str
    text: str
    labels: frozenset[str]


class RetrieverBase:
    """Passages that a retriever shows, with texts, scores and labels; may be called from many threads.

    name: of the corpus, in errors. encoder: that of the units, which scores again.
    index, passages: of what the retriever showed when it was asked last, and PASSAGES of it in the same order; they
        spare encoding.
    less: PASSAGES without those that were forgotten.
    """

    def __init__(
        self,
        name: str,
        retriever: Retriever,
        encoder: Encoder,
        index: Index,
        passages: Path,
        less: Callable[[pl.DataFrame], pl.DataFrame] = lambda passages: passages,
    ) -> None:
        self.name, self.retriever = name, retriever
        self._encoder, self._index, self._passages, self._less = encoder, index, passages, less
        self._places: dict[str, int] | None = None
        self._shown: dict[str, _Remembered] = {}
        self._vectors: dict[str, Vectors] = {}
        self._writing = threading.Lock()

    def candidates(
        self, questions: Sequence[str], vectors: Vectors, top_k: int, reader: Principal, *, own_scores: bool = False
    ) -> pl.DataFrame:
        """Rows (query, passage_id, score) of the first ``top_k`` that the reader may see, in the retriever's order.

        vectors: of the questions, by the encoder.
        own_scores: take the retriever's scores as they are. Raises InputError where they are not the inner products
            of this encoder's vectors.

        A passage with labels that the reader lacks is left out, and more is asked for in its place, up to 16 times
        ``top_k``; fewer come back where that is not enough.
        """
        waiting, asked = list(range(len(questions))), top_k
        rows: dict[int, pl.DataFrame] = {}
        while waiting:
            found, came = self._asked([questions[place] for place in waiting], asked, reader)
            parts = found.partition_by("place", as_dict=True)
            short = []
            for number, place in enumerate(waiting):
                part = parts.get((number,), found.clear())
                rows[place] = part.filter("visible").head(top_k)
                if rows[place].height < top_k and came[number] >= asked:
                    short.append(place)
            if asked >= _WIDEST * top_k:
                break
            waiting, asked = short, min(asked * 4, _WIDEST * top_k)
        parts_in_order = [rows[place].with_columns(query=pl.lit(place, pl.Int32)) for place in sorted(rows)]
        if not parts_in_order:
            return pl.DataFrame(schema={"query": pl.Int32, "passage_id": pl.String, "score": pl.Float32})
        frame = pl.concat(parts_in_order)
        return self._scored(frame, vectors, own_scores=own_scores).select("query", "passage_id", "score")

    def texts(self, ids: pl.Series) -> pl.DataFrame:
        """Rows (passage_id, title, text) of passages that were shown lately, each once; others are left out."""
        with self._writing:
            known = [(name, self._shown[name]) for name in ids.unique() if name in self._shown]
        rows = [(name, found.title, found.text) for name, found in known]
        return pl.DataFrame(rows, schema=dict.fromkeys(("passage_id", "title", "text"), pl.String), orient="row")

    def visible(self, passage_id: str, reader: Principal) -> bool | None:
        """Whether the reader may see a passage, by the labels that it was shown with; None where it was not lately."""
        with self._writing:
            found = self._shown.get(passage_id)
        return None if found is None else isinstance(reader, Unrestricted) or found.labels <= reader

    def _asked(self, questions: list[str], top_k: int, reader: Principal) -> tuple[pl.DataFrame, list[int]]:
        """Rows (place, passage_id, content_hash, title, text, score, visible), in order; passages are remembered.

        Also how many passages came for each question, those counted that are left out.
        """
        found = self.retriever.search(questions, top_k, principal=reader)
        if len(found) != len(questions):
            raise RetrieverError(self.name, f"gave {len(found)} lists of passages for {len(questions)} questions")
        # A question may stand twice, so each is known by its place.
        told = tables_of_hits([str(place) for place in range(len(questions))], found, top_k)
        passages = self._less(told.passages).unique("passage_id", keep="first", maintain_order=True)
        self._remember(passages)
        may = (
            pl.lit(True)
            if isinstance(reader, Unrestricted)
            else pl.col("labels").list.set_difference(pl.lit(sorted(reader), pl.List(pl.String))).list.len() == 0
        )
        facts = passages.select("passage_id", "content_hash", "title", "text", visible=may)
        rows = told.shown.filter(pl.col("rank") > 0).join(facts, on="passage_id", how="left", maintain_order="left")
        # What was forgotten has no facts, and counts as what nobody may see.
        rows = rows.select(
            pl.col("question").cast(pl.Int64).alias("place"),
            *("passage_id", "content_hash", "title", "text", "score"),
            pl.col("visible").fill_null(False),
        )
        return rows, [len(hits) for hits in found]

    def _scored(self, rows: pl.DataFrame, vectors: Vectors, *, own_scores: bool) -> pl.DataFrame:
        """The rows with scores by the encoder, the best of each query's for its first row."""
        if rows.is_empty():
            return rows
        if own_scores:
            self._check_own_scores(rows, vectors)
            return rows
        distinct = rows.unique("content_hash", maintain_order=True)
        encoded = self._encoded(distinct)
        place_of = dict(zip(distinct["content_hash"], range(distinct.height), strict=True))
        where = rows["content_hash"].replace_strict(place_of, return_dtype=pl.Int64).to_numpy()
        again = rows.with_columns(_products(rows, vectors, encoded[where]))
        return again.with_columns(pl.col("score").sort(descending=True).over("query"))

    def _check_own_scores(self, rows: pl.DataFrame, vectors: Vectors) -> None:
        """Compare the retriever's scores with the encoder's, of passages that need not be encoded, or of a few."""
        hint = "leave --merge out: its passages are then scored again, by the encoder of the units"
        if rows["score"].has_nulls():
            raise InputError(f"{self.name} gives no scores to merge by", field="merge", hint=hint)
        stored = list(self._stored_vectors(rows["content_hash"].unique().to_list()))
        known = rows.filter(pl.col("content_hash").is_in(stored)) if stored else rows.head(_COMPARED)
        ours = _products(known, vectors, self._encoded(known))
        if float((ours - known["score"]).abs().max() or 0.0) > _SAME_SCORE:  # type: ignore[arg-type]
            problem = f"the scores of {self.name} are not inner products of vectors of {self._encoder.name}"
            raise InputError(problem, field="merge", hint=hint)

    def _encoded(self, passages: pl.DataFrame) -> Vectors:
        """Vectors [passages, dimension]; those of passages that were shown lately or are stored are not made again."""
        hashes = passages["content_hash"].to_list()
        with self._writing:
            found = {known: self._vectors[known] for known in hashes if known in self._vectors}
        new = self._stored_vectors([known for known in hashes if known not in found])
        lacking = passages.filter(~pl.col("content_hash").is_in([*found, *new]))
        if lacking.height:
            made = self._encoder.encode_passages(lacking["title"].to_list(), lacking["text"].to_list())
            new |= dict(zip(lacking["content_hash"], made, strict=True))
        with self._writing:
            self._vectors |= new
            _forget_the_oldest(self._vectors)
        found |= new
        return np.array([found[known] for known in hashes], dtype=np.float32)

    def _stored_vectors(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        """Vectors by content hash, of passages that were shown when the retriever was asked last."""
        if not self._index.store.keeps_vectors or not hashes:
            return {}
        if self._places is None:
            stored = pl.read_parquet(self._passages, columns=["content_hash"])["content_hash"]
            self._places = dict(zip(stored, range(len(stored)), strict=True))
        there = [name for name in hashes if name in self._places]
        places = np.array([self._places[name] for name in there], dtype=np.int64)
        vectors = [vector for part in self._index.vectors_at(places) for vector in part]
        return dict(zip(there, vectors, strict=True))

    def _remember(self, passages: pl.DataFrame) -> None:
        rows = passages.select("passage_id", "title", "text", "labels").iter_rows()
        with self._writing:
            for name, title, text, labels in rows:
                self._shown.pop(name, None)  # the newest last
                self._shown[name] = _Remembered(title, text, frozenset(labels))
            _forget_the_oldest(self._shown)


def _products(rows: pl.DataFrame, queries: Vectors, passages: Vectors) -> pl.Series:
    """Scores of rows by the vectors of all queries and of each row's passage, as an exact index computes them."""
    asked = queries[rows["query"].to_numpy()].astype(np.float64)
    scores = np.einsum("rd,rd->r", asked, passages.astype(np.float64))
    return pl.Series("score", scores, pl.Float64).cast(pl.Float32)


def _forget_the_oldest(known: dict[str, _Remembered] | dict[str, Vectors]) -> None:
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]
