"""``wbrag demo``: the built-in sample, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings

# Three tasks on which write-back gains: open questions, claims to check, questions that join two facts.
SHOWN = ["sample_nq", "sample_fever", "sample_hotpotqa"]
OTHERS = ["sample_boolq", "sample_zsre", "sample_squad"]


@with_settings("home")
def demo(
    everything: Annotated[bool, typer.Option("--all", help="Train all six sample benchmarks, not only three.")] = False,
    *,
    settings: Settings,
) -> None:
    """Train the built-in sample knowledge base on three small benchmarks; needs no network and no GPU.

    Example: wbrag demo
    """
    from wbrag_pipeline.commands.overview import print_findings, print_overview, print_result
    from wbrag_pipeline.commands.pipeline import run_pipeline

    _take_vectors(settings)
    benchmarks = SHOWN + OTHERS if everything else SHOWN
    for benchmark in benchmarks:  # one at a time, so that each result is seen as soon as it is there
        run_pipeline(settings, [benchmark])
        print_result(settings, benchmark)
    say()
    print_overview(settings, benchmarks)
    print_findings(settings, benchmarks)


def _take_vectors(settings: Settings) -> None:
    """Where encoding the sample would take minutes, take the vectors that are shipped with it."""
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
    from wbrag_pipeline.retrieval.encoding.shipped_vectors import SAMPLE_VECTORS, take_shipped_vectors

    settings.layout.mark_layout()
    if taken := take_shipped_vectors(SAMPLE_VECTORS, settings.layout.embeddings, load_encoder(settings.encoder)):
        say(f"corpus sample: {taken:,} vectors came with the package, nothing has to be encoded", err=True)
