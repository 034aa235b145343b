"""The tables that pass between stages: one Polars schema each, checked where a table is stored or loaded.

A stage takes tables and gives a table; these schemas are the whole contract between stages. Gold answers
(``golden_answers``) stand in SPLIT, LABELLED and QUESTIONS alone: no table downstream of scoring carries them, so the
distiller cannot be given one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing
from wbrag_pipeline.table_files import write_parquet

# The id of a knowledge unit; no passage may have one, or an id would mean two texts.
UNIT_ID = re.compile(r"u_[0-9a-f]{16}")


@dataclass(frozen=True)
class Table:
    """A named schema. ``check`` is the gate that every stored table goes through."""

    name: str
    schema: pl.Schema
    key: tuple[str, ...]

    def check(self, frame: pl.DataFrame, where: str = "") -> pl.DataFrame:
        """Return ``frame`` with the schema's columns in order.

        Raises IntegrityError when a column is missing, has another type, or the key repeats. Extra columns
        are refused too: a column nobody declared is a column nobody checks.
        """
        place = where or f"table {self.name}"
        self._check_schema(frame.schema, place)
        if self.key and frame.select(self.key).is_duplicated().any():
            raise IntegrityError(place, f"the key {self.key} repeats")
        return frame.select(list(self.schema))

    def _check_schema(self, found: pl.Schema, place: str) -> None:
        if dict(found) == dict(self.schema):
            return
        missing = [c for c in self.schema if c not in found]
        extra = [c for c in found if c not in self.schema]
        wrong = [
            f"{c} is {found[c]}, not {self.schema[c]}" for c in self.schema if c in found and found[c] != self.schema[c]
        ]
        problem = f"schema differs: missing {missing}, extra {extra}, types {wrong}"
        raise IntegrityError(place, f"{problem}; if an earlier version made it, {_AGAIN}")

    def read(self, file: Path) -> pl.DataFrame:
        """The stored table. Raises IntegrityError when the file is damaged or not of this schema."""
        return self.check(_verified(file), str(file))

    def read_column(self, file: Path, name: str) -> pl.Series:
        """One column of the stored table. Raises IntegrityError as ``read``, but for a key that repeats."""
        self.scan(file)
        return _verified(file, [name])[name]

    def scan(self, file: Path) -> pl.LazyFrame:
        """The stored table, to be read by need. Raises IntegrityError when its schema is another or unreadable."""
        try:
            frame = pl.scan_parquet(file)
            found = frame.collect_schema()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(file, error) from error
        self._check_schema(found, str(file))
        return frame

    def store(self, frame: pl.DataFrame, settings: Settings, partition: str) -> Path:
        """Check the table and put it in its place in the home by one rename; gives the file.

        Raises IntegrityError as ``check``, StorageError where it cannot be written.
        """
        file = settings.table(self.name, partition)
        checked = self.check(frame, self.name)
        settings.layout.mark_layout()
        with replacing(file) as temporary:
            write_parquet(checked, temporary)
        return file

    def load(self, settings: Settings, partition: str) -> pl.DataFrame:
        """The table from its place in the home. Raises NotBuiltError where there is none."""
        return self.read(self._stored(settings, partition))

    def load_lazily(self, settings: Settings, partition: str) -> pl.LazyFrame:
        """As ``load``, to be read by need: for a corpus that may be larger than memory."""
        return self.scan(self._stored(settings, partition))

    def _stored(self, settings: Settings, partition: str) -> Path:
        file = settings.table(self.name, partition)
        if not file.is_file():
            raise NotBuiltError(f"{self.name} of {partition}", f"wbrag run {partition}")
        return file

    def empty(self) -> pl.DataFrame:
        """A table with no rows."""
        return pl.DataFrame(schema=self.schema)


def _verified(file: Path, columns: list[str] | None = None) -> pl.DataFrame:
    try:
        options = {"page_checksum_verification": True}
        return pl.read_parquet(file, columns=columns, use_pyarrow=True, pyarrow_options=options)
    except (OSError, ValueError, MemoryError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: BaseException) -> IntegrityError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return IntegrityError(file, f"cannot be read ({reason}); {_AGAIN}")


_AGAIN = "make it again with wbrag run, corpora with --refresh"

# A corpus: one row a passage. `content_hash` is sha256 over title and text (storage.sha256_of_text): a passage that is
# relabelled or moved is not encoded again.
PASSAGES = Table(
    "passages",
    pl.Schema(
        {
            "passage_id": pl.String(),
            "title": pl.String(),
            "text": pl.String(),
            "content_hash": pl.String(),
            "labels": pl.List(pl.String()),  # who may see it: readers with all of these; sorted, none is everybody
            "source": pl.String(),  # the document that the passage was cut from
            "said_at": pl.Datetime("us", "UTC"),  # when that document said it; null where it is not known
        }
    ),
    ("passage_id",),
)

# What a retriever of the user's own showed for each question that was asked of it, when its passages were last read.
# `asked` is the K it was asked for. A question that found nothing has one row, of rank 0 and without a passage.
SHOWN = Table(
    "shown",
    pl.Schema(
        {
            "question": pl.String(),
            "asked": pl.Int32(),
            "rank": pl.Int32(),
            "passage_id": pl.String(),
            "score": pl.Float32(),
        }
    ),
    ("question", "rank"),
)

# What it showed since then for questions that training did not know before: those that a method asks in the middle of
# an answer. With the passages themselves, which are in no other table.
SHOWN_LATER = Table("shown_later", pl.Schema({**SHOWN.schema, **PASSAGES.schema}), SHOWN.key)

# What a corpus gained and lost since the state that is served: no row for a passage that stayed as it was. `change` is
# "added" (no old hash), "updated", "relabelled" (both hashes are the same) or "deleted" (no new hash).
CORPUS_CHANGES = Table(
    "corpus_changes",
    pl.Schema({"passage_id": pl.String(), "change": pl.String(), "old_hash": pl.String(), "new_hash": pl.String()}),
    ("passage_id",),
)

# Served units whose sources changed, of any variant: "kept" on what remains, "relabelled" or "retired", and why.
RETIRED_UNITS = Table(
    "retired_units",
    pl.Schema(
        {
            "variant": pl.String(),
            "benchmark": pl.String(),
            "unit_id": pl.String(),
            "decision": pl.String(),
            "reason": pl.String(),
        }
    ),
    ("variant", "benchmark", "unit_id"),
)

# The questions of one split, as they are read from its file. Gold answers are here, in LABELLED and QUESTIONS alone.
SPLIT = Table(
    "split",
    pl.Schema({"question_id": pl.String(), "question": pl.String(), "golden_answers": pl.List(pl.String())}),
    ("question_id",),
)

# What an answer in LABELLED is worth: "gold" is right; "weak", that somebody found good in a log, and "synthetic", that
# a model wrote with its question, train and never test; "none" is no answer.
GOLD, WEAK, SYNTHETIC, UNLABELLED = "gold", "weak", "synthetic", "none"
LABELLED = Table("labelled", pl.Schema({**SPLIT.schema, "label": pl.String()}), SPLIT.key)

# All questions of a benchmark as a run uses them: "train", "validation" (kept from training) and "test".
QUESTIONS = Table("questions", pl.Schema({"split": pl.String(), **LABELLED.schema}), ("split", "question_id"))

# Top-K of the training questions over the corpus alone; rank counts from 1, score is the inner product.
RETRIEVALS = Table(
    "retrievals",
    pl.Schema(
        {
            "question_id": pl.String(),
            "question": pl.String(),
            "rank": pl.Int32(),
            "passage_id": pl.String(),
            "score": pl.Float32(),
        }
    ),
    ("question_id", "rank"),
)

# Scores, not decisions. `status_*` is "scored", "failed" (the call failed for good, or a verdict could not be read), or
# "not_asked": its value could not change any decision. A score is null unless its status is "scored".
UTILITY_SCORES = Table(
    "utility_scores",
    pl.Schema(
        {
            "question_id": pl.String(),
            "question": pl.String(),
            "answer_no_retrieval": pl.String(),
            "score_no_retrieval": pl.Float64(),
            "status_no_retrieval": pl.String(),
            "answer_rag": pl.String(),
            "score_rag": pl.Float64(),
            "status_rag": pl.String(),
            "label": pl.String(),  # what the answers were scored by: as in LABELLED; "none" by the generator's verdict
        }
    ),
    ("question_id",),
)

# Scores of single passages: one row a passage that was read alone; `status` is "scored" or "failed".
PASSAGE_SCORES = Table(
    "passage_scores",
    pl.Schema({**RETRIEVALS.schema, "standalone_score": pl.Float64(), "status": pl.String()}),
    RETRIEVALS.key,
)

# Decisions of both gates: one row a passage that was read alone, of a question that trains.
GATED_DOCS = Table(
    "gated_docs",
    pl.Schema(
        {
            "question_id": pl.String(),
            "question": pl.String(),
            # What let the question in: "utility", the utility gate, or "rescue": the top K does not answer it, and a
            # passage further down does.
            "gate": pl.String(),
            "rank": pl.Int32(),
            "passage_id": pl.String(),
            "score": pl.Float32(),  # the retriever's
            "standalone_score": pl.Float64(),  # s_j
            "status": pl.String(),  # of the standalone score: "scored" or "failed"
            "score_no_retrieval": pl.Float64(),
            "score_rag": pl.Float64(),
            "retained": pl.Boolean(),
            "fallback": pl.Boolean(),  # the question had no passing passage and took its first n_min by rank
            "label": pl.String(),  # of the question, as in UTILITY_SCORES
        }
    ),
    ("question_id", "rank"),
)

# `distiller` is what wrote the text: the generator's name, or "extractive" where none of a language model's drafts
# could be used. `written_by` says how: see generation.generator.Distillate.
KNOWLEDGE_UNITS = Table(
    "knowledge_units",
    pl.Schema(
        {
            "unit_id": pl.String(),
            "benchmark": pl.String(),
            "question_id": pl.String(),
            "question": pl.String(),
            "title": pl.String(),
            "text": pl.String(),
            "source_passage_ids": pl.List(pl.String()),
            "source_hashes": pl.List(pl.String()),
            "source_tokens": pl.Int32(),
            "unit_tokens": pl.Int32(),
            "gate": pl.String(),  # as in GATED_DOCS
            "fallback": pl.Boolean(),
            "distiller": pl.String(),
            "written_by": pl.String(),
            "prompt_version": pl.String(),
            "labels": pl.List(pl.String()),  # the union of its sources' labels; a reader must have all of them
        }
    ),
    ("unit_id",),
)

# Every knowledge unit and what became of it; only rows in state "published" are searched. `text` is the final text,
# without `cut_sentences`. Survivors of a merge hold the union of sources and questions; `kept_by` names the unit (or
# "corpus:ID", a passage) that a merged or superseded one gave way to. `valid_*` is when the sources said it,
# `known_*` when the system held it; null is unknown, or not over.
CURATED_UNITS = Table(
    "curated_units",
    pl.Schema(
        {
            **KNOWLEDGE_UNITS.schema,
            "state": pl.String(),
            "reason": pl.String(),
            "question_ids": pl.List(pl.String()),
            "kept_by": pl.String(),
            "cut_sentences": pl.List(pl.String()),
            "valid_from": pl.Datetime("us", "UTC"),
            "valid_until": pl.Datetime("us", "UTC"),
            "known_from": pl.Datetime("us", "UTC"),
            "known_until": pl.Datetime("us", "UTC"),
        }
    ),
    ("unit_id",),
)

# One row a test question. `passages_*` are origin-tagged ids in rank order: "corpus:17", "writeback:u_3f..". `status_*`
# is "scored" or "failed"; where either side failed, both scores are 0.
EVALUATION = Table(
    "evaluation",
    pl.Schema(
        {
            "question_id": pl.String(),
            "question": pl.String(),
            "golden_answers": pl.List(pl.String()),
            "answer_without": pl.String(),
            "answer_with": pl.String(),
            "score_without": pl.Float64(),
            "score_with": pl.Float64(),
            "status_without": pl.String(),
            "status_with": pl.String(),
            "passages_without": pl.List(pl.String()),
            "passages_with": pl.List(pl.String()),
        }
    ),
    ("question_id",),
)

ALL = (
    PASSAGES,
    CORPUS_CHANGES,
    RETIRED_UNITS,
    QUESTIONS,
    RETRIEVALS,
    UTILITY_SCORES,
    GATED_DOCS,
    KNOWLEDGE_UNITS,
    CURATED_UNITS,
    EVALUATION,
)
BY_NAME = {table.name: table for table in ALL}
