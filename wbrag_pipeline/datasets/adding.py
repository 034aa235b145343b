"""Adding a corpus or a benchmark to the registry: everything is read and checked first, then one file is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml

from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.benchmark_entry import Answers, Benchmark, Overlap
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.corpus_entry import Corpus, absolute_path
from wbrag_pipeline.datasets.documents.passage_cutting import WORDS_A_PASSAGE
from wbrag_pipeline.datasets.files.column_map import PASSAGE_NAMES, QUESTION_NAMES, ColumnMap
from wbrag_pipeline.datasets.metrics import metric_name
from wbrag_pipeline.datasets.registry import EntryKind, Registry, check_name, is_built_in
from wbrag_pipeline.datasets.splits import read_splits
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import language_code
from wbrag_pipeline.sentences import split_sentences
from wbrag_pipeline.storage import write_text


@dataclass(frozen=True)
class AddedCorpus:
    """What was found and written: the entry, its number of passages, they themselves (PASSAGES), and the YAML file.

    labelled: how many passages have access labels. labels: each with the number of its passages, the most first.
    bad: what was left out, and all else that was not taken in.
    """

    corpus: Corpus
    passages: int
    table: pl.DataFrame
    file: Path
    labelled: int
    labels: dict[str, int]
    bad: BadDocuments


@dataclass(frozen=True)
class AddedBenchmark:
    """What was found and written: the entry, questions a split, training questions left out, and the YAML file."""

    benchmark: Benchmark
    train_questions: int
    test_questions: int
    dropped: int
    file: Path


def add_corpus(
    home: Path,
    name: str,
    path: Path,
    description: str = "",
    *,
    columns: str = "",
    split: bool = False,
    language: str = "",
    replace: bool = False,
    skip_bad: bool = False,
) -> AddedCorpus:
    """Read the corpus at ``path`` whole and register it under ``home`` as ``name``.

    columns: names of columns as ``ColumnMap.parse`` reads them, kept in the entry.
    split: cut rows of more than WORDS_A_PASSAGE words into parts, now and whenever the corpus is read again.
    language: code of its language (``languages``), English when empty.
    skip_bad: leave out documents and rows that cannot be read; else the first one is refused.

    Raises InputError, with nothing changed, when the name is bad or taken (unless ``replace``), or when
    ``read_corpus`` refuses the corpus; MissingPartError where the library for its language is not installed.
    """
    file = free_entry(home, "corpora", name, list(Registry.load(home).corpora), replace)
    there = absolute_path(path)
    corpus = Corpus(
        name,
        there,
        description,
        WORDS_A_PASSAGE if split else 0,
        ColumnMap.parse(columns, PASSAGE_NAMES),
        language=language_code(language),
    )
    bad = BadDocuments(skip=skip_bad)
    if split and there.is_dir():
        raise InputError("a folder is always cut into passages", field="--split", hint="leave --split out")
    split_sentences("", corpus.language)  # raises before anything is written where its library is not installed
    passages = read_corpus(there, bad, corpus.columns, corpus.split, language=corpus.language)
    counts = passages["labels"].explode().drop_nulls().value_counts(sort=True, name="passages")
    labels = dict(counts.sort("passages", "labels", descending=[True, False]).iter_rows())
    write_entry(file, corpus.fields)
    labelled = int((passages["labels"].list.len() > 0).sum())
    return AddedCorpus(corpus, passages.height, passages, file, labelled, labels, bad)


def add_benchmark(
    home: Path,
    name: str,
    *,
    task: str,
    corpus: str,
    train: Path,
    test: Path | None = None,
    metric: str | None = None,
    description: str = "",
    answers: Answers = "given",
    overlap: Overlap = "refuse",
    source: str = "",
    columns: str = "",
    replace: bool = False,
) -> AddedBenchmark:
    """Read the splits whole and register them under ``home`` as ``name``; ``metric`` None is the task's own.

    columns: as for ``add_corpus``, of both files.

    Raises InputError, with nothing changed, when the name is bad or taken (unless ``replace``), the task, metric or
    corpus is unknown, a file is refused, a gold answer is none of the task's choices, or the splits share a question
    (see ``Benchmark.overlap``).
    """
    registry = Registry.load(home)
    file = free_entry(home, "benchmarks", name, list(registry.benchmarks), replace)
    benchmark = Benchmark(
        name=name,
        task=task_named(task).name,
        metric=metric_name(metric or task_named(task).metric),
        corpus=registry.corpus(corpus).name,
        train=absolute_path(train),
        test=absolute_path(test) if test else None,
        description=description,
        answers=answers,
        overlap=overlap,
        source=source,
        columns=ColumnMap.parse(columns, QUESTION_NAMES),
    )
    splits = read_splits(benchmark)
    write_entry(file, benchmark.fields)
    return AddedBenchmark(benchmark, splits.train.height, splits.test.height, splits.dropped, file)


def free_entry(home: Path, kind: EntryKind, name: str, taken: list[str], replace: bool) -> Path:
    """The YAML file for a new entry. Raises InputError when its name is bad, built in, or taken without ``replace``."""
    check_name(name)
    if is_built_in(kind, name):
        raise InputError(f"the name {name!r} is built in", field="name", hint="choose another name")
    file = home / kind / f"{name}.yaml"
    for other in taken:
        if other.casefold() == name.casefold() and not (replace and other == name):
            there = file.with_name(f"{other}.yaml")
            hint = "choose another name, or replace the entry with --replace"
            raise InputError(f"the name {other!r} is taken by {there}", field="name", hint=hint)
    return file


def write_entry(file: Path, fields: dict[str, str]) -> None:
    """Write an entry of the registry, without the fields that are empty."""
    present = {key: value for key, value in fields.items() if value}
    write_text(file, yaml.safe_dump(present, sort_keys=False, allow_unicode=True, width=4096))
