"""A benchmark as the registry names it: questions over a corpus, in two files or one log."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast, get_args

from wbrag_pipeline.datasets.corpus_entry import entry_columns, path_of
from wbrag_pipeline.datasets.entry_file import fields_of
from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, QUESTION_NAMES, ColumnMap
from wbrag_pipeline.datasets.logs.log_files import LOG_FORMATS, LOG_NAMES, LogFormat
from wbrag_pipeline.datasets.metrics import metric_name, without_alias
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.errors import InputError

Overlap = Literal["refuse", "drop"]
Answers = Literal["given", "none", "synthetic"]


@dataclass(frozen=True)
class Benchmark:
    """Questions over a corpus: ``train`` and ``test`` are absolute paths that ``read_questions`` takes.

    metric: a name in ``datasets.metrics``, or one that is not there now, see ``require_metric``.
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

    def require_metric(self) -> None:
        """Raise InputError where there is no such metric here: the package that brings it may be missing."""
        try:
            metric_name(self.metric)
        except InputError as error:
            hint = f"install the package that brings it, or name another in benchmarks/{self.name}.yaml: {error.hint}"
            raise InputError(f"{error.problem} for the benchmark {self.name!r}", field="metric", hint=hint) from None

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


def benchmark_from_entry(file: Path, corpora: Collection[str]) -> Benchmark:
    """The benchmark that an entry describes, over one of these corpora. Raises InputError with file and field."""
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
    return Benchmark(
        name=file.stem,
        task=fields["task"],
        metric=without_alias(fields.get("metric") or TASKS[fields["task"]].metric),
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
    if not value:
        return None
    with suppress(ValueError):
        if math.isfinite(number := float(value)):
            return number
    raise InputError(f"{value!r} is no number", file=file, field="up_from", hint='for example "4"')
