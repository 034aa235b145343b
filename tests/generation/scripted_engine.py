"""A scripted engine: completions from a function of the rendered prompt, next tokens from a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request, Token

EVERYTHING = Capabilities(20, True, True, True)
Script = Callable[[Request], Completion | str]


def with_tokens(text: str, *tops: dict[str, float]) -> Completion:
    """A completion whose tokens carry these alternatives; the first of each is the chosen one."""
    tokens = tuple(
        Token(next(iter(top)), math.log(next(iter(top.values()))), tuple((t, math.log(p)) for t, p in top.items()))
        for top in tops
    )
    return Completion(text, tokens, 10, len(tokens))


class ScriptedEngine:
    name = "scripted:model"
    fingerprint = "scripted"

    def __init__(
        self,
        script: Script = lambda request: "",
        capabilities: Capabilities = EVERYTHING,
        vocabulary: Sequence[str] = (),
        distribution: Callable[[str], Sequence[float]] = lambda prompt: (),
    ) -> None:
        self.script, self.capabilities = script, capabilities
        self.vocabulary, self.distribution = list(vocabulary), distribution
        self.attempts = 0
        self.asked: list[Request] = []
        self.steps: list[tuple[str, int | None]] = []
        self._texts: list[str] = []

    def render(self, requests: Sequence[Request]) -> list[str]:
        return ["\n".join(m.content for m in request.messages) + "\n" + request.prefix for request in requests]

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        for index, request in reversed(list(enumerate(requests))):
            self.attempts += 1
            self.asked.append(request)
            made = self.script(request)
            arrived(index, made if isinstance(made, Completion) else Completion(made, (), 10, len(made.split())))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        return [self.vocabulary.index(text) if text in self.vocabulary else None for text in texts]

    # Token ids: the whole prompt is one token (its number past the vocabulary), a prefix is its words'.

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        coded = []
        for request in requests:
            text = self.render([Request(request.messages, 1)])[0]
            if text not in self._texts:
                self._texts.append(text)
            prefix = tuple(self.vocabulary.index(word) for word in request.prefix.split())
            coded.append((len(self.vocabulary) + self._texts.index(text), *prefix))
        return coded

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        found: list[Distribution | None] = []
        for first, *rest in prompts:
            self.attempts += 1
            text = self._texts[first - len(self.vocabulary)] + " ".join(self.vocabulary[token] for token in rest)
            self.steps.append((text, top))
            row = dict(enumerate(self.distribution(text)))
            kept = sorted(row, key=lambda token: -row[token])[:top]
            found.append({token: row[token] for token in kept})
        return found

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(self.vocabulary[token] for token in ids)

    def ends(self, token: int) -> bool:
        return self.vocabulary[token] == "<end>"
