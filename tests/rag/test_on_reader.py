"""Every method on the embedded reader itself, with its shipped weights and three small passages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA, YES_NO, Task
from wbrag_pipeline.generation.generator import Decides, Imagines, Judges, LooksAhead, Passage
from wbrag_pipeline.generation.reader.choosing import answer_agreement, answerability
from wbrag_pipeline.generation.reader.network import ADAPTER_DIR, Reading
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.methods import METHODS, method_named
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.rag.self_rag import SelfRag

CURIE = Passage("c", "Marie Curie", "Marie Curie discovered radium in 1898 together with her husband Pierre.", 0.6)
TOWER = Passage("t", "Eiffel Tower", "The Eiffel Tower stands in Paris and was finished in 1889.", 0.4)
RIVER = Passage("r", "Danube", "The Danube flows through ten countries and ends in the Black Sea.", 0.3)
QUESTIONS = ["Who discovered radium?", "Where does the Eiffel Tower stand?", "Which sea does the Danube end in?"]
ROWS = [[CURIE, TOWER, RIVER], [TOWER, RIVER, CURIE], [RIVER, CURIE, TOWER]]
CLAIMS = ["Marie Curie discovered radium.", "The Eiffel Tower stands in Berlin.", "The Danube ends in the Black Sea."]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    if not (ADAPTER_DIR / "adapter.safetensors").exists():
        pytest.skip("the adapter is not trained yet")
    yield Reader()


def search(queries: Sequence[str]) -> list[list[Passage]]:
    by_word = {"radium": 0, "Eiffel": 1, "Danube": 2}
    return [next((ROWS[n] for word, n in by_word.items() if word in query), ROWS[0]) for query in queries]


def test_what_the_reader_can_do(reader: Reader) -> None:
    assert isinstance(reader, Decides)
    assert isinstance(reader, Judges)
    # It cannot write, and its answers have no tokens: see docs/explanation/rag-methods.md for what the methods do then.
    assert not isinstance(reader, Imagines)
    assert not isinstance(reader, LooksAhead)


@pytest.mark.parametrize("name", [*METHODS, "hyde+naive", "hyde+flare"])
@pytest.mark.parametrize("task", [OPEN_QA, YES_NO, FACT_VERIFICATION], ids=lambda task: task.name)
def test_every_method_answers_and_a_batch_as_one_by_one(reader: Reader, name: str, task: Task) -> None:
    method = method_named(name)
    questions = QUESTIONS if task is OPEN_QA else CLAIMS
    together = method.answer(reader, questions, ROWS, task, search)
    alone = [method.answer(reader, [q], [row], task, search)[0] for q, row in zip(questions, ROWS, strict=True)]
    assert together == alone
    assert all(not answer.failed and 0.0 <= answer.probability <= 1.0 for answer in together)
    if task.choices:
        assert all(answer.text in task.choices for answer in together)


@pytest.mark.parametrize("method", [NaiveRag(), RePlug(), SelfRag(), Flare(), Hyde(NaiveRag())], ids=lambda m: m.name)
def test_the_answers_are_right(reader: Reader, method) -> None:  # type: ignore[no-untyped-def]
    answers = method.answer(reader, QUESTIONS, ROWS, OPEN_QA, search)
    assert ["Curie" in answers[0].text, "Paris" in answers[1].text, "Black Sea" in answers[2].text] == [True] * 3


def test_replug_is_naive_with_one_passage(reader: Reader) -> None:
    for task, questions in ((OPEN_QA, QUESTIONS), (FACT_VERIFICATION, CLAIMS)):
        rows = [[CURIE], [TOWER], [RIVER]]
        mixed = RePlug().answer(reader, questions, rows, task)
        assert mixed == NaiveRag().answer(reader, questions, rows, task)


def test_spans_always_want_retrieval(reader: Reader) -> None:
    assert reader.wants_retrieval(QUESTIONS, OPEN_QA) == [1.0, 1.0, 1.0]
    assert all(p is not None and 0.0 <= p <= 1.0 for p in reader.wants_retrieval(CLAIMS, FACT_VERIFICATION))


def test_the_judge_prefers_what_the_passages_say(reader: Reader) -> None:
    right = reader.judge(QUESTIONS, ROWS, ["Marie Curie", "Paris", "the Black Sea"], OPEN_QA)
    wrong = reader.judge(QUESTIONS, ROWS, ["Napoleon", "Berlin", "1889"], OPEN_QA)
    assert all(r is not None and w is not None and r > w for r, w in zip(right, wrong, strict=True))
    assert reader.judge(QUESTIONS[:1], [[]], ["Marie Curie"], OPEN_QA) == [None]
    labels = [reader.judge(CLAIMS[:1], [[CURIE]], [label], FACT_VERIFICATION)[0] for label in FACT_VERIFICATION.choices]
    assert sum(label for label in labels if label is not None) == pytest.approx(1.0, abs=1e-6)


def test_agreement_by_hand() -> None:
    # Margins of 0 and of ln 3 over "no answer" are votes of a half and of three quarters.
    half, more = Reading("Barack Obama", 0.0, 0.0, (), 0, 1), Reading("Bush", 1.0986122886681098, 0.0, (), 0, 1)
    assert (answerability(half), answerability(more)) == pytest.approx((0.5, 0.75))
    assert answer_agreement([half], "Obama") == pytest.approx(0.5)
    assert answer_agreement([half, half], "Obama") == pytest.approx(0.5)
    assert answer_agreement([half, more], "Obama") == pytest.approx(0.5 * 0.4)
    assert answer_agreement([half, more], "Bush") == pytest.approx(0.75 * 0.6)
    assert answer_agreement([half, more], "Clinton") == 0.0
    assert answer_agreement([half], "") == 0.0
    assert answer_agreement([], "Obama") == 0.0
