"""Answers as pandas, NumPy and people write them: lists are lists, and what is missing is no answer."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.gold_answers import MISSING, BadAnswers, gold_answers
from wbrag_pipeline.datasets.question_files import read_questions
from wbrag_pipeline.errors import InputError

LISTS = {
    "Python": ("['42 kilograms', 'alias']", ["42 kilograms", "alias"]),
    "Python, quotes inside": ("""["the dog's bone", 'a "b"']""", ["the dog's bone", 'a "b"']),
    "JSON": ('["42 kilograms", "alias"]', ["42 kilograms", "alias"]),
    "JSON, one": ('["x"]', ["x"]),
    "NumPy": ("['42 kilograms' 'alias']", ["42 kilograms", "alias"]),
    "NumPy over lines": ("['42 kilograms'\n 'alias']", ["42 kilograms", "alias"]),
    "NumPy 2": ("[np.str_('a'), np.str_('b')]", ["a", "b"]),
    "NumPy, repr": ("array(['a', 'b'], dtype=object)", ["a", "b"]),
    "a tuple": ("('a', 'b')", ["a", "b"]),
    "a tuple of one": ("('a',)", ["a"]),
    "a set": ("{'a'}", ["a"]),
    "numbers": ("[1988, -3]", ["1988", "-3"]),
    "NumPy numbers": ("[1988 1989]", ["1988", "1989"]),
    "escapes": (r"['K\xf6ln', 'it\'s']", ["Köln", "it's"]),
    "brackets inside": ("['[sic]', 'a, b']", ["[sic]", "a, b"]),
    "SQuAD": ('{"text": ["a"], "answer_start": [0]}', ["a"]),
}


@pytest.mark.parametrize(("text", "answers"), LISTS.values(), ids=LISTS)
def test_a_list_written_as_text_is_a_list(text: str, answers: list[str]) -> None:
    assert gold_answers(text) == answers
    assert gold_answers(f" {text} ", bars=True) == answers


@given(answers=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9), min_size=1))
def test_what_str_makes_of_a_list_comes_back(answers: list[str]) -> None:
    answers = [kept for answer in answers if (kept := answer.strip()) and kept not in MISSING and kept[0] not in "[({a"]
    if answers:
        assert gold_answers(str(answers)) == answers
        assert gold_answers(json.dumps(answers)) == answers
        assert gold_answers(answers) == answers


NOT_LISTS = ["[Ar] 3d5 4s2", "(1984)", "42 kilograms", "{x}", "f(x) = [a]b", "1.5", "array", "Paris, Texas"]


@pytest.mark.parametrize("text", NOT_LISTS)
def test_other_brackets_are_wording(text: str) -> None:
    assert gold_answers(text) == [text]


UNREADABLE = {
    "cut off": "['a', 'b",
    "left out by NumPy": "['a' ... 'b']",
    "a call": "[__import__('os')]",
    "brackets alone": "[sic]",
    "nested": "[['a']]",
    "deep": "[" * 50_000 + "]" * 50_000,
    "long": "['" + "a" * 100_000 + "']",
    "an object": "{'text': array(['a'], dtype=object)}",
    "nothing between": "['a'5]",
    "lines in quotes": "['a\nb']",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_begins_like_a_list_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadAnswers):
        gold_answers(text)


MISSING_ANSWERS = [
    *("", " ", "nan", "NaN", "None", "none", "null", "NULL", "<NA>", "NA", "N/A", "#N/A", "NaT"),
    *("[]", "[ ]", "[None]", "[nan]", "['nan']", "['a', nan]", '["a", null]', "['a', '']", "array([], dtype=object)"),
    *("()", "{}"),
]


@pytest.mark.parametrize("text", MISSING_ANSWERS)
def test_a_missing_value_is_no_answer(tmp_path: Path, text: str) -> None:
    if text not in ("()", "{}"):
        with pytest.raises(BadAnswers):
            gold_answers(text, bars=True)
    file = tmp_path / "a.csv"
    pl.DataFrame({"question": ["who?", "when?"], "answer": ["Ada", text]}).write_csv(file)
    if text not in ("()", "{}"):
        with pytest.raises(InputError, match=r"a\.csv, line 3, field 'answer': "):
            read_questions(file)
    assert read_questions(file, answers=False)["golden_answers"].to_list() == [[], []]


@pytest.mark.parametrize(
    "value", [None, math.nan, [], [None], [math.nan], ["a", None], {"text": []}, [{"answer": None}]]
)
def test_a_missing_value_with_a_type_is_no_answer(value: object) -> None:
    with pytest.raises(BadAnswers):
        gold_answers(value)


def test_missing_values_between_bars_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadAnswers, match="'nan'"):
        gold_answers("Ada|nan", bars=True)
    assert gold_answers("Ada| |Lovelace", bars=True) == ["Ada", "Lovelace"]


@pytest.mark.parametrize("word", ["None", "nan", "NA", "null"])
def test_a_real_answer_like_that_is_written_in_a_json_list(tmp_path: Path, word: str) -> None:
    told = re.escape(f'if it is the answer, write ["{word}"]')
    (tmp_path / "a.csv").write_text(f"question,answer\nwho?,{word}\n")
    with pytest.raises(InputError, match=told):
        read_questions(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(f'question,answer\nwho?,"[""{word}""]"\n')
    (tmp_path / "b.jsonl").write_text(json.dumps({"question": "who?", "answers": [word]}))
    for name in ("a.csv", "b.jsonl"):
        assert read_questions(tmp_path / name)["golden_answers"].to_list() == [[word]]


def test_a_question_that_is_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nnan,Ada\n")
    with pytest.raises(InputError, match="line 2, field 'question': holds 'nan', which stands for a missing value"):
        read_questions(tmp_path / "a.csv")


def test_numbers_of_parquet_are_answers_and_nan_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pl.DataFrame({"question": ["a?", "b?"], "answer": [1843, 1844]}).write_parquet(file)
    assert read_questions(file)["golden_answers"].to_list() == [["1843"], ["1844"]]
    for broken in ([1843.5, math.nan], [1843.5, None], [1843.5, 1844.0]):
        pl.DataFrame({"question": ["a?", "b?"], "answer": broken}).write_parquet(file)
        with pytest.raises(InputError, match=r"a\.parquet, row 2, field 'answer'"):
            read_questions(file)


def test_a_list_that_numpy_writes_is_not_joined() -> None:
    assert gold_answers(str(np.array(["42 kilograms", "alias"], dtype=object))) == ["42 kilograms", "alias"]
    assert gold_answers(repr(np.array(["a", "b"]))) == ["a", "b"]
