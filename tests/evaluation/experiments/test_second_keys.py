"""Further keys: the search is that of an index whose entries have several vectors; what each rival puts in as keys."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.experiments.conftest import World
from tests.evaluation.experiments.test_retrievers import unit_vectors
from wbrag_pipeline.evaluation.experiments import second_keys, unit_keys, written_keys
from wbrag_pipeline.evaluation.experiments.built_retriever import megabytes
from wbrag_pipeline.evaluation.experiments.retrievers import WRITTEN, retrievers_for
from wbrag_pipeline.evaluation.experiments.rivals import RIVAL_MEANINGS, rivals_for
from wbrag_pipeline.evaluation.experiments.second_keys import search_with_keys
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, HITS, WRITEBACK, merge_by_score
from wbrag_pipeline.retrieval.protocols import Vectors

NAMES = [f"p{n}" for n in range(20)]


def over(scores: Vectors, depth: int) -> pl.DataFrame:
    rows = [
        {"query": q, "origin": CORPUS, "passage_id": NAMES[int(p)], "score": float(scores[q, p])}
        for q in range(len(scores))
        for p in np.argsort(-scores[q], kind="stable")[:depth]
    ]
    return merge_by_score(pl.DataFrame(rows, schema_overrides={"query": pl.Int32, "score": pl.Float32}), depth)


@given(seed=st.integers(0, 1000), keys=st.integers(0, 40), top_k=st.integers(1, 8), block=st.integers(1, 7))
def test_searching_with_further_keys_is_searching_entries_by_their_best_vector(
    seed: int, keys: int, top_k: int, block: int
) -> None:
    corpus, queries, further = unit_vectors(20, seed), unit_vectors(6, seed + 1), unit_vectors(max(keys, 1), seed + 2)
    of = np.random.default_rng(seed).integers(0, 20, keys)  # some entries have many keys, some none
    entries = pl.DataFrame({"origin": [CORPUS] * keys, "passage_id": [NAMES[n] for n in of]})
    own = queries @ corpus.T
    best = own.copy()
    for key, entry in enumerate(of):
        best[:, entry] = np.maximum(best[:, entry], queries @ further[key])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second_keys, "_ROWS", block)
        found = search_with_keys(lambda depth: over(own, depth), queries, further[:keys], entries, top_k)
    expected = over(best, top_k)
    assert found.select("query", "rank", "passage_id").equals(expected.select("query", "rank", "passage_id"))
    assert found["score"].to_list() == pytest.approx(expected["score"].to_list(), abs=1e-5)
    assert found.schema == HITS


def test_units_as_keys_lead_to_what_they_were_made_of(world: World) -> None:
    bench = world.open()
    units, test = bench.published(world.trial), bench.questions(world.trial, "test")
    built = unit_keys.units_as_keys(bench, world.trial)
    found = built.find(test)
    assert built.megabytes == megabytes(bench, world.trial, units.height) and set(found["origin"]) == {CORPUS}
    # Both units lie at 10 degrees and are made of a: question 6, between both, finds a at 4 degrees and not at 6.
    first = found.filter((pl.col("query") == 1) & (pl.col("rank") == 1))
    assert first["passage_id"].to_list() == ["a"]
    assert first["score"].to_list() == pytest.approx([np.cos(np.radians(4.0))], abs=1e-5)
    plain = bench.system(world.trial).retrieve(test["question"].to_list())
    assert plain.filter((pl.col("query") == 1) & (pl.col("rank") == 1))["score"][0] < first["score"][0]


def test_a_unit_is_found_by_its_question_too(world: World) -> None:
    bench = world.open()
    test = bench.questions(world.trial, "test")
    built = unit_keys.units_with_two_keys(bench, world.trial)
    found = built.find(test)
    units = bench.published(world.trial)
    assert built.megabytes == megabytes(bench, world.trial, 2 * units.height)
    asked = [float(question) for question in units["question"]]
    best = min(abs(1.0 - angle) for angle in (*asked, 10.0))
    unit = found.filter((pl.col("query") == 0) & (pl.col("origin") == WRITEBACK))["score"].max()
    assert unit == pytest.approx(np.cos(np.radians(best)), abs=1e-5)


def test_questions_are_written_about_as_many_passages_as_write_back_makes_calls(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written_keys, "usage_of", lambda made, spent: Usage(calls=3))
    bench = world.open()
    built = written_keys.hype(bench, world.trial)
    assert len(world.generator.written) == 3 and built.entries == 3 and built.tokens > 0
    written_keys.doc2query(bench, world.trial)
    assert len(world.generator.written) == 3  # the same questions serve both


def test_a_written_question_leads_to_its_passage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_keys, "usage_of", lambda made, spent: Usage(calls=99))
    bench = world.open()
    built = written_keys.hype(bench, world.trial)
    found = built.find(bench.questions(world.trial, "test"), None)
    # 29 is one degree from b and 2.5 from nothing else; 6 finds a by the question of 2.5 degrees.
    at = found.filter((pl.col("query") == 1) & (pl.col("passage_id") == "a"))["score"].to_list()
    assert at == pytest.approx([np.cos(np.radians(3.5))], abs=1e-5)


def test_only_a_generator_that_writes_has_the_rivals_that_are_written() -> None:
    assert set(retrievers_for("transformers:m")) - set(retrievers_for("reader")) == set(WRITTEN)
    assert [name for name in RIVAL_MEANINGS if name not in WRITTEN] == rivals_for("reader")
    assert rivals_for("openai:http://h#m") == [*RIVAL_MEANINGS]
