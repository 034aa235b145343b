"""The generator with nothing behind it: every call is counted and none is made.

The stages and methods run as they are, over the generator's own code: its prompts, its cache's keys, its counts. Only
what would be sent is made up. So what is counted here cannot go other ways than a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.estimation.token_rule import TokenRule
from wbrag_pipeline.estimation.worlds import AT_MOST, CERTAIN, World, happens
from wbrag_pipeline.generation.accounts.completions import CompletionCache, Remembered, Stored, as_it_is
from wbrag_pipeline.generation.engine_protocol import Completion, Distribution, Engine, Request, Token
from wbrag_pipeline.generation.generator import Generator, Passage, Usage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.generation.writing import prompts

# Tokens of an ensemble's made-up answer: its end, what it says, and its prompt. Bytes of choices come after them.
_END, _SAID, _PROMPT, _BYTES = 0, 1, 2, 3
# More sentences than one, so that a method which looks ahead goes on as long as it may.
_UNSURE_TEXT = "One rehearsed sentence. Another one."
_SURE_TEXT = "rehearsed"
_UNSURE_LOGPROB = -5.0


class RehearsalCache(CompletionCache):
    """What the completion cache holds, and what was made up since, which goes nowhere.

    made_up: how many values were made up, or used again after that. A call after which it is the same was answered by
    the real cache alone. known: keys that the real cache answered. asked: keys that were asked for; for whoever looks
    at some calls to clear before them.
    """

    def __init__(self, path: Path | None) -> None:
        self._file, self._made, self.made_up = path, dict[str, Any](), 0
        self.known: set[str] = set()
        self.asked: set[str] = set()

    def get_many(self, keys: Iterable[str], read: Callable[[Any], Stored] = as_it_is) -> Remembered[Stored]:
        """See ``CompletionCache``; the file is not touched where there is none."""
        wanted = list(dict.fromkeys(keys))
        self.asked.update(wanted)
        made = [key for key in wanted if key in self._made]
        self.made_up += len(made)
        found = Remembered[Stored]({key: read(self._made[key]) for key in made})
        if self._file is not None and self._file.is_file() and len(made) < len(wanted):
            stored = CompletionCache(self._file).get_many([key for key in wanted if key not in found], read)
            self.known |= stored.keys()
            found.update(stored)
        return found

    @contextmanager
    def recording(self, engine: str) -> Iterator[Callable[[Mapping[str, Any], Usage], None]]:
        """See ``CompletionCache``; nothing is written."""

        def put(values: Mapping[str, Any], usage: Usage) -> None:
            self._made.update(values)
            self.made_up += len(values)

        yield put


class RehearsingEngine:
    """Stands before an engine: renders prompts as it does, and makes up what it would complete."""

    attempts = 0

    def __init__(self, engine: Engine, world: World, rule: TokenRule) -> None:
        self._engine, self._world, self._rule = engine, world, rule
        self.name, self.fingerprint, self.capabilities = engine.name, engine.fingerprint, engine.capabilities

    def render(self, requests: Sequence[Request]) -> list[str]:
        """As the engine does: the cache's keys are made of it."""
        return self._engine.render(requests)

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """A completion each, made up."""
        for index, request in enumerate(requests):
            arrived(index, self._made_up(request))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: nothing is asked."""
        return estimated_tokens(texts)

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """None: a model's own reflection tokens are not rehearsed."""
        return [None] * len(texts)

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """As many tokens as the prompt is supposed to have, and the beginning's bytes."""
        return [
            (_PROMPT,) * max(1, self._rule.of_prompt(Request(request.messages, 1), self._world))
            + tuple(_BYTES + byte for byte in request.prefix.encode())
            for request in requests
        ]

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """The end after as many tokens as an answer is supposed to have; among choices the first."""
        long = self._rule.of_completion(Request((), 32), self._world)
        return [_distribution(_END if _said(prompt) >= long else _SAID) for prompt in prompts]

    def decode(self, ids: Sequence[int]) -> str:
        """A word a token."""
        return " ".join(_SURE_TEXT for _ in ids)

    def ends(self, token: int) -> bool:
        """Whether it is the end."""
        return token == _END

    def _made_up(self, request: Request) -> Completion:
        text, logprob = self._text(request)
        tokens: tuple[Token, ...] = ()
        if request.logprobs is not None and self.capabilities.logprobs is not None:
            tokens = (Token(text, logprob),)
        prompt, completion = (part(request, self._world) for part in (self._rule.of_prompt, self._rule.of_completion))
        return Completion(text, tokens, prompt, completion)

    def _text(self, request: Request) -> tuple[str, float]:
        said = " ".join(message.content for message in request.messages)
        if request.choices == (prompts.YES, prompts.NO):
            return prompts.YES if happens(self._world.retrieves, "retrieves", said) else prompts.NO, 0.0
        unsure = happens(self._world.unsure, "unsure", said, request.prefix)
        if request.choices and self._world is not AT_MOST:
            return request.choices[0], _UNSURE_LOGPROB if unsure else 0.0
        if "<evidence>" in said:
            written = happens(self._world.repaired, "repaired", said) and "<evidence>" in request.messages[-1].content
            return _SURE_TEXT if written or self._world is AT_MOST else _unit(said), 0.0
        return (_UNSURE_TEXT, _UNSURE_LOGPROB) if unsure else (_SURE_TEXT, 0.0)


def _unit(said: str) -> str:
    """A unit of the evidence in a prompt, word for word."""
    evidence = said.rpartition("<evidence>\n")[2].partition("\n</evidence>")[0]
    return f"{' '.join(evidence.split()[:2]).strip('.,')}\n{' '.join(evidence.split())}"


def _distribution(token: int) -> Distribution:
    return {token: 0.5} | {_BYTES + byte: 0.5 / 256 for byte in range(256)}


def _said(prompt: Sequence[int]) -> int:
    """Tokens at the end of a prompt that are the answer's."""
    count = 0
    while count < len(prompt) and prompt[len(prompt) - 1 - count] == _SAID:
        count += 1
    return count


def rehearsing(generator: Generator, cache: RehearsalCache, world: World, rule: TokenRule) -> Generator:
    """The generator over ``cache`` and nothing else: what it would send is made up as ``world`` supposes."""
    if isinstance(generator, LanguageModel):
        return LanguageModel(RehearsingEngine(generator.engine, world, rule), cache, generator.num_fewshot)
    from wbrag_pipeline.estimation.rehearsing_reader import RehearsingReader
    from wbrag_pipeline.generation.reader.reader import Reader

    if not isinstance(generator, Reader):
        raise InputError(f"what {generator.name} would be asked cannot be told beforehand", field="generator")
    return RehearsingReader(generator, cache, wants_retrieval=world is not CERTAIN)


def made_up_unit(sources: Sequence[Passage], key: str) -> Passage:
    """A knowledge unit in the place of one that a question may find."""
    text = " ".join(" ".join(passage.text for passage in sources).split()[:60])
    return Passage(f"u_{key}", sources[0].title, text, sources[0].score, (sources[0].passage_id,), "writeback")
