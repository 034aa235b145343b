"""What a question is searched in: the corpus and, beside it, what write-back has added.

The two indexes are searched independently, with one encoding of the question, and merged into one top-K by score:
``Top-K(R(q, K) ∪ R(q, K_wb))`` (WriteBack-RAG, section 3.5). The corpus' index is never touched, so a second view with
other write-back units, or none, costs nothing.

A view may also be searched by words, alone or together with vectors: see ``word_search``.

A retriever of the user's own may stand in the place of the corpus' index (``shown_by``). The index is then that of the
passages which it showed when it was asked last, and gives their vectors.

Where passages or units have access labels, a search says who reads: see ``access``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import copy
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.access import UNRESTRICTED, Principal, principal_with
from wbrag_pipeline.retrieval.lexical_index import LexicalIndex
from wbrag_pipeline.retrieval.merging import first_of_each, fused_by_rank
from wbrag_pipeline.retrieval.passage_texts import PassageTexts
from wbrag_pipeline.retrieval.protocols import Encoder, Retriever, Vectors
from wbrag_pipeline.retrieval.retriever_base import RetrieverBase
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.retrieval.word_search import BM25, DENSE, WordSearch
from wbrag_pipeline.tables import KNOWLEDGE_UNITS

CORPUS = "corpus"
WRITEBACK = "writeback"

# The columns of hits. `query` is the question's row in the call; `rank` counts from 1 within it.
HITS = pl.Schema(
    {"query": pl.Int32, "rank": pl.Int32, "origin": pl.String, "passage_id": pl.String, "score": pl.Float32}
)


class KnowledgeBase:
    """A corpus' index, its texts, and write-back units where there are some.

    encoder: the one that both indexes were made with.
    corpus_index: the corpus, opened with ``open_index``.
    corpus_passages: the Parquet file of the corpus' table (tables.PASSAGES), row i the passage of vector i; texts are
        read from it when they are asked for.
    writeback: the units (tables.KNOWLEDGE_UNITS) and their index. None searches the corpus alone.
    reader: who reads in every search of this view; None leaves it to each search to say.

    Raises IntegrityError when the units and their index are not of one making.
    """

    def __init__(
        self,
        encoder: Encoder,
        corpus_index: Index,
        corpus_passages: Path,
        writeback: tuple[pl.DataFrame, Index] | None = None,
        reader: Principal | None = None,
    ) -> None:
        self.encoder = encoder
        self.reader = reader
        self._corpus = corpus_index
        self._texts = PassageTexts(corpus_passages, corpus_index.positions_of)
        self._shown_by: RetrieverBase | None = None
        self._merge = "auto"
        self._words: WordSearch | None = None
        self._layers: list[tuple[str, Index]] = [(CORPUS, corpus_index)]
        self._units = KNOWLEDGE_UNITS.empty()  # row i is the unit of vector i
        if writeback is not None:
            units, index = KNOWLEDGE_UNITS.check(writeback[0], "write-back units"), writeback[1]
            self._units = index.ids.to_frame("unit_id").join(units, on="unit_id", maintain_order="left")
            if not self._units.height == units.height == len(index):
                raise IntegrityError(
                    "write-back index", f"its {len(index)} vectors are not those of the {units.height} units"
                )
            if not self._units["labels"].equals(index.labels, check_names=False):
                raise IntegrityError("write-back index", "its access labels are not those of the units")
            self._layers.append((WRITEBACK, index))

    def with_writeback(self, units: pl.DataFrame, index: Index) -> KnowledgeBase:
        """Another view of the same corpus, with these units beside it instead of what this one has.

        Raises IntegrityError when the units and their index are not of one making.
        """
        return self._beside((units, index))

    def without_writeback(self) -> KnowledgeBase:
        """A view of the corpus alone."""
        return self._beside(None)

    def shown_by(
        self, retriever: Retriever, name: str, less: Callable[[pl.DataFrame], pl.DataFrame] = lambda passages: passages
    ) -> KnowledgeBase:
        """A view whose corpus is searched by a retriever of the user's own; ``name`` is the corpus', for messages.

        less: PASSAGES without those that were forgotten: the retriever may still show them.
        """
        view = copy(self)
        view._shown_by = RetrieverBase(name, retriever, self.encoder, self._corpus, self._texts.file, less)
        return view

    def merging(self, merge: str) -> KnowledgeBase:
        """A view that merges passages and units as the setting ``merge`` says."""
        view = copy(self)
        view._merge = merge
        return view

    def searching(self, search: str, words: LexicalIndex | None = None) -> KnowledgeBase:
        """A view that is searched as the setting ``search`` says: dense, bm25 or hybrid.

        words: of the corpus' passages, in the order of its index; needed but for dense.

        Raises IntegrityError where the words are those of other passages.
        """
        view = copy(self)
        view._words = None
        if search != DENSE:
            if words is None or len(words) != len(self._corpus):
                raise IntegrityError(self._texts.file, f"has no index of words beside it, which {search} searches in")
            beside = [(self._units, index) for origin, index in self._layers if origin == WRITEBACK]
            view._words = WordSearch(search, words).beside(*(beside[0] if beside else (None,)))
        return view

    @property
    def search_kind(self) -> str:
        """How it is searched: dense, bm25 or hybrid."""
        return self._words.search if self._words else DENSE

    @property
    def takes_texts(self) -> bool:
        """Whether the corpus is searched by a question's words, and not by a vector that somebody else can make."""
        return self._shown_by is not None or self.search_kind == BM25

    def _beside(self, writeback: tuple[pl.DataFrame, Index] | None) -> KnowledgeBase:
        view = KnowledgeBase(self.encoder, self._corpus, self._texts.file, writeback, self.reader)
        view._texts = self._texts  # once read, for both
        view._shown_by, view._merge = self._shown_by, self._merge
        view._words = self._words.beside(*(writeback or (None,))) if self._words else None
        return view

    def for_reader(self, labels: Collection[str]) -> KnowledgeBase:
        """A view that finds only what a reader with these labels may see; with none, what is for everybody."""
        return self._read_by(principal_with(labels))

    def unrestricted(self) -> KnowledgeBase:
        """A view that finds everything whatever its labels: for training and evaluation, never for an answer."""
        return self._read_by(UNRESTRICTED)

    def _read_by(self, reader: Principal) -> KnowledgeBase:
        view = copy(self)
        view.reader = reader
        return view

    @property
    def passages(self) -> Path:
        """The Parquet file of the corpus' table."""
        return self._texts.file

    @property
    def labelled(self) -> bool:
        """Whether some passage or unit here is not for everybody."""
        return any(index.label_sets.any for _, index in self._layers)

    def query_vectors(self, questions: Sequence[str]) -> Vectors:
        """Vectors [questions, dimension], for ``search`` over several views without encoding again."""
        with progress_bar("Encoding questions", len(questions), unit="question") as advance:
            return self.encoder.encode_queries(questions, advance)

    def search(
        self,
        questions: Sequence[str],
        top_k: int,
        *,
        query_vectors: Vectors | None = None,
        labels: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """The top ``top_k`` of each question over all that the reader may see, as a table of schema ``HITS``.

        Fewer come back for a question when there are fewer visible passages in all, or by bm25 fewer that have one of
        its words. Equal scores: the corpus before write-back, and within each what was indexed first, or what the
        retriever shows first.

        query_vectors: what ``query_vectors(questions)`` gave, when that is already known.
        labels: the labels that the reader has, where the view does not say who reads.

        Raises InputError when something here is labelled and nobody said who reads. Raises ValueError for top_k under
        1, vectors that are not one a question, or labels where the view has its reader.
        """
        reader = self._reader(labels)
        vectors = self.query_vectors(questions) if query_vectors is None else query_vectors
        if len(vectors) != len(questions):
            raise ValueError(f"{len(vectors)} vectors for {len(questions)} questions")
        near = partial(self._nearest, questions, vectors, reader)
        if self._words is None:
            return near(top_k)
        hits = self._words.find(questions, vectors, top_k, self._layers, reader, near=near, merge=self._merged)
        return hits.select(HITS.names()).cast(HITS)

    def _nearest(self, questions: Sequence[str], vectors: Vectors, reader: Principal, top_k: int) -> pl.DataFrame:
        """HITS by vectors, or as a retriever of the user's own has them."""
        found = []
        for origin, index in self._layers:
            if origin == CORPUS and self._shown_by is not None:
                shown = self._shown_by.candidates(questions, vectors, top_k, reader, own_scores=self._merge == "score")
                found.append(shown.select("query", pl.lit(origin).alias("origin"), "passage_id", "score"))
            else:
                found.append(_candidates(origin, index, vectors, top_k, reader))
        return self._merged(pl.concat(found), top_k)

    def _merged(self, candidates: pl.DataFrame, top_k: int) -> pl.DataFrame:
        if self._merge == "rrf":
            return fused_by_rank(candidates, top_k).select(HITS.names()).cast(HITS)
        return merge_by_score(candidates, top_k)

    def hit(self, origin: str, passage_id: str) -> pl.DataFrame:
        """The passage or unit of that id as a hit (``HITS``) of query 0 and rank 1, with no score.

        No row where there is none, or none that the reader may see: nobody can tell which.

        Raises InputError when something here is labelled and nobody said who reads.
        """
        reader = self._reader(None)
        found = []
        for name, index in self._layers:
            lately = self._shown_by.visible(passage_id, reader) if self._shown_by and name == CORPUS else None
            seen = index.sees(reader, passage_id) if lately is None else lately
            if name == origin and seen:
                found.append({"query": 0, "rank": 1, "origin": origin, "passage_id": passage_id, "score": None})
        return pl.DataFrame(found, schema=HITS)

    def _reader(self, labels: Collection[str] | None) -> Principal:
        if labels is not None:
            if self.reader is not None:
                raise ValueError("this view of the knowledge base has its reader already")
            return principal_with(labels)
        if self.reader is None and self.labelled:
            raise InputError(
                "passages here have access labels, so a search must say who reads",
                field="labels",
                hint="give the reader's labels (wbrag ask: --label), or choose unrestricted where all may be seen",
            )
        if self.reader is not None:
            return self.reader
        # What a retriever will show is not known yet: where nobody said who reads, it is somebody without labels.
        return UNRESTRICTED if self._shown_by is None else principal_with(())

    def hits_with_text(self, hits: pl.DataFrame) -> pl.DataFrame:
        """``hits`` in its order with ``title``, ``text`` and ``sources``: the passages that a unit came from, or none.

        Raises IntegrityError when a hit's passage is in no table here.
        """
        key = ["origin", "passage_id"]  # an id alone may be a passage's and a unit's
        in_corpus = pl.col("origin") == CORPUS
        texts = self._unit_texts(hits.filter(~in_corpus)["passage_id"].unique())
        asked = hits.filter(in_corpus)["passage_id"]
        if len(asked):  # or the corpus' table need not be there
            corpus = self._corpus_texts(asked).with_columns(
                pl.lit(CORPUS).alias("origin"), pl.lit([], pl.List(pl.String)).alias("sources")
            )
            texts = pl.concat([texts, corpus.select(texts.columns)])
        return hits.join(texts, on=key, how="inner", maintain_order="left", validate="m:1")

    def _unit_texts(self, ids: pl.Series) -> pl.DataFrame:
        """One row for each id: origin, passage_id, title, text, sources. Looks at no other unit."""
        places = dict(self._layers)[WRITEBACK].positions_of(ids) if len(self._layers) > 1 else np.full(len(ids), -1)
        if len(strange := ids.filter(pl.Series(places < 0))):
            raise IntegrityError("write-back units", f"there is no unit {strange[0]!r}")
        return self._units[places].select(
            pl.lit(WRITEBACK).alias("origin"),
            pl.col("unit_id").alias("passage_id"),
            "title",
            "text",
            pl.col("source_passage_ids").alias("sources"),
        )

    def _corpus_texts(self, ids: pl.Series) -> pl.DataFrame:
        """As ``PassageTexts.of``; what a retriever showed lately is told as it showed it."""
        if self._shown_by is None:
            return self._texts.of(ids)
        lately = self._shown_by.texts(ids)
        others = ids.filter(~ids.is_in(lately["passage_id"].implode()))
        return pl.concat([lately, self._texts.of(others)]) if len(others) else lately


def merge_by_score(candidates: pl.DataFrame, top_k: int) -> pl.DataFrame:
    """One top-K a query out of the candidates of several indexes: the paper's merge.

    candidates: columns query, origin, passage_id, score, in any order of queries but best first within each query and
    origin. Where scores are equal, the row that comes first in ``candidates`` comes first in the result.

    Returns a table of schema ``HITS``, ordered by query and rank.
    """
    return first_of_each(candidates, "score", top_k).select(HITS.names()).cast(HITS)


def _candidates(origin: str, index: Index, vectors: Vectors, top_k: int, reader: Principal) -> pl.DataFrame:
    scores, positions = index.search(vectors, top_k, reader)
    there = positions.ravel() >= 0
    queries = np.repeat(np.arange(len(vectors), dtype=np.int32), positions.shape[1])[there]
    return pl.DataFrame(
        {
            "query": queries,
            "origin": pl.repeat(origin, len(queries), dtype=pl.String, eager=True),
            "passage_id": index.ids_at(positions.ravel()[there]),
            "score": scores.ravel()[there],
        },
        schema_overrides={"query": pl.Int32, "score": pl.Float32},
    )
