"""``wbrag cost --estimate``: what a run would ask, in calls, tokens, hours and money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wbrag_pipeline.commands.console import note, say, wide_console

if TYPE_CHECKING:
    from wbrag_pipeline.datasets.benchmark_entry import Benchmark
    from wbrag_pipeline.estimation.estimate import Estimate
    from wbrag_pipeline.generation.accounts.prices import Prices
    from wbrag_pipeline.settings import Settings

_COLUMNS = ("certain", "expected", "at most")


def print_estimates(settings: Settings, benchmarks: Sequence[Benchmark], *, probing: bool) -> None:
    """Estimate a run of each benchmark and print it; with several, the sum as well."""
    from wbrag_pipeline.estimation.estimate import estimate
    from wbrag_pipeline.generation.accounts.prices import prices_of
    from wbrag_pipeline.training.context import StageContext
    from wbrag_pipeline.training.preflight import check_before_a_run

    check_before_a_run(settings, benchmarks)
    if probing:
        note(
            f"asking {settings.generator} a few of the questions, to measure tokens and time; "
            "the answers are kept, and --no-probe asks nothing"
        )
    prices = prices_of(settings.prices, settings.generator) if settings.prices else None
    found = [estimate(StageContext.of(settings, one.name), probing=probing) for one in benchmarks]
    for one in found:
        _print(one, prices)
    if len(found) > 1:
        say("all of them:")
        for line in _sums(found, prices):
            say(line)


def _print(found: Estimate, prices: Prices | None) -> None:
    from rich.table import Table

    from wbrag_pipeline.estimation.scenarios import SCENARIOS

    table = Table("stage", title=f"{found.benchmark}: calls that a run would still send", title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for stage in found.spent[SCENARIOS[0].name]:
        table.add_row(stage, *(f"{found.spent[scenario.name][stage].sent:,}" for scenario in SCENARIOS))
    console = wide_console()
    console.print(table)
    for line in (*_sums([found], prices), *_remarks(found)):
        say(line)


def _sums(found: Sequence[Estimate], prices: Prices | None) -> list[str]:
    from wbrag_pipeline.estimation.scenarios import CERTAIN, SCENARIOS
    from wbrag_pipeline.evaluation.formatting import duration
    from wbrag_pipeline.generation.accounts.prices import money
    from wbrag_pipeline.generation.generator import Usage

    totals = [Usage().add(*(one.total(scenario) for one in found)) for scenario in SCENARIOS]
    rows = [("calls", [f"{total.sent:,}" for total in totals])]
    if any(total.prompt_tokens for total in totals):
        rows.append(("prompt tokens", [f"{total.prompt_tokens:,}" for total in totals]))
        rows.append(("completion tokens", [f"{total.completion_tokens:,}" for total in totals]))
    if any(one.probe.asked.sent for one in found):
        seconds = [sum(one.probe.seconds(one.total(scenario)) for one in found) for scenario in SCENARIOS]
        rows.append(("time", [duration(one) for one in seconds]))
    if prices:
        costs = [
            prices.cost(total, cached=scenario is CERTAIN) for scenario, total in zip(SCENARIOS, totals, strict=True)
        ]
        rows.append(("cost", [money(cost) for cost in costs]))
    return [
        f"{name}: {', '.join(f'{value} {column}' for value, column in zip(values, _COLUMNS, strict=True))}"
        for name, values in rows
    ]


def _remarks(found: Estimate) -> list[str]:
    told = [f"the completion cache has {found.known:,} of the answers already; they are not counted above"]
    asked = found.probe.asked
    if asked.sent:
        told.append(f"probe: {asked.sent:,} calls in {asked.seconds:.1f} s; their answers are kept")
    if found.sampled:
        told.append("the corpus is not indexed as it is now: some of its passages stand for those that will be found")
    for split, many in found.questions.items():
        if (few := found.gone_through[split]) < many:
            told.append(f"{few:,} of {many:,} {split} questions were gone through, and stand for all")
    return told
