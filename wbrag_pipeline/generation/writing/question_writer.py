"""Questions that a language model writes about a passage, each with its answer: the request, and what is read from it.

What comes back is believed only where it can be checked without asking again: an answer stands in the passage word for
word, and a question says what it is about. Small models tell the prompt back, speak of "the passage", put the answer
into the question, or ask the same over and over; each of these is dropped with its reason.
"""

from __future__ import annotations

import re

from wbrag_pipeline.datasets.wording import wording_of
from wbrag_pipeline.generation.engine_protocol import Completion, Request
from wbrag_pipeline.generation.generator import Passage, QuestionDraft, WrittenQuestion
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.generation.writing.source_words import SourceText, content_words, length_in_words
from wbrag_pipeline.generation.writing.unit_faults import speaks_of_its_task
from wbrag_pipeline.languages import ENGLISH

_TOKENS_A_QUESTION = 64
MOST_QUESTION_WORDS, MOST_ANSWER_WORDS = 40, 8
# Words that only say what is meant where something else was said before.
_POINTS_BACK = frozenset("he she it they him her them his its their this that these those there".split())
# "Question: …", also numbered or marked, and where it stands behind its answer on one line.
_TAGGED = re.compile(r"^[\W_]*(?:\d+[.):][\W_]*)?(question|answer|q|a)\s*\d*\s*[:.)]+[*_\s]*", re.IGNORECASE)
_BEHIND = re.compile(r"(?<=\S)\s+(?=[*_(]*(?:answer|question)\s*\d*\s*:)", re.IGNORECASE)
_ENDS = ("?", "？", "؟")
NO_PAIR = "holds no question with an answer"


def request_for(passage: Passage, each: int, language: str = ENGLISH) -> Request:
    """The request for so many questions about a passage in that language."""
    asked = prompts.to_write_in(language, prompts.questions_prompt(passage, each))
    return Request(asked, each * _TOKENS_A_QUESTION, end_loops=True)


def read_question_draft(completion: Completion, passage: Passage, each: int) -> QuestionDraft:
    """At most ``each`` usable questions of a completion, and why each other one is dropped."""
    if not completion.final:
        return QuestionDraft(failed=True)
    pairs = _pairs(completion.text)
    if not pairs:
        return QuestionDraft(dropped=(NO_PAIR,))
    kept: list[WrittenQuestion] = []
    dropped: list[str] = []
    asked: set[str] = set()
    source = SourceText(passage.title, passage.text)
    for pair in pairs:
        told = wording_of(pair.question)
        fault = "repeats another question of its passage" if told in asked else _fault(pair, source)
        asked.add(told)
        if fault:
            dropped.append(fault)
        elif len(kept) < each:
            kept.append(pair)
        else:
            dropped.append("is one more than was asked for")
    return QuestionDraft(tuple(kept), tuple(dropped))


def _pairs(text: str) -> list[WrittenQuestion]:
    """Each question with its answer: the one before or the one after it, by what the text begins with."""
    tagged = [
        (match[1][0].lower(), line[match.end() :].strip(' *_"'))
        for line in _BEHIND.sub("\n", text).splitlines()
        if (match := _TAGGED.match(line))
    ]
    found: list[WrittenQuestion] = []
    opened = ""
    for tag, told in tagged:
        if tag == tagged[0][0]:
            opened = told
        elif opened:
            question, answer = (opened, told) if tag == "a" else (told, opened)
            found.append(WrittenQuestion(question, answer.rstrip(".,;: ")))
            opened = ""
    return found


def _fault(pair: WrittenQuestion, source: SourceText) -> str:
    """Why a question cannot be used, in words that follow "it"; "" where it can."""
    question, answer = pair.question, pair.answer
    names = content_words(question) & source.content
    if not question.endswith(_ENDS):
        return "is no question"
    if length_in_words(question) > MOST_QUESTION_WORDS:
        return f"is longer than {MOST_QUESTION_WORDS} words"
    if speaks_of_its_task(question, [source]):
        return "speaks of its passage or tells the prompt back"
    if not length_in_words(answer) or not source.holds(answer):
        return "has an answer that its passage does not state word for word"
    if length_in_words(answer) > MOST_ANSWER_WORDS:
        return f"has an answer of more than {MOST_ANSWER_WORDS} words"
    told = content_words(answer)
    if SourceText("", question).holds(answer) or 2 * len(told & content_words(question)) > len(told):
        return "gives its answer away"
    points_back = bool(set(question.casefold().rstrip("?").split()) & _POINTS_BACK)
    if not names & content_words(source.title) and (points_back or len(names) < 2):
        return "does not say what it is about"
    return ""
