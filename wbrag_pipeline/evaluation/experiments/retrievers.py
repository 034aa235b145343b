"""Retrievers beside the one that a knowledge base has: rivals by themselves, and what write-back is put on top of.

Each finds the passages of a question in the corpus, or in the corpus and units.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.built_retriever import (
    BuiltRetriever,
    Find,
    gated_by,
    gated_pairs,
    megabytes,
    scored,
)
from wbrag_pipeline.evaluation.experiments.key_updates import STEPS, moved_keys, search_moved
from wbrag_pipeline.evaluation.experiments.query_adapter import adapted, trained_adapter
from wbrag_pipeline.evaluation.experiments.query_cache import hold_out
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.experiments.written_keys import doc2query, hype
from wbrag_pipeline.generation.engines import writes_text
from wbrag_pipeline.rag.searching import passages_by_query
from wbrag_pipeline.retrieval.knowledge_base import HITS
from wbrag_pipeline.retrieval.lexical_index import lexical_index_of
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.retrieval.word_search import BM25, DENSE, HYBRID
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import Table
from wbrag_pipeline.training.scoring import select_passages

ENCODER_ALONE = "dense"
# Each retriever, and what it is.
RETRIEVER_MEANINGS = {
    ENCODER_ALONE: "the encoder and the exact index that everything else here uses",
    "BM25": "search by words (--search bm25)",
    "hybrid": "BM25 and the encoder, the first 100 of each fused by reciprocal rank (--search hybrid)",
    "generator as reranker": "the encoder's first 20 (--rescue-depth), those first that the generator finds most "
    "relevant when it reads them alone, as Self-RAG asks for it",
    "query adapter": "a matrix for the questions' vectors, trained on the gated pairs with "
    "MultipleNegativesRankingLoss; the encoder's weights and the passages' vectors stay",
    "updated keys": "gated passages found by their vectors moved towards the questions whose answers they carried",
    "HyPE": "passages found by the vectors of questions, too, that the generator wrote about them",
    "doc2query--": "BM25 over passages with the questions that the generator wrote about them and answered from them",
}
# Those that are a value of the setting ``search``.
SEARCHES = {ENCODER_ALONE: DENSE, "BM25": BM25, "hybrid": HYBRID}
WRITTEN = ("HyPE", "doc2query--")  # what only a generator can build that writes
# Hits of a reranker in their new order; the score is the relevance.
RERANKED = Table("reranked", HITS, ("query", "origin", "passage_id"))


def retrievers_for(generator: str) -> list[str]:
    """The retrievers that can be built with the generator of that setting."""
    return [name for name in RETRIEVER_MEANINGS if name not in WRITTEN or writes_text(generator)]


def build_retriever(bench: Workbench, trial: Trial, name: str) -> BuiltRetriever:
    """The retriever of that name, of RETRIEVER_MEANINGS, from everything but the test questions."""
    return _BUILDERS[name](bench, trial.with_(search=SEARCHES.get(name, DENSE)))


def answered_by(
    bench: Workbench, trial: Trial, name: str, find: Find, asked: pl.DataFrame, units: pl.DataFrame | None = None
) -> Artifact:
    """ANSWERED: a SPLIT from what that retriever finds; one that is a setting is the product's own search."""
    if name in SEARCHES:
        return bench.answered(trial.with_(search=SEARCHES[name]), asked, units=units)
    return bench.answered(trial, asked, units=units, hits=scored(bench, trial, asked, find(asked, units), units))


def _search(bench: Workbench, trial: Trial) -> BuiltRetriever:
    """What the trial's own settings find."""
    find: Find = lambda asked, units: bench.system(trial, units).retrieve(asked["question"].to_list())  # noqa: E731
    if trial.settings.search == DENSE:
        return BuiltRetriever(find)
    began = time.perf_counter()
    words = lexical_index_of(bench.passages(trial))
    return BuiltRetriever(find, words.nbytes / 1e6, time.perf_counter() - began)


def _reranker(bench: Workbench, trial: Trial) -> BuiltRetriever:
    depth, context = trial.settings.search_depth, bench.context(trial)

    def find(asked: pl.DataFrame, units: pl.DataFrame | None) -> pl.DataFrame:
        questions, system = asked["question"].to_list(), bench.system(trial, units)
        hits = system.retrieve(questions, top_k=depth)

        def rerank() -> pl.DataFrame:
            rows = passages_by_query(system.base.hits_with_text(hits), len(questions))
            pairs = [(question, passage) for question, row in zip(questions, rows, strict=True) for passage in row]
            asked_again, passages = [question for question, _ in pairs], [passage for _, passage in pairs]
            alone = context.generator.answer(asked_again, [[passage] for passage in passages], context.task)
            texts = [answer.text for answer in alone]
            judged = context.generator.assess(asked_again, passages, texts, context.task)
            relevance = pl.Series([0.0 if a.failed else a.relevant for a in judged], dtype=pl.Float32)
            ranked = hits.sort("query", "rank").with_columns(score=relevance)
            return (
                ranked.sort(["query", "score", "rank"], descending=[False, True, False])
                .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
                .cast(HITS)
            )

        written = "" if units is None else sha256_of_text(units.sort("unit_id").write_json())
        by = (context.generator.fingerprint, context.generator.prompt_version, context.benchmark.task)
        parts = (sha256_of_text(hits.write_json()), asked.write_json(), written, *by)
        first = bench.keep(trial, "reranked", RERANKED, parts, rerank).read()
        return first.filter(pl.col("rank") <= trial.settings.top_k)

    return BuiltRetriever(find, calls_a_question=depth)


def _adapter(bench: Workbench, trial: Trial) -> BuiltRetriever:
    pairs = gated_pairs(bench, trial)
    encoder, passages = bench.encoder(trial.settings), _passage_vectors(bench, trial, pairs)
    queries = encoder.encode_queries(pairs["question"].to_list())
    _, held_out = hold_out(bench.questions(trial, "train"), trial.settings.seed)
    kept_out = pairs["question_id"].is_in(held_out["question_id"].implode()).to_numpy()
    same = pairs["passage_id"].rank("dense").cast(pl.Int64).to_numpy()
    began = time.perf_counter()
    adapter = trained_adapter(queries, passages, same, kept_out, seed=trial.settings.seed)
    seconds = time.perf_counter() - began

    def find(asked: pl.DataFrame, units: pl.DataFrame | None) -> pl.DataFrame:
        system, questions = bench.system(trial, units), asked["question"].to_list()
        return system.retrieve(questions, vectors=adapted(encoder.encode_queries(questions), adapter))

    return BuiltRetriever(find, adapter.nbytes / 1e6, seconds, gated_by(bench, trial))


def _updated_keys(bench: Workbench, trial: Trial) -> BuiltRetriever:
    pairs, train = gated_pairs(bench, trial), bench.questions(trial, "train")
    # The step is chosen on held-out questions, with keys that only the others have moved.
    known, held_out = hold_out(train, trial.settings.seed)
    others = pairs.join(known, on="question_id", how="semi", maintain_order="left")
    found = [_find_moved(bench, trial, others, step, held_out, None) for step in STEPS]
    tried = [bench.answered(trial, held_out, hits=scored(bench, trial, held_out, hits)) for hits in found]
    sums = [float(answers.read()["score"].fill_null(0.0).sum()) for answers in tried]
    step = STEPS[int(np.argmax(sums))]  # of equal sums the shortest
    moved = pairs["passage_id"].n_unique()
    return BuiltRetriever(
        partial(_find_moved, bench, trial, pairs, step),
        megabytes(bench, trial, moved),
        made=(*gated_by(bench, trial), *tried),
        chosen=step,
    )


_BUILDERS: dict[str, Callable[[Workbench, Trial], BuiltRetriever]] = {
    **dict.fromkeys(SEARCHES, _search),
    "generator as reranker": _reranker,
    "query adapter": _adapter,
    "updated keys": _updated_keys,
    "HyPE": hype,
    "doc2query--": doc2query,
}


def _find_moved(
    bench: Workbench,
    trial: Trial,
    pairs: pl.DataFrame,
    step: float,
    asked: pl.DataFrame,
    units: pl.DataFrame | None,
) -> pl.DataFrame:
    system, questions = bench.system(trial, units), asked["question"].to_list()
    if pairs.is_empty() or not step:
        return system.retrieve(questions)
    ids = pairs["passage_id"].unique(maintain_order=True)
    place = {name: at for at, name in enumerate(ids)}
    of = np.array([place[name] for name in pairs["passage_id"]], dtype=np.int64)
    unmoved = _passage_vectors(bench, trial, pairs.unique("passage_id", maintain_order=True))
    keys = moved_keys(unmoved, bench.encoder(trial.settings).encode_queries(pairs["question"].to_list()), of, step)
    vectors = system.query_vectors(questions)
    return search_moved(
        lambda depth: system.retrieve(questions, top_k=depth, vectors=vectors), vectors, ids, keys, trial.settings.top_k
    )


def _passage_vectors(bench: Workbench, trial: Trial, rows: pl.DataFrame) -> Vectors:
    """Vectors [rows, dimension] of the passages of a column passage_id."""
    texts = select_passages(bench.passages(trial), rows).select("passage_id", "title", "text")
    read = rows.select("passage_id").join(texts, on="passage_id", how="left", maintain_order="left")
    return bench.encoder(trial.settings).encode_passages(read["title"].to_list(), read["text"].to_list())
