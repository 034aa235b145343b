"""A benchmark whose training questions a language model wrote from its corpus: their table, and its registration.

The questions lie in the home, since they are made of the corpus: what forgets a passage must reach them too.
"""

from __future__ import annotations

from dataclasses import replace as replace_fields
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.adding import AddedBenchmark, free_entry, write_entry
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.corpus_entry import absolute_path
from wbrag_pipeline.datasets.question_files import read_questions, shared_questions
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import Home
from wbrag_pipeline.storage import replacing
from wbrag_pipeline.table_files import write_parquet
from wbrag_pipeline.tables import SPLIT, Table

# `passage_id` is what a question was written from, `labels` that passage's access labels.
WRITTEN_QUESTIONS = Table(
    "written_questions",
    pl.Schema({**SPLIT.schema, "passage_id": pl.String(), "labels": pl.List(pl.String())}),
    SPLIT.key,
)


def plan_written_benchmark(
    home: Path, name: str, *, corpus: str, test: Path | None = None, replace: bool = False
) -> Benchmark:
    """The entry that is to be, checked before a model writes anything; nothing is changed.

    Raises InputError for a bad or taken name (unless ``replace``), an unknown corpus, a retriever, whose passages
    cannot be drawn from, or a bad test file.
    """
    registry = Registry.load(home)
    free_entry(home, "benchmarks", name, list(registry.benchmarks), replace)
    if registry.corpus(corpus).path is None:
        hint = "add its documents as a corpus: wbrag add corpus"
        raise InputError(f"{corpus!r} is a retriever: its passages cannot be drawn from", field="--corpus", hint=hint)
    planned = Benchmark(
        name=name,
        task=OPEN_QA.name,
        metric=OPEN_QA.metric,
        corpus=corpus,
        train=absolute_path(Home(home).questions(name)),
        test=absolute_path(test) if test else None,
        answers="synthetic",
        overlap="drop",
    )
    if planned.test:
        read_questions(planned.test, OPEN_QA)
    return planned


def add_written_benchmark(
    home: Path, planned: Benchmark, questions: pl.DataFrame, *, written_by: str, replace: bool = False
) -> AddedBenchmark:
    """Store WRITTEN_QUESTIONS in the home and register the benchmark that trains on them.

    written_by: for the entry's record. Training questions that are test questions too stay out of every run, and are
    counted. Raises InputError, with nothing changed, where no others are left.
    """
    file = free_entry(home, "benchmarks", planned.name, list(Registry.load(home).benchmarks), replace)
    benchmark = replace_fields(planned, source=written_by)
    asked = questions.select(list(SPLIT.schema))
    test = read_questions(planned.test, OPEN_QA) if planned.test else SPLIT.empty()
    dropped = shared_questions(asked, test)["train_id"].n_unique()
    if dropped == asked.height:
        hint = "ask about more passages (--passages), or use a larger model"
        raise InputError("no question is left to train on", field="--passages", hint=hint)
    with replacing(benchmark.train) as temporary:
        write_parquet(WRITTEN_QUESTIONS.check(questions), temporary)
    train = f"../{benchmark.train.parent.name}/{benchmark.train.name}"  # a home may be moved
    write_entry(file, {**benchmark.fields, "train": train})
    return AddedBenchmark(benchmark, asked.height - dropped, test.height, dropped, file)
