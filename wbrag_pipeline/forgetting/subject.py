"""What is to be forgotten: found by id, known from then on by content.

A passage is forgotten with every version of it and every copy of its text, under whatever id and in whatever corpus;
with it go the units that were made of it. A unit goes with every unit that says the same, in every benchmark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from wbrag_pipeline.datasets.tombstones import Tombstones, evidence_hash, question_hash
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.forgetting.phrases import Phrases, phrases_of
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.storage import sha256_of_text

SubjectKind = Literal["passage", "source", "unit", "question"]
SUBJECT_KINDS: tuple[SubjectKind, ...] = get_args(SubjectKind)
_BY_CONTENT = ["title", "text", "content_hash"]
_ROWS_AT_ONCE = 50_000
_PASSAGE = {"passage_id", "title", "text", "content_hash", "source"}
_RECORDED_UNIT = {"unit_id", "benchmark", "question_id", "sources"}
_UNIT = {"unit_id", "title", "text", "question_id", "benchmark", "source_passage_ids", "source_hashes"}


@dataclass(frozen=True)
class Subject:
    """What goes, by id and hash, and the phrases that tell its text.

    passages: (corpus, passage id, content hash). units: (unit id, sha256 of title and text). questions: (benchmark,
    question id). touched: (benchmark, question id) of questions that were answered with one of the passages.
    """

    kind: SubjectKind
    ids: tuple[str, ...]
    passages: tuple[tuple[str, str, str], ...]
    units: tuple[tuple[str, str], ...]
    questions: tuple[tuple[str, str], ...]
    touched: tuple[tuple[str, str], ...]
    tombstones: Tombstones
    phrases: Phrases

    @property
    def unit_ids(self) -> list[str]:
        """Ids of the units, each once."""
        return sorted({unit for unit, _ in self.units})

    @property
    def content_hashes(self) -> list[str]:
        """Content hashes of the passages, each once."""
        return sorted({content for _, _, content in self.passages})

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        found = asdict(self)
        found["tombstones"] = {name: sorted(hashes) for name, hashes in found["tombstones"].items()}
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Subject:
        """What ``to_json`` gave."""
        pairs = {name: tuple(map(tuple, found[name])) for name in ("passages", "units", "questions", "touched")}
        return cls(
            kind=found["kind"],
            ids=tuple(found["ids"]),
            tombstones=Tombstones(**{name: frozenset(hashes) for name, hashes in found["tombstones"].items()}),
            phrases=Phrases(tuple(found["phrases"]["phrases"]), tuple(found["phrases"]["names"])),
            **pairs,
        )


def find_subject(
    home: StoredFiles, kind: SubjectKind, ids: Sequence[str], corpus: str | None = None, benchmark: str | None = None
) -> Subject:
    """Find what these ids name in the stored tables.

    Raises InputError for an id that names nothing, or things in several corpora or benchmarks where none is given.
    """
    if corpus is not None:
        home.registry.corpus(corpus)
    if benchmark is not None:
        home.registry.benchmark(benchmark)
    gone = pl.DataFrame(schema=dict.fromkeys(["_corpus", "passage_id", "content_hash"], pl.String))
    questions = pl.DataFrame(schema=dict.fromkeys(["_benchmark", "question_id", "question"], pl.String))
    if kind in ("passage", "source"):
        passages = _frames(home, _PASSAGE, less=("title", "text"))
        column = "passage_id" if kind == "passage" else "source"
        named = _named(passages, column, ids, "_corpus", corpus, kind)
        gone = passages.join(named, on="content_hash", how="semi").select(gone.columns)
    elif kind == "question":
        asked = _frames(home, {"question_id", "question"})
        questions = _named(asked, "question_id", ids, "_benchmark", benchmark, kind).select(questions.columns)
    units = _frames(home, _UNIT, optional=kind != "unit")
    if kind == "unit":
        named = _named(units, "unit_id", ids, "_benchmark", benchmark, kind)
        made = units.join(named, on=["title", "text"], how="semi")
    else:
        made = _made_of(units, gone, questions) if units.height else units
    wanted = [*_texts_of(home, gone), *_joined(made), *questions["question"].unique()]
    hashes = gone["content_hash"].unique().to_list()
    staying = Tombstones(frozenset(hashes), frozenset(map(question_hash, questions["question"])))
    phrases = phrases_of(wanted, made["unit_id"].unique()).less_those_in(_what_stays(home, staying))
    evidence = _evidence(home, made) if kind == "unit" else []
    said = made.select("unit_id", "title", "text").iter_rows()
    return Subject(
        kind,
        tuple(ids),
        passages=_rows(gone, "_corpus", "passage_id", "content_hash"),
        units=tuple(sorted({(unit, sha256_of_text(title, text)) for unit, title, text in said})),
        questions=_rows(questions, "_benchmark", "question_id"),
        touched=_touched(home, gone),
        tombstones=Tombstones(staying.passages, staying.questions, frozenset(evidence)),
        phrases=phrases,
    )


def _files_with(home: StoredFiles, columns: Collection[str]) -> Iterator[Path]:
    for file in home.parquet():
        # A damaged file is found by the search at the end.
        with suppress(OSError, pl.exceptions.PolarsError):
            if set(columns) <= set(pl.read_parquet_schema(file)):
                yield file


def _frames(
    home: StoredFiles, columns: Collection[str], *, less: Collection[str] = (), optional: bool = False
) -> pl.DataFrame:
    """Rows of all stored tables that have these columns, with ``_corpus`` and ``_benchmark``, each once."""
    taken = sorted(set(columns) - set(less))
    parts = [home.scoped(pl.read_parquet(file, columns=taken), file) for file in _files_with(home, columns)]
    if not parts and not optional:
        raise InputError("nothing of that kind is stored here", file=home.settings.home, hint="check WBRAG_HOME")
    nothing = pl.DataFrame(schema=dict.fromkeys([*taken, "_benchmark", "_corpus"], pl.String))
    return pl.concat(parts, how="vertical_relaxed").unique() if parts else nothing


def _named(
    rows: pl.DataFrame, column: str, ids: Sequence[str], place: str, wanted: str | None, kind: str
) -> pl.DataFrame:
    option = "--" + place.removeprefix("_")
    found = rows.filter(pl.col(column).is_in(list(ids)))
    if wanted is not None:
        found = found.filter(pl.col(place) == wanted)
    for name in ids:
        places = found.filter(pl.col(column) == name)[place].drop_nulls().unique().sort().to_list()
        if not places:
            within = f" in {wanted}" if wanted else ""
            raise InputError(f"there is no {kind} {name!r}{within}", hint="wbrag lineage ID and wbrag status show ids")
        if len(places) > 1 and kind != "unit":
            raise InputError(f"the {kind} {name!r} is in {', '.join(places)}", hint=f"say which with {option}")
    return found


def _made_of(units: pl.DataFrame, passages: pl.DataFrame, questions: pl.DataFrame) -> pl.DataFrame:
    """The units made of these passages, in any version, or for these questions."""
    rows = units.with_row_index("_row")
    of = {"passage_id": "source_passage_ids", "content_hash": "source_hashes"}
    parts = rows.select("_row", "_corpus", "_benchmark", "question_id", **of).explode(*of, empty_as_null=True)
    hits = [
        parts.join(known, on=known.columns, how="semi").select("_row")
        for known in (
            passages.select("_corpus", "passage_id"),
            passages.select("content_hash"),
            questions.select("_benchmark", "question_id"),
        )
    ]
    return rows.join(pl.concat(hits), on="_row", how="semi").drop("_row")


def _evidence(home: StoredFiles, units: pl.DataFrame) -> list[str]:
    """What the units were made from, as ``evidence_hash`` tells it: as they are stored, and as they were distilled.

    A stored unit may have other sources since: more by merging, fewer by a refresh. The lineage knows the first ones.
    """
    columns = ["benchmark", "question_id", "source_hashes"]
    first = [
        pl.read_parquet(file, columns=["unit_id", "benchmark", "question_id", "sources"])
        .join(units.select("unit_id").unique(), on="unit_id", how="semi")
        .with_columns(source_hashes=pl.col("sources").list.eval(pl.element().struct.field("content_hash")))
        .select(columns)
        for file in _files_with(home, _RECORDED_UNIT)
    ]
    return [evidence_hash(*row) for row in pl.concat([units.select(columns), *first]).unique().iter_rows()]


def _touched(home: StoredFiles, passages: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    """Questions that got one of these passages."""
    found = _frames(home, {"question_id", "passage_id"}, optional=True)
    hit = found.join(passages.select("_corpus", "passage_id"), on=["_corpus", "passage_id"], how="semi")
    return _rows(hit, "_benchmark", "question_id")


def _texts_of(home: StoredFiles, passages: pl.DataFrame) -> list[str]:
    """Titles and texts of these passages, in all stored versions."""
    wanted = passages.select("content_hash").unique().lazy()
    parts = [
        pl.scan_parquet(file).select(_BY_CONTENT).join(wanted, on="content_hash", how="semi").collect()
        for file in _files_with(home, _PASSAGE)
    ]
    return _joined(pl.concat(parts).unique("content_hash")) if passages.height else []


def _what_stays(home: StoredFiles, gone: Tombstones) -> Iterator[pl.Series]:
    """Texts that stay: all other passages, and the questions with their answers."""
    for file in _files_with(home, _PASSAGE):
        for part in pl.read_parquet(file, columns=_BY_CONTENT).iter_slices(_ROWS_AT_ONCE):
            yield pl.Series(_joined(gone.without_forgotten_passages(part)), dtype=pl.String)
    for name in home.registry.benchmarks:
        with suppress(WbragError):
            splits = home.registry.splits(name)
            for part in (splits.train, splits.test):
                asked = gone.without_forgotten_questions(part)
                yield asked["question"]
                yield asked["golden_answers"].list.join(" ")


def _joined(rows: pl.DataFrame) -> list[str]:
    return rows.select(pl.concat_str("title", "text", separator="\n"))["title"].to_list()


def _rows(frame: pl.DataFrame, *columns: str) -> tuple[Any, ...]:
    return tuple(frame.select(columns).drop_nulls().unique().sort(columns).iter_rows())
