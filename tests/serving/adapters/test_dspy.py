"""A DSPy module over both kinds of sources."""

from __future__ import annotations

import asyncio
from typing import Any

import dspy
import pytest
from dspy.utils import DummyLM

from tests.serving.adapters.conftest import QUESTION, SECRET, Opening
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.dspy import DSPyRetriever


def test_a_prediction_holds_texts_and_where_they_come_from(opening: Opening) -> None:
    retrieve = DSPyRetriever(**opening(), k=2)
    found = retrieve("Velcro Swiss engineer")
    assert isinstance(found, dspy.Prediction)
    assert found.passages[0] == "U u1\nVelcro was the idea of a Swiss engineer."
    assert found.ids == ["u1", "p1"] and found.origins == ["writeback", "corpus"] and found.sources == [["p1"], []]
    assert found.scores[0] >= found.scores[1] > 0
    assert asyncio.run(retrieve.acall("Velcro Swiss engineer")).toDict() == found.toDict()
    assert len(retrieve(QUESTION, k=3).passages) == 3


def test_labels_decide_what_is_retrieved(opening: Opening) -> None:
    for labels, sees in (((), False), (("finance",), False), (("hr",), True)):
        assert ("p3" in DSPyRetriever(**opening(*labels), k=9)(SECRET).ids) is sees
    with pytest.raises(InputError, match="field 'home or url'"):
        DSPyRetriever()


class Rag(dspy.Module):  # type: ignore[misc]
    """As DSPy's tutorial on RAG has it."""

    def __init__(self, retrieve: DSPyRetriever) -> None:
        super().__init__()
        self.retrieve, self.respond = retrieve, dspy.Predict("context, question -> response")

    def forward(self, question: str) -> Any:
        return self.respond(context=self.retrieve(question).passages, question=question)


def test_a_module_answers_from_what_was_found_also_when_it_is_copied(opening: Opening) -> None:
    """Optimizers copy a program; the copy searches by the same source."""
    program = Rag(DSPyRetriever(**opening(), k=1))
    for rag in (program, program.deepcopy(), program.reset_copy()):
        model = DummyLM([{"response": "Gideon Sundback"}])
        with dspy.context(lm=model):
            assert rag(question=QUESTION).response == "Gideon Sundback"
        assert "The zipper was made by Gideon Sundback." in model.history[0]["messages"][-1]["content"]
