"""Prompts of token ids on their way through a causal model, and what the model remembers of them (key-value cache).

Both ways of answering go through here: a completion takes the likeliest token of each row, RePlug the likeliest of a
mixture of rows. A row that has ended leaves, so the others do not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.generation.in_process.causal_model import CausalModel

if TYPE_CHECKING:
    from torch import Tensor

# A beginning that all rows share is read once if it is at least so long.
_WORTH_SHARING = 32
# Rows of one batch: each has the scores of the whole vocabulary.
_MOST_ROWS = 256


class TokenBatch:
    """Rows in order; ``scores`` are their logits for the next token, float32 [rows, vocabulary]."""

    def __init__(self, model: CausalModel, prompts: Sequence[Sequence[int]]) -> None:
        """Read the prompts, each of one token or more."""
        import torch
        from transformers import DynamicCache

        self._model = model
        self._remembered: Any = DynamicCache(config=model.network.config)
        shared = _shared(prompts) if model.remembers_by_place else 0
        self._mask = torch.ones((len(prompts), 0), dtype=torch.long, device=model.device)
        if shared:
            one = torch.ones((1, shared), dtype=torch.long, device=model.device)
            self._forward(torch.tensor([prompts[0][:shared]], device=model.device), one)
            self._remembered.batch_repeat_interleave(len(prompts))
            self._mask = one.repeat(len(prompts), 1)
        rests = [list(prompt[shared:]) for prompt in prompts]
        longest = max(map(len, rests))
        # Padded in front of what differs: the last token of each row is the last column.
        padding = [longest - len(rest) for rest in rests]
        ids = torch.tensor([[0] * pad + rest for pad, rest in zip(padding, rests, strict=True)], device=model.device)
        columns = torch.arange(longest, device=model.device)
        mask = (columns >= torch.tensor(padding, device=model.device)[:, None]).long()
        self._mask = torch.cat([self._mask, mask], dim=1)
        self.scores = self._forward(ids, self._mask)

    def step(self, tokens: Sequence[int]) -> None:
        """Go on by one token in each row."""
        import torch

        ids = torch.tensor(tokens, device=self._model.device)[:, None]
        self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        self.scores = self._forward(ids, self._mask)

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows, in this order."""
        import torch

        if list(rows) == list(range(len(self.scores))):
            return
        wanted = torch.tensor(rows, dtype=torch.long, device=self._model.device)
        self._remembered.batch_select_indices(wanted)
        self._mask, self.scores = self._mask[wanted], self.scores[wanted]

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        import torch

        # A token's place counts the tokens before it, not the padding.
        places = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        with torch.no_grad():
            found = self._model.network(
                input_ids=ids,
                attention_mask=mask,
                position_ids=places,
                past_key_values=self._remembered,
                use_cache=True,
                logits_to_keep=1,
            )
        scores: Tensor = found.logits[:, -1].float()
        return scores


def batches_by_length(lengths: Sequence[int], tokens_at_once: int) -> Iterator[list[int]]:
    """Places of ``lengths`` in batches of similar lengths; a batch, padded to its longest, has ``tokens_at_once``.

    One that is longer than that is a batch of its own. Long ones come first, so what does not fit shows at once.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        longest = lengths[batch[0]] if batch else lengths[place]
        if batch and ((len(batch) + 1) * longest > tokens_at_once or len(batch) == _MOST_ROWS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with, 0 where that is not worth it; each has a token left."""
    if len(prompts) < 2:
        return 0
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    most = min(map(len, prompts)) - 1
    shared = next((i for i in range(most) if first[i] != last[i]), most)
    return shared if shared >= _WORTH_SHARING else 0
