"""The tasks: how a question is to be answered, what an answer may be, which metric judges it.

One ``Task`` serves every benchmark of its kind. The six benchmarks of the paper (section 4.1) need four kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from wbrag_pipeline.datasets.answer_form import reduced
from wbrag_pipeline.errors import InputError

TaskKind = Literal["span", "yes_no", "verdict"]


@dataclass(frozen=True)
class Task:
    """A kind of question.

    instruction: how to answer, one wording a task; generators put it in front of the question.
    choices: the only answers there are, or () for free text.
    metric: name of the default metric in ``datasets.metrics``.
    reduces: free-text answers that are whole sentences are reduced to what they add to the question (``answer_form``).
    """

    name: str
    kind: TaskKind
    instruction: str
    metric: str
    choices: tuple[str, ...] = ()
    reduces: bool = False

    def parse(self, answer: str, question: str = "") -> str:
        """The answer in canonical form: one of ``choices`` where there are any, else the first line, stripped.

        Free text from a generator often wraps the choice ("The claim is refuted."); what names no choice is
        returned as it is, and so scores nothing.
        """
        text = answer.strip()
        if not self.choices:
            line = text.splitlines()[0].strip() if text else ""
            return reduced(line, question) if self.reduces and question else line
        spelled = re.sub(r"n['’]t\b", " not", text.lower())  # "isn't true" is "is not true"
        words = re.sub(r"[^a-z]+", " ", spelled).split()
        joined = f" {' '.join(words)} "
        # The longest phrase first, so that "not supported" is not read as "supported".
        hits = [
            (joined.find(f" {phrase} "), -len(phrase), choice)
            for phrase, choice in _PHRASES[self.kind].items()
            if f" {phrase} " in joined
        ]
        if not hits:
            return text
        longest = [hit for hit in hits if not any(_covers(other, hit) for other in hits)]
        return min(longest)[2]


def _covers(other: tuple[int, int, str], hit: tuple[int, int, str]) -> bool:
    """Whether ``hit`` lies inside the longer phrase ``other``."""
    start, length = other[0], -other[1]
    return length > -hit[1] and start <= hit[0] < start + length


_PHRASES: dict[str, dict[str, str]] = {
    "yes_no": {
        "true": "True",
        "yes": "True",
        "not false": "True",
        "false": "False",
        "no": "False",
        "not true": "False",
        "untrue": "False",
        "ja": "True",
        "wahr": "True",
        "richtig": "True",
        "nein": "False",
        "falsch": "False",
        "nicht wahr": "False",
        "nicht richtig": "False",
    },
    "verdict": {
        "supports": "SUPPORTS",
        "supported": "SUPPORTS",
        "support": "SUPPORTS",
        "true": "SUPPORTS",
        "yes": "SUPPORTS",
        "not false": "SUPPORTS",
        "refutes": "REFUTES",
        "refuted": "REFUTES",
        "refute": "REFUTES",
        "false": "REFUTES",
        "no": "REFUTES",
        "not true": "REFUTES",
        "untrue": "REFUTES",
        "not support": "NOT ENOUGH INFO",
        "not supported": "NOT ENOUGH INFO",
        "not refute": "NOT ENOUGH INFO",
        "not refuted": "NOT ENOUGH INFO",
        "neither": "NOT ENOUGH INFO",
        "no evidence": "NOT ENOUGH INFO",
        "not enough info": "NOT ENOUGH INFO",
        "not enough information": "NOT ENOUGH INFO",
        "not enough evidence": "NOT ENOUGH INFO",
        "unverifiable": "NOT ENOUGH INFO",
    },
}

OPEN_QA = Task("open_qa", "span", "Answer the question with a short phrase and nothing else.", "accuracy")
YES_NO = Task(
    "yes_no", "yes_no", "Answer the question with exactly one word, True or False.", "accuracy", ("True", "False")
)
FACT_VERIFICATION = Task(
    "fact_verification",
    "verdict",
    "Say whether the claim holds, with exactly one of SUPPORTS, REFUTES or NOT ENOUGH INFO.",
    "f1",
    ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO"),
)
SLOT_FILLING = Task(
    "slot_filling", "span", "Answer with only the name or value that fills the slot asked for.", "accuracy"
)
MULTI_HOP_QA = Task(
    "multi_hop_qa",
    "span",
    "The answer may need two facts put together. Answer with a short phrase and nothing else.",
    "accuracy",
)
EXTRACTIVE_QA = Task(
    "extractive_qa", "span", "Answer with the shortest exact wording that answers the question.", "exact_match"
)

TASKS: dict[str, Task] = {
    task.name: task for task in (OPEN_QA, YES_NO, FACT_VERIFICATION, SLOT_FILLING, MULTI_HOP_QA, EXTRACTIVE_QA)
}


def task_named(name: str, *, reduces: bool = False) -> Task:
    """The task of that name; ``reduces`` as in ``Task``. Raises InputError that lists the names there are."""
    if name not in TASKS:
        raise InputError(f"there is no task {name!r}", field="task", hint=f"one of {', '.join(TASKS)}")
    return replace(TASKS[name], reduces=True) if reduces else TASKS[name]
