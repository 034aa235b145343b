"""What lineage stores: one Parquet file a recording, written once; many are merged into one (``merged_recordings``).

A file's name tells when, who and what, ``20261122T120000.000000Z-<run>-<unique>.<kind>.parquet``, so a folder
listing sorts by time, two processes never meet on a name, and a reader's glob picks one kind. Temporary files end in
``.tmp.parquet`` and match none of the globs, so nobody can see half a recording.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from polars.datatypes import DataTypeClass

from wbrag_pipeline import storage
from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.home import path_name
from wbrag_pipeline.lineage import refreshes
from wbrag_pipeline.lineage.merged_recordings import merge_recordings
from wbrag_pipeline.tables import CURATED_UNITS, EVALUATION, GATED_DOCS, KNOWLEDGE_UNITS

Number = float | int | str
ColumnType = pl.DataType | DataTypeClass

_ENVELOPE: dict[str, ColumnType] = {
    "event_id": pl.String,
    "recorded_at": pl.Datetime("us", "UTC"),
    "run_id": pl.String,
    "variant": pl.String,
}
_SOURCE = pl.Struct(
    {
        "passage_id": pl.String,
        "content_hash": pl.String,
        "rank": pl.Int32,
        "retrieval_score": pl.Float32,
        "standalone_score": pl.Float64,
    }
)


def _schema(columns: Mapping[str, ColumnType]) -> pl.Schema:
    return pl.Schema({**_ENVELOPE, **columns})


# Kind of recording -> columns of its files. Readers join files by column name and take null for a column that an
# older file lacks: columns may be added here, never renamed or given another type.
SCHEMAS: dict[str, pl.Schema] = {
    "stages": _schema(
        {
            "asset": pl.String,
            "partition": pl.String,
            "rows": pl.Int64,
            "seconds": pl.Float64,
            "figures": pl.String,  # JSON object
        }
    ),
    # One row a unit; a recording of no units is one row with a null unit_id, for "none" is a fact as well.
    "units": _schema(
        {
            "benchmark": pl.String,
            "corpus": pl.String,
            "unit_id": pl.String,
            "question_id": pl.String,
            "question": pl.String,
            "title": pl.String,
            "score_no_retrieval": pl.Float64,
            "score_rag": pl.Float64,
            "gate": pl.String,  # "utility" or "rescue"; null in recordings of earlier versions
            "label": pl.String,  # of its question, see GATED_DOCS; null in recordings of earlier versions
            "fallback": pl.Boolean,
            "source_tokens": pl.Int32,
            "unit_tokens": pl.Int32,
            "distiller": pl.String,
            "written_by": pl.String,  # null in recordings of earlier versions
            "prompt_version": pl.String,
            "generator_fingerprint": pl.String,
            "encoder": pl.String,
            "method": pl.String,
            "gates": pl.String,  # JSON object
            "labels": pl.List(pl.String),
            "sources": pl.List(_SOURCE),
        }
    ),
    # One row a unit; a recording of no units is one row with a null unit_id. No text of a unit: what is forgotten must
    # leave none behind.
    "curation": _schema(
        {
            "benchmark": pl.String,
            "unit_id": pl.String,
            "state": pl.String,
            "reason": pl.String,
            "kept_by": pl.String,
            "question_ids": pl.List(pl.String),
            "cut_sentences": pl.Int32,  # how many
            "valid_from": pl.Datetime("us", "UTC"),
            "valid_until": pl.Datetime("us", "UTC"),
            "known_from": pl.Datetime("us", "UTC"),
            "known_until": pl.Datetime("us", "UTC"),
        }
    ),
    "releases": _schema(
        {
            "benchmark": pl.String,
            "release": pl.String,
            "manifest_sha256": pl.String,
            "unit_ids": pl.List(pl.String),
        }
    ),
    # One row a decision about a release. `action` is promote, rollback or hold_back.
    "release_decisions": _schema(
        {
            "benchmark": pl.String,
            "decision_id": pl.String,
            "decided_at": pl.Datetime("us", "UTC"),
            "action": pl.String,
            "release": pl.String,
            "previous": pl.String,  # served until then; empty for none
            "actor": pl.String,
            "reason": pl.String,
        }
    ),
    # One row each time that units were written to a collection of the user's own, or taken out of it. `action` is
    # publish, remove or withdraw (they were forgotten).
    "publications": _schema(
        {
            "benchmark": pl.String,
            "release": pl.String,
            "target": pl.String,  # its address, in which there is no password
            "action": pl.String,
            "units": pl.Int64,
        }
    ),
    # One row a test question (none: one row with a null question_id). No answers, given or golden.
    "evaluations": _schema(
        {
            "benchmark": pl.String,
            "corpus": pl.String,
            "release": pl.String,
            "question_id": pl.String,
            "question": pl.String,
            "score_without": pl.Float64,
            "score_with": pl.Float64,
            "passages_without": pl.List(pl.String),
            "passages_with": pl.List(pl.String),
        }
    ),
    # One row a refresh of a corpus; its variant is that of the run, which decides nothing but the encoder.
    "refreshes": _schema(refreshes.REFRESH_COLUMNS),
}


def prepare_events(events: Path) -> None:
    """Put an empty file of every kind into ``events``, where not there yet: it tells readers the columns.

    DuckDB cannot make a view over files that are not there, and no kind is recorded first. The name sorts before every
    recording and holds a hash of the columns, so a version that adds one brings its own.
    """
    for kind, schema in SCHEMAS.items():
        columns = storage.sha256_of_text(*(f"{name} {dtype}" for name, dtype in schema.items()))[:12]
        path = events / f"00000000T000000.000000Z-columns-{columns}.{kind}.parquet"
        if not path.exists():
            with storage.replacing(path) as temporary:
                pl.DataFrame(schema=schema).write_parquet(temporary)


def write(events: Path, kind: str, frame: pl.DataFrame, run_id: str, variant: str, at: datetime | None) -> Path:
    """Add one recording: ``frame`` (the columns of ``SCHEMAS[kind]`` after the envelope) as a new file of ``events``.

    ``at`` is the time to record, now when None. Raises InputError when it has no time zone.
    """
    moment = datetime.now(UTC) if at is None else at
    if moment.tzinfo is None:
        raise InputError(f"{moment} has no time zone", field="at", hint="give UTC: datetime(..., tzinfo=UTC)")
    moment = moment.astimezone(UTC)
    event_id = f"{moment:%Y%m%dT%H%M%S.%fZ}-{path_name(run_id)[:64]}-{uuid.uuid4().hex[:12]}"
    rows = frame.with_columns(
        event_id=pl.lit(event_id), recorded_at=pl.lit(moment), run_id=pl.lit(run_id), variant=pl.lit(variant)
    )
    prepare_events(events)  # here too, so that a copy of the folder can be read where it cannot be written
    path = events / f"{event_id}.{kind}.parquet"
    with storage.replacing(path) as temporary:
        rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMAS[kind].items()).write_parquet(temporary)
    merge_recordings(events, kind, SCHEMAS[kind])
    return path


def as_json(figures: Mapping[str, Number]) -> str:
    """A flat mapping as JSON with sorted keys. JSON has no NaN or infinity: they become null."""
    return json.dumps(
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in figures.items()},
        sort_keys=True,
        ensure_ascii=False,
    )


def unit_rows(units: pl.DataFrame, gated_docs: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    """KNOWLEDGE_UNITS and the GATED_DOCS they were distilled from -> one row a unit with its scores and sources.

    Raises IntegrityError when a table breaks its schema, a unit is of another benchmark, or ids and hashes of a
    unit's sources are not as many. A source that ``gated_docs`` lacks keeps null rank and scores.
    """
    units = KNOWLEDGE_UNITS.check(units)
    docs = GATED_DOCS.check(gated_docs).sort("question_id", "rank")
    uneven = pl.col("source_passage_ids").list.len() != pl.col("source_hashes").list.len()
    bad = units.filter(uneven | (pl.col("benchmark") != benchmark))
    if not bad.is_empty():
        raise IntegrityError(
            "table knowledge_units",
            f"unit {bad['unit_id'][0]} is not of benchmark {benchmark}, or has not one hash for each source passage",
        )
    scores = docs.unique("question_id", keep="first").select("question_id", "score_no_retrieval", "score_rag", "label")
    found = docs.unique(["question_id", "passage_id"], keep="first").select(
        "question_id", "passage_id", "rank", "standalone_score", retrieval_score="score"
    )
    sources = (
        units.select("unit_id", "question_id", passage_id="source_passage_ids", content_hash="source_hashes")
        .explode("passage_id", "content_hash")
        .drop_nulls("passage_id")
        .join(found, on=["question_id", "passage_id"], how="left", maintain_order="left")
        .group_by("unit_id", maintain_order=True)
        .agg(sources=pl.struct(field.name for field in _SOURCE.fields))
    )
    rows = units.join(scores, on="question_id", how="left", maintain_order="left").join(
        sources, on="unit_id", how="left", maintain_order="left"
    )
    return _or_one_null_row(rows)


def curation_rows(curated: pl.DataFrame) -> pl.DataFrame:
    """CURATED_UNITS -> the decisions without the texts. Raises IntegrityError when the table breaks its schema."""
    rows = CURATED_UNITS.check(curated).with_columns(pl.col("cut_sentences").list.len())
    return _or_one_null_row(rows)


def evaluation_rows(evaluation: pl.DataFrame) -> pl.DataFrame:
    """EVALUATION -> the same without answers. Raises IntegrityError when the table breaks its schema."""
    rows = EVALUATION.check(evaluation).drop("golden_answers", "answer_without", "answer_with")
    return _or_one_null_row(rows)


def damage(events: Path, error: Exception) -> IntegrityError:
    """Why DuckDB could not read ``events``: an IntegrityError naming the first file that is broken or not ours."""
    for file in sorted(events.glob("*.parquet")):
        declared = SCHEMAS.get(file.stem.rsplit(".", 1)[-1])
        if declared is None or file.name.startswith("."):
            continue  # no view reads it
        try:
            found = pl.read_parquet(file, glob=False).schema
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as problem:
            reason = str(problem).partition("\n")[0]
            return IntegrityError(
                file, f"not a whole Parquet file ({reason}); restore it, or move it away and record that run again"
            )
        wrong = [name for name, dtype in found.items() if declared.get(name, dtype) != dtype]
        if wrong:
            return IntegrityError(file, f"not a lineage event file: columns {wrong} have another type")
    return IntegrityError(events, f"the events cannot be read: {str(error).partition(chr(10))[0]}")


def _or_one_null_row(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear(1) if rows.is_empty() else rows
