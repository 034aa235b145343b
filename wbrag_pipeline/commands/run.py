"""``wbrag run``: train and evaluate benchmarks, through Dagster."""

from __future__ import annotations

from typing import Annotated

import typer

from wbrag_pipeline.commands.options import Curate, RescueDepth, TopK, ValidationShare, Variant, bundled


@bundled
def run(
    benchmarks: Annotated[list[str], typer.Argument(help="Benchmarks to train, see wbrag status.")],
    limit: Annotated[int | None, typer.Option(help="At most so many questions a split.")] = None,
    top_k: TopK = 5,
    tau_s: Annotated[float, typer.Option(help="Least score with retrieval.")] = 0.1,
    tau_delta: Annotated[float, typer.Option(help="Least gain of retrieval over none.")] = 0.01,
    tau_doc: Annotated[float, typer.Option(help="Least gain of one passage alone over none.")] = 0.01,
    n_min: Annotated[int, typer.Option(help="Passages taken by rank when none passes alone.")] = 2,
    scorer: Annotated[str | None, typer.Option(help="What the gates go by: gold answers, or judge.")] = None,
    curate: Curate = None,
    failure_share: Annotated[
        float | None, typer.Option(help="Share of a stage's generator calls that may fail for good; 0.01 if left out.")
    ] = None,
    fuse_labels: Annotated[
        bool, typer.Option("--fuse-labels", help="Make units of passages with different access labels too.")
    ] = False,
    validation_share: ValidationShare = 0.1,
    rescue_depth: RescueDepth = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read the corpora again even if unchanged.")] = False,
    *,
    variant: Variant,
) -> None:
    """Train write-back indexes and compare test scores without and with them.

    What was done before is not done again: passages that did not change keep their vectors, and the
    generator is never asked twice. The runs show in wbrag ui.

    Example: wbrag run sample_nq sample_fever
    """
    from wbrag_pipeline.commands.overview import print_overview
    from wbrag_pipeline.commands.pipeline import run_pipeline
    from wbrag_pipeline.commands.release import held_back
    from wbrag_pipeline.settings import Gates

    settings = variant.settings(
        scorer=scorer,
        curate=None if curate is None else "on" if curate else "off",
        top_k=top_k,
        limit=limit,
        fuse_labels=fuse_labels,
        validation_share=validation_share,
        rescue_depth=rescue_depth,
        gates=Gates(tau_s, tau_delta, tau_doc, n_min),
        failure_share=failure_share,
    )
    run_pipeline(settings, list(dict.fromkeys(benchmarks)), refresh=refresh)
    print_overview(settings, list(dict.fromkeys(benchmarks)))
    for name in dict.fromkeys(benchmarks):
        if told := held_back(settings, name):
            typer.echo(f"{name}: {told}")
