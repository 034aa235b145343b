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

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast, get_args

import polars as pl

from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.corpus_entry import Corpus, corpus_of, entry_columns, path_of
from wbrag_pipeline.datasets.documents.folder_reading import DocumentRecord
from wbrag_pipeline.datasets.entry_file import fields_of
from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, QUESTION_NAMES, ColumnMap
from wbrag_pipeline.datasets.logs.log_files import LOG_FORMATS, LOG_NAMES, LogFormat
from wbrag_pipeline.datasets.metrics import metric_name
from wbrag_pipeline.datasets.splits import Splits, read_splits
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.datasets.tombstones import NOTHING_FORGOTTEN, Tombstones, read_tombstones
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import Home

EntryKind = Literal["corpora", "benchmarks"]  # the folder that an entry lies in
Overlap = Literal["refuse", "drop"]
Answers = Literal["given", "none", "synthetic"]

BUILT_IN = Path(__file__).parent / "builtin"
# Names are path components and Dagster partition keys.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Benchmark:
    """Questions over a corpus: ``train`` and ``test`` are absolute paths that ``read_questions`` takes.

    test: None where there is nothing to evaluate with.
    answers: "none" where training goes without gold answers; those that the file may have are not read. "synthetic"
        where a language model wrote the training questions with their answers: these train and decide about no release.
    overlap: what happens to training questions that are test questions too: "refuse" the benchmark, or "drop" them.
    source: where the files came from, empty when the user brought them.
    columns: which columns of both files are meant, where they have names of their own.
    log: the format where ``train`` is a log, from which both splits are made; ``test`` is the same, or None where all
        of it trains. up_from, keep_personal: see
        ``logs.log_files.read_log`` and ``logs.log_benchmark.splits_of_log``.
    """

    name: str
    task: str
    metric: str
    corpus: str
    train: Path
    test: Path | None
    description: str = ""
    answers: Answers = "given"
    overlap: Overlap = "refuse"
    source: str = ""
    columns: ColumnMap = AS_IN_FILE
    log: LogFormat | None = None
    up_from: float | None = None
    keep_personal: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """The keys of its entry; one that is empty need not be written."""
        return {
            "task": self.task,
            "metric": self.metric,
            "corpus": self.corpus,
            "train": str(self.train),
            "test": str(self.test or ""),
            "description": self.description,
            "answers": "" if self.answers == "given" else self.answers,
            "overlap": "" if self.log else self.overlap,
            "source": self.source,
            "log": self.log or "",
            "map": str(self.columns),
            "up_from": "" if self.up_from is None else f"{self.up_from:g}",
            "personal": "keep" if self.keep_personal else "",
        }

    def require_answers(self) -> None:
        """Raise InputError where there are no gold answers to score training questions by."""
        if self.answers == "none":
            self.refuse_unanswered()

    def refuse_unanswered(self) -> NoReturn:
        """Raise InputError: there are no answers to score training questions by."""
        raise InputError(
            f"the training questions of {self.name} have no answers to score by",
            field="scorer",
            hint="let the generator judge: --scorer judge",
        )

    def require_test(self) -> None:
        """Raise InputError where there are no test questions."""
        if self.test is None:
            hint = f"add some: wbrag add benchmark {self.name} --replace --test FILE …"
            raise InputError(f"the benchmark {self.name!r} has no test questions", field="test", hint=hint)


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
        not text, an unknown task, metric or corpus, a bad name, or the name of a built-in one.
        """
        Home(home).check_layout()
        corpora: dict[str, Corpus] = {}
        for file in _entries("corpora", home):
            corpora[file.stem] = corpus_of(file)
        benchmarks: dict[str, Benchmark] = {}
        for file in _entries("benchmarks", home):
            benchmarks[file.stem] = _benchmark(file, corpora)
        return cls(corpora, benchmarks, read_tombstones(home))

    def corpus(self, name: str) -> Corpus:
        """The corpus of that name. Raises InputError that lists the names there are."""
        if name not in self.corpora:
            raise InputError(f"there is no corpus {name!r}", field="corpus", hint=f"one of {', '.join(self.corpora)}")
        return self.corpora[name]

    def benchmark(self, name: str) -> Benchmark:
        """The benchmark of that name. Raises InputError that lists the names there are."""
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
        return self.corpus(self.benchmark(benchmark).corpus).language

    def splits(self, benchmark: str) -> Splits:
        """Both splits as they are in their files, less what was forgotten; gold answers of choices are canonical.

        No training question is a test question: such ones are dropped or refused, as ``Benchmark.overlap`` says. Raises
        InputError for an unknown name or a bad file. ``training.stages.questions`` limits and splits them for a run.
        """
        entry = self.benchmark(benchmark)
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


def _benchmark(file: Path, corpora: dict[str, Corpus]) -> Benchmark:
    optional = ("test", "metric", "description", "answers", "overlap", "source", "map", "log", "up_from", "personal")
    fields = fields_of(file, required=("task", "corpus", "train"), optional=optional)
    checks = (
        ("task", fields["task"], list(TASKS)),
        ("corpus", fields["corpus"], list(corpora)),
        ("answers", fields.get("answers", "given"), list(get_args(Answers))),
        ("overlap", fields.get("overlap", "refuse"), list(get_args(Overlap))),
        ("log", fields.get("log", ""), ["", *LOG_FORMATS]),
        ("personal", fields.get("personal", "leave out"), ["leave out", "keep"]),
    )
    for field, value, known in checks:
        if value not in known:
            hint = f"one of {', '.join(filter(None, known))}"
            raise InputError(f"there is no {field} {value!r}", file=file, field=field, hint=hint)
    log = cast("LogFormat | None", fields.get("log") or None)
    if log is None and (alone := next((name for name in ("up_from", "personal") if name in fields), None)):
        raise InputError("is of a log alone", file=file, field=alone, hint="add the line `log: ...`, or take it out")
    if log is not None and fields.get("test", fields["train"]) != fields["train"]:
        hint = "name the log, or take the line out"
        raise InputError("a log is parted into training and test", file=file, field="test", hint=hint)
    try:
        metric = metric_name(fields.get("metric") or TASKS[fields["task"]].metric)
    except InputError as error:
        raise InputError(error.problem, file=file, field="metric", hint=error.hint) from None
    return Benchmark(
        name=file.stem,
        task=fields["task"],
        metric=metric,
        corpus=fields["corpus"],
        train=path_of(file, fields["train"]),
        test=path_of(file, fields["test"]) if fields.get("test") else None,
        description=fields.get("description", ""),
        answers=cast(Answers, fields.get("answers", "given")),
        overlap=cast(Overlap, fields.get("overlap", "refuse")),
        source=fields.get("source", ""),
        columns=entry_columns(file, fields, LOG_NAMES if log else QUESTION_NAMES),
        log=log,
        up_from=_number(file, fields),
        keep_personal=fields.get("personal") == "keep",
    )


def _number(file: Path, fields: dict[str, str]) -> float | None:
    value = fields.get("up_from")
    try:
        return finite_number(value) if value else None
    except ValueError:
        raise InputError(f"{value!r} is no number", file=file, field="up_from", hint='for example "4"') from None


def finite_number(text: str) -> float:
    """The number in a text. Raises ValueError for none, and for what is not finite."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
