"""Gold answers as people and tools write them: one text, a list, a list as pandas writes it into a cell, a number.

What stands for "nothing here" (an empty cell, ``nan``, ``None``, ``[]``) is never an answer. A real answer that is
written like that, such as "None" or "NA", goes into a list in JSON: in ``["None"]`` every text is taken as it is.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value

# How pandas, NumPy, Polars, R, SQL and spreadsheets write a missing value. Letter by letter: Nan and Na are names.
MISSING = frozenset(
    "nan NaN NAN -nan -NaN None none NONE null Null NULL <NA> <na> NaT NA N/A n/a #N/A #NA undefined".split()
)
BAR = "|"  # between the answers in a cell of CSV
_LONGEST_LIST = 1 << 16  # characters of a list that is written as text
_LIST = 'write a list of text, for example ["Paris", "City of Paris"]'
_FILL_IN = "fill it in, take the row out, or give the questions as --unlabelled"

_QUOTED = r"""[uU]?'(?:[^'\\]|\\.)*'|[uU]?"(?:[^"\\]|\\.)*\""""
_NUMBER = r"[-+]?\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?"
# An element as Python or NumPy writes it: 'a', np.str_('a'), np.int64(5), None.
_ELEMENT = re.compile(rf"(?:(?:np|numpy)\.\w+\()?({_QUOTED}|{_NUMBER}|None|True|False|nan|NaN|NaT|<NA>|null)\)?", re.S)
_BETWEEN = re.compile(r"[,\s]*")
_ARRAY = re.compile(r"array\((.*?)(?:,\s*dtype=[^)]*)?\)$", re.S)
_LIKE_A_LIST = re.compile(r"array\(\[|[\[({]\s*[uU]?['\"]|\[.*\]$", re.S)
_LIST_OF_TEXTS = re.compile(r"(?:array\()?\[\s*[uU]?(['\"]).*\1\s*\].{0,20}$", re.S)
_LIKE_AN_OBJECT = re.compile(r"\{\s*['\"]\w+['\"]\s*:")


class BadAnswers(Exception):
    """What is wrong with a value that should hold answers, in words, and what to do."""

    def __init__(self, problem: str, hint: str = _LIST) -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


def is_missing(text: str) -> bool:
    """Whether a text stands for a value that is missing: empty, or one of ``MISSING``."""
    return not (text := text.strip()) or text in MISSING


def gold_answers(value: object, *, bars: bool = False, truth: bool = True) -> list[str]:
    """The answers in a value, stripped, in their order.

    value: text, a list of text, a number; an object with ``text`` (SQuAD), ``answer`` (KILT) or ``value`` and
        ``aliases`` (TriviaQA), or a list of such. A text may hold a list as JSON, Python or NumPy write it.
    bars: whether ``|`` stands between answers in a text. truth: whether true and false are answers.

    Raises BadAnswers where none is given, one is missing, or something is no answer.
    """
    answers = list(_answers(value, bars, truth))
    if not answers:
        raise BadAnswers("holds no answer", _FILL_IN)
    return answers


def _answers(value: object, bars: bool, truth: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield from _in_text(value.strip(), bars, truth)
    elif isinstance(value, dict):
        yield from _in_object(value, truth)
    elif isinstance(value, list):
        for item in value:
            yield from _in_list(item, truth)
    else:
        yield _scalar(value, truth)


def _in_text(text: str, bars: bool, truth: bool) -> Iterator[str]:
    if _LIKE_AN_OBJECT.match(text):
        yield from _in_object(_object(text), truth)
    elif _LIKE_A_LIST.match(text):
        yield from _listed(text, truth)
    else:
        for part in (part for part in text.split(BAR) if part.strip()) if bars and BAR in text else (text,):
            yield _told(part)


def _listed(text: str, truth: bool) -> Iterator[str]:
    """The items of a list that is written as text: in JSON, or as Python and NumPy write one."""
    if len(text) > _LONGEST_LIST:
        raise BadAnswers(f"holds a list of more than {_LONGEST_LIST:,} characters as text")
    try:
        items = json_value(text)
    except BadJson:
        items = None
    if isinstance(items, list):
        for item in items:
            yield from _in_list(item, truth)
        return
    for item in _python_list(text):
        # Here 'nan' is what str() made of a missing value; who writes JSON means it.
        yield _told(item) if isinstance(item, str) else _scalar(item, truth)


def _python_list(text: str) -> Iterator[object]:
    # Written out: Python itself would read NumPy's ['a' 'b'] as the one text 'ab', and has no word for nan.
    inner = (found[1] if (found := _ARRAY.match(text)) else text).strip()
    unread = BadAnswers(f"begins like a list and cannot be read as one: {shown(text)}")
    if len(inner) < 2 or inner[0] + inner[-1] not in ("[]", "()", "{}"):
        raise unread
    at, end = _next_element(inner, 1), len(inner) - 1
    while at < end:
        if (element := _ELEMENT.match(inner, at, end)) is None:
            raise unread
        yield _element(element[1], unread)
        after = _next_element(inner, element.end())
        if after == element.end() and after < end:
            raise unread
        at = after


def _next_element(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _element(written: str, unread: BadAnswers) -> object:
    if written in MISSING:
        return None
    try:
        return ast.literal_eval(written)  # one literal of bounded length
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise unread from None


def _in_list(item: object, truth: bool) -> Iterator[str]:
    if isinstance(item, dict):
        yield from _in_object(item, truth)
    elif isinstance(item, list):
        raise BadAnswers("holds a list inside a list")
    elif not isinstance(item, str):
        yield _scalar(item, truth)
    elif not (text := item.strip()):
        raise BadAnswers("holds an empty answer", _FILL_IN)
    elif _LIST_OF_TEXTS.match(text):
        raise BadAnswers(f"holds a list written as text: {shown(text)}")
    else:
        yield text


def _in_object(found: dict[str, Any], truth: bool) -> Iterator[str]:
    if "text" in found:
        yield from _answers(found["text"], False, truth)
    elif "value" in found and "aliases" in found:
        aliases = found["aliases"] if isinstance(found["aliases"], list) else []
        yield from dict.fromkeys(gold_answers([found["value"], *aliases], truth=truth))
    elif "answer" in found:  # KILT gives evidence without an answer beside answers
        answer = found["answer"]
        if not (answer is None or (isinstance(answer, str) and not answer.strip())):
            yield from _in_list(answer, truth)
    elif "provenance" not in found:
        raise BadAnswers("must be text or a list of text, not an object")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json_value(text)
    except BadJson:
        found = None
    if not isinstance(found, dict):
        raise BadAnswers(f"holds an object written as text: {shown(text)}")
    return found


def _told(text: str) -> str:
    if is_missing(text):
        what = f"holds {shown(text.strip())}, which stands for a missing value" if text.strip() else "holds no answer"
        hint = f'{_FILL_IN}; if it is the answer, write ["{text.strip()}"]' if text.strip() else _FILL_IN
        raise BadAnswers(what, hint)
    return text.strip()


def _scalar(value: object, truth: bool) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise BadAnswers("holds no answer: the value is missing", _FILL_IN)
    if isinstance(value, bool):
        if not truth:
            raise BadAnswers("is true or false, which is no text", "give --task yes_no, or write the answer as text")
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, Decimal)):
        if value == value.__trunc__() if math.isfinite(value) else True:
            hint = f'pandas makes floats of whole numbers where one is missing; write it as text, such as "{value:.0f}"'
            raise BadAnswers(f"holds {value}, which may be meant as a whole number", hint)
        return str(value)
    raise BadAnswers(f"must be text, a number or a list of them, not a {type(value).__name__}")
