"""``wbrag export``: the units of a release as files that another tool reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.commands.publish import say_if_another

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings(*RELEASE_SETTINGS)
def export(
    benchmark: Annotated[str, typer.Argument(help="The benchmark, see wbrag status.")],
    form: Annotated[
        str, typer.Option("--format", help="flashrag, jsonl, parquet, langchain, llamaindex or huggingface.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    release: Annotated[str, typer.Option("--release", help="For example r000003; the served one if left out.")] = "",
    with_labels: Annotated[
        bool, typer.Option("--with-labels", help="Also units and passages that only some readers may see.")
    ] = False,
    *,
    settings: Settings,
) -> None:
    """Write the units of a release into a folder; flashrag: corpus and units merged, with their FAISS index.

    What has access labels is left out and counted: files have no search that could hide it. wbrag forget does not reach
    what was exported.

    Example: wbrag export support --format flashrag --out support-flashrag
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.publishing.export import export as export_now
    from wbrag_pipeline.run_locks import at_work, corpus_lock

    corpus = Registry.load(settings.home).benchmark(benchmark).corpus
    with at_work(settings.layout, "wbrag export", shared=[corpus_lock(corpus)], tell=note):
        done = export_now(settings, benchmark, corpus, form, out, release=release, with_labels=with_labels)
    say_if_another(benchmark, done.wanted, done.release)
    passages = f"{done.passages:,} passages of {corpus} and " if form == "flashrag" else ""
    say(f"{out}: {passages}{done.units:,} units of {benchmark} {done.release}")
    for file in done.files:
        say(f"  {file}")
    if done.left_out or done.passages_left_out:
        left = f"{done.passages_left_out:,} passages and " if form == "flashrag" else ""
        say(f"left out: {left}{done.left_out:,} units with access labels; --with-labels writes them too")
