"""Completions of a batch of prompts, token by token: greedy or sampled, free or held to choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wbrag_pipeline.generation.engine_protocol import Completion, Finish, Request, Token
from wbrag_pipeline.generation.in_process.causal_model import CausalModel
from wbrag_pipeline.generation.in_process.token_batch import TokenBatch
from wbrag_pipeline.generation.in_process.token_texts import TokenTexts
from wbrag_pipeline.generation.writing.repetition import repeats_itself

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass
class _Row:
    """A completion in the making; ``ended`` by an end token, a stop string or a whole choice; ``loops`` for ever."""

    request: Request
    prompt_tokens: int
    dice: torch.Generator | None
    ids: list[int] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    ended: bool = False
    loops: bool = False

    def completion(self) -> Completion:
        finish: Finish = "stop" if self.ended else "length"
        return Completion(self.text, tuple(self.tokens), self.prompt_tokens, len(self.ids), finish)


def decode(
    model: CausalModel, texts: TokenTexts, prompts: Sequence[Sequence[int]], requests: Sequence[Request]
) -> Iterator[tuple[int, Completion]]:
    """Yield (place, completion) of each prompt as soon as it is there.

    Log-probabilities are the model's own, among the tokens that ``Request.choices`` allow. Each request that samples
    has dice of its own, seeded by it, so its completion does not depend on the others.
    """
    rows = [_Row(request, len(ids), _dice(request)) for ids, request in zip(prompts, requests, strict=True)]
    places = list(range(len(rows)))
    batch = TokenBatch(model, prompts)
    while True:
        chosen = _choose(batch.scores, [rows[place] for place in places], model, texts)
        going = []
        for at, (place, token) in enumerate(zip(places, chosen, strict=True)):
            row = rows[place]
            _take(row, token, model)
            if row.ended or row.loops or len(row.ids) >= row.request.max_tokens:
                yield place, row.completion()
            else:
                going.append(at)
        if not going:
            return
        batch.keep(going)
        batch.step([chosen[at] for at in going])
        places = [places[at] for at in going]


def _dice(request: Request) -> torch.Generator | None:
    if request.temperature == 0.0:
        return None
    import torch

    return torch.Generator().manual_seed(request.seed)


def _choose(scores: Tensor, rows: Sequence[_Row], model: CausalModel, texts: TokenTexts) -> list[int]:
    """The next token of each row; notes its log-probability and the likeliest ones beside it where that is wanted."""
    import torch

    scores = scores.clone()
    for at, row in enumerate(rows):
        if row.request.choices:
            scores[at] = _held_to(scores[at], _allowed(row, model, texts))
    logs = torch.log_softmax(scores, dim=-1)
    chosen = logs.argmax(dim=-1).tolist()
    for at, row in enumerate(rows):
        if row.dice is not None:
            shares = torch.softmax(scores[at] / row.request.temperature, dim=-1).cpu()
            chosen[at] = int(torch.multinomial(shares, 1, generator=row.dice))
    wanted = [row.request.logprobs for row in rows]
    if any(most is not None for most in wanted):
        most = max(most or 0 for most in wanted)
        own = logs.gather(1, torch.tensor(chosen, device=logs.device)[:, None])[:, 0].tolist()
        values, ids = (part.tolist() for part in logs.topk(max(most, 1), dim=-1))
        for at, (row, count) in enumerate(zip(rows, wanted, strict=True)):
            if count is not None and chosen[at] not in model.ends:
                likeliest = [(i, v) for i, v in zip(ids[at][:count], values[at][:count], strict=True) if v > -torch.inf]
                top = tuple((texts.of(i), min(v, 0.0)) for i, v in likeliest)
                row.tokens.append(Token(texts.of(chosen[at]), min(own[at], 0.0), top))
    return chosen


def _take(row: _Row, token: int, model: CausalModel) -> None:
    row.ids.append(token)
    if token in model.ends:
        row.ended = True
        return
    row.text = str(model.tokenizer.decode(row.ids, skip_special_tokens=True))
    found = [place for place in (row.text.find(stop) for stop in row.request.stop) if place >= 0]
    if found:
        row.text, row.ended = row.text[: min(found)], True
    elif row.request.choices:
        # Nothing can follow: it need not be computed that the turn ends here.
        row.ended = row.text in row.request.choices and not _rests(row)
    row.loops = row.request.end_loops and not row.ended and repeats_itself(row.ids)


def _allowed(row: _Row, model: CausalModel, texts: TokenTexts) -> list[int]:
    ends = sorted(model.ends) if row.text in row.request.choices else []
    return [*texts.beginning(_rests(row)), *ends]


def _rests(row: _Row) -> list[str]:
    """What is left of the choices that begin with the text so far."""
    said = len(row.text)
    return [choice[said:] for choice in row.request.choices if choice.startswith(row.text) and len(choice) > said]


def _held_to(scores: Tensor, allowed: Sequence[int]) -> Tensor:
    import torch

    held = torch.full_like(scores, -torch.inf)
    held[list(allowed)] = scores[list(allowed)]
    return held
