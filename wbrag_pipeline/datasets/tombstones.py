"""What was forgotten and must not come back: hashes, without a word of text.

``wbrag forget`` cannot change a user's own files, so whatever reads those files leaves out what is listed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from unicodedata import normalize

import polars as pl

from wbrag_pipeline.datasets.wording import wording, wording_of
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.sentences import split_sentences
from wbrag_pipeline.storage import sha256_of_text, write_json

_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Tombstones:
    """Hashes of what was forgotten.

    passages: content hashes. texts: ``text_hashes`` of passages, under whatever title. sources: ``source_hash`` of
    documents of which nothing is read. sentences: ``sentence_hashes`` of passages, of which no other passage of the
    same document is made again. questions: ``question_hashes``. evidence: ``evidence_hash``; no unit is made again
    from evidence of which a unit was forgotten, in whatever words. units: ``text_hashes`` of units.

    Of files that earlier versions wrote, passages, questions and evidence are as these versions made them; they count
    as they always did.
    """

    passages: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    sentences: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()

    def without_forgotten_passages(self, passages: pl.DataFrame, corpus: str) -> pl.DataFrame:
        """PASSAGES of a corpus less what was forgotten, whatever its ids and titles are now.

        A passage that holds forgotten sentences of its document loses these, or goes where it says nothing else.
        """
        if self.passages:
            passages = passages.filter(~pl.col("content_hash").is_in(sorted(self.passages)))
            passages = passages.filter(~self._known_decomposed(passages))
        if self.sources or self.sentences:
            hashes = {source: source_hash(corpus, source) for source in passages["source"].unique()}
            gone = [source for source, known in hashes.items() if known in self.sources]
            passages = passages.filter(~pl.col("source").is_in(gone))
        if self.texts:
            passages = passages.filter(~_among(passages["text"], self.texts))
        if self.sentences:
            parted = {known.partition("/")[0] for known in self.sentences}
            passages = self._without_sentences(passages, {s: known for s, known in hashes.items() if known in parted})
        return passages

    def without_forgotten_questions(self, questions: pl.DataFrame) -> pl.DataFrame:
        """SPLIT less those that were forgotten, whatever their ids are now."""
        if not self.questions:
            return questions
        gone = [bool(self.questions & hashes) for hashes in question_hashes(questions["question"])]
        return questions.filter(~pl.Series(gone, dtype=pl.Boolean))

    def without_forgotten_units(self, units: pl.DataFrame) -> pl.DataFrame:
        """KNOWLEDGE_UNITS less those whose text was forgotten."""
        return units.filter(~_among(units["text"], self.units)) if self.units else units

    def _known_decomposed(self, passages: pl.DataFrame) -> pl.Series:
        """Whether each passage was forgotten in Unicode's form NFD, as versions that read texts as they are knew it."""
        accented = passages["text"].str.len_bytes() != passages["text"].str.len_chars()
        accented |= passages["title"].str.len_bytes() != passages["title"].str.len_chars()
        known = [
            sha256_of_text(normalize("NFD", title), normalize("NFD", text)) in self.passages
            for title, text in passages.filter(accented).select("title", "text").iter_rows()
        ]
        return accented.scatter(accented.arg_true(), known)

    def _without_sentences(self, passages: pl.DataFrame, documents: Mapping[str, str]) -> pl.DataFrame:
        """PASSAGES without the forgotten sentences of these documents (name: hash)."""
        rows = passages.with_row_index("_row")
        changed = []
        of_them = rows.filter(pl.col("source").is_in(list(documents)))
        for row, title, text, source in of_them.select("_row", "title", "text", "source").iter_rows():
            said = split_sentences(text)
            known = sentence_hashes(documents[source], said)
            left = [sentence for sentence, hash_ in zip(said, known, strict=True) if hash_ not in self.sentences]
            if len(left) < len(said):
                changed.append((row, " ".join(left), sha256_of_text(title, " ".join(left))))
        if not changed:
            return passages
        schema = {"_row": pl.UInt32, "_text": pl.String, "_hash": pl.String}
        cut = pl.DataFrame(changed, schema=schema, orient="row")
        joined = rows.join(cut, on="_row", how="left", maintain_order="left")
        left_over = joined.filter(pl.col("_text").is_null() | (pl.col("_text") != ""))
        new = {"text": pl.coalesce("_text", "text"), "content_hash": pl.coalesce("_hash", "content_hash")}
        return left_over.with_columns(**new).select(passages.columns)


NOTHING_FORGOTTEN = Tombstones()


def read_tombstones(home: Path) -> Tombstones:
    """The tombstones of a home. Raises IntegrityError when they cannot be read: then anything could come back."""
    file = tombstones_file(home)
    if not file.exists():
        return NOTHING_FORGOTTEN
    try:
        return tombstones_from(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            file, "is damaged, so what was forgotten is not known; restore it from a backup"
        ) from error


def tombstones_from(found: Mapping[str, Iterable[str]]) -> Tombstones:
    """Tombstones as they are stored. Raises KeyError, TypeError or ValueError where they are none."""
    # Earlier versions wrote these three. A name that is unknown is a later version's, and an error like any other.
    named = {name: found[name] for name in ("passages", "questions", "evidence")}
    return Tombstones(**{name: frozenset(map(str, hashes)) for name, hashes in {**named, **found}.items()})


def add_tombstones(home: Path, more: Tombstones) -> None:
    """Add to the tombstones of a home; nothing is ever taken away."""
    there, added = asdict(read_tombstones(home)), asdict(more)
    write_json(tombstones_file(home), {name: sorted(hashes | added[name]) for name, hashes in there.items()})


def text_hashes(texts: pl.Series) -> list[str]:
    """Hashes by which texts (String) are known: case, punctuation, blanks and Unicode forms aside."""
    return [sha256_of_text("text", told) for told in wording(texts)]


def source_hash(corpus: str, source: str) -> str:
    """Hash by which a document of a corpus is known, whatever it says."""
    return sha256_of_text("source", corpus, normalize("NFC", source))


def sentence_hashes(document: str, sentences: Sequence[str]) -> list[str]:
    """Hashes by which sentences of a document, given by its ``source_hash``, are known."""
    return [f"{document}/{known}" for known in text_hashes(pl.Series(sentences, dtype=pl.String))]


def question_hashes(questions: pl.Series) -> list[frozenset[str]]:
    """Hashes by which each question (String) is known: its wording, and what earlier versions took of it."""
    return [
        frozenset({_wording_hash(told), sha256_of_text("question", " ".join(question.split()).casefold())})
        for question, told in zip(questions, wording(questions), strict=True)
    ]


def evidence_hashes(
    benchmark: str, question: str, contents: Sequence[str], texts: Sequence[str] | None, question_id: str | None = None
) -> frozenset[str]:
    """Hashes of what a unit is made from: a question of a benchmark, by its wording, and its sources in any order.

    contents, texts: the sources' content hashes and ``text_hashes``; None where the texts are not known any more.
    question_id: where given, with the hash by which earlier versions, which trusted ids, knew the same.
    """
    asked = _wording_hash(wording_of(question))
    found = {sha256_of_text("evidence", benchmark, asked, *sorted(known)) for known in (contents, texts) if known}
    if question_id is not None:
        found.add(sha256_of_text("evidence", benchmark, question_id, *sorted(contents)))
    return frozenset(found)


def _wording_hash(told: str) -> str:
    return sha256_of_text("question's wording", told)


def _among(texts: pl.Series, hashes: frozenset[str]) -> pl.Series:
    """Whether each text is known by one of these hashes."""
    wanted = sorted(hashes)
    parts = [
        pl.Series(text_hashes(part.to_series()), dtype=pl.String).is_in(wanted)
        for part in texts.to_frame().iter_slices(_ROWS_AT_ONCE)
    ]
    return pl.concat([pl.Series([], dtype=pl.Boolean), *parts])


def tombstones_file(home: Path) -> Path:
    """Where they are stored."""
    return home / "forgotten" / "tombstones.json"
