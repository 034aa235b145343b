"""What may be spent, and the end of spending: no request is sent that could bring it over.

The count is the ledger's: what is added there is added here. A run stops between two batches of requests, when the
next could use more than what is left. What was answered is in the completion cache by then, and no table is stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from wbrag_pipeline.errors import BudgetError, InputError
from wbrag_pipeline.generation.accounts.prices import Prices, money, prices_of
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.settings import Settings

_MOST_A_PIECE = 1.5
# What a chat template puts around the messages.
_TEMPLATE = 32


@dataclass
class Budget:
    """Tokens (prompts and completions together) or money, or both. ``spent`` so far.

    prices: of the generator; needed where ``max_cost`` is given.
    """

    max_tokens: int | None = None
    max_cost: float | None = None
    prices: Prices | None = None
    spent: Usage = field(default_factory=Usage)

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        return self.spent.prompt_tokens + self.spent.completion_tokens

    @property
    def cost(self) -> float:
        """Money so far, 0 without prices."""
        return self.prices.cost(self.spent) if self.prices else 0.0

    def over(self, more: Usage) -> str:
        """Which flag is in the way of spending ``more``; "" where none is."""
        if self.max_tokens is not None and self.tokens + more.prompt_tokens + more.completion_tokens > self.max_tokens:
            return "--max-tokens"
        if self.max_cost is not None and self.prices and self.cost + self.prices.cost(more) > self.max_cost:
            return "--max-cost"
        return ""

    def affordable(self, most: Sequence[Usage]) -> int:
        """How many of the next requests may be sent, by the most that each of them can use.

        Raises BudgetError where it is none.
        """
        sum_ = Usage()
        for count, usage in enumerate(most):
            sum_.prompt_tokens += usage.prompt_tokens
            sum_.completion_tokens += usage.completion_tokens
            if flag := self.over(sum_):
                if count:
                    return count
                raise BudgetError(self._used_up(flag), flag)
        return len(most)

    def _used_up(self, flag: str) -> str:
        if flag == "--max-tokens":
            said = f"of {self.max_tokens:,} tokens {self.tokens:,} are used"
        else:
            said = f"of {money(self.max_cost or 0.0)} to spend {money(self.cost)} are spent"
        variable = f"WBRAG_{flag[2:].replace('-', '_').upper()}"
        return (
            f"{said}, and the next request could use more than the rest (what was answered is kept and no table is "
            f"half written; the same command goes on from there; {flag} or {variable} allows more)"
        )


_BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def budget_of(settings: Settings) -> Budget | None:
    """What the settings allow; None where they allow everything. Raises InputError for money without prices."""
    if settings.max_tokens is None and settings.max_cost is None:
        return None
    prices = None
    if settings.max_cost is not None:
        if settings.prices is None:
            raise InputError("needs prices", field="max_cost", hint="give --prices FILE, or WBRAG_PRICES")
        prices = prices_of(settings.prices, settings.generator)
    return Budget(settings.max_tokens, settings.max_cost, prices)


@contextmanager
def spending(budget: Budget | None) -> Iterator[None]:
    """Calls inside the block count, and end where ``budget`` does. A block inside another one is a part of it."""
    if budget is None or _BUDGET.get() is not None:
        yield
        return
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(token)


def current_budget() -> Budget | None:
    """The budget of the block that this is called in."""
    return _BUDGET.get()


def most_of(request: Request, thought: int = 0) -> Usage:
    """The most tokens that a request can use, by its text: nothing is counted beforehand.

    thought: tokens that its model may think first. Sub-word vocabularies make half as many more tokens of English than
    ``estimated_tokens`` at most, and a token of each character of other scripts.
    """
    texts = [*(message.content for message in request.messages), request.prefix]
    strange = sum(not character.isascii() for text in texts for character in text)
    prompt = math.ceil(_MOST_A_PIECE * sum(estimated_tokens(texts))) + strange + _TEMPLATE
    return Usage(prompt_tokens=prompt, completion_tokens=request.max_tokens + thought)


def in_affordable_parts(most: Sequence[Usage]) -> Iterator[slice]:
    """Slices of the next requests, each to be sent before the next is asked for; all at once without a budget.

    most: what each can use at most. Raises BudgetError where not one more may be sent.
    """
    budget, done = current_budget(), 0
    while done < len(most):
        count = len(most) if budget is None else budget.affordable(most[done:])
        yield slice(done, done + count)
        done += count
