import pytest

from wbrag_pipeline.datasets.metrics import METRICS
from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA, TASKS, YES_NO, task_named
from wbrag_pipeline.errors import InputError


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("SUPPORTS", "SUPPORTS"),
        ("supported.", "SUPPORTS"),
        ("true", "SUPPORTS"),
        ("Yes, it does.", "SUPPORTS"),
        ("It is not false.", "SUPPORTS"),
        ("REFUTES", "REFUTES"),
        ("The claim is refuted by the passage", "REFUTES"),
        ("no", "REFUTES"),
        ("False", "REFUTES"),
        ("That isn't true.", "REFUTES"),
        ("That isn’t true.", "REFUTES"),
        ("untrue", "REFUTES"),
        ("NOT ENOUGH INFO", "NOT ENOUGH INFO"),
        ("Not enough information.", "NOT ENOUGH INFO"),
        ("The text doesn't support the claim", "NOT ENOUGH INFO"),
        ("The claim is not supported", "NOT ENOUGH INFO"),
        ("It neither supports nor refutes it", "NOT ENOUGH INFO"),
        ("There is no evidence", "NOT ENOUGH INFO"),
        ("I know nothing", "I know nothing"),  # names no choice, so scores nothing
        ("", ""),
    ],
)
def test_verdicts_are_read_from_free_text(answer: str, verdict: str) -> None:
    assert FACT_VERIFICATION.parse(answer) == verdict


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("yes", "True"),
        ("TRUE!", "True"),
        ("No.", "False"),
        ("not true", "False"),
        ("It isn't true", "False"),
        ("I know", "I know"),
    ],
)
def test_yes_and_no_are_read_from_free_text(answer: str, truth: str) -> None:
    assert YES_NO.parse(answer) == truth


def test_free_text_keeps_its_first_line() -> None:
    assert OPEN_QA.parse("  Paris \nbecause ...") == "Paris"
    assert OPEN_QA.parse(" \n ") == ""


def test_every_choice_is_read_as_itself_and_every_task_has_a_metric() -> None:
    for task in TASKS.values():
        assert [task.parse(choice) for choice in task.choices] == list(task.choices)
        assert task.metric in METRICS


def test_an_unknown_task_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"field 'task': there is no task 'qa' \(one of open_qa, yes_no"):
        task_named("qa")
