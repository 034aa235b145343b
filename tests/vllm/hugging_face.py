"""What the engines are compared with: the same model in transformers, one prompt at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.writing import prompts

QUESTIONS = [
    "Where was Marie Curie born?",
    "What did she discover?",
    "Which river flows through Krakow?",
    "When was radium found?",
    "Is radium a metal?",
    "Who was Pierre?",
]
PASSAGES = [
    Passage("1", "Marie Curie", "Marie Curie was born in Warsaw in 1867. She discovered polonium and radium.", 0.9),
    Passage("2", "Vistula", "The Vistula flows through Warsaw and Krakow.", 0.7),
    Passage("3", "Radium", "Radium was found in 1898 by Marie and Pierre Curie.", 0.5),
]
WEIGHTS = [0.5, 0.3, 0.2]
Ids = tuple[int, ...]


class Reference:
    """The same model in transformers: probabilities after token ids, one prompt at a time."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()

    def ids(self, request: Request) -> Ids:
        turns = [{"role": m.role, "content": m.content} for m in request.messages]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + request.prefix
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def probabilities(self, ids: Ids) -> list[float]:
        import torch

        with torch.no_grad():
            logits = self.model(torch.tensor([ids])).logits[0, -1].double()
        found: list[float] = torch.softmax(logits, -1).tolist()
        return found

    def mixed(self, rows: list[Ids], weights: list[float]) -> list[float]:
        each = [self.probabilities(ids) for ids in rows]
        return [math.fsum(w * row[t] for w, row in zip(weights, each, strict=True)) for t in range(len(each[0]))]

    def greedy(self, rows: list[Ids], weights: list[float], most: int = 32) -> tuple[list[int], list[float]]:
        """Tokens and their probabilities, of a mixture of prompts or of one."""
        tokens: list[int] = []
        probabilities: list[float] = []
        while len(tokens) < most:
            mixture = self.mixed([ids + tuple(tokens) for ids in rows], weights)
            best = max(range(len(mixture)), key=lambda t: (mixture[t], -t))
            if best == self.tokenizer.eos_token_id:
                break
            tokens.append(best)
            probabilities.append(mixture[best])
        return tokens, probabilities

    def text(self, tokens: list[int]) -> str:
        decoded: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return decoded.rstrip("\ufffd").strip()

    def yes_share(self, request: Request) -> float:
        """P(yes) against P(no) at the next token, whose pieces may be beginnings of the words."""
        pieces = self.tokenizer.convert_ids_to_tokens(range(len(self.tokenizer)))
        row = self.probabilities(self.ids(request))
        yes, no = (
            math.fsum(p for piece, p in zip(pieces, row, strict=True) if word.startswith(piece))
            for word in (prompts.YES, prompts.NO)
        )
        return yes / (yes + no)


def asked(question: str, given: list[Passage], task: Any = OPEN_QA) -> Request:
    return Request(prompts.answer_prompt(question, given, task), 32)
