"""HyDE on an encoder whose vectors are angles: what is searched, and what the method is then given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.rag.scripted_generators import Dreamer
from tests.retrieval.conftest import CompassEncoder, MakeIndex, compass, make_index, passages_of
from tests.scripted import Scripted
from tests.systems import system_over
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.searching import Search
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.lexical_index import lexical_index_of

__all__ = ["compass", "make_index"]  # fixtures

ANGLES = {"p0": 0.0, "p40": 40.0, "p90": 90.0}
MakeSearch = Callable[[int], Search]


@pytest.fixture
def make_search(tmp_path: Path, compass: CompassEncoder, make_index: MakeIndex) -> MakeSearch:
    passages_of(ANGLES).write_parquet(tmp_path / "passages.parquet")
    base = KnowledgeBase(compass, make_index("corpus", ANGLES), tmp_path / "passages.parquet")
    return lambda top_k: Search(base, top_k)


def found(search: Search, method: Method, generator: Scripted, *questions: str) -> list[list[str]]:
    hits = system_over(search.base, generator, method=method, top_k=search.top_k).retrieve(questions)
    return hits.group_by("query", maintain_order=True).agg("passage_id")["passage_id"].to_list()


def test_a_search_gives_passages_best_first(make_search: MakeSearch) -> None:
    first, second = make_search(2)(["89", "10"])
    assert [(p.passage_id, p.title, p.text) for p in first] == [("p90", "T p90", "90.0"), ("p40", "T p40", "40.0")]
    assert [p.passage_id for p in second] == ["p0", "p40"]
    assert first[0].score > first[1].score
    assert make_search(2)([]) == []


def test_other_methods_search_with_the_question(make_search: MakeSearch, compass: CompassEncoder) -> None:
    generator, search = Dreamer({}), make_search(1)
    assert found(search, NaiveRag(), generator, "80", "5") == [["p90"], ["p0"]]
    known = compass.encode_queries(["80", "5"])
    assert system_over(search.base, generator, top_k=1).retrieve(["0", "0"], vectors=known)["passage_id"].to_list() == [
        "p90",
        "p0",
    ]


def test_the_mean_of_question_and_made_up_passage_is_searched(make_search: MakeSearch) -> None:
    # 0° and 80° have their mean at 40°; alone, the made-up passage is next to 90°.
    generator, search = Dreamer({"0": "80"}), make_search(1)
    assert found(search, Hyde(NaiveRag()), generator, "0") == [["p40"]]
    assert found(search, Hyde(NaiveRag(), question=False), generator, "0") == [["p90"]]
    assert system_over(search.base, generator, method=Hyde(NaiveRag()), top_k=search.top_k).retrieve(["0"])[
        "score"
    ].to_list() == pytest.approx([1.0])


@pytest.mark.parametrize("question", [True, False])
def test_where_nothing_was_made_up_the_question_is_searched(make_search: MakeSearch, question: bool) -> None:
    generator = Dreamer({"2": "", "0": "80", "88": " "})
    method = Hyde(NaiveRag(), question)
    assert found(make_search(1), method, generator, "2", "0", "88") == [["p0"], ["p40" if question else "p90"], ["p90"]]
    assert generator.usage.incidents == {"hyde_passages_empty": 2}


def test_a_generator_that_cannot_write_distils_what_the_question_found(make_search: MakeSearch) -> None:
    class Distilling(Scripted):
        def distill(self, questions, passages):  # type: ignore[no-untyped-def]
            units = super().distill(questions, passages)
            return [type(unit)(unit.title, row[-1].text) for unit, row in zip(units, passages, strict=True)]

    generator = Distilling(lambda question, ids: "")
    # 30° finds 40° and 0° first; the unit says 0°, and the mean of 30° and 0° is next to 0°.
    assert found(make_search(2), Hyde(NaiveRag()), generator, "30") == [["p0", "p40"]]
    assert [[p.passage_id for p in row] for _, row in generator.distilled] == [["p40", "p0"]]


def test_it_combines_with_any_method(make_search: MakeSearch) -> None:
    generator, search = Dreamer({"0": "80"}), make_search(1)
    passages = [search(["80"])[0]]
    for name in ("naive", "replug", "flare"):
        (answer,) = method_named(f"hyde+{name}").answer(generator, ["0"], passages, OPEN_QA, search)
        assert answer.text == "p90"


def test_no_question_is_no_vector(make_search: MakeSearch) -> None:
    assert search_is_empty(system_over(make_search(1).base, Dreamer({}), method=Hyde(NaiveRag()), top_k=1).retrieve([]))


def search_is_empty(hits: pl.DataFrame) -> bool:
    return hits.height == 0


def test_beside_words_the_made_up_vector_is_searched_and_words_alone_are_refused(make_search: MakeSearch) -> None:
    generator, search = Dreamer({"0": "80"}), make_search(3)
    words = lexical_index_of(passages_of(ANGLES))
    hybrid = system_over(search.base.searching("hybrid", words), generator, method=Hyde(NaiveRag()), top_k=3)
    scores = dict(hybrid.retrieve(["0"]).select("passage_id", "score").iter_rows())
    assert scores["p40"] == pytest.approx(1.0) and scores["p0"] < 0.8  # the mean of 0° and 80°
    alone = system_over(search.base.searching("bm25", words), generator, method=Hyde(NaiveRag()), top_k=3)
    with pytest.raises(InputError, match="bm25 takes a question") as refused:
        alone.retrieve(["0"])
    assert "--search hybrid" in str(refused.value)
