"""A corpus' index as a deployment keeps it: made from the stored table, opened for searching.

::

    indexes/CORPUS/SPACE/3f9a…/          a state: the passages' table, their index and what they were made from
                           3f9a…/lexical/  their words, where the setting ``search`` is not dense
                           current.json    names the state that is served, and the source it was read from
                           committed.json  names the state that the write-back units were last brought in step with

A state never changes and is named by the hash of its table. A reader finds the table and the index of one making
whichever moment it comes, also while the next state is made, and the one before stays for those who had opened it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError, NotBuiltError, WbragError
from wbrag_pipeline.retrieval.corpus_sharing import going_into
from wbrag_pipeline.retrieval.corpus_source import noted_source
from wbrag_pipeline.retrieval.encoding.compaction import compact
from wbrag_pipeline.retrieval.encoding.embedding_store import embeddings_of
from wbrag_pipeline.retrieval.index import FORMAT, Manifest, build_index, open_index, read_manifest
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.lexical_index import LexicalIndex, open_lexical_index, write_lexical_index
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.stores.collections import Collections, drop_unneeded
from wbrag_pipeline.retrieval.word_search import DENSE
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import (
    locked,
    remove_directory,
    replacing_directory,
    sha256_of_file,
    write_json,
)
from wbrag_pipeline.verified_files import known_sha256

_HINT = "make it again with: wbrag run BENCHMARK --refresh"
CURRENT_STATE, COMMITTED_STATE = "current.json", "committed.json"
LEXICAL = "lexical"
# Hexadecimal digits of a state's name.
_DIGITS = 16


@dataclass(frozen=True)
class CorpusState:
    """A corpus as it was at one time. ``source`` is the fingerprint of the files it was read from, "" if unknown."""

    folder: Path
    source: str

    @property
    def name(self) -> str:
        """Hash of the passages' table."""
        return self.folder.name

    @property
    def passages(self) -> Path:
        """PASSAGES of this state."""
        return self.folder / "passages.parquet"

    def words(self, search: str) -> LexicalIndex | None:
        """The index of words that this ``search`` needs; None for dense. Raises as ``open_lexical_index``."""
        return None if search == DENSE else open_lexical_index(self.folder / LEXICAL, self.passages)

    def check(self) -> None:
        """Raise IntegrityError unless the table is the one that the index was made from."""
        origin = self.folder / "origin.json"
        try:
            wanted = json.loads(origin.read_text(encoding="utf-8"))["passages_sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(origin, "is missing or damaged") from error
        if not self.passages.is_file() or known_sha256(self.passages) != wanted:
            raise IntegrityError(self.passages, "is not the table that the index was made from")


def build_corpus_index(settings: Settings, corpus: str, encoder: Encoder) -> tuple[Manifest, int]:
    """Index the stored passages of ``corpus`` and serve them from now on.

    Vectors come from the embedding store; what it lacks is encoded. The result is that of a build from nothing.
    Gives the index' manifest and how many passages had to be encoded.
    """
    home, table = settings.corpus_index(corpus), settings.table("passages", corpus)
    collections = Collections.of(settings)
    with locked(home):
        for left_over in home.glob(".*.tmp*"):  # by a killed run: nobody else is at work here
            remove_directory(left_over) if left_over.is_dir() else left_over.unlink()
        frozen = home / f".{uuid.uuid4().hex[:8]}.tmp.parquet"
        _link(table, frozen)  # should a run replace the table meanwhile, this one stays what it was
        sha256 = sha256_of_file(frozen)
        folder, encoded = home / sha256[:_DIGITS], 0
        manifest = _sound(CorpusState(folder, ""), encoder, settings.search)
        if manifest is None:
            remove_directory(folder)
            served = None
            with suppress(IntegrityError):  # a damaged pointer names nothing
                served = _named(home, CURRENT_STATE)
            with (
                embeddings_of(frozen, settings.layout.embeddings, encoder) as embeddings,
                going_into(collections, served, frozen, encoder, settings.index) as (collection, sharing),
                replacing_directory(folder) as new,
            ):
                rows = pl.read_parquet(frozen, columns=["passage_id", "labels"])
                manifest = build_index(
                    embeddings,
                    rows["passage_id"],
                    new,
                    encoder,
                    settings.index,
                    labels=rows["labels"],
                    store=collections.store,
                    collection=collection,
                    sharing=sharing,
                )
                encoded = embeddings.encoded
                if settings.search != DENSE:
                    write_lexical_index(frozen, new / LEXICAL)
                write_json(new / "origin.json", {"passages_sha256": sha256})
                os.replace(frozen, new / "passages.parquet")
        source = noted_source(settings, corpus, folder / "passages.parquet")
        write_json(home / CURRENT_STATE, {"state": folder.name, "source": source})
        frozen.unlink(missing_ok=True)
    # A table that cannot be read, of an older state say: nobody knows what it needs, so nothing is dropped.
    with suppress(IntegrityError, FileNotFoundError):
        compact(settings.layout.embeddings, lambda: _live_hashes(settings))
    return manifest, encoded


def is_indexed(settings: Settings, corpus: str) -> bool:
    """Whether the corpus was ever indexed under the settings' encoder."""
    return (settings.corpus_index(corpus) / CURRENT_STATE).is_file()


def current_state(settings: Settings, corpus: str) -> CorpusState | None:
    """The state that is served, None before the first. Raises IntegrityError when its pointer is damaged."""
    return _named(settings.corpus_index(corpus), CURRENT_STATE)


def committed_state(settings: Settings, corpus: str) -> CorpusState | None:
    """The state that the write-back units were last brought in step with, None when it is not known."""
    with suppress(IntegrityError):
        state = _named(settings.corpus_index(corpus), COMMITTED_STATE)
        if state is not None and state.passages.is_file():
            return state
    return None


def commit_state(settings: Settings, corpus: str) -> None:
    """Note that the units are in step with the current state; states older than the one before it go."""
    home = settings.corpus_index(corpus)
    now, before = current_state(settings, corpus), committed_state(settings, corpus)
    if now is None:
        return
    if before is None or before.name != now.name:
        write_json(home / COMMITTED_STATE, {"state": now.name, "source": now.source})
        kept = {state.name for state in (now, before) if state is not None}
        for folder in home.iterdir():
            if folder.is_dir() and folder.name not in kept:
                remove_directory(folder)
        drop_unneeded(settings.layout)


def is_in_step(settings: Settings, corpus: str, source: str) -> bool:
    """Whether table, index and units are in step with each other, and were made from the source of that fingerprint.

    A state that an earlier version made is not: it can be searched, and the next refresh makes one of this version.
    """
    try:
        state = current_state(settings, corpus)
        return (
            state is not None
            and state.source == source
            and read_manifest(state.folder).format == FORMAT
            and _same(settings.table("passages", corpus), state.passages)
            and (committed := committed_state(settings, corpus)) is not None
            and committed.name == state.name
        )
    except (OSError, IntegrityError, NotBuiltError):
        return False


def open_knowledge_base(
    settings: Settings, corpus: str, encoder: Encoder, *, for_training: bool = False
) -> KnowledgeBase:
    """The corpus alone, as it is served; ``with_writeback`` adds units.

    for_training: also require that it was made from the stored table, which the stages of training read.

    Raises NotBuiltError before the corpus was indexed, IntegrityError when index and table are not of one making.
    """
    try:
        state = current_state(settings, corpus)
        if state is None:
            raise NotBuiltError(f"the index of corpus {corpus}", "wbrag run BENCHMARK")
        index = open_index(state.folder, encoder)
        tables.PASSAGES.scan(state.passages)
        state.check()
        words = state.words(settings.search)
        stored = settings.table("passages", corpus)
        if for_training and not _same(stored, state.passages):
            raise IntegrityError(stored, "is not the table that the index was made from")
    except (IntegrityError, OSError) as error:
        file, problem = (error.file, error.problem) if isinstance(error, IntegrityError) else (corpus, str(error))
        raise IntegrityError(file, f"{problem}; {_HINT}") from error
    return KnowledgeBase(encoder, index, state.passages).searching(settings.search, words)


def _named(home: Path, pointer: str) -> CorpusState | None:
    try:
        found = json.loads((home / pointer).read_text(encoding="utf-8"))
        return CorpusState(home / found["state"], found["source"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(home / pointer, "is damaged") from error


def _sound(state: CorpusState, encoder: Encoder, search: str) -> Manifest | None:
    """The manifest of a state whose files are whole, else None: a damaged one is made again, never reused."""
    try:
        state.check()
        open_index(state.folder, encoder)
        state.words(search)
        return read_manifest(state.folder)
    except WbragError:
        return None


def _same(one: Path, other: Path) -> bool:
    """Whether two files hold the same; mostly they are one file with two names."""
    return one.is_file() and (one.samefile(other) or known_sha256(one) == known_sha256(other))


def _link(file: Path, other: Path) -> None:
    """Give a file a second name; a copy where the file system has none. What replaces the first leaves the second."""
    try:
        os.link(file, other)
    except FileNotFoundError:
        raise NotBuiltError(f"the table of passages {file}", "wbrag run BENCHMARK") from None
    except OSError:
        shutil.copyfile(file, other)


def _live_hashes(settings: Settings) -> pl.Series:
    """Content hashes of all passages that are stored or that some state of some corpus serves, each once."""
    files = [*settings.table("passages", "x").parent.glob("[!.]*.parquet")]
    files += settings.layout.embeddings.parent.glob("*/*/[!.]*/passages.parquet")
    found = pl.Series("content_hash", dtype=pl.String)
    for file in {(file.stat().st_dev, file.stat().st_ino): file for file in files}.values():  # mostly two names of one
        found = pl.concat([found, tables.PASSAGES.read_column(file, "content_hash")]).unique()
    return found
