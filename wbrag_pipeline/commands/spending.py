"""The budget of a command: asked for before it, where it is likely not to be enough, and kept to while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.errors import BudgetError, InputError

if TYPE_CHECKING:
    from wbrag_pipeline.generation.generator import Usage
    from wbrag_pipeline.settings import Settings


@contextmanager
def within_budget(runs: Iterable[tuple[Settings, str]], *, yes: bool) -> Iterator[None]:
    """A block that stops when what its settings allow is spent; without a budget it is as any other.

    runs: settings and benchmark of each training in it; all with one budget. yes: begin without asking.

    Before the block, what it will use is estimated. Where that is more than the budget, a person at a terminal is asked
    whether to begin all the same; raises BudgetError where nobody is there to be asked, or the answer is no.
    """
    from wbrag_pipeline.generation.accounts.budget import budget_of, spending
    from wbrag_pipeline.generation.accounts.prices import money

    planned = list(runs)
    budget = budget_of(planned[0][0]) if planned else None
    if budget is not None and budget.prices and len({settings.generator for settings, _ in planned}) > 1:
        raise InputError("is for one generator at a time", field="max_cost", hint="or give --max-tokens")
    if budget is None:
        yield
        return
    if not yes:
        from wbrag_pipeline.estimation.estimate import estimate
        from wbrag_pipeline.estimation.scenarios import AT_MOST, EXPECTED
        from wbrag_pipeline.generation.generator import Usage
        from wbrag_pipeline.training.context import StageContext

        found = [estimate(StageContext.of(settings, benchmark)) for settings, benchmark in planned]
        expected, most = (Usage().add(*(one.total(scenario) for one in found)) for scenario in (EXPECTED, AT_MOST))
        told = f"about {_tokens(expected):,} tokens are expected, at most {_tokens(most):,}"
        if budget.prices:
            told += f": {money(budget.prices.cost(expected))}, at most {money(budget.prices.cost(most))}"
        if flag := budget.over(expected):
            _ask(f"{told}, and {flag} allows less", flag)
        elif budget.over(most):
            say(f"{told}; the run stops where the budget ends", err=True)
    with spending(budget):
        yield


def _ask(told: str, flag: str) -> None:
    import sys

    if not sys.stdin.isatty():
        raise BudgetError(f"{told}; give --yes to begin all the same and stop where it ends, or a larger {flag}", flag)
    say(told, err=True)
    if not typer.confirm("Begin all the same, and stop where it ends?", err=True):
        raise BudgetError("not begun; nothing was asked", flag)


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens
