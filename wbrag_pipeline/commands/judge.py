"""``wbrag judge``: what the gates would do without gold answers, against what they do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings
    from wbrag_pipeline.training.context import StageContext

# What the study sets itself, and what does not matter to the gates.
_DECIDED_HERE = ("limit", "scorer", "validation_share", "rescue_depth", "fuse_labels", "curate", "private", "seed")


@with_settings(without=_DECIDED_HERE)
def judge(
    benchmarks: Annotated[list[str], typer.Argument(help="Benchmarks with answers, see wbrag status.")],
    limit: Annotated[int, typer.Option(help="At most so many questions of each.")] = 300,
    split: Annotated[
        str, typer.Option(help="Which questions: test, which no model was trained on, or train.")
    ] = "test",
    *,
    settings: Settings,
) -> None:
    """Run both gates with gold answers and with the generator's own verdict, and count where they agree.

    It tells how far --scorer judge can be trusted on questions like these. Nothing is stored but the generator's
    answers. The corpus' index must be there already.

    Example: wbrag judge sample_nq --limit 100
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.generation.accounts.budget import budget_of, spending
    from wbrag_pipeline.rag.methods import check_able
    from wbrag_pipeline.run_locks import at_work, corpus_lock
    from wbrag_pipeline.training.context import StageContext

    if split not in ("train", "test"):
        raise InputError(f"there is no split {split!r}", field="--split", hint="train or test")
    settings = settings.with_(limit=limit, validation_share=0.0, rescue_depth=0)
    entries = [Registry.load(settings.home).benchmark(name) for name in benchmarks]
    for entry in entries:
        if split == "train":
            entry.require_answers()
    corpora = {corpus_lock(entry.corpus) for entry in entries}
    with at_work(settings.layout, "wbrag judge", shared=corpora, tell=note), spending(budget_of(settings)):
        contexts = [StageContext.of(settings, entry.name, run="judge") for entry in entries]
        check_able(contexts[0].generator, contexts[0].method, judges=True)
        say("| benchmark | decision on | cases | both keep | gold only | judge only | neither | left out | alike | κ |")
        say("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        for context in contexts:
            _compare(context, split)


def _compare(context: StageContext, split: str) -> None:
    from dataclasses import replace

    import polars as pl

    from wbrag_pipeline import tables
    from wbrag_pipeline.evaluation.agreement import study_judge
    from wbrag_pipeline.training import stages

    # The questions of either split are judged as training questions are.
    labelled = replace(context, account="judge:", benchmark=replace(context.benchmark, answers="given"))
    asked = stages.questions(labelled).table.filter(split=split).with_columns(split=pl.lit("train"))
    found = stages.retrievals(labelled, asked).table
    passages = tables.PASSAGES.load_lazily(context.settings, context.benchmark.corpus)
    study = study_judge(labelled, asked, found, passages)
    for what, a in (("questions", study.questions), ("passages", study.passages)):
        kappa = "–" if a.kappa is None else f"{a.kappa:.2f}"
        counts = (a.cases, a.both, a.gold_only, a.judge_only, a.neither, a.left_out)
        shown = " | ".join(map(str, counts))
        say(f"| {context.benchmark.name} | {what} | {shown} | {a.share:.0%} | {kappa} |")
