"""Whole next-token distributions of many prompts that grow by a token a call, as RePlug's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbrag_pipeline.generation.engine_protocol import Distribution
from wbrag_pipeline.generation.in_process.causal_model import CausalModel
from wbrag_pipeline.generation.in_process.token_batch import TokenBatch, batches_by_length

if TYPE_CHECKING:
    from torch import Tensor

Ids = tuple[int, ...]
# Room that a prompt is given to grow by, in tokens, when batches are made.
_GROWTH = 32


@dataclass
class _Read:
    """A batch and the prompts that were read into it, in order."""

    batch: TokenBatch
    prompts: list[Ids]


class NextTokens:
    """Distributions after prompts. A prompt that is one of the last call's and one token more costs one step."""

    def __init__(self, model: CausalModel) -> None:
        self._model = model
        self._read: list[_Read] = []

    def after(self, prompts: Sequence[Ids], top: int | None) -> Iterator[Distribution]:
        """The distribution after each prompt, in order: its ``top`` likeliest tokens, or all for None."""
        wanted = dict.fromkeys(prompts)
        known = {prompt: read for read in self._read for prompt in read.prompts}
        if not wanted.keys() <= known.keys():  # the same prompts again change nothing
            self._read = [read for read in self._read if self._go_on(read, wanted)]
            known = {prompt: read for read in self._read for prompt in read.prompts}
            new = [prompt for prompt in wanted if prompt not in known]
            for places in batches_by_length([len(prompt) + _GROWTH for prompt in new], self._model.tokens_at_once):
                some = [new[place] for place in places]
                self._read.append(_Read(TokenBatch(self._model, some), some))
        rows = {prompt: read.batch.scores[place] for read in self._read for place, prompt in enumerate(read.prompts)}
        found = {prompt: _distribution(rows[prompt], top) for prompt in wanted}
        return (found[prompt] for prompt in prompts)

    @staticmethod
    def _go_on(read: _Read, wanted: dict[Ids, None]) -> bool:
        """Whether some of its prompts go on by a token, each in one way; the batch is then where they are."""
        before = {prompt: place for place, prompt in enumerate(read.prompts)}
        longer = {prompt[:-1]: prompt for prompt in wanted if prompt[:-1] in before}
        if not longer:
            return False
        read.batch.keep([before[prompt] for prompt in longer])
        read.batch.step([prompt[-1] for prompt in longer.values()])
        read.prompts = list(longer.values())
        return True


def _distribution(scores: Tensor, top: int | None) -> Distribution:
    import torch

    shares = torch.softmax(scores, dim=-1)
    if top is None:
        return dict(enumerate(shares.tolist()))
    values, ids = shares.topk(min(top, len(shares)))
    return dict(zip(ids.tolist(), values.tolist(), strict=True))
