"""With and without write-back on a hand-worked knowledge base."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.evaluation.evaluate import evaluate
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.training.scoring import Scorer

CORPUS = {"a": 0.0, "b": 60.0, "c": 90.0}
UNITS = {"u": 30.0}


def test_the_same_questions_on_both_sides_at_the_same_k(tmp_path: Path) -> None:
    compass = CompassEncoder()
    passages_of(CORPUS).write_parquet(tmp_path / "passages.parquet")
    for name, angles in (("corpus", CORPUS), ("units", UNITS)):
        build_index(compass.encode_queries([str(a) for a in angles.values()]), list(angles), tmp_path / name, compass)
    without = KnowledgeBase(compass, open_index(tmp_path / "corpus", compass), tmp_path / "passages.parquet")
    with_writeback = without.with_writeback(units_of(UNITS), open_index(tmp_path / "units", compass))
    questions = pl.DataFrame(
        [("q1", "20", ["yes"]), ("q2", "85", ["yes"]), ("q3", "70", ["yes"]), ("q4", "25", ["yes"])],
        schema=tables.QUESTIONS.schema,
        orient="row",
    )

    def script(question: str, ids: tuple[str, ...]) -> str | None:
        assert len(ids) == 2
        if question == "70" or (question == "25" and "u" not in ids):
            return None
        return "yes" if "u" in ids else "no"

    scorer = Scorer(Scripted(script), method_named("naive"), OPEN_QA, "exact_match")
    frame = evaluate(questions, without, with_writeback, scorer, top_k=2)
    assert frame.select("answer_without", "answer_with", "score_without", "score_with").rows() == [
        ("no", "yes", 0.0, 1.0),
        ("no", "no", 0.0, 0.0),
        ("", "", 0.0, 0.0),  # a failed answer is a wrong one
        ("", "yes", 0.0, 0.0),  # and one that was lost on one side is no gain on the other
    ]
    assert frame["passages_without"].to_list()[0] == ["corpus:a", "corpus:b"]
    assert frame["passages_with"].to_list()[0] == ["writeback:u", "corpus:a"]
    assert frame["passages_with"].to_list()[1] == ["corpus:c", "corpus:b"]
