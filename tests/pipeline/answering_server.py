"""A language model on a server that answers where a passage holds the answer, and of whose units none can be used."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.generation.scripted_server import ScriptedServer
from tests.pipeline.conftest import Place

REFUSAL = "I am sorry, I cannot write that."


class AnsweringServer(ScriptedServer):
    """Answers a question by the gold answer that its passages hold, else "unknown"; refuses to write.

    refused: how often it was asked for a unit, and for a repaired one.
    """

    def __init__(self, gold: dict[str, str]) -> None:
        super().__init__()
        self.gold = gold
        self.refused: Counter[str] = Counter()

    @classmethod
    def over(cls, place: Place) -> AnsweringServer:
        """One that knows the questions of the tiny towns."""
        files = [place.settings.home.parent / f"{split}.jsonl" for split in ("train", "test")]
        rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        return cls({row["question"]: row["golden_answers"][0] for row in rows})

    def _completion(self, prompt: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": self._said(prompt)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}

    def _said(self, prompt: str) -> str:
        passages, _, question = prompt.rpartition("Question: ")
        if "<evidence>" in prompt or "cannot be used" in prompt:
            self.refused["repair" if "cannot be used" in prompt else "unit"] += 1
            return REFUSAL
        answer = self.gold.get(question)
        return answer if answer and answer in passages else "unknown"
