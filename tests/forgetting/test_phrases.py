"""Phrases: what tells a text, in whatever dress, and what is left of what held one."""

from __future__ import annotations

import html
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.forgetting.phrases import FORGOTTEN, Phrases, phrases_of

TEXT = 'Anna O\'Neill was paid "17,000 euros" — in cash — on the 3rd of May 2020 at the Café Füße.'
PHRASES = phrases_of([TEXT], ["u_3f"])


@pytest.mark.parametrize(
    "dress",
    [
        TEXT,
        TEXT.upper().replace("SSE", "ße"),
        html.escape(TEXT),
        json.dumps(TEXT),
        json.dumps({"a": json.dumps([TEXT])}),
        f"| 1 | {TEXT[:70]}… | 2 |",
        TEXT.replace(" ", "\n "),
        "about `u_3f`, which",
    ],
)
def test_a_text_is_known_in_every_dress(dress: str) -> None:
    assert PHRASES.hit(f"before {dress} after")
    assert not PHRASES.hit(PHRASES.redact(f"line one\n{dress}\nline three"))


@pytest.mark.parametrize("other", ["Anna was paid in cash.", "u_3fa and u_", "", "17,000 euros on the 3rd of May"])
def test_other_texts_are_left_alone(other: str) -> None:
    assert not PHRASES.hit(other) and PHRASES.redact(other) == other


def test_what_others_say_too_is_no_trace() -> None:
    left = PHRASES.less_those_in([pl.Series([None, "It was O'Neill was paid 17,000 euros -- in cash -- in May"])])
    assert set(PHRASES.phrases) - set(left.phrases) == {
        "o neill was paid 17 000 euros in",
        "neill was paid 17 000 euros in cash",
    }


def test_a_short_text_is_one_phrase() -> None:
    assert phrases_of(["Who, then?", "", "!"]).phrases == ("who then",)


def test_json_keeps_its_other_values() -> None:
    value = {"n": 1, "table": f"| a |\n| {TEXT} |\n| b |", "text": TEXT, "deep": [{"x": [TEXT, "fine"]}]}
    assert json.loads(PHRASES.redact(json.dumps(value))) == {
        "n": 1,
        "table": "| a |\n| b |",
        "text": FORGOTTEN,
        "deep": [{"x": [FORGOTTEN, "fine"]}],
    }


words = st.lists(st.sampled_from("ab cd ef gh ij kl".split()), min_size=1, max_size=12)


@given(words.filter(lambda text: len(text) > 1), words, words)
def test_a_hit_is_eight_words_in_a_row(text: list[str], before: list[str], after: list[str]) -> None:
    phrases = phrases_of([" ".join(text)])
    assert phrases.hit(" ".join([*before, *text, *after]))
    size = min(8, len(text))
    runs = {tuple(text[i : i + size]) for i in range(len(text) - size + 1)}
    expected = any(tuple(before[i : i + size]) in runs for i in range(len(before) - size + 1))
    assert phrases.hit(" ".join(before)) == expected


def test_nothing_to_tell_hits_nothing() -> None:
    assert not Phrases(()).hit(TEXT)
