"""``wbrag judge``: what the gates would do without gold answers, against what they do with them."""

from __future__ import annotations

from typing import Annotated

import typer

from wbrag_pipeline.commands.options import TopK, Variant, bundled
from wbrag_pipeline.errors import InputError


@bundled
def judge(
    benchmarks: Annotated[list[str], typer.Argument(help="Benchmarks with answers, see wbrag status.")],
    limit: Annotated[int, typer.Option(help="At most so many questions of each.")] = 300,
    split: Annotated[
        str, typer.Option(help="Which questions: test, which no model was trained on, or train.")
    ] = "test",
    top_k: TopK = 5,
    *,
    variant: Variant,
) -> None:
    """Run both gates with gold answers and with the generator's own verdict, and count where they agree.

    It tells how far --scorer judge can be trusted on questions like these. Nothing is stored but the generator's
    answers. The corpus' index must be there already.

    Example: wbrag judge sample_nq --limit 100
    """
    import polars as pl

    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.datasets.tasks import task_named
    from wbrag_pipeline.evaluation.agreement import study_judge
    from wbrag_pipeline.generation.engines import deployed_generator
    from wbrag_pipeline.generation.ledger import accounting
    from wbrag_pipeline.rag.methods import check_able, method_named
    from wbrag_pipeline.rag.searching import Search
    from wbrag_pipeline.retrieval.corpus import open_knowledge_base
    from wbrag_pipeline.retrieval.encoder import load_encoder
    from wbrag_pipeline.retrieval.knowledge_base import CORPUS
    from wbrag_pipeline.training.judging import JudgingScorer
    from wbrag_pipeline.training.scoring import Scorer, retrieve

    if split not in ("train", "test"):
        raise InputError(f"there is no split {split!r}", field="--split", hint="train or test")
    settings = variant.settings(top_k=top_k)
    registry, policy = Registry.load(settings.home), method_named(settings.method)
    vectors, model = load_encoder(settings.encoder), deployed_generator(settings)
    check_able(model, policy, judges=True)
    typer.echo(
        "| benchmark | decision on | cases | both keep | gold only | judge only | neither | left out | alike | κ |"
    )
    typer.echo("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name in benchmarks:
        entry = registry.benchmark(name)
        if split == "train":
            entry.require_answers()
        questions = registry.questions(name, "train" if split == "train" else "test", limit=limit)
        # As in training: the gates look at everything, and what comes out is counts.
        base = open_knowledge_base(settings, entry.corpus, vectors).unrestricted()
        task = task_named(entry.task)
        with accounting("judge", partition=name):
            found = retrieve(questions, base, settings.top_k, policy, model)
            texts = base.hits_with_text(found.with_columns(pl.lit(CORPUS).alias("origin"))).unique("passage_id")
            study = study_judge(
                questions,
                found,
                texts,
                Scorer(model, policy, task, entry.metric),
                JudgingScorer.over(found, texts, model, policy, task),
                settings.gates,
                Search(base, settings.top_k),
            )
        for what, a in (("questions", study.questions), ("passages", study.passages)):
            kappa = "–" if a.kappa is None else f"{a.kappa:.2f}"
            counts = (a.cases, a.both, a.gold_only, a.judge_only, a.neither, a.left_out)
            typer.echo(f"| {name} | {what} | {' | '.join(map(str, counts))} | {a.share:.0%} | {kappa} |")
