"""Retrievers beside the dense one: each rule by hand, and what stays equal whatever chose the passages."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tests.evaluation.experiments.conftest import CORPUS, TEST, TRAIN, World
from wbrag_pipeline.evaluation.experiments import on_top, retrievers
from wbrag_pipeline.evaluation.experiments.built_retriever import gated_pairs, scored
from wbrag_pipeline.evaluation.experiments.key_updates import moved_keys, search_moved
from wbrag_pipeline.evaluation.experiments.query_adapter import adapted, trained_adapter
from wbrag_pipeline.evaluation.experiments.retrievers import RETRIEVER_MEANINGS, SEARCHES
from wbrag_pipeline.retrieval.corpus import build_corpus_index, open_knowledge_base
from wbrag_pipeline.retrieval.knowledge_base import merge_by_score
from wbrag_pipeline.retrieval.protocols import Vectors


def unit_vectors(rows: int, seed: int, dimension: int = 8) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def test_keys_move_towards_the_mean_of_their_questions() -> None:
    keys = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    questions = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    half = moved_keys(keys, questions, np.array([0, 0, 1]), 0.5)
    assert half == pytest.approx(np.full((2, 2), math.sqrt(0.5)))
    assert moved_keys(keys, questions, np.array([0, 0, 1]), 0.0) == pytest.approx(keys)


@pytest.mark.parametrize("seed", range(5))
def test_searching_moved_keys_is_searching_an_index_of_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.evaluation.experiments.key_updates._DEPTH", 1)  # so that it has to go deeper
    corpus, queries = unit_vectors(40, seed), unit_vectors(6, seed + 100)
    ids = pl.Series([f"p{n}" for n in range(40)])
    moved = np.random.default_rng(seed).permutation(40)[: 30 if seed else 40]

    def over(vectors: Vectors, depth: int) -> pl.DataFrame:
        rows = [
            {"query": q, "origin": "corpus", "passage_id": ids[int(p)], "score": float(queries[q] @ vectors[p])}
            for q in range(6)
            for p in np.argsort(-(vectors @ queries[q]))[:depth]
        ]
        return merge_by_score(pl.DataFrame(rows, schema_overrides={"query": pl.Int32, "score": pl.Float32}), depth)

    keys = moved_keys(corpus[moved], unit_vectors(len(moved), seed + 200), np.arange(len(moved)), 0.3)
    whole = corpus.copy()
    whole[moved] = keys
    found = search_moved(lambda depth: over(corpus, depth), queries, ids.gather(moved), keys, 5)
    expected = over(whole, 5)
    assert found.select("query", "rank", "passage_id").equals(expected.select("query", "rank", "passage_id"))


def test_the_adapter_learns_what_turns_questions_to_their_passages() -> None:
    passages = unit_vectors(300, 1)
    turn, _ = np.linalg.qr(np.eye(8) + 0.15 * np.random.default_rng(2).normal(size=(8, 8)))
    queries = (passages @ (turn * np.sign(np.diag(turn)))).astype(np.float32)  # all wrong by one rotation
    held_out = np.arange(300) % 5 == 0
    queries.flags.writeable = passages.flags.writeable = False  # as vectors that are remembered may be
    adapter = trained_adapter(queries, passages, np.arange(300), held_out)

    def likeness(vectors: Vectors) -> float:
        return float((vectors * passages)[held_out].sum(axis=1).mean())

    assert likeness(adapted(queries, adapter)) > likeness(queries) + 0.02
    assert np.array_equal(adapter, trained_adapter(queries, passages, np.arange(300), held_out))
    assert np.linalg.norm(adapted(queries, adapter), axis=1) == pytest.approx(np.ones(300), abs=1e-5)


def test_an_adapter_that_would_not_help_stays_the_identity() -> None:
    passages = unit_vectors(40, 3)
    none_apart = trained_adapter(passages, passages, np.arange(40), np.zeros(40, dtype=bool))
    assert np.array_equal(none_apart, np.eye(8, dtype=np.float32))  # nothing was held out to choose by
    one_passage = trained_adapter(passages, passages, np.zeros(40, dtype=np.int64), np.arange(40) % 5 == 0)
    assert np.isfinite(one_passage).all()  # all negatives are twins


@pytest.mark.parametrize("name", RETRIEVER_MEANINGS)
def test_every_retriever_finds_k_passages_that_the_generator_reads_with_the_encoders_scores(
    world: World, name: str
) -> None:
    bench = world.open()
    built, units = retrievers.build_retriever(bench, world.trial, name), bench.published(world.trial)
    test = bench.questions(world.trial, "test")
    for beside in (None, units):
        found = built.find(test, beside)
        shown = scored(bench, world.trial, test, found, beside)
        assert shown.drop("score").equals(found.drop("score"))
        assert shown.filter(pl.col("rank") > world.settings.top_k).is_empty()
        texts = bench.system(world.trial, beside).base.hits_with_text(shown)
        angles = zip(shown["query"], texts["text"], strict=True)
        cosines = [math.cos(math.radians(float(TEST[query]) - float(text))) for query, text in angles]
        assert shown["score"].to_list() == pytest.approx(cosines, abs=1e-5)
        assert (beside is not None) or set(shown["origin"]) <= {"corpus"}


def test_units_on_top_of_every_retriever(world: World) -> None:
    bench = world.open()
    rows = {name: on_top.on_top_row(bench, world.trial, name) for name in RETRIEVER_MEANINGS}
    assert rows["dense"]["score_without"] == rows["dense"]["score_with"] - rows["dense"]["gain"]
    assert rows["dense"]["units_in_top_k"] > 0
    assert all(row["questions"] == len(TEST) for row in rows.values())


def test_keys_of_gated_passages_alone_move(world: World) -> None:
    bench = world.open()
    pairs = gated_pairs(bench, world.trial)
    assert set(pairs["question"]) <= set(TRAIN) and pairs.height
    gated = bench.gated_docs(world.trial).read().filter("retained")
    assert set(pairs["passage_id"]) == set(gated["passage_id"])


@pytest.mark.parametrize("name", ["BM25", "hybrid"])
def test_units_are_trained_with_the_retriever_that_they_are_put_on_top_of(world: World, name: str) -> None:
    bench, searched = world.open(), world.trial.with_(search=SEARCHES[name])
    found = bench.retrievals(searched)
    assert found.read()["rank"].max() == len(CORPUS) or name == "BM25"  # a word may be in few passages
    # Four passages are all found by the encoder's half, in its own order where no word is in common.
    assert found.read().equals(bench.retrievals(world.trial).read()) == (name == "hybrid")
    assert set(found.read()["question"]) <= set(TRAIN)
    row = on_top.on_top_row(bench, world.trial, name, name)
    assert (row["units_of"], row["questions"]) == (name, len(TEST))
    gated = bench.gated_docs(searched).read()
    assert gated["question_id"].is_in(found.read()["question_id"].implode()).all()


@pytest.mark.parametrize("name", SEARCHES)
def test_a_retriever_that_is_a_setting_is_the_products_own_search(world: World, name: str) -> None:
    """Whichever search the home is indexed for, and whatever the trial's own search is."""
    bench, test = world.open(), world.open().questions(world.trial, "test")
    indexed = world.settings.with_(search=SEARCHES[name])
    build_corpus_index(indexed, "compass", bench.encoder(indexed))
    base = open_knowledge_base(indexed, "compass", bench.encoder(indexed)).unrestricted()
    expected = base.search(test["question"].to_list(), indexed.top_k)
    for own in SEARCHES.values():
        built = retrievers.build_retriever(bench, world.trial.with_(search=own), name)
        assert built.find(test, None).equals(expected)
