"""With and without write-back on a hand-worked knowledge base."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from tests.scripted import Scripted
from tests.systems import system_over
from wbrag_pipeline import tables
from wbrag_pipeline.evaluation.evaluate import evaluate
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase

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
        schema=tables.SPLIT.schema,
        orient="row",
    )

    def script(question: str, ids: tuple[str, ...]) -> str | None:
        assert len(ids) == 2
        if question == "70" or (question == "25" and "u" not in ids):
            return None
        return "yes" if "u" in ids else "no"

    frame = evaluate(questions, system_over(with_writeback, Scripted(script), top_k=2), "exact_match")
    assert frame.select("answer_without", "answer_with", "score_without", "score_with").rows() == [
        ("no", "yes", 0.0, 1.0),
        ("no", "no", 0.0, 0.0),
        ("", "", 0.0, 0.0),  # a failed answer is a wrong one
        ("", "yes", 0.0, 0.0),  # and one that was lost on one side is no gain on the other
    ]
    assert frame.select("status_without", "status_with").rows()[1:] == [
        ("scored", "scored"),
        ("failed", "failed"),
        ("failed", "scored"),
    ]
    assert frame["passages_without"].to_list()[0] == ["corpus:a", "corpus:b"]
    assert frame["passages_with"].to_list()[0] == ["writeback:u", "corpus:a"]
    assert frame["passages_with"].to_list()[1] == ["corpus:c", "corpus:b"]
