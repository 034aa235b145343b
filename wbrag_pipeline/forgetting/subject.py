"""What is to be forgotten: found by id, known from then on by content.

A passage is forgotten with every version of it and every copy of its text, under whatever id and in whatever corpus;
with it go the units that were made of it. A unit goes with every unit that says the same, in every benchmark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import polars as pl

from wbrag_pipeline.datasets.tombstones import (
    Tombstones,
    evidence_hashes,
    question_hashes,
    source_hash,
    text_hashes,
    tombstones_from,
)
from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.forgetting import stored_passages
from wbrag_pipeline.forgetting.phrases import Phrases, phrases_of
from wbrag_pipeline.forgetting.question_splits import QUESTION_SPLITS, QuestionSplit, questions_of, split_of
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.stored_passages import files_with, frames_with
from wbrag_pipeline.storage import sha256_of_text

SubjectKind = Literal["passage", "source", "unit", "question"]
SUBJECT_KINDS: tuple[SubjectKind, ...] = get_args(SubjectKind)
_UNREGISTERED = "(not registered)"  # in place of the corpus, for what is left of one
_RECORDED_UNIT = {"unit_id", "benchmark", "question", "sources"}
# What a question that was written from a passage has, and no other table.
_WRITTEN = {"question_id", "question", "golden_answers", "passage_id"}
_QUESTION = ("_benchmark", "_split", "question_id", "question")
_UNIT = {"unit_id", "title", "text", "question", "benchmark", "source_passage_ids", "source_hashes"}


@dataclass(frozen=True)
class Subject:
    """What goes, by id and hash, and the phrases that tell its text.

    passages: (corpus, passage id, content hash). units: (unit id, sha256 of title and text). questions: (benchmark,
    split, question id), the split as in ``question_splits``. asked: wordings of the questions. touched: the same of
    questions that were answered with one of the passages. documents: (corpus, source) of which nothing is read again.
    """

    kind: SubjectKind
    ids: tuple[str, ...]
    passages: tuple[tuple[str, str, str], ...]
    units: tuple[tuple[str, str], ...]
    questions: tuple[tuple[str, str, str], ...]
    touched: tuple[tuple[str, str, str], ...]
    tombstones: Tombstones
    phrases: Phrases
    asked: tuple[str, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()

    @property
    def unit_ids(self) -> list[str]:
        """Ids of the units, each once."""
        return sorted({unit for unit, _ in self.units})

    @property
    def content_hashes(self) -> list[str]:
        """Content hashes of the passages, each once."""
        return sorted({content for _, _, content in self.passages})

    def lines(self) -> list[str]:
        """What goes, for people: ids, and hashes of what they say."""
        return lines_of(self.passages, self.units, self.questions)

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        found = asdict(self)
        found["tombstones"] = {name: sorted(hashes) for name, hashes in found["tombstones"].items()}
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Subject:
        """What ``to_json`` gave."""
        names = ("passages", "units", "questions", "touched", "documents")
        return cls(
            kind=found["kind"],
            ids=tuple(found["ids"]),
            tombstones=tombstones_from(found["tombstones"]),
            phrases=Phrases(**{name: tuple(told) for name, told in found["phrases"].items()}),
            asked=tuple(found["asked"]),
            **{name: tuple(map(tuple, found[name])) for name in names},
        )


def lines_of(
    passages: Iterable[tuple[str, str, str]],
    units: Iterable[tuple[str, str]],
    questions: Iterable[tuple[str, str, str]],
) -> list[str]:
    """A line for each passage, unit and question, which are those of ``Subject``."""
    return [
        *(f"  passage  {corpus}:{passage}  sha256 {content}" for corpus, passage, content in passages),
        *(f"  unit     {unit}  sha256 {sha256}" for unit, sha256 in units),
        *(f"  question {name}:{split or 'train or test'}:{asked}" for name, split, asked in questions),
    ]


def find_subject(
    home: StoredFiles,
    kind: SubjectKind,
    ids: Sequence[str],
    corpus: str | None = None,
    benchmark: str | None = None,
    split: QuestionSplit | None = None,
) -> Subject:
    """Find what these ids name in the stored tables.

    Raises InputError for an id that names nothing, or things in several corpora, benchmarks or splits where none is
    given, or questions that tables of different age call by one id.
    """
    if corpus is not None:
        home.registry.corpus(corpus)
    if benchmark is not None:
        home.registry.entry(benchmark)
    named = stored_passages.NO_PASSAGES
    questions = pl.DataFrame(schema=dict.fromkeys(_QUESTION, pl.String))
    if kind in ("passage", "source"):
        column = "passage_id" if kind == "passage" else "source"
        named = _named(stored_passages.named_so(home, column, ids), column, ids, "_corpus", corpus, kind)
    elif kind == "question":
        questions = _questions(home, ids, benchmark, split)
    copies = stored_passages.copies_of(home, named)
    # Questions that were written from a passage go with it. Nobody asked them, so no wording is kept out.
    asked = pl.concat([questions, _written_from(home, copies)])
    units = frames_with(home, _UNIT, optional=kind != "unit")
    if kind == "unit":
        said = wording(_named(units, "unit_id", ids, "_benchmark", benchmark, kind)["text"]).unique()
        made = units.filter(wording(units["text"]).is_in(said.implode()))
    else:
        made = _made_of(units, named, copies, asked) if units.height else units
    documents = _rows(named, "_corpus", "source") if kind == "source" else ()
    hashes = copies["content_hash"].unique().to_list()
    staying = Tombstones(frozenset(hashes), frozenset().union(*question_hashes(questions["question"])))
    evidence = _evidence(home, made) if kind == "unit" else frozenset()
    tombstones = replace(
        staying,
        evidence=evidence,
        texts=frozenset(text_hashes(copies["text"])),
        sources=frozenset(source_hash(*document) for document in documents),
        sentences=stored_passages.sentences_gone_with(home, named, hashes) if kind == "passage" else frozenset(),
        units=frozenset(text_hashes(made["text"])) if kind == "unit" else frozenset(),
    )
    told = made.select("unit_id", "title", "text").iter_rows()
    return Subject(
        kind,
        tuple(ids),
        passages=_rows(
            copies.with_columns(pl.col("_corpus").fill_null(_UNREGISTERED)), "_corpus", "passage_id", "content_hash"
        ),
        units=tuple(sorted({(unit, sha256_of_text(title, text)) for unit, title, text in told})),
        questions=_rows(asked, "_benchmark", "_split", "question_id"),
        touched=_touched(home, copies),
        tombstones=tombstones,
        phrases=_phrases(home, copies, made, asked, staying),
        asked=tuple(wording(asked["question"]).unique().sort()),
        documents=documents,
    )


def _phrases(
    home: StoredFiles, passages: pl.DataFrame, units: pl.DataFrame, questions: pl.DataFrame, gone: Tombstones
) -> Phrases:
    """What tells all of it and nothing that stays."""
    said = pl.concat([passages.select("title", "text"), units.select("title", "text")]).unique()
    # Alone as well: a short text beside a long title is no phrase of both.
    texts = [*stored_passages.joined(said), *said["text"].unique(), *questions["question"].unique()]
    phrases = phrases_of(texts, units["unit_id"].unique(), titles=said["title"].unique())
    going = replace(gone, questions=frozenset().union(gone.questions, *question_hashes(questions["question"])))
    return phrases.less_those_in(_what_stays(home, going))


def _questions(
    home: StoredFiles, ids: Sequence[str], benchmark: str | None, split: QuestionSplit | None
) -> pl.DataFrame:
    """Rows of _QUESTION of everything that asks what these ids name, under whatever id and in whatever benchmark."""
    asked = questions_of(home)
    asked = asked.with_columns(_wording=wording(asked["question"]))
    of_split = asked.filter(pl.col("_split") == split) if split else asked
    named = _named(of_split, "question_id", ids, "_benchmark", benchmark, "question").drop_nulls("_benchmark")
    for (question_id,), rows in named.group_by("question_id", maintain_order=True):
        if rows["_wording"].n_unique() > 1:
            told = rows.unique("_wording", maintain_order=True).sort("question")
            first, other, *_ = told["question"]
            if rows["_split"].n_unique() > 1:
                raise InputError(
                    f"the question {question_id!r} is {first!r} in {told['_split'][0]} and {other!r} in "
                    f"{told['_split'][1]}",
                    hint=f"say which with --split {' or '.join(QUESTION_SPLITS)}",
                )
            raise InputError(
                f"the question {question_id!r} is {first!r} in one table and {other!r} in another",
                hint="give the questions ids of their own in the file, then wbrag run, so that an id means one of them",
            )
    return asked.join(named.select("_wording"), on="_wording", how="semi").select(_QUESTION)


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


def _made_of(units: pl.DataFrame, named: pl.DataFrame, copies: pl.DataFrame, questions: pl.DataFrame) -> pl.DataFrame:
    """The units made of the named passages in any version, or of a copy, or that say the same, or for the questions."""
    rows = units.with_row_index("_row").with_columns(_wording=wording(units["question"]))
    same = rows.filter(wording(rows["text"]).is_in(wording(copies["text"]).unique().implode()))
    of = {"passage_id": "source_passage_ids", "content_hash": "source_hashes"}
    parts = rows.select("_row", "_corpus", "_benchmark", "_wording", **of).explode(*of, empty_as_null=True)
    hits = [
        parts.join(known, on=known.columns, how="semi").select("_row")
        for known in (
            named.select("_corpus", "passage_id"),
            copies.select("content_hash"),
            questions.select(_wording=wording(questions["question"])),
        )
    ]
    return rows.join(pl.concat([*hits, same.select("_row")]), on="_row", how="semi").drop("_row", "_wording")


def _evidence(home: StoredFiles, units: pl.DataFrame) -> frozenset[str]:
    """What the units were made from, as ``evidence_hashes`` tells it: as they are stored, and as they were distilled.

    A stored unit may have other sources since: more by merging, fewer by a refresh. The lineage knows the first ones.
    """
    columns = ["benchmark", "question", "source_hashes"]
    first = [
        pl.read_parquet(file, columns=["unit_id", "benchmark", "question", "sources"])
        .join(units.select("unit_id").unique(), on="unit_id", how="semi")
        .with_columns(source_hashes=pl.col("sources").list.eval(pl.element().struct.field("content_hash")))
        .select(columns)
        for file in files_with(home, _RECORDED_UNIT)
    ]
    made = pl.concat([units.select(columns), *first]).unique().drop_nulls()
    sources = made.select(content_hash=pl.col("source_hashes").list.explode(keep_nulls=False, empty_as_null=False))
    stored = stored_passages.titles_and_texts(home, sources.unique())
    texts = dict(zip(stored["content_hash"], text_hashes(stored["text"]), strict=True))
    found = frozenset[str]()
    for benchmark, question, contents in made.iter_rows():
        known = [texts[content] for content in contents if content in texts]
        found |= evidence_hashes(benchmark, question, contents, known if len(known) == len(contents) else None)
    return found


def _written_from(home: StoredFiles, passages: pl.DataFrame) -> pl.DataFrame:
    """Rows of _QUESTION that a language model wrote from these passages."""
    found = frames_with(home, _WRITTEN, less=("golden_answers",), optional=True).with_columns(_split=split_of(()))
    hit = found.join(passages.select("_corpus", "passage_id"), on=["_corpus", "passage_id"], how="semi")
    return hit.select(_QUESTION)


def _touched(home: StoredFiles, passages: pl.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """Questions that got one of these passages."""
    found = frames_with(home, {"question_id", "passage_id"}, optional=True).with_columns(_split=split_of(()))
    hit = found.join(passages.select("_corpus", "passage_id"), on=["_corpus", "passage_id"], how="semi")
    rows: tuple[tuple[str, str, str], ...] = _rows(hit, "_benchmark", "_split", "question_id")
    return rows


def _what_stays(home: StoredFiles, gone: Tombstones) -> Iterator[pl.Series]:
    """Texts that stay: all other passages, and the questions with their answers."""
    for part in stored_passages.staying(home, gone.passages):
        yield stored_passages.joined(part)
    for name in home.registry.benchmarks:
        with suppress(WbragError):
            splits = home.registry.splits(name)
            for part in (splits.train, splits.test):
                asked = gone.without_forgotten_questions(part)
                yield asked["question"]
                yield asked["golden_answers"].list.join(" ")


def _rows(frame: pl.DataFrame, *columns: str) -> tuple[Any, ...]:
    return tuple(frame.select(columns).drop_nulls().unique().sort(columns).iter_rows())
