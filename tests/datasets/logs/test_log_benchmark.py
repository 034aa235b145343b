"""From a log to training and test questions: what feedback is worth, repetitions, and the split by time and session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.logs.log_benchmark import LogSplits, splits_of_log
from wbrag_pipeline.datasets.logs.log_files import Log
from wbrag_pipeline.datasets.logs.logged_answer import LOGGED
from wbrag_pipeline.datasets.logs.merged_questions import merged_questions, to_look_into, with_wording
from wbrag_pipeline.datasets.logs.time_split import LEAST_CORRECTED, split_by_time
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.datasets.tombstones import NOTHING_FORGOTTEN, Tombstones, question_hashes
from wbrag_pipeline.tables import GOLD, WEAK

START = datetime(2026, 1, 1, tzinfo=UTC)
_USUAL: dict[str, Any] = {
    "place": "log, line 1",
    "log_id": "",
    "answer": "",
    "passages": [],
    "asked_at": None,
    "session": None,
    "up": False,
    "down": False,
    "correction": "",
    "comment": "",
}


def logged(*rows: dict[str, Any]) -> pl.DataFrame:
    """LOGGED of these rows; ``at`` is in hours."""
    made = [
        _USUAL
        | {key: value for key, value in row.items() if key != "at"}
        | ({"asked_at": START + timedelta(hours=row["at"])} if row.get("at") is not None else {})
        for row in rows
    ]
    return pl.DataFrame(made, schema=LOGGED)


def splits(*rows: dict[str, Any], task: str = "open_qa", forgotten: Tombstones = NOTHING_FORGOTTEN) -> LogSplits:
    return splits_of_log(Log(logged(*rows), {}), TASKS[task], forgotten)


def merged(*rows: dict[str, Any]) -> list[tuple[str, list[str]]]:
    frame = merged_questions(with_wording(logged(*({"question": "Who?", **row} for row in rows))))
    return list(frame.select("label", "golden_answers").iter_rows())


def test_thumbs_up_that_can_teach_nothing_are_told() -> None:
    up = [{"question": f"{n}?", "answer": answer, "up": True} for n, answer in enumerate(["", "yes", "I think so"])]
    corrected = {"question": "c?", "up": True, "correction": "no"}
    for task, count in (("open_qa", 1), ("yes_no", 2)):
        counts = splits(*up, corrected, {"question": "d?"}, task=task).counts
        assert counts.unusable == count
        assert [line for line in counts.lines() if line.startswith(f"of no use: {count} thumbs up")]
    usual = splits(corrected).counts
    assert not [line for line in usual.lines() if "of no use" in line]


def test_what_feedback_is_worth() -> None:
    up, down = {"answer": "Ann", "up": True}, {"answer": "Ann", "down": True}
    assert merged(up) == [("weak", ["Ann"])]
    assert merged(down) == [("down", [])]
    assert merged({"answer": "Ann"}) == [("none", [])]
    assert merged({"up": True}) == [("none", [])]  # nobody knows what was good
    assert merged({**down, "correction": "Bob"}) == [("gold", ["Bob"])]
    assert merged({"at": 1, "correction": "Bob"}, {"at": 2, "correction": "Cid"}, {**up, "at": 3}) == [
        ("gold", ["Cid"])
    ]


def test_conflicting_feedback_on_one_answer_teaches_nothing_and_on_two_answers_the_good_one() -> None:
    assert merged({"answer": "Ann", "up": True}, {"answer": "ann.", "down": True}) == [("conflicting", [])]
    assert merged({"answer": "Ann", "down": True}, {"answer": "Bob", "up": True}) == [("weak", ["Bob"])]
    assert merged({"answer": "Ann", "up": True}, {"answer": "Bob", "up": True}) == [("weak", ["Ann", "Bob"])]


def test_repetitions_are_one_question_with_an_id_that_stays() -> None:
    rows = [
        {"question": "Who leads sales?", "at": 2},
        {"question": "who leads the sales", "at": 1, "up": True, "answer": "A"},
    ]
    found = splits(*rows)
    assert found.train.select("question", "label").rows() == [("who leads the sales", WEAK)]
    assert (found.counts.answers, found.counts.questions, found.counts.repeated) == (2, 1, 1)
    more = splits({"question": "Else?", "at": 0}, *rows, {"question": "WHO LEADS SALES", "at": 9})
    assert found.train["question_id"][0] in more.train["question_id"].to_list()


def test_nothing_of_a_bad_answer_trains_and_it_can_be_looked_into() -> None:
    rows = [
        {"question": "a?", "answer": "x", "down": True, "comment": "old"},
        {"question": "b?", "answer": "x", "down": True, "correction": "y"},
        {"question": "c?", "answer": "x", "up": True},
        {"question": "c?", "answer": "x", "down": True},
        {"question": "d?"},
    ]
    found = splits(*rows)
    assert found.train.select("question", "label").rows() == [("b?", "gold"), ("d?", "none")]
    counts = found.counts
    assert (counts.gold, counts.weak, counts.down, counts.conflicting, counts.without_feedback) == (1, 0, 1, 1, 1)
    looked = to_look_into(with_wording(logged(*rows)))
    assert looked.select("question", "comment").rows() == [("a?", "old"), ("c?", "")]


def test_personal_data_in_any_wording_of_a_question_leaves_it_out() -> None:
    rows = [{"question": "What did ann@example.org order?"}, {"question": "What is sold?"}]
    found = splits(*rows)
    assert found.train["question"].to_list() == ["What is sold?"] and found.counts.private == 1
    assert any("--keep-personal" in line for line in found.counts.lines())
    kept = splits_of_log(Log(logged(*rows), {}), TASKS["open_qa"], NOTHING_FORGOTTEN, keep_personal=True)
    assert kept.train.height == 2 and kept.counts.private == 0


def test_a_question_that_was_forgotten_is_not_read_again_in_the_words_of_a_repetition() -> None:
    (hashes,) = question_hashes(pl.Series(["Who leads sales?"]))
    rows = [{"question": "Who leads the sales?", "at": 0}, {"question": "who leads sales", "at": 1}, {"question": "b?"}]
    found = splits(*rows, forgotten=Tombstones(questions=hashes))
    assert found.train["question"].to_list() == ["b?"] and found.counts.forgotten == 1


def test_answers_of_a_task_with_choices_are_its_choices_or_none() -> None:
    found = splits(
        {"question": "a?", "answer": "Yes.", "up": True},
        {"question": "b?", "answer": "perhaps", "up": True},
        task="yes_no",
    )
    assert found.train.select("golden_answers", "label").rows() == [(["True"], WEAK), ([], "none")]


def corrected(hour: int, **more: Any) -> dict[str, Any]:
    return {"question": f"What is {hour}?", "at": hour, "correction": str(hour), "session": f"s{hour}", **more}


def test_test_questions_are_later_gold_and_of_other_sessions() -> None:
    rows = [corrected(hour) for hour in range(20)]
    rows[18]["session"] = "s3"
    rows += [
        {"question": "weak and late?", "answer": "x", "up": True, "at": 30},
        {"question": "undated?", "answer": "x"},
    ]
    found = splits(*rows)
    assert found.test["question"].to_list() == ["What is 16?", "What is 17?", "What is 19?"]
    assert set(found.test["label"]) == {GOLD} and found.train.height == 16
    assert found.counts.left_out == {
        "without a time": 1,
        "in a session that trains": 1,
        "later than training": 1,
    }


def test_with_few_corrections_or_no_times_everything_trains_and_that_is_said() -> None:
    few = splits(*(corrected(hour) for hour in range(LEAST_CORRECTED - 1)))
    undated = splits(*(corrected(hour, at=None) for hour in range(40)))
    for found, count in ((few, LEAST_CORRECTED - 1), (undated, 40)):
        assert found.test.is_empty() and found.train.height == count
        assert "too few to tell" in found.counts.lines()[-1]


def test_a_limit_takes_the_best_labels_first() -> None:
    rows = [{"question": "a?"}, {"question": "b?", "answer": "x", "up": True}, {"question": "c?", "correction": "y"}]
    assert splits(*rows).train["label"].to_list() == ["gold", "weak", "none"]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "question": st.integers(0, 25).map("What is {}?".format),
                "at": st.none() | st.integers(0, 30),
                "session": st.none() | st.integers(0, 12).map(str),
                "correction": st.sampled_from(["", "a", "b"]),
                "answer": st.sampled_from(["", "x", "y"]),
                "up": st.booleans(),
                "down": st.booleans(),
            }
        ),
        min_size=1,
        max_size=80,
    ),
    st.sampled_from([0.1, 0.2, 0.5]),
)
def test_no_test_question_is_earlier_than_a_training_one_and_no_session_is_in_both(
    drawn: list[dict[str, Any]], share: float
) -> None:
    rows = with_wording(logged(*drawn))
    made = split_by_time(rows, share)
    assert made.train.height + made.test.height + sum(made.left_out.values()) == rows.height
    if made.test.is_empty():
        return
    assert made.train["asked_at"].null_count() == made.test["asked_at"].null_count() == 0
    assert made.train["asked_at"].max() < made.test["asked_at"].min()  # type: ignore[operator]
    assert not set(made.train["session"].drop_nulls()) & set(made.test["session"].drop_nulls())
    assert not set(made.train["told"]) & set(made.test["told"])
    assert set(merged_questions(made.test)["label"]) == {GOLD}


@pytest.mark.parametrize("count", [12, 60])
def test_the_share_of_corrected_questions_is_tested_on(count: int) -> None:
    made = split_by_time(with_wording(logged(*(corrected(hour) for hour in range(count)))))
    assert made.test.height == count // 5
