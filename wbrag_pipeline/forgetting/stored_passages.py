"""Passages in the tables of a home: by id, by document, and by what they say, under whatever id and title.

A corpus may be larger than memory, so texts are read some rows at a time, and kept only of what is looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.tombstones import sentence_hashes, source_hash
from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.sentences import split_sentences
from wbrag_pipeline.table_files import parts_of

_PASSAGE = ("passage_id", "title", "text", "content_hash", "source")
NO_PASSAGES = pl.DataFrame(schema=dict.fromkeys(["_corpus", "passage_id", "content_hash", "source"], pl.String))


def files_with(home: StoredFiles, columns: Collection[str]) -> Iterator[Path]:
    """Parquet files of the home that have these columns."""
    for file in home.parquet():
        # A damaged file is found by the search at the end.
        with suppress(OSError, pl.exceptions.PolarsError):
            if set(columns) <= set(pl.read_parquet_schema(file)):
                yield file


def frames_with(
    home: StoredFiles,
    columns: Collection[str],
    *,
    less: Collection[str] = (),
    optional: bool = False,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Rows of all stored tables that have these columns, with ``_corpus`` and ``_benchmark``, each once.

    where: only such rows; of a corpus, which may be larger than memory, the others are let go as they are read.
    """
    taken = sorted(set(columns) - set(less))
    kept = pl.lit(True) if where is None else where
    parts = [
        home.scoped(pl.concat([part.filter(kept) for part in parts_of(file, taken)]), file)
        for file in files_with(home, columns)
    ]
    if not parts and not optional:
        raise InputError("nothing of that kind is stored here", file=home.settings.home, hint="check WBRAG_HOME")
    nothing = pl.DataFrame(schema=dict.fromkeys([*taken, "_benchmark", "_corpus"], pl.String))
    return pl.concat(parts, how="vertical_relaxed").unique() if parts else nothing


def named_so(home: StoredFiles, column: str, names: Collection[str]) -> pl.DataFrame:
    """Rows (_corpus, passage_id, content_hash, source) of the passages with these ids or of these documents.

    column: passage_id or source. They are there in every stored version. Raises InputError as ``frames_with``.
    """
    found = frames_with(home, _PASSAGE, less=("title", "text"), where=pl.col(column).is_in(list(names)))
    return found.select(NO_PASSAGES.columns)


def titles_and_texts(home: StoredFiles, wanted: pl.DataFrame) -> pl.DataFrame:
    """Rows (title, text, content_hash) of the passages with the content hashes in ``wanted``, each once."""
    columns = ["title", "text", "content_hash"]
    nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    parts = [
        pl.scan_parquet(file).select(columns).join(wanted.lazy(), on="content_hash", how="semi").collect()
        for file in (files_with(home, _PASSAGE) if wanted.height else ())
    ]
    return pl.concat([nothing, *parts]).unique("content_hash")


def copies_of(home: StoredFiles, named: pl.DataFrame) -> pl.DataFrame:
    """Rows (_corpus, passage_id, content_hash, title, text) of what says the same as the named passages."""
    texts = titles_and_texts(home, named.select("content_hash").unique())
    said = wording(texts["text"]).unique().implode()
    nothing = pl.DataFrame(schema=dict.fromkeys(["_corpus", "passage_id", "content_hash", "title", "text"], pl.String))
    parts = [
        home.scoped(part.filter(wording(part["text"]).is_in(said)), file).select(nothing.columns)
        for file in (files_with(home, _PASSAGE) if texts.height else ())
        for part in parts_of(file, _PASSAGE)
    ]
    return pl.concat([nothing, *parts]).unique()


def staying(home: StoredFiles, gone: Collection[str]) -> Iterator[pl.DataFrame]:
    """(title, text, source, corpus) of all passages but those with these content hashes, some rows at a time."""
    for file in files_with(home, _PASSAGE):
        for part in parts_of(file, ["title", "text", "source", "content_hash"]):
            yield home.scoped(part.filter(~pl.col("content_hash").is_in(list(gone))), file)


def sentences_gone_with(home: StoredFiles, named: pl.DataFrame, gone: Collection[str]) -> frozenset[str]:
    """``sentence_hashes`` of the named passages in their documents, less those that stay there in other passages.

    gone: content hashes of all passages that go.
    """
    texts = titles_and_texts(home, named.select("content_hash").unique())
    rows = named.select("_corpus", "source", "content_hash").unique().join(texts, on="content_hash")
    found = _sentences(rows)
    documents = rows.select("_corpus", "source").unique()
    for part in staying(home, gone):
        found -= _sentences(part.join(documents, on=["_corpus", "source"], how="semi"))
    return frozenset(found)


def joined(rows: pl.DataFrame) -> pl.Series:
    """Title and text of each row as one text."""
    return rows.select(pl.concat_str("title", "text", separator="\n"))["title"]


def _sentences(rows: pl.DataFrame) -> set[str]:
    return {
        known
        for corpus, source, text in rows.select("_corpus", "source", "text").drop_nulls().iter_rows()
        for known in sentence_hashes(source_hash(corpus, source), split_sentences(text))
    }
