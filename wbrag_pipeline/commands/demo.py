"""``wbrag demo``: the built-in sample, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings

SAMPLE = ["sample_nq", "sample_boolq", "sample_fever", "sample_zsre", "sample_hotpotqa", "sample_squad"]


@with_settings("home")
def demo(settings: Settings) -> None:
    """Train the built-in sample knowledge base on six small benchmarks; needs no network and no GPU.

    Example: wbrag demo
    """
    from wbrag_pipeline.commands.overview import print_overview
    from wbrag_pipeline.commands.pipeline import run_pipeline

    run_pipeline(settings, SAMPLE)
    print_overview(settings, SAMPLE)
