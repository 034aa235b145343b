"""Parquet files: tables of the stages, lineage events, and whatever else stands in rows.

A row goes when its ids say so, or when any text in it holds a phrase; lists of ids that stay lose the forgotten ones.
A question is known by its wording where the table has it: ids of questions may be numbers of lines in a log that grew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.forgetting.folder_walk import remove_file
from wbrag_pipeline.forgetting.question_splits import EITHER, QUESTION_SPLITS, split_of
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.storage import replacing
from wbrag_pipeline.table_files import parts_of, writing_parquet

# Columns of tagged or plain ids of passages and units, and of ids of questions.
_FOUND, _UNIT_LISTS = ("passages_without", "passages_with", "passages"), ("unit_ids",)
_ANSWERS = ("answer_with", "answer")
_QUESTION = ["_benchmark", "_split", "question_id"]
_EVERYWHERE = "*"  # in place of the corpus and the benchmark, where a table tells neither
# What a lineage recording keeps when all of its rows are gone: that it was made, and of what.
_RECORDING = ("event_id", "recorded_at", "run_id", "variant", "benchmark", "corpus", "release", "asset", "partition")


def rows_to_forget(frame: pl.DataFrame, subject: Subject, home: StoredFiles, file: Path) -> pl.Series:
    """Whether each row of a table is to go."""
    rows, pairs = _scoped(frame, subject, home, file)
    gone: list[pl.Series] = [_by_text(frame, subject)]
    names = set(frame.columns)
    if "content_hash" in names:
        gone.append(frame["content_hash"].is_in(subject.content_hashes))
    elif "passage_id" in names and frame.schema["passage_id"] == pl.String:
        gone.append(_in(rows, ["_corpus", "passage_id"], pairs["passages"]))
    elif "source" in names:
        gone.append(_in(rows, ["_corpus", "source"], pairs["documents"]))
    if "unit_id" in names:
        gone.append(frame["unit_id"].is_in(subject.unit_ids))
    if "question" in names:
        gone.append(wording(frame["question"]).is_in(subject.asked))
    elif "question_id" in names:
        gone.append(_in(rows, _QUESTION, pairs["questions"]))
    if "question_id" in names and "answer_rag" in names:
        gone.append(_in(rows, _QUESTION, pairs["touched"]))
    if names & {*_ANSWERS}:  # answered with one of them
        for column in names & {*_FOUND}:
            parts = rows.select("_row", "_corpus", tag=column).explode("tag", empty_as_null=True)
            parts = parts.filter(_tagged(subject, pairs["passages"]))
            gone.append(rows["_row"].is_in(parts["_row"].unique().implode()))
    return _any_of(gone)


def forget_in_table(file: Path, subject: Subject, home: StoredFiles) -> int:
    """Rewrite a Parquet file without what is forgotten; gives how many rows went or changed.

    It is read in parts, first to see what goes, and then, where something does, to write the rest. A table that is kept
    by what it was made from goes whole: with less in it, it is not that table any more.
    """
    rows = went = 0
    gone, trimmed = list[pl.Series](), False
    stays = set[str]()  # recordings of the lineage of which some row stays
    for stored in parts_of(file):
        if not stored.height:
            return 0
        frame = _without_winner(stored, subject, home, file)
        gone.append(rows_to_forget(frame, subject, home, file))
        rows, went = rows + stored.height, went + int(gone[-1].sum())
        if "event_id" in stored.columns:
            stays |= set(stored.filter(~gone[-1])["event_id"])
        trimmed |= not _trim(frame.filter(~gone[-1]), subject, home, file).equals(stored.filter(~gone[-1]))
    # Rows that went; or 1, where some row only lost an id.
    changed = went or int(trimmed)
    if not changed:
        return 0
    if home.is_cached_by_content(file):
        remove_file(file)
        return rows
    with replacing(file.resolve()) as temporary:
        first = next(parts_of(file)).head(1)
        with writing_parquet(temporary, first.schema) as add:
            for stored, going in zip(parts_of(file), gone, strict=True):
                if "event_id" in stored.columns:
                    # A recording that vanished would let an older one count as the newest.
                    vanish = stored.filter(~pl.col("event_id").is_in(list(stays))).unique("event_id", keep="first")
                    stays |= set(vanish["event_id"])
                    emptied = [name for name in first.columns if name not in _RECORDING]
                    add(vanish.with_columns(pl.lit(None, first.schema[name]).alias(name) for name in emptied))
                add(_trim(_without_winner(stored, subject, home, file).filter(~going), subject, home, file))
    return changed


def texts_in(frame: pl.DataFrame) -> list[pl.Series]:
    """Every column that can hold text, as String: lists joined, anything deeper as JSON."""
    found = []
    for name, dtype in frame.schema.items():
        column = frame[name]
        if dtype == pl.List(pl.String):
            found.append(column.list.join("\n", ignore_nulls=True))
        elif dtype == pl.Binary:
            texts = (None if data is None else data.decode("utf-8", errors="replace") for data in column)
            found.append(pl.Series(name, texts, dtype=pl.String))
        elif dtype.is_nested():
            found.append(frame.select(pl.struct(name).struct.json_encode().alias(name))[name])
        elif not (dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.Boolean, pl.Null)):
            found.append(column.cast(pl.String))
    return found


def _by_text(frame: pl.DataFrame, subject: Subject) -> pl.Series:
    nothing = pl.Series([False] * frame.height, dtype=pl.Boolean)
    return _any_of([nothing, *(subject.phrases.hits(texts) for texts in texts_in(frame))])


def _any_of(columns: Sequence[pl.Series]) -> pl.Series:
    """Whether one of the columns (Boolean) says so, row by row; null says no."""
    named = [column.fill_null(False).alias(str(i)) for i, column in enumerate(columns)]
    return pl.DataFrame(named).select(pl.any_horizontal(pl.all())).to_series()


def _scoped(
    frame: pl.DataFrame, subject: Subject, home: StoredFiles, file: Path
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """The rows with ``_row``, ``_corpus`` and ``_benchmark``, and the pairs of ids that are looked for in them."""
    rows = home.scoped(frame, file).with_row_index("_row").with_columns(_split=split_of(frame.columns))
    pairs = _pairs(subject)
    if home.is_cached_by_content(file):  # rather one too many: it is made again
        anybody = pl.lit(_EVERYWHERE)
        rows = rows.with_columns(_corpus=anybody, _benchmark=anybody, _split=pl.lit(EITHER))
        pairs = {name: pair.with_columns(anybody.alias(pair.columns[0])).unique() for name, pair in pairs.items()}
    return rows, pairs


def _pairs(subject: Subject) -> dict[str, pl.DataFrame]:
    """(corpus, passage) and (benchmark, question) pairs, each as a frame of the columns they are joined on."""
    passages = [(corpus, passage) for corpus, passage, _ in subject.passages]
    return {
        "passages": _frame(passages, "_corpus", "passage_id"),
        "documents": _frame(list(subject.documents), "_corpus", "source"),
        "questions": _of_either(_frame(list(subject.questions), *_QUESTION)),
        "touched": _of_either(_frame(list(subject.touched), *_QUESTION)),
    }


def _of_either(questions: pl.DataFrame) -> pl.DataFrame:
    """With each question for tables that do not tell the split; one whose split is not known is of any."""
    unknown = questions.filter(pl.col("_split") == EITHER)
    more = [unknown.with_columns(_split=pl.lit(split)) for split in QUESTION_SPLITS]
    return pl.concat([questions, questions.with_columns(_split=pl.lit(EITHER)), *more]).unique()


def _frame(rows: Sequence[tuple[str, ...]], *columns: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").unique()


def _in(rows: pl.DataFrame, columns: list[str], known: pl.DataFrame) -> pl.Series:
    hit = rows.join(known, left_on=columns, right_on=known.columns, how="semi")
    return rows["_row"].is_in(hit["_row"].implode())


def _tagged(subject: Subject, passages: pl.DataFrame) -> pl.Expr:
    """Of rows (_corpus, tag): whether the tag names a forgotten unit, or a forgotten passage of the corpus."""
    units = pl.col("tag").str.strip_prefix("writeback:").is_in(subject.unit_ids)
    ids = passages.select(pl.concat_str("_corpus", pl.lit("\n"), "passage_id"))["_corpus"].to_list()
    plain = pl.col("tag").str.strip_prefix("corpus:")
    return units | pl.concat_str("_corpus", pl.lit("\n"), plain).is_in(ids)


def _without_winner(frame: pl.DataFrame, subject: Subject, home: StoredFiles, file: Path) -> pl.DataFrame:
    """Units that gave way to a forgotten unit or passage no longer name it; what they say themselves stays."""
    if "kept_by" not in frame.columns:
        return frame
    rows, pairs = _scoped(frame, subject, home, file)
    winners = rows.select("_corpus", tag="kept_by")
    lost = winners.select(_tagged(subject, pairs["passages"]).fill_null(False)).to_series()
    return frame.with_columns(
        kept_by=pl.when(lost).then(None).otherwise(pl.col("kept_by")),
        reason=pl.when(lost).then(pl.lit("what it gave way to was forgotten")).otherwise(pl.col("reason")),
    )


def _trim(frame: pl.DataFrame, subject: Subject, home: StoredFiles, file: Path) -> pl.DataFrame:
    """Lists of ids without the forgotten ones."""
    lists = [name for name in (*_FOUND, *_UNIT_LISTS, "question_ids", "source_passage_ids") if name in frame.columns]
    if not frame.height or not lists:
        return frame
    rows, pairs = _scoped(frame, subject, home, file)
    asked = pairs["questions"].select(_key=pl.concat_str(*_QUESTION, separator="\n"))["_key"].to_list()
    for name in lists:
        parts = rows.select("_row", "_corpus", "_benchmark", "_split", tag=name).explode("tag", empty_as_null=True)
        if name == "question_ids":
            bad = pl.concat_str("_benchmark", "_split", "tag", separator="\n").is_in(asked)
        else:
            bad = _tagged(subject, pairs["passages"])
        hit = parts.filter(bad)
        if hit.height:
            left = parts.join(hit.select("_row").unique(), on="_row", how="semi").filter(~bad.fill_null(False))
            lists_left = left.group_by("_row", maintain_order=True).agg(pl.col("tag").alias("_left"))
            touched = hit.select("_row").unique().join(lists_left, on="_row", how="left")
            touched = touched.with_columns(pl.col("_left").fill_null(pl.lit([], pl.List(pl.String))), _hit=pl.lit(True))
            joined = rows.select("_row", name).join(touched, on="_row", how="left", maintain_order="left")
            frame = frame.with_columns(
                joined.select(pl.when(pl.col("_hit")).then(pl.col("_left")).otherwise(pl.col(name)).alias(name))
            )
    return frame
