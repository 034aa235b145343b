"""``wbrag cost``: what the generator was asked, stage by stage."""

from __future__ import annotations

from typing import Annotated

import typer

from wbrag_pipeline.commands.options import Home, settings_of
from wbrag_pipeline.errors import NotBuiltError


def cost(
    benchmark: Annotated[str | None, typer.Argument(help="Only this benchmark; all if left out.")] = None,
    home: Home = None,
) -> None:
    """List generator calls by stage: asked for, found in the cache, really sent, tokens and seconds.

    Beside them stands what the plain algorithm would have sent: 2N + |kept|·K + |kept|.

    Example: wbrag cost sample_nq
    """
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from wbrag_pipeline.generation.ledger import costs, paper_calls

    settings = settings_of(home=home)
    spent = costs(settings.completions, partition=benchmark)
    if not spent:
        raise NotBuiltError("a ledger of generator calls", f"wbrag run {benchmark or 'BENCHMARK'}")
    table = Table("benchmark", "stage", "engine")
    for heading in ("asked", "cached", "sent", "failed", "prompt tokens", "completion tokens", "seconds"):
        table.add_column(heading, justify="right")
    for row in spent:
        u = row.usage
        counts = (u.calls, u.cached, u.sent, u.failed, u.prompt_tokens, u.completion_tokens)
        table.add_row(row.partition, row.stage, row.engine, *(f"{count:,}" for count in counts), f"{u.seconds:,.1f}")
    console = Console()
    console.print(table)
    for name in dict.fromkeys(row.partition for row in spent if row.partition):
        scores, gated = settings.table("utility_scores", name), settings.table("gated_docs", name)
        if not (scores.is_file() and gated.is_file()):
            continue
        questions = pl.scan_parquet(scores).select(pl.len()).collect().item()
        kept = pl.read_parquet(gated, columns=["question_id"])["question_id"].n_unique()
        plain = paper_calls(questions, kept, settings.top_k)
        shown = " + ".join(f"{count:,} {stage}" for stage, count in plain.items())
        console.print(f"{name}: the plain algorithm makes {sum(plain.values()):,} calls ({shown})")
