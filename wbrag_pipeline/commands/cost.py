"""``wbrag cost``: what the generator was asked, or would be, stage by stage, and its incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import wide_console
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import InputError, NotBuiltError

if TYPE_CHECKING:
    from rich.console import Console

    from wbrag_pipeline.generation.generator import Usage
    from wbrag_pipeline.settings import Settings

_Asked = tuple[str, str, str]  # benchmark, stage and engine


@with_settings()
def cost(
    benchmarks: Annotated[list[str] | None, typer.Argument(help="Only these benchmarks; all if left out.")] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what wbrag run would ask with these settings, before it is made.")
    ] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe", help="Of an estimate: send a few prompts first, to measure tokens and time."
        ),
    ] = True,
    json: JsonFile = None,
    *,
    settings: Settings,
) -> None:
    """List generator calls by stage over all runs: asked for, found in the cache, really sent, tokens and seconds.

    Beside them stands what one plain run would send: 2N + |kept|·K + |kept|. The reader's calls are question-passage
    pairs, K of them an answer; a language model's are prompts. A second table counts incidents, such as units that a
    fallback wrote; it counts each use of a result, so a run that the cache answers counts again.

    With --estimate: what wbrag run would still ask with the same settings. Certain is what is asked whatever the
    answers are; at most is where every answer costs most. With --prices it says money too.

    Example: wbrag cost sample_nq
    """
    from wbrag_pipeline.datasets.registry import Registry

    registry = Registry.load(settings.home)
    names = list(dict.fromkeys(benchmarks or []))
    for name in names:
        registry.benchmark(name)
    if not estimate:
        _spent(settings, names, json)
        return
    if json is not None:
        raise InputError("is of what was spent", field="--json", hint="leave it or --estimate out")
    if not names:
        raise InputError(
            "needs to be told of which benchmark", field="--estimate", hint="wbrag cost --estimate BENCHMARK"
        )
    from wbrag_pipeline.commands.cost_estimate import print_estimates

    print_estimates(settings, [registry.benchmark(name) for name in names], probing=probe)


def _spent(settings: Settings, names: Sequence[str], json: Path | None) -> None:
    from wbrag_pipeline.generation.accounts.ledger import costs
    from wbrag_pipeline.generation.generator import Usage

    parts: Sequence[str | None] = names or [None]
    spent = [cost for name in parts for cost in costs(settings.layout.completions, partition=name)]
    if not spent:
        raise NotBuiltError("a ledger of generator calls", f"wbrag run {' '.join(names) or 'BENCHMARK'}")
    sums: dict[_Asked, Usage] = {}
    for row in spent:
        sums.setdefault((row.partition, row.stage, row.engine), Usage()).add(row.usage)
    trained = dict.fromkeys(row.partition for row in spent if row.partition)
    plain = {name: once for name in trained if (once := _plain_calls(settings, name))}
    if not is_printed(json):
        console = wide_console()
        _print_sums(console, sums)
        for name, once in plain.items():
            shown = " + ".join(f"{count:,} {stage}" for stage, count in once.items())
            console.print(f"{name}: one plain run makes {sum(once.values()):,} calls ({shown})")
    asked = ({"benchmark": name, "stage": stage, "engine": engine} for name, stage, engine in sums)
    calls = [one | asdict(usage) | {"sent": usage.sent} for one, usage in zip(asked, sums.values(), strict=True)]
    tell_as_json(json, {"calls": calls, "one_plain_run": plain})


def _plain_calls(settings: Settings, benchmark: str) -> dict[str, int]:
    """What one plain run of the benchmark's last training would send, by stage; empty where there was none."""
    import polars as pl

    from wbrag_pipeline import tables
    from wbrag_pipeline.evaluation.statistics import of_kept_questions
    from wbrag_pipeline.generation.accounts.ledger import paper_calls
    from wbrag_pipeline.releases.store import trained_with

    trained = trained_with(settings, benchmark)
    scores, gated = trained.table("utility_scores", benchmark), trained.table("gated_docs", benchmark)
    if not (scores.is_file() and gated.is_file()):
        return {}
    questions = tables.UTILITY_SCORES.scan(scores).select(pl.len()).collect().item()
    kept = of_kept_questions(tables.GATED_DOCS.read(gated))["question_id"].n_unique()
    return paper_calls(questions, kept, trained.top_k)


def _print_sums(console: Console, sums: Mapping[_Asked, Usage]) -> None:
    from rich.table import Table

    from wbrag_pipeline.generation.generator import INCIDENTS

    table = Table("benchmark", "stage", "engine")
    tokens = ("prompt tokens", "completion tokens", "of it thought")
    for heading in ("asked", "cached", "sent", "failed", *tokens, "seconds"):
        table.add_column(heading, justify="right")
    title = "incidents: fallbacks, repairs, cut or unreadable replies"
    incidents = Table("benchmark", "stage", "engine", title=title, title_justify="left")
    incidents.add_column("count", justify="right")
    incidents.add_column("figure")
    incidents.add_column("what it counts")
    for names, u in sums.items():
        counts = (u.calls, u.cached, u.sent, u.failed, u.prompt_tokens, u.completion_tokens, u.reasoning_tokens)
        table.add_row(*names, *(f"{count:,}" for count in counts), f"{u.seconds:,.1f}")
        for figure, count in u.incidents.items():
            incidents.add_row(*names, f"{count:,}", figure, INCIDENTS[figure])
    console.print(table)
    console.print(incidents if incidents.row_count else "no incidents were counted")
