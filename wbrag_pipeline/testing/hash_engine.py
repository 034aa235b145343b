"""A language model for tests: any change of the prompt changes what it says, and it always says the same."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence

from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.generation.engine_protocol import (
    Capabilities,
    Completion,
    Distribution,
    Finish,
    Request,
    Token,
    require,
)
from wbrag_pipeline.storage import sha256_of_text

EVERYTHING = Capabilities(logprobs=20, structured=True, continues=True, distributions=True)

_WORDS = "amber birch. cedar delta ember fjord. grove heron iris juniper. kestrel larch".split()
_CHOICES = ["yes", "no", *(word for task in TASKS.values() for choice in task.choices for word in choice.split())]
_END = "<end>"
VOCABULARY = (*dict.fromkeys((*_WORDS, *_CHOICES)), _END)
# Words after which an answer ends by itself.
_LONGEST = 5


class HashEngine:
    """Implements ``engine_protocol.Engine``. A hash of prompt and words so far decides the next word's distribution.

    capabilities: what it offers; the rest raises or is left aside, as in a real engine.
    fails_on: a prompt that holds this text fails for good. "" for none.
    context: a prompt of more words does not fit. None for no limit.
    prompts: every prompt that it was asked, by ``complete`` or by ``next_tokens``.
    """

    name = "hash:model"

    def __init__(
        self, capabilities: Capabilities = EVERYTHING, *, fails_on: str = "", context: int | None = None, seed: int = 0
    ) -> None:
        self.capabilities, self.fails_on, self.context, self.seed = capabilities, fails_on, context, seed
        self.fingerprint = sha256_of_text("hash engine", str(seed))
        self.attempts = 0
        self.prompts: list[str] = []
        self._texts = list(VOCABULARY)
        self._ids = {text: token for token, text in enumerate(VOCABULARY)}

    def render(self, requests: Sequence[Request]) -> list[str]:
        """The messages' texts, one a line, and the prefix."""
        return [_prompt(request) + request.prefix for request in requests]

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """Greedy; the last request's completion arrives first."""
        for index, request in reversed(list(enumerate(requests))):
            self.attempts += 1
            self.prompts.append(self.render([request])[0])
            arrived(index, self._completion(request))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [len(text.split()) for text in texts]

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """Places in ``VOCABULARY``."""
        return [self._ids[text] if text in VOCABULARY else None for text in texts]

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """The prompt as one token, then the prefix' words."""
        require(self, "distributions")
        return [
            tuple(self._id(text) for text in (_prompt(request), *request.prefix.split())) if self._fits(request) else ()
            for request in requests
        ]

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """See the protocol."""
        require(self, "distributions")
        found: list[Distribution | None] = []
        for prompt, *words in prompts:
            self.attempts += 1
            text = self._texts[prompt]
            self.prompts.append(text)
            if self._fails(text):
                found.append(None)
                continue
            row = self._distribution(text, [self._texts[word] for word in words])
            kept = sorted(row, key=lambda word: (-row[word], word))[:top]
            found.append({self._ids[word]: row[word] for word in kept})
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """The words."""
        return " ".join(self._texts[token] for token in ids if self._texts[token] != _END)

    def ends(self, token: int) -> bool:
        """Whether it is ``<end>``."""
        return self._texts[token] == _END

    def _completion(self, request: Request) -> Completion:
        prompt = _prompt(request)
        if self._fails(prompt + request.prefix):
            return Completion("", finish_reason="failed")
        if not self._fits(request):
            return Completion("", finish_reason="context")
        begun = request.prefix.split() if self.capabilities.continues else []
        choices = [tuple(choice.split()) for choice in request.choices if self.capabilities.structured]
        words: list[str] = []
        tokens: list[Token] = []
        finish: Finish = "length"
        while len(words) < request.max_tokens:
            row = self._distribution(prompt, [*begun, *words])
            if choices:
                row = _held_to(choices, words, row)
            if not row:
                finish = "stop"
                break
            word = min(row, key=lambda word: (-row[word], word))
            if word == _END or any(stop in " ".join([*words, word]) for stop in request.stop):
                finish = "stop"
                break
            tokens.append(self._token(word, row, request, first=not (begun or words)))
            words.append(word)
        text = (" " if begun and words else "") + " ".join(words)
        return Completion(text, tuple(tokens) if self._shows(request) else (), 1, len(words), finish)

    def _token(self, word: str, row: dict[str, float], request: Request, *, first: bool) -> Token:
        blank = "" if first else " "
        likeliest = sorted(row, key=lambda other: (-row[other], other))[: request.logprobs or 0]
        return Token(blank + word, math.log(row[word]), tuple((blank + o, math.log(row[o])) for o in likeliest))

    def _shows(self, request: Request) -> bool:
        return request.logprobs is not None and self.capabilities.logprobs is not None

    def _distribution(self, prompt: str, words: Sequence[str]) -> dict[str, float]:
        """Next word → probability, over all of the vocabulary."""
        digest = hashlib.sha256("\n".join([str(self.seed), prompt, *words]).encode()).digest()
        winner = VOCABULARY[digest[0] % len(VOCABULARY)]
        if len(words) >= _LONGEST:
            winner = _END
        elif winner == _END and not words:
            winner = _WORDS[0]
        share = 0.5 + digest[1] / 520  # in [0.5, 0.99]
        rest = {word: 1 + digest[2 + n % 30] for n, word in enumerate(VOCABULARY) if word != winner}
        total = sum(rest.values())
        return {winner: share, **{word: (1 - share) * weight / total for word, weight in rest.items()}}

    def _id(self, text: str) -> int:
        if text not in self._ids:
            self._ids[text] = len(self._texts)
            self._texts.append(text)
        return self._ids[text]

    def _fits(self, request: Request) -> bool:
        return self.context is None or len(self.render([request])[0].split()) <= self.context

    def _fails(self, prompt: str) -> bool:
        return bool(self.fails_on) and self.fails_on in prompt


def _prompt(request: Request) -> str:
    return "".join(f"{message.content}\n" for message in request.messages)


def _held_to(choices: Sequence[tuple[str, ...]], words: Sequence[str], row: dict[str, float]) -> dict[str, float]:
    """The distribution among the words by which a choice goes on; nothing where one is complete."""
    place = len(words)
    following = {c[place] for c in choices if len(c) > place and c[:place] == tuple(words)}
    weights = {word: row.get(word, 1e-6) for word in sorted(following)}  # a choice may have words of its own
    return {word: weight / sum(weights.values()) for word, weight in weights.items()}
