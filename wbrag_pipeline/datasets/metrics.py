"""Metrics of an answer against its gold answers, each in [0, 1].

Compatible with FlashRAG 0.3 (``flashrag/evaluator/metrics.py``), answer for answer: its ``acc`` is ``accuracy`` here,
its ``em`` is ``exact_match``, its ``f1`` is ``f1``; these names are accepted too. ``accuracy_words`` stands beside
them: FlashRAG's containment is by characters, and so finds the gold answer "no" in "I do not know".
``accuracy_unicode`` does so in any language and spelling of Unicode: FlashRAG's normalisation is for English in ASCII.

A known quirk of the compatible ones: a gold answer of nothing but articles and punctuation ("A", as in the vitamin)
normalises to nothing, which is contained in every prediction. ``accuracy_words`` keeps the article there.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import polars as pl

from wbrag_pipeline.datasets.articles import without_articles
from wbrag_pipeline.datasets.wording import answer_words
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.plugins import METRICS_GROUP, ExtensionPoint

Metric = Callable[[str, Sequence[str]], float]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:an?|the)\b")
_CLOSED = frozenset({"yes", "no", "noanswer"})  # answers that share a token with another by accident only


def normalize_answer(text: str) -> str:
    """``text`` in lower case, without ASCII punctuation and English articles, its blanks squeezed."""
    return " ".join(_ARTICLES.sub(" ", _bare(text)).split())


def accuracy(prediction: str, golden_answers: Sequence[str]) -> float:
    """1.0 when some gold answer is contained in the prediction, both normalised, character by character; else 0.0."""
    predicted = normalize_answer(prediction)
    return float(any(normalize_answer(gold) in predicted for gold in _several(golden_answers)))


def accuracy_words(prediction: str, golden_answers: Sequence[str]) -> float:
    """1.0 when some gold answer's words stand in the prediction, next to each other and whole; else 0.0."""
    for gold in _several(golden_answers):
        wanted, predicted = normalize_answer(gold), normalize_answer(prediction)
        if not wanted:  # articles and punctuation only, such as "A": compare with articles kept
            wanted, predicted = _squeezed(gold), _squeezed(prediction)
        if wanted and f" {wanted} " in f" {predicted} ":
            return 1.0
    return 0.0


def accuracy_unicode(prediction: str, golden_answers: Sequence[str]) -> float:
    """1.0 when some gold answer's words stand in the prediction, next to each other and whole; else 0.0.

    Both as ``wording.answer_words`` gives them: Unicode's compatibility forms, case, and punctuation of any script are
    put aside, and letters of scripts without blanks between words (Chinese, Japanese, Thai, …) are words. Articles of
    the text's language may differ.
    """
    return float(answers_held(pl.Series([prediction], dtype=pl.String), [_several(golden_answers)])[0])


def answers_held(texts: pl.Series, golden: Iterable[Sequence[str]]) -> pl.Series:
    """Whether each text (String) holds some answer of its list as ``accuracy_unicode`` says; null for a null text."""
    answers = list(golden)
    wanted = pl.Series([answer for several in answers for answer in several], dtype=pl.String)
    told = iter(_two_forms(wanted))
    found: list[bool | None] = []
    for seen, several in zip(_two_forms(texts), answers, strict=True):
        forms = [next(told) for _ in several]
        found.append(None if seen is None else any(form is not None and _held(seen, form) for form in forms))
    return pl.Series(found, dtype=pl.Boolean)


def _two_forms(texts: pl.Series) -> Iterator[tuple[str, str] | None]:
    """The words of each text, with its articles and without."""
    for words in answer_words(texts):
        yield None if words is None else (f" {words} ", f" {' '.join(without_articles(words.split()))} ")


def _held(seen: tuple[str, str], wanted: tuple[str, str]) -> bool:
    # In either form: the language of three words is not always told, and one that is not must not lose an answer.
    return any(answer.strip() and answer in text for text, answer in zip(seen, wanted, strict=True))


def exact_match(prediction: str, golden_answers: Sequence[str]) -> float:
    """1.0 when the prediction equals some gold answer, both normalised; else 0.0."""
    predicted = normalize_answer(prediction)
    return float(any(normalize_answer(gold) == predicted for gold in _several(golden_answers)))


def f1(prediction: str, golden_answers: Sequence[str]) -> float:
    """Harmonic mean of token precision and recall against the gold answer it fits best, both normalised.

    "yes", "no" and "noanswer", predicted or gold, score only against themselves.
    """
    predicted = normalize_answer(prediction)
    return max((_overlap(predicted, normalize_answer(gold)) for gold in _several(golden_answers)), default=0.0)


ALIASES = {
    "acc": "accuracy",
    "acc_words": "accuracy_words",
    "acc_unicode": "accuracy_unicode",
    "em": "exact_match",
    "f1_score": "f1",
}
METRICS: ExtensionPoint[Metric] = ExtensionPoint(
    METRICS_GROUP,
    "metric",
    {
        "accuracy": accuracy,
        "accuracy_words": accuracy_words,
        "accuracy_unicode": accuracy_unicode,
        "exact_match": exact_match,
        "f1": f1,
    },
    reserved=tuple(ALIASES),
)


def without_alias(name: str) -> str:
    """The name that an alias stands for ("em" is "exact_match"), any other as it is."""
    return ALIASES.get(name, name)


def metric_name(name: str) -> str:
    """The name in METRICS for a name or alias.

    Raises InputError that lists them all, or for a plug-in whose name is taken.
    """
    METRICS.plugin(name)
    canonical = without_alias(name)
    if canonical not in METRICS:
        raise InputError(f"there is no metric {name!r}", field="metric", hint=f"one of {METRICS.listed()}")
    return canonical


def metric_fingerprint(name: str) -> str:
    """Hash of a plug-in's metric: the code that decides its scores; "" for a built-in one."""
    plugin = METRICS.plugin(metric_name(name))
    return plugin.fingerprint if plugin else ""


@overload
def score(metric: str, predictions: pl.Series, golden: pl.Series | Sequence[Sequence[str]]) -> pl.Series: ...
@overload
def score(metric: str, predictions: Sequence[str], golden: pl.Series | Sequence[Sequence[str]]) -> list[float]: ...
def score(
    metric: str, predictions: pl.Series | Sequence[str], golden: pl.Series | Sequence[Sequence[str]]
) -> pl.Series | list[float]:
    """Score ``predictions[i]`` against ``golden[i]`` with the metric of that name or alias.

    Returns Float64 of the same length: a Series for a Series (null where the prediction is null, which means "not
    asked"), else a list. Raises ValueError when the lengths differ, InputError for an unknown metric.
    """
    measure = _measure(metric_name(metric))
    if isinstance(predictions, pl.Series):
        if measure is accuracy_unicode:  # all at once: a text alone takes a hundred times as long
            return answers_held(predictions, _rows(golden)).cast(pl.Float64).alias("score")
        scores = [
            None if prediction is None else measure(prediction, answers)
            for prediction, answers in zip(predictions, _rows(golden), strict=True)
        ]
        return pl.Series("score", scores, dtype=pl.Float64)
    return [measure(prediction, answers) for prediction, answers in zip(predictions, _rows(golden), strict=True)]


def _measure(name: str) -> Metric:
    """The metric; a plug-in's is checked at each answer, for one score that is no score spoils every mean."""
    measure, plugin = METRICS[name], METRICS.plugin(name)
    if plugin is None:
        return measure

    def checked(prediction: str, golden_answers: Sequence[str]) -> float:
        try:
            given = float(measure(prediction, golden_answers))
        except Exception as error:
            raise plugin.error(f"cannot score an answer: {type(error).__name__}: {error}") from error
        if not 0.0 <= given <= 1.0:
            raise plugin.error(f"gives {given:g}, and a score is from 0 to 1")
        return given

    return checked


def _rows(golden: pl.Series | Sequence[Sequence[str]]) -> Iterable[Sequence[str]]:
    return golden.to_list() if isinstance(golden, pl.Series) else golden


def _several(golden_answers: Sequence[str]) -> Sequence[str]:
    # A lone string is a sequence of its characters to Python; it is meant as one answer.
    return [golden_answers] if isinstance(golden_answers, str) else golden_answers


def _bare(text: str) -> str:
    return text.lower().translate(_NO_PUNCTUATION)


def _squeezed(text: str) -> str:
    return " ".join(_bare(text).split())


def _overlap(predicted: str, gold: str) -> float:
    if predicted != gold and (predicted in _CLOSED or gold in _CLOSED):
        return 0.0
    predicted_tokens, gold_tokens = predicted.split(), gold.split()
    shared = (Counter(predicted_tokens) & Counter(gold_tokens)).total()
    return 2 * shared / (len(predicted_tokens) + len(gold_tokens)) if shared else 0.0
