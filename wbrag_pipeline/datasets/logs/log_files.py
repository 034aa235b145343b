"""A log, a file or a folder of files, as one table, whatever tool wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, ColumnMap
from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.datasets.files.records import COMPRESSIONS, FORMATS, RecordFile, records
from wbrag_pipeline.datasets.logs.feedback import Judging
from wbrag_pipeline.datasets.logs.langfuse_log import LANGFUSE_COLUMNS, is_langfuse, read_langfuse
from wbrag_pipeline.datasets.logs.logged_answer import LOGGED, LoggedAnswer
from wbrag_pipeline.datasets.logs.otel_log import OTEL_COLUMNS, is_otel, read_otel
from wbrag_pipeline.datasets.logs.phoenix_log import PHOENIX_COLUMNS, is_phoenix, read_phoenix
from wbrag_pipeline.datasets.logs.plain_log import PLAIN_LOG, plain_answers
from wbrag_pipeline.datasets.logs.spans import SPAN_NAMES, Traces
from wbrag_pipeline.errors import InputError

LogFormat = Literal["jsonl", "csv", "langfuse", "phoenix", "otel"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)
# What --map can name in a log; "time" and the like are columns, so not in logs of spans.
LOG_NAMES = {name: name for name in PLAIN_LOG.columns}
_TOLD_BY: Mapping[LogFormat, Callable[[Mapping[str, Any]], bool]] = {
    "langfuse": is_langfuse,
    "phoenix": is_phoenix,
    "otel": is_otel,
}
_READERS: Mapping[LogFormat, Callable[[RecordFile, Traces], None]] = {
    "langfuse": read_langfuse,
    "phoenix": read_phoenix,
    "otel": read_otel,
}
_ALL_COLUMNS = LANGFUSE_COLUMNS | PHOENIX_COLUMNS | OTEL_COLUMNS | PLAIN_LOG.names


@dataclass(frozen=True)
class Log:
    """What a log holds: LOGGED, each answer once, and counts of what was not taken, by what it is."""

    table: pl.DataFrame
    notes: dict[str, int]


def read_log(path: Path, format: LogFormat, columns: ColumnMap = AS_IN_FILE, up_from: float | None = None) -> Log:
    """Read a log whole. An answer that is given twice, in one file or in several, counts once.

    path: a file, or a folder of such files, which are read by name. columns: names of columns, attributes and scores,
    where the log has its own. up_from: the lowest score that means good, where scores are not 1, 0 and -1.

    Raises InputError that names file, line and field.
    """
    notes = dict[str, int]()
    files = log_files(path)
    if format in ("jsonl", "csv"):
        found = [answer for file in files for answer in plain_answers(file, columns, up_from, notes)]
    else:
        for ours, _ in columns.pairs:
            if ours not in SPAN_NAMES:
                hint = f"one of {', '.join(SPAN_NAMES)}"
                raise InputError(f"{ours} cannot be named in a log of {format}", field="map", hint=hint)
        traces = Traces(columns, Judging(columns.of("feedback"), columns.of("correction"), up_from))
        for file in files:
            _READERS[format](file, traces)
        found = traces.answers(notes)
    if not found:
        hint = "check --format, and that inputs and outputs are recorded"
        raise InputError("holds no questions", file=name_of(path), hint=hint)
    table = pl.DataFrame([tuple(asdict(answer).values()) for answer in _once(found)], schema=LOGGED, orient="row")
    if again := len(found) - table.height:
        notes["answers that stand there twice"] = again
    return Log(table, notes)


def format_of(path: Path) -> LogFormat:
    """The format of a log, told by the first row of each of its files. Raises InputError where they differ."""
    found = {_format_of_file(file): file for file in log_files(path)}
    if len(found) > 1:
        told = "; ".join(f"{file.path.name} looks like {format}" for format, file in found.items())
        raise InputError(f"holds logs of several formats: {told}", file=name_of(path), hint="add one log a format")
    return next(iter(found))


def log_files(path: Path) -> list[RecordFile]:
    """The files of a log, by name. Raises InputError where there are none, or one is of no known kind."""
    if not path.is_dir():
        return [RecordFile.at(path)]
    found = [RecordFile.at(file) for file in sorted(path.rglob("*")) if file.is_file() and _is_log(file)]
    if not found:
        hint = f"files of a log end in {', '.join(FORMATS)}"
        raise InputError("holds no files of a log", file=name_of(path), hint=hint)
    return found


def known_format(format: str) -> LogFormat:
    """The format of that name. Raises InputError that lists those that there are."""
    if format not in LOG_FORMATS:
        raise InputError(f"there is no format {format!r}", field="format", hint=f"one of {', '.join(LOG_FORMATS)}")
    return format


def _is_log(file: Path) -> bool:
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() not in COMPRESSIONS]
    return not file.name.startswith(".") and bool(suffixes) and suffixes[-1] in FORMATS


def _format_of_file(file: RecordFile) -> LogFormat:
    for _, fields in islice(records(file, _ALL_COLUMNS), 1):
        for format, fits in _TOLD_BY.items():
            if fits(fields):
                return format
    return "csv" if file.format == "csv" else "jsonl"


def _once(answers: list[LoggedAnswer]) -> Iterator[LoggedAnswer]:
    """Each answer once, in the order of its first row; what was said about any of its rows is said about it."""
    kept = dict[object, LoggedAnswer]()
    for number, answer in enumerate(answers):
        told = (answer.question, answer.answer, answer.asked_at, answer.session)
        key = (answer.log_id, answer.question) if answer.log_id else (told if answer.asked_at is not None else number)
        before = kept.get(key)
        kept[key] = answer if before is None else _joined(before, answer)
    yield from kept.values()


def _joined(before: LoggedAnswer, after: LoggedAnswer) -> LoggedAnswer:
    return LoggedAnswer(
        **{
            **asdict(after),
            "up": before.up or after.up,
            "down": before.down or after.down,
            "correction": after.correction or before.correction,
            "comment": after.comment or before.comment,
        }
    )
