"""Which corpora and benchmarks there are: one small YAML file each, built in or under ``WBRAG_HOME``.

``corpora/wiki.yaml``::

    path: ../data/wiki.jsonl.gz     # absolute, or relative to this file
    description: English Wikipedia, December 2018
    map: text=body,labels=groups    # names of columns, where the file has its own; see datasets.column_map
    split: "100"                    # rows of more words are cut into parts of so many; they are not when left out
    language: de                    # of texts and questions; English when left out, see languages

A corpus may be a retriever of the user's own, which has, in the place of ``path`` (see ``retriever_entry``)::

    url: http://localhost:8000/retrieve
    format: search-r1               # or openai
    token_env: SUPPORT_TOKEN        # the variable that holds the token; or, in the place of all three:
    entry_point: my_package.retrieval:make_retriever

``benchmarks/nq.yaml``::

    task: open_qa                   # see datasets.tasks
    metric: accuracy                # see datasets.metrics; the task's own when left out
    corpus: wiki
    train: ../data/nq/train.jsonl
    test: ../data/nq/test.jsonl     # may be left out: nothing is evaluated then
    answers: given                  # or none: the training questions are unlabelled, for scorer: judge; or synthetic:
                                    # a language model wrote them from the corpus (wbrag add questions)
    map: question=input,answer=expected_output      # of both files
    overlap: refuse                 # or drop: training questions that are test questions too are left out
    log: langfuse                   # train is a log of this format, a file or a folder; test is the same, or left out
    up_from: "4"                    # the lowest score of that log that means good, where scores are not 1, 0 and -1
    personal: keep                  # of that log also questions that hold personal data; they are left out otherwise
    source: ""                      # where the files came from, for the record

The file's name is the entry's name. Entries are checked when the registry is loaded; the data files when they are
read, so that one file that moved does not take the others away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.benchmark_entry import Benchmark, benchmark_from_entry
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.corpus_entry import Corpus, corpus_of
from wbrag_pipeline.datasets.documents.folder_reading import DocumentRecord
from wbrag_pipeline.datasets.splits import Splits, read_splits
from wbrag_pipeline.datasets.tombstones import NOTHING_FORGOTTEN, Tombstones, read_tombstones
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import Home

EntryKind = Literal["corpora", "benchmarks"]  # the folder that an entry lies in

BUILT_IN = Path(__file__).parent / "builtin"
# Names are path components and Dagster partition keys.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Registry:
    """All corpora and benchmarks by name, built-in ones first."""

    corpora: dict[str, Corpus]
    benchmarks: dict[str, Benchmark]
    forgotten: Tombstones = NOTHING_FORGOTTEN

    @classmethod
    def load(cls, home: Path) -> Registry:
        """The built-in entries and those under ``home``; a home that does not exist yet holds none.

        Raises InputError with file and field on a broken entry: not YAML, an unknown or missing key, a value that is
        not text, an unknown task or corpus, a bad name, or the name of a built-in one. A metric may be that of a
        package that is not installed here: only its benchmark cannot be worked with then.
        """
        Home(home).check_layout()
        corpora: dict[str, Corpus] = {}
        for file in _entries("corpora", home):
            corpora[file.stem] = corpus_of(file)
        benchmarks: dict[str, Benchmark] = {}
        for file in _entries("benchmarks", home):
            benchmarks[file.stem] = benchmark_from_entry(file, corpora)
        return cls(corpora, benchmarks, read_tombstones(home))

    def corpus(self, name: str) -> Corpus:
        """The corpus of that name. Raises InputError that lists the names there are."""
        if name not in self.corpora:
            raise InputError(f"there is no corpus {name!r}", field="corpus", hint=f"one of {', '.join(self.corpora)}")
        return self.corpora[name]

    def benchmark(self, name: str) -> Benchmark:
        """The benchmark of that name, to work with. Raises InputError as ``entry``, and where its metric is missing."""
        self.entry(name).require_metric()
        return self.entry(name)

    def entry(self, name: str) -> Benchmark:
        """The same, also where its metric is missing. Raises InputError that lists the names there are."""
        if name not in self.benchmarks:
            hint = f"one of {', '.join(self.benchmarks)}"
            raise InputError(f"there is no benchmark {name!r}", field="benchmark", hint=hint)
        return self.benchmarks[name]

    def benchmarks_of(self, corpus: str) -> list[str]:
        """Names of the benchmarks over a corpus, in the registry's order."""
        return [benchmark.name for benchmark in self.benchmarks.values() if benchmark.corpus == corpus]

    def passages(
        self,
        corpus: str,
        bad: BadDocuments | None = None,
        *,
        first: int | None = None,
        documents: DocumentRecord | None = None,
    ) -> pl.DataFrame:
        """The corpus as PASSAGES, less what was forgotten.

        bad: takes note of documents and rows that cannot be read; None refuses the first. first: only so many passages.
        documents: as for ``read_corpus``.

        Raises InputError for an unknown name or a file that cannot be taken.
        """
        entry = self.corpus(corpus)
        if entry.path is None:
            raise InputError(f"{corpus!r} is a retriever and has no file to read", field="corpus")
        _require(entry.path, f"corpora/{corpus}.yaml")
        found = read_corpus(entry.path, bad, entry.columns, entry.split, first, entry.language, documents)
        return self.forgotten.without_forgotten_passages(found, corpus)

    def language_of(self, benchmark: str) -> str:
        """The language of a benchmark: that of its corpus."""
        return self.corpus(self.entry(benchmark).corpus).language

    def splits(self, benchmark: str) -> Splits:
        """Both splits as they are in their files, less what was forgotten; gold answers of choices are canonical.

        No training question is a test question: such ones are dropped or refused, as ``Benchmark.overlap`` says. Raises
        InputError for an unknown name or a bad file. ``training.stages.questions`` limits and splits them for a run.
        """
        entry = self.entry(benchmark)
        for file in filter(None, (entry.train, entry.test)):
            _require(file, f"benchmarks/{benchmark}.yaml")
        return read_splits(entry, self.forgotten)


def _require(path: Path, entry: str) -> None:
    if not os.path.exists(path):
        raise InputError("there is no such file", file=path, hint=f"check the path in {entry}")


def is_built_in(kind: EntryKind, name: str) -> bool:
    """Whether an entry of that name comes with the package."""
    return (BUILT_IN / kind / f"{name}.yaml").exists()


def check_name(name: str, file: Path | None = None) -> None:
    """Refuse a name that cannot be a file name and a partition key. Raises InputError."""
    if not _NAME.fullmatch(name):
        hint = "letters, digits, and inside also dots, dashes and underscores; at most 64"
        raise InputError(f"{name!r} cannot be a name", file=file, field="name", hint=hint)
    if name.casefold() == "embeddings":  # where the home keeps the vectors of all corpora, beside a folder for each
        raise InputError(f"{name!r} is the name of a folder of the home", file=file, field="name", hint="use another")


def _entries(kind: EntryKind, home: Path) -> Iterator[Path]:
    """YAML files of a kind, built-in ones first, each group by name. No two have names that differ in case alone."""
    taken: dict[str, str] = {}
    for folder in (BUILT_IN / kind, home / kind):
        if not folder.is_dir():
            continue
        for file in sorted(folder.iterdir()):
            if file.name.startswith(".") or file.suffix not in {".yaml", ".yml"}:
                continue
            check_name(file.stem, file)
            if file.suffix == ".yml":
                raise InputError("would not be read", file=file, hint=f"name it {file.stem}.yaml")
            clash = taken.get(file.stem.casefold())
            if clash is not None:
                raise InputError(f"the name {clash!r} is taken", file=file, field="name", hint="rename the file")
            taken[file.stem.casefold()] = file.stem
            yield file
