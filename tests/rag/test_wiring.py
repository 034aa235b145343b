"""That each stage hands a method the search it should have, and searches first by the method's own vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.rag.scripted_generators import Dreamer
from tests.retrieval.conftest import CompassEncoder, MakeIndex, compass, make_index, passages_of, units_of
from tests.systems import system_over
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import OPEN_QA, Task
from wbrag_pipeline.evaluation.evaluate import evaluate
from wbrag_pipeline.generation.generator import Answer, Generator, Passage
from wbrag_pipeline.rag.policy import Retrieve
from wbrag_pipeline.rag.searching import Search
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.scoring import Scorer, score_passages, score_utility

__all__ = ["compass", "make_index"]  # fixtures

CORPUS, UNITS = {"p0": 0.0, "p40": 40.0}, {"u80": 80.0}
QUESTIONS = pl.DataFrame([("q", "0", ["p40"], "gold")], schema=tables.LABELLED.schema, orient="row")


class Again:
    """Answers with what a search for 85° finds, or with its own passages where it cannot search."""

    name = "again"
    needs = ()

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        rows = retrieve(["85"] * len(questions)) if retrieve else passages
        return [Answer(",".join(p.passage_id for p in row)) for row in rows]


def retrieved(system: RagSystem) -> pl.DataFrame:
    """RETRIEVALS of the one question."""
    hits = system.retrieve(QUESTIONS["question"].to_list())
    return hits.with_columns(question_id=pl.lit("q"), question=pl.lit("0")).select(list(tables.RETRIEVALS.schema))


@pytest.fixture
def base(tmp_path: Path, compass: CompassEncoder, make_index: MakeIndex) -> KnowledgeBase:
    passages_of(CORPUS).write_parquet(tmp_path / "passages.parquet")
    return KnowledgeBase(compass, make_index("corpus", CORPUS), tmp_path / "passages.parquet")


def test_evaluation_searches_again_on_each_side(base: KnowledgeBase, make_index: MakeIndex) -> None:
    more = base.with_writeback(units_of(UNITS), make_index("units", UNITS))
    frame = evaluate(QUESTIONS, system_over(more, Dreamer({}), method=Again(), top_k=1), "accuracy")
    assert frame.select("answer_without", "answer_with").rows() == [("p40", "u80")]
    assert frame.select("passages_without", "passages_with").rows() == [(["corpus:p0"], ["corpus:p0"])]


def test_evaluation_begins_with_what_hyde_finds(base: KnowledgeBase, make_index: MakeIndex) -> None:
    more = base.with_writeback(units_of(UNITS), make_index("units", UNITS))
    frame = evaluate(QUESTIONS, system_over(more, Dreamer({"0": "170"}), method="hyde+naive", top_k=1), "accuracy")
    assert frame.select("passages_without", "passages_with").rows() == [(["corpus:p40"], ["writeback:u80"])]
    assert frame.select("answer_without", "answer_with").rows() == [("p40", "u80")]


def test_utility_scores_may_search_again_and_standalone_scores_may_not(base: KnowledgeBase) -> None:
    retrievals, texts = retrieved(system_over(base, Dreamer({}), top_k=2)), passages_of(CORPUS)
    scorer = Scorer(Dreamer({}), Again(), OPEN_QA, "exact_match")
    utility = score_utility(QUESTIONS, retrievals, texts, scorer, again=Search(base, 1))
    assert utility.select("answer_no_retrieval", "answer_rag").rows() == [("", "p40")]
    assert score_utility(QUESTIONS, retrievals, texts, scorer)["answer_rag"].to_list() == ["p0,p40"]
    alone = score_passages(QUESTIONS, retrievals, texts, scorer)
    assert alone.select("passage_id", "standalone_score").rows() == [("p0", 0.0), ("p40", 1.0)]


def test_retrievals_are_the_methods_own_and_lie_in_their_own_folder(base: KnowledgeBase) -> None:
    generator = Dreamer({"0": "80"})
    assert retrieved(system_over(base, generator, top_k=1))["passage_id"].to_list() == ["p0"]
    assert retrieved(system_over(base, generator, method="hyde+naive", top_k=1))["passage_id"].to_list() == ["p40"]
    names = ["naive", "hyde+naive", "hyde:question=no+naive"]
    assert len({Settings(method=name).table("retrievals", "b") for name in names}) == 3
    assert Settings(method="flare").table("retrievals", "b") == Settings().table("retrievals", "b")
