"""A scripted language model that writes questions about the towns of ``tests.pipeline.conftest`` and answers them."""

from __future__ import annotations

import re

from tests.generation.scripted_engine import ScriptedEngine
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.language_model import LanguageModel

_FOUNDED = re.compile(r"(\w+) is a town on the river (\w+)\. It was founded by ([^.]+?) in (\d+)\.")


class Asker(ScriptedEngine):
    """Asks two questions about a town, and one of no use about any other passage.

    knows: answers that it gives without a passage too.
    """

    def __init__(self, knows: frozenset[str] = frozenset()) -> None:
        self.knows = knows
        super().__init__(self._said)

    def _said(self, request: Request) -> str:
        said = request.messages[-1].content
        if said.endswith("each with its question:"):
            return self._asks(said)
        if "<evidence>" in said:
            evidence = said.rpartition("<evidence>\n")[2].partition("\n</evidence>")[0]
            return f"{evidence.split()[0]}\n{evidence}"
        if any("Copy from the passages" in message.content for message in request.messages):
            return "\n".join(re.findall(r"^[A-Z][^<\n]*\.$", said, re.MULTILINE)[:2])
        if request.choices:
            return request.choices[0]
        return self._answers(said)

    @staticmethod
    def _asks(said: str) -> str:
        if not (town := _FOUNDED.search(said)):
            return "Question: What does the passage say?\nAnswer: It says something."
        name, river, founder, _ = town.groups()
        return f"Question: Who founded {name}?\nAnswer: {founder}\nQuestion: On which river is {name}?\nAnswer: {river}"

    def _answers(self, said: str) -> str:
        passages, _, question = said.rpartition("Question: ")
        for name, river, founder, year in _FOUNDED.findall(passages):
            if name in question:
                return str({"Who": founder, "On": river}.get(question.split()[0], year))
        return next((answer for answer in self.knows), "unknown")


def asking_model(knows: frozenset[str] = frozenset()) -> LanguageModel:
    """The model, with a memory of its own."""
    return LanguageModel(Asker(knows))
