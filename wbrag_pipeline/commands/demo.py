"""``wbrag demo``: the built-in sample, end to end."""

from __future__ import annotations

from wbrag_pipeline.commands.options import Home, settings_of

SAMPLE = ["sample_nq", "sample_boolq", "sample_fever", "sample_zsre", "sample_hotpotqa", "sample_squad"]


def demo(home: Home = None) -> None:
    """Train the built-in sample knowledge base on six small benchmarks; needs no network and no GPU.

    Example: wbrag demo
    """
    from wbrag_pipeline.commands.overview import print_overview
    from wbrag_pipeline.commands.pipeline import run_pipeline

    settings = settings_of(home=home)
    run_pipeline(settings, SAMPLE)
    print_overview(settings, SAMPLE)
