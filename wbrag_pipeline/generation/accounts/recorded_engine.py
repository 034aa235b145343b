"""An engine with a memory: what it completed before is not asked again, and every call is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.generation.accounts.budget import current_budget, in_affordable_parts, most_of
from wbrag_pipeline.generation.accounts.completions import CompletionCache, Remembered, count, recording_in
from wbrag_pipeline.generation.engine_protocol import Completion, Engine, Request, ThinksFirst
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.generation.reasoning import part, tokens_of
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.generation.valid_values import valid_count
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.storage import sha256_of_text

_log = logging.getLogger(__name__)


class Recorder:
    """Stores what arrives and adds to usage and ledger, all three at once."""

    def __init__(self, engine: Engine, usage: Usage, put: Callable[[Mapping[str, Any], Usage], None]) -> None:
        self._engine, self._usage, self._put = engine, usage, put
        self._at, self._attempts = time.perf_counter(), engine.attempts

    def __call__(self, values: Mapping[str, Any], spent: Usage) -> None:
        """Count ``spent``, with the seconds and attempts since the last call added, and store ``values``."""
        now, attempts = time.perf_counter(), self._engine.attempts
        spent.seconds += now - self._at
        spent.attempts += attempts - self._attempts
        self._at, self._attempts = now, attempts
        self._put(values, spent)
        self._usage.add(spent)


class RecordedEngine:
    """Puts the completion cache and the ledger in front of an engine."""

    def __init__(self, engine: Engine, cache: CompletionCache | None, usage: Usage) -> None:
        self.engine, self.cache, self.usage = engine, cache, usage
        self._said_impossible = False

    @contextmanager
    def recorder(self) -> Iterator[Recorder]:
        """A recorder on this engine's account."""
        with recording_in(self.cache, self.engine.name) as put:
            yield Recorder(self.engine, self.usage, put)

    def count(self, spent: Usage) -> None:
        """Add to usage and ledger what no completion brings with it, such as a passage that was left out."""
        count(spent, cache=self.cache, usage=self.usage, engine=self.engine.name)

    def ask(self, requests: Sequence[Request], label: str) -> list[Completion]:
        """One completion a request, in order; equal requests are asked once.

        Each completion is stored the moment it arrives. One that failed, or did not fit, is not stored, so that a
        rerun asks for it again. One that cannot be (``Completion.from_json``) has failed, whichever engine gave it.
        """
        if not requests:
            return []
        keys = [
            sha256_of_text("complete", self.engine.fingerprint, prompt, request.sampling)
            for prompt, request in zip(self.engine.render(requests), requests, strict=True)
        ]
        known = self.cache.get_many(keys, _stored) if self.cache else Remembered[Completion]()
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        waiting, budget = list(missing), current_budget()
        with progress_bar(label, len(set(keys))) as advance, self.recorder() as record:
            if known or known.damaged:
                record({}, Usage(calls=len(known), cached=len(known), entries_damaged=known.damaged))
                advance(len(known))

            def arrived(index: int, completion: Completion) -> None:
                key = waiting[index]
                known[key] = completion = self._checked(completion)
                if budget is not None and completion.final and not completion.prompt_tokens:
                    budget.spent.add(most[index])  # an engine that counts no tokens
                spent = Usage(
                    calls=1,
                    failed=int(completion.failed),
                    prompt_tokens=completion.prompt_tokens,
                    completion_tokens=completion.completion_tokens,
                    reasoning_tokens=completion.reasoning_tokens,
                )
                record({key: completion.to_json()} if completion.final else {}, spent)
                advance(1)

            asked, most = list(missing.values()), self.most_of_each(list(missing.values()))
            for some in in_affordable_parts(most):
                self.engine.complete(asked[some], partial(_in_part, arrived, some.start))
        lost = sum(key not in known for key in waiting)
        if lost:
            raise WbragError(f"{self.engine.name} left {lost} of {len(waiting)} requests without an outcome")
        return [known[key] for key in keys]

    def most_of_each(self, requests: Sequence[Request]) -> list[Usage]:
        """The most tokens that each can use; reckoned only where a budget is set."""
        if current_budget() is None:
            return [Usage()] * len(requests)
        thought = self.engine.room_to_think if isinstance(self.engine, ThinksFirst) else 0
        return [most_of(request, thought) for request in requests]

    def most_together(self, requests: Sequence[Request]) -> Usage:
        """The most tokens that requests can use which are sent together or not at all."""
        return Usage().add(*self.most_of_each(requests))

    def _checked(self, completion: Completion) -> Completion:
        try:
            checked = Completion.from_json(completion.to_json())
            thought = valid_count(completion.reasoning_tokens, "reasoning_tokens")
            return without_thought(replace(checked, reasoning_tokens=thought))
        except ValueError as error:
            if not self._said_impossible:
                self._said_impossible = True
                _log.warning("%s gives completions that cannot be; they have failed: %s", self.engine.name, error)
            return Completion("", finish_reason="failed")


def _in_part(arrived: Callable[[int, Completion], None], first: int, index: int, completion: Completion) -> None:
    arrived(first + index, completion)


def _stored(value: Any) -> Completion:
    completion = Completion.from_json(value)
    if not completion.final or without_thought(completion) != completion:
        raise ValueError("a failed call, or a thought, was stored")
    return completion


def without_thought(completion: Completion) -> Completion:
    """The completion without what a reasoning model thought before it; failed where that leaves nothing.

    Failed, too, where the token limit came before any text: what used the tokens up was a thought, told or not.
    """
    parted = part(completion.text)
    if parted.answer != completion.text:
        kept, (thought,) = tokens_of(completion.tokens, parted.answer), estimated_tokens([parted.thought])
        spent = completion.reasoning_tokens or min(thought, completion.completion_tokens)
        completion = replace(completion, text=parted.answer, tokens=kept, reasoning_tokens=spent)
    if completion.used_up or (completion.final and parted.only_thought):
        return replace(completion, text="", tokens=(), finish_reason="failed")
    return completion
