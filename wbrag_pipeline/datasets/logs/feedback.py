"""What people said about an answer: thumbs, scores and labels read as good or bad, and corrections.

A number is good or bad where it is 1, 0 or -1. What any other number means nobody can know: 1 is the worst of five
stars. So the user says from which score on an answer is good.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.gold_answers import is_missing

Thumb = Literal["up", "down"]

_UP = frozenset(
    "up thumbs_up thumbsup thumb_up like liked upvote positive good helpful correct right yes true 👍".split()
)
_DOWN = frozenset(
    "down thumbs_down thumbsdown thumb_down dislike disliked downvote negative bad unhelpful not_helpful incorrect "
    "wrong no false 👎".split()
)
_NEITHER = frozenset("neutral unrated unknown skipped".split())
# How scores that users give are usually called, and those that hold the right answer.
FEEDBACK_NAMES = frozenset(
    "feedback user_feedback human_feedback thumb thumbs thumbs_up_down rating user_rating vote like helpful "
    "correctness".split()
)
CORRECTION_NAMES = frozenset(
    "correction corrected corrected_answer corrected_output expected expected_answer expected_output reference "
    "golden_answer gold_answer ground_truth".split()
)
_SCORE_HINT = "say from which score on an answer is good, such as --up-from 4 for one to five stars"
_WORD_HINT = "use up or down, 1 or 0; another column or score is named with --map feedback=…"


class BadFeedback(Exception):
    """What is wrong with a value that should say whether an answer was good, and what to do."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


def plain_name(name: str) -> str:
    """A name in small letters with underscores between its words: ``User Feedback`` and ``user-feedback`` are one."""
    return re.sub(r"[^\w]+", "_", name.strip().casefold()).strip("_")


def thumb_of(value: object, up_from: float | None = None) -> Thumb | None:
    """Whether a value says good or bad; None where it says nothing.

    up_from: the lowest number that means good; None where numbers are 1, 0 or -1. Raises BadFeedback.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "up" if value else "down"
    if isinstance(value, (int, float)):
        return _thumb_of_number(float(value), up_from)
    if not isinstance(value, str):
        raise BadFeedback("must be text, a number or true or false", _WORD_HINT)
    if is_missing(value):
        return None
    word = plain_name(value) or value.strip().replace("\ufe0f", "")
    word = word.rstrip("🏻🏼🏽🏾🏿")
    if word in _NEITHER:
        return None
    if (number := _number(value)) is not None:
        return _thumb_of_number(number, up_from)
    if word in _UP or word in _DOWN:
        return "up" if word in _UP else "down"
    raise BadFeedback(f"{shown(value)} says neither good nor bad", _WORD_HINT)


def _number(text: str) -> float | None:
    try:
        number = float(text.strip())
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _thumb_of_number(number: float, up_from: float | None) -> Thumb:
    if up_from is not None:
        return "up" if number >= up_from else "down"
    if number not in (-1.0, 0.0, 1.0):
        raise BadFeedback(f"is {number:g}, which may mean good or bad", _SCORE_HINT)
    return "up" if number == 1.0 else "down"


@dataclass(frozen=True)
class Judgement:
    """A score or an annotation as a tool keeps it. values: what may say good or bad, the first that does so counts.

    comment: what came with it. right: the right answer, if it is a correction. by_person: False where a model or a
    program gave it. corrects: whether the tool says that it is a correction.
    """

    place: str
    name: str
    values: tuple[object, ...] = ()
    comment: str = ""
    right: str = ""
    by_person: bool = True
    corrects: bool = False


@dataclass
class Judging:
    """Which judgements count. feedback, correction: names that the user gave, None for the usual ones.

    other: judgements by people whose name says nothing, each with how many there were.
    """

    feedback: str | None = None
    correction: str | None = None
    up_from: float | None = None
    other: Counter[str] = field(default_factory=Counter)

    def of(self, judgements: Iterable[Judgement]) -> tuple[bool, bool, str, str]:
        """(up, down, correction, comment) of an answer; the last correction counts. Raises BadJudgement."""
        up = down = False
        correction, comments = "", list[str]()
        for one in judgements:
            if one.corrects or self._named(one.name, self.correction, CORRECTION_NAMES):
                if one.by_person:
                    correction = one.right.strip() or correction
            elif self._named(one.name, self.feedback, FEEDBACK_NAMES):
                if not one.by_person and self.feedback is None:
                    continue
                thumb = self._thumb(one)
                up, down = up or thumb == "up", down or thumb == "down"
                comments += [one.comment.strip()] if one.comment.strip() else []
            elif one.by_person:
                self.other[one.name] += 1
        return up, down, correction, "; ".join(comments)

    def _thumb(self, one: Judgement) -> Thumb | None:
        problem: BadFeedback | None = None
        for value in one.values:
            try:
                if (thumb := thumb_of(value, self.up_from)) is not None:
                    return thumb
            except BadFeedback as bad:
                problem = problem or bad
        if problem is not None:
            raise BadJudgement(one, problem)
        return None

    @staticmethod
    def _named(name: str, given: str | None, usual: frozenset[str]) -> bool:
        return plain_name(name) == plain_name(given) if given else plain_name(name) in usual


class BadJudgement(Exception):
    """A judgement that cannot be read, and why."""

    def __init__(self, judgement: Judgement, why: BadFeedback) -> None:
        super().__init__(why.problem)
        self.judgement, self.why = judgement, why
