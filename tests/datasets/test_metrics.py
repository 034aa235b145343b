import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.metrics import (
    ALIASES,
    METRICS,
    accuracy,
    accuracy_words,
    exact_match,
    f1,
    metric_name,
    normalize_answer,
    score,
)
from wbrag_pipeline.errors import InputError

texts = st.text(max_size=40)
# Text that looks like answers, so that articles, punctuation and yes/no meet often.
words = st.lists(
    st.sampled_from(["the", "A", "an", "Paris", "yes", "no", "noanswer", "U.S.", "1969", "know", "Ångström", "-", "."]),
    max_size=5,
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("a an the", ""),
        ("U.S.A.", "usa"),
        ("Theatre and anthem", "theatre and anthem"),
        ("rock'n'roll,\n1,000", "rocknroll 1000"),
        ("L’Aquila", "l’aquila"),  # only ASCII punctuation goes, as in FlashRAG
        ("", ""),
    ],
)
def test_normalize_answer(text: str, normal: str) -> None:
    assert normalize_answer(text) == normal


# Worked by hand: prediction, gold answers, accuracy, accuracy_words, exact match, F1.
@pytest.mark.parametrize(
    ("prediction", "golden", "acc", "words", "em", "token_f1"),
    [
        ("Paris", ["Paris"], 1, 1, 1, 1),
        ("the Paris.", ["paris"], 1, 1, 1, 1),
        ("It is Paris", ["Paris"], 1, 1, 0, 2 * (1 / 3) * 1 / (1 / 3 + 1)),
        ("I do not know", ["no"], 1, 0, 0, 0),
        ("no", ["no"], 1, 1, 1, 1),
        ("no idea", ["no"], 1, 1, 0, 0),  # "no" scores only against itself
        ("no", ["no idea"], 0, 0, 0, 0),
        ("Parisian", ["Paris"], 1, 0, 0, 0),
        ("New York City", ["York New"], 0, 0, 0, 2 * 2 / 5),
        ("Louis XIV of France", ["Louis XIV", "Sun King"], 1, 1, 0, 2 * 2 / 6),
        ("", ["Paris"], 0, 0, 0, 0),
        ("SUPPORTS", ["SUPPORTS"], 1, 1, 1, 1),
        ("NOT ENOUGH INFO", ["REFUTES"], 0, 0, 0, 0),
        ("in 1969", ["1969", "July 1969"], 1, 1, 0, 2 / 3),
        ("cat cat", ["cat dog"], 0, 0, 0, 0.5),  # a token counts as often as it stands on both sides
        ("Paris", [], 0, 0, 0, 0),
    ],
)
def test_metrics_by_hand(
    prediction: str, golden: list[str], acc: float, words: float, em: float, token_f1: float
) -> None:
    assert accuracy(prediction, golden) == acc
    assert accuracy_words(prediction, golden) == words
    assert exact_match(prediction, golden) == em
    assert f1(prediction, golden) == pytest.approx(token_f1)


def test_an_answer_that_is_an_article_keeps_its_meaning_at_word_boundaries() -> None:
    assert accuracy("vitamin C", ["A"]) == 1.0  # FlashRAG's quirk, kept for comparability
    assert accuracy_words("vitamin C", ["A"]) == 0.0
    assert accuracy_words("Vitamin A.", ["A"]) == 1.0
    assert accuracy_words("Vitamin A.", ["!"]) == 0.0


def test_a_lone_string_is_one_gold_answer() -> None:
    assert exact_match("Paris", "Paris") == 1.0
    assert accuracy("P", "Paris") == 0.0


@given(texts | words)
def test_normalisation_is_idempotent(text: str) -> None:
    assert normalize_answer(normalize_answer(text)) == normalize_answer(text)


@given(texts | words, st.lists(texts | words, min_size=1, max_size=3))
def test_metrics_imply_each_other(prediction: str, golden: list[str]) -> None:
    scores = {name: metric(prediction, golden) for name, metric in METRICS.items()}
    assert all(0.0 <= value <= 1.0 for value in scores.values())
    if scores["exact_match"] == 1.0:
        assert scores["accuracy"] == 1.0
        if normalize_answer(prediction):  # against nothing at all FlashRAG's F1 is 0
            assert scores["f1"] == 1.0
            assert scores["accuracy_words"] == 1.0
    if scores["accuracy_words"] == 1.0:
        assert scores["accuracy"] == 1.0


@given(texts | words, st.lists(texts | words, min_size=1, max_size=3), texts | words)
def test_one_more_gold_answer_never_lowers_a_score(prediction: str, golden: list[str], more: str) -> None:
    for metric in METRICS.values():
        assert metric(prediction, [*golden, more]) >= metric(prediction, golden)


def test_score_in_batches() -> None:
    predictions, golden = ["Paris", "I know"], [["Paris"], ["no"]]
    assert score("acc", predictions, golden) == [1.0, 1.0]
    assert score("accuracy_words", predictions, pl.Series(golden)) == [1.0, 0.0]
    series = score("em", pl.Series(["Paris", None]), pl.Series(golden))
    assert series.to_list() == [1.0, None]  # null is "not asked", and stays so
    assert series.dtype == pl.Float64
    assert score("f1", pl.Series([], dtype=pl.String), []).dtype == pl.Float64
    with pytest.raises(ValueError, match="shorter"):
        score("f1", predictions, golden[:1])


def test_names_and_aliases() -> None:
    assert [metric_name(name) for name in ("em", "acc", "f1", "exact_match")] == [
        "exact_match",
        "accuracy",
        "f1",
        "exact_match",
    ]
    assert set(ALIASES.values()) <= set(METRICS)
    with pytest.raises(
        InputError, match=r"field 'metric': there is no metric 'bleu' \(one of accuracy, accuracy_words"
    ):
        metric_name("bleu")
