"""Self-RAG's own reflection tokens, for models that were trained to write them (``selfrag/selfrag_llama2_7b``).

Asai et al., "Self-RAG" (2023), table 1 and section 3.3: the model decides and criticises with tokens of its vocabulary,
and what counts is their probability at the place where they are due, among the tokens of their group. So each verdict
is one next-token distribution after a text that stops there. Whether a model has them its tokenizer says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.accounts.budget import in_affordable_parts
from wbrag_pipeline.generation.accounts.completions import Remembered
from wbrag_pipeline.generation.accounts.recorded_engine import RecordedEngine
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.generator import Assessment, Passage, Usage
from wbrag_pipeline.generation.valid_values import valid_list, valid_probability
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.storage import sha256_of_text

# What each token of a group is worth, in [0, 1]. The paper's utility runs from −1 to 1: here it is (1 + u) / 2.
RETRIEVE_TOKENS = {"[Retrieval]": 1.0, "[No Retrieval]": 0.0}
RELEVANT_TOKENS = {"[Relevant]": 1.0, "[Irrelevant]": 0.0}
SUPPORTED_TOKENS = {"[Fully supported]": 1.0, "[Partially supported]": 0.5, "[No support / Contradictory]": 0.0}
USEFUL_TOKENS = {f"[Utility:{n}]": (n - 1) / 4 for n in range(1, 6)}
REFLECTION_TOKENS = (*RETRIEVE_TOKENS, *RELEVANT_TOKENS, *SUPPORTED_TOKENS, *USEFUL_TOKENS)
# The likeliest tokens asked for where whole distributions are not handed out.
_HEAD = 20


class Reflection:
    """Reads decisions and verdicts off a model's reflection tokens, through the engine's cache and ledger."""

    def __init__(self, asker: RecordedEngine) -> None:
        self._asker = asker

    @cached_property
    def ids(self) -> Mapping[str, int] | None:
        """The tokens' ids; None for a model without them, or an engine that gives no distributions."""
        if self._asker.engine.capabilities.lacks("distributions"):
            return None
        found = dict(zip(REFLECTION_TOKENS, self._asker.engine.token_ids(REFLECTION_TOKENS), strict=True))
        there = {word: token for word, token in found.items() if token is not None}
        return there if len(there) == len(REFLECTION_TOKENS) else None

    def wants_retrieval(self, questions: Sequence[str], task: Task) -> list[float | None]:
        """P([Retrieval]) against P([No Retrieval]) where the answer would begin."""
        return self._worth(
            [Request(prompts.answer_prompt(question, (), task), 1) for question in questions], RETRIEVE_TOKENS
        )

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        """The three verdicts, each after the text up to its place; the tokens in between are the favourable ones."""
        asked = []
        for question, passage, answer in zip(questions, passages, answers, strict=True):
            begun = Request(prompts.answer_prompt(question, (), task), 1, prefix=prompts.reflected_passage(passage))
            answered = replace(begun, prefix=f"{begun.prefix}[Relevant]{prompts.as_data(answer)}")
            asked.append((begun, answered, replace(answered, prefix=f"{answered.prefix}[Fully supported]")))
        groups = (RELEVANT_TOKENS, SUPPORTED_TOKENS, USEFUL_TOKENS)
        columns = [self._worth([row[n] for row in asked], group) for n, group in enumerate(groups)]
        return [assessment_of(*row) for row in zip(*columns, strict=True)]

    def _worth(self, requests: Sequence[Request], group: Mapping[str, float]) -> list[float | None]:
        """The group's mean worth by probability at each place; None where no distribution or no token could be had."""
        engine, cache = self._asker.engine, self._asker.cache
        keys = [sha256_of_text("reflection", engine.fingerprint, text, *group) for text in engine.render(requests)]

        def read(value: Any) -> list[float]:
            return [valid_probability(probability) for probability in valid_list(value, len(group))]

        known = cache.get_many(keys, read) if cache else Remembered[list[float]]()
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        with self._asker.recorder() as record:
            if known or known.damaged:
                record({}, Usage(calls=len(known), cached=len(known), entries_damaged=known.damaged))
            fit = [(key, ids) for key, ids in zip(missing, engine.encode(list(missing.values())), strict=True) if ids]
            coded = [ids for _, ids in fit]
            _ = list(in_affordable_parts([self._asker.most_together(list(missing.values()))]))
            rows = engine.next_tokens(coded, None)
            # An engine that never hands out whole distributions, which it says; what its heads do not show is near 0.
            if any(row is None for row in rows):
                rows = engine.next_tokens(coded, _HEAD)
            made = {
                key: read([row.get((self.ids or {})[word], 0.0) for word in group])
                for (key, _), row in zip(fit, rows, strict=True)
                if row is not None
            }
            tokens = sum(len(ids) for ids in coded)
            spent = Usage(calls=len(missing), failed=len(missing) - len(made), prompt_tokens=tokens)
            record(made, replace(spent, completion_tokens=len(made), prompts_too_long=len(missing) - len(fit)))
        had = [(known | made).get(key) for key in keys]
        self._asker.count(Usage(verdicts_unread=sum(row is not None and not any(row) for row in had)))
        return [None if row is None or not any(row) else _mean_worth(row, group) for row in had]


def assessment_of(relevant: float | None, supported: float | None, useful: float | None) -> Assessment:
    """The assessment of three verdicts, each None where it could not be had."""
    if relevant is None or supported is None or useful is None:
        return Assessment(0.0, 0.0, 0.0, failed=True)
    return Assessment(relevant, supported, useful)


def _mean_worth(probabilities: Sequence[float], group: Mapping[str, float]) -> float:
    return sum(p * worth for p, worth in zip(probabilities, group.values(), strict=True)) / sum(probabilities)
