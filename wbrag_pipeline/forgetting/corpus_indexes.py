"""Corpus indexes: every state of a corpus is made again without the passages, and the vectors leave the store.

An index of words is counted again from the passages that are left: its vocabulary held words of those that went.
"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.forgetting.folder_walk import remove_folder
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.retrieval.corpus import COMMITTED_STATE, CURRENT_STATE, LEXICAL
from wbrag_pipeline.retrieval.encoding.compaction import drop_vectors
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.retrieval.index_removal import without_ids
from wbrag_pipeline.retrieval.lexical_index import write_lexical_index
from wbrag_pipeline.retrieval.row_sharing import Sharing
from wbrag_pipeline.retrieval.slots import SLOTS_FILE, open_slots
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.storage import (
    in_plain_words,
    locked,
    remove_directory,
    replacing_directory,
    sha256_of_file,
    stored_json,
    write_json,
)
from wbrag_pipeline.table_files import parts_of, writing_parquet

# As retrieval.corpus names them.
_DIGITS = 16
_POINTERS = (CURRENT_STATE, COMMITTED_STATE)


def forget_in_corpus_indexes(home: StoredFiles, subject: Subject) -> dict[str, int]:
    """Passages that left each index, by its folder under ``indexes/``.

    A state is named by the hash of its table, so one without the passages is another state; the pointers are moved to
    it before the old one goes. Who has the old one open keeps what is in memory until the next look at the pointer.
    """
    counts: dict[str, int] = {}
    folder = home.settings.layout.embeddings.parent
    if not subject.passages or not folder.is_dir():
        return counts
    for place in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        if place.is_relative_to(home.settings.layout.embeddings):
            continue
        with locked(place):
            for left_over in place.glob(".*.tmp*"):
                remove_directory(left_over) if left_over.is_dir() else left_over.unlink()
            renamed = {state.name: _made_again(state, subject, home) for state in sorted(place.glob("[0-9a-f]*"))}
            moved = {old: found for old, found in renamed.items() if found is not None}
            _move_pointers(place, {old: new for old, (new, _) in moved.items()})
            for old in moved:
                remove_folder(place / old)
            if moved:
                counts[str(place.relative_to(folder))] = max(count for _, count in moved.values())
    return counts


def forget_embeddings(home: StoredFiles, subject: Subject) -> int:
    """Vectors of the passages taken out of the store, under every encoder."""
    hashes = pl.Series(subject.content_hashes, dtype=pl.String)
    return (
        drop_vectors(home.settings.layout.embeddings, hashes)
        if len(hashes) and home.settings.layout.embeddings.is_dir()
        else 0
    )


def _made_again(state: Path, subject: Subject, home: StoredFiles) -> tuple[str, int] | None:
    try:
        with in_plain_words(state):  # a full disk damages nothing
            return _forget_in_state(state, subject, home)
    except (ValueError, pl.exceptions.PolarsError, IntegrityError, NotBuiltError) as error:
        raise IntegrityError(
            state,
            f"is damaged ({error}), so it cannot be made again without what is forgotten; remove the folder, then: "
            "wbrag forget --resume, and wbrag run BENCHMARK --refresh where it was served",
        ) from error


def _forget_in_state(state: Path, subject: Subject, home: StoredFiles) -> tuple[str, int] | None:
    """The name of the state without the passages, and how many went; None where it holds none of them."""
    table = state / "passages.parquet"
    if not table.is_file():
        return None
    hits = pl.col("content_hash").is_in(subject.content_hashes)
    found = [part.filter(hits)["passage_id"] for part in parts_of(table, ["passage_id", "content_hash"])]
    gone = pl.concat(found).to_list()
    if not gone:
        return None
    # Written as the stored table is, so that both are one file to whoever compares them.
    waiting = state.with_name(f".{state.name}.tmp.parquet")
    with writing_parquet(waiting, pl.Schema(pl.read_parquet_schema(table))) as add:
        for part in parts_of(table):
            add(part.filter(~hits))
    sha256 = sha256_of_file(waiting)
    target = state.with_name(sha256[:_DIGITS])
    if not target.exists():
        manifest = read_manifest(state)
        collections = Collections(home.settings.layout, manifest.address)
        # A collection of its own, so that the one which holds them can be dropped; later states may share it.
        sharing = Sharing.first(open_slots(state / SLOTS_FILE).arithmetic) if manifest.version else None
        with (
            collections.making(sharing.version if sharing else 0) as collection,
            replacing_directory(target) as new,
        ):
            without_ids(state, gone, new, collection, sharing)
            if (state / LEXICAL).is_dir():
                write_lexical_index(waiting, new / LEXICAL)
            write_json(new / "origin.json", {"passages_sha256": sha256})
            os.replace(waiting, new / "passages.parquet")
    waiting.unlink(missing_ok=True)
    return target.name, len(gone)


def _move_pointers(place: Path, renamed: dict[str, str]) -> None:
    for name in _POINTERS:
        pointer = place / name
        if renamed and pointer.is_file():
            found = stored_json(pointer)
            if found.get("state") in renamed:
                write_json(pointer, {**found, "state": renamed[found["state"]]})
