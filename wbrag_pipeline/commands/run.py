"""``wbrag run``: train and evaluate benchmarks, through Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings()
def run(
    benchmarks: Annotated[list[str], typer.Argument(help="Benchmarks to train, see wbrag status.")],
    refresh: Annotated[bool, typer.Option("--refresh", help="Read the corpora again even if unchanged.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Begin also where more is expected than the budget allows.")
    ] = False,
    *,
    settings: Settings,
) -> None:
    """Train write-back indexes and compare test scores without and with them.

    What was done before is not done again: passages that did not change keep their vectors, and the
    generator is never asked twice. The runs show in wbrag ui.

    With --max-tokens or --max-cost the run stops before it uses more. What was answered is kept, and the same command
    goes on from there. See wbrag cost --estimate.

    Example: wbrag run sample_nq sample_fever
    """
    from wbrag_pipeline.commands.overview import print_findings, print_overview
    from wbrag_pipeline.commands.pipeline import run_pipeline
    from wbrag_pipeline.commands.publish import say_what_to_publish
    from wbrag_pipeline.commands.release import held_back

    names = list(dict.fromkeys(benchmarks))
    run_pipeline(settings, names, refresh=refresh, yes=yes)
    print_overview(settings, names)
    print_findings(settings, names)
    for name in names:
        if told := held_back(settings, name):
            say(f"{name}: {told}")
    say_what_to_publish(settings, names)
