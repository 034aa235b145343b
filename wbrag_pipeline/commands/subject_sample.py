"""``wbrag experiment sample``: a small benchmark of whole subjects, as two question files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings("home", "encoder", "store", "index")
def sample_subjects(
    benchmark: Annotated[str, typer.Argument(help="The benchmark that is drawn from, see wbrag status.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to make, with train.jsonl and test.jsonl.")],
    train: Annotated[int, typer.Option(min=1, help="At most so many training questions.")] = 200,
    test: Annotated[int, typer.Option(min=1, help="At most so many test questions.")] = 100,
    *,
    settings: Settings,
) -> None:
    """Draw whole subjects of a benchmark, for a trial with a slow language model.

    A subject is the title of the passage that is nearest to a question. Questions that are drawn one by one (--limit)
    have hardly a subject in common, so that units help none of them.

    Example: wbrag experiment sample squad --train 400 --test 100 --out squad-subjects
    """
    from wbrag_pipeline.commands.pipeline import bring_corpora_up_to_date
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.experiments.subject_sample import draw_subjects, write_sample
    from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder
    from wbrag_pipeline.retrievers.opened_base import open_base
    from wbrag_pipeline.run_locks import at_work, corpus_lock

    registry = Registry.load(settings.home)
    entry = registry.benchmark(benchmark)
    entry.require_answers()
    entry.require_test()
    if registry.corpus(entry.corpus).path is None:
        raise InputError(
            f"{entry.corpus!r} is a retriever: the titles of its passages are not known",
            hint="--limit draws questions by their ids",
        )
    bring_corpora_up_to_date(settings, [benchmark])
    with at_work(settings.layout, "wbrag experiment", shared={corpus_lock(entry.corpus)}, tell=note):
        base = open_base(settings, entry.corpus, deployed_encoder(settings), for_training=True).unrestricted()
        splits = registry.splits(benchmark)
        sample = draw_subjects(splits.train, splits.test, base, train_limit=train, test_limit=test)
        write_sample(sample, out)
    say(
        f"{out}: {len(sample.subjects):,} subjects, {sample.train.height:,} training and {sample.test.height:,} test "
        "questions"
    )
    say(
        f"add it with: wbrag add benchmark {benchmark}_subjects --corpus {entry.corpus} --task {entry.task} "
        f"--metric {entry.metric} --train {out / 'train.jsonl'} --test {out / 'test.jsonl'}"
    )
