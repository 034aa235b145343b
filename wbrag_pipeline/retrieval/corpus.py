"""A corpus' index as a deployment keeps it: made from the stored table, opened for searching.

Beside the index stands origin.json: which source files the passages came from, and the hash of the passages' table.
It is written last, so an index without it, or with another table's hash, is one that a run must make again.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.embedding_store import embed_passages
from wbrag_pipeline.retrieval.index import Manifest, build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocol import Encoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text, write_json

_MEND = "make it again with: wbrag run BENCHMARK --refresh"


def source_fingerprint(source: Path) -> str:
    """Hash of path, size and time of change (nanoseconds) of a corpus' file, or of all files in its folder."""
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    facts = [(str(file), file.stat()) for file in files if file.exists()]
    return sha256_of_text(str(source), *(f"{name}\n{found.st_size}\n{found.st_mtime_ns}" for name, found in facts))


def build_corpus_index(settings: Settings, corpus: str, encoder: Encoder) -> tuple[Manifest, int]:
    """Index the stored passages of ``corpus``; gives the index' manifest and how many passages had to be encoded."""
    table, folder = settings.table("passages", corpus), settings.corpus_index(corpus)
    (folder / "origin.json").unlink(missing_ok=True)
    sha256 = sha256_of_file(table)
    embeddings = embed_passages(table, settings.embeddings, encoder)
    ids = pl.read_parquet(table, columns=["passage_id"])["passage_id"]
    manifest = build_index(embeddings, ids, folder, encoder)
    read_from = settings.source_note(corpus)
    source = read_from.read_text(encoding="utf-8").strip() if read_from.is_file() else ""
    write_json(folder / "origin.json", {"passages_sha256": sha256, "source": source})
    return manifest, embeddings.encoded


def is_fresh(settings: Settings, corpus: str, source: Path) -> bool:
    """Whether table and index are there and were made from ``source`` as it is now."""
    try:
        origin = json.loads((settings.corpus_index(corpus) / "origin.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return settings.table("passages", corpus).is_file() and origin.get("source") == source_fingerprint(source)


def open_knowledge_base(settings: Settings, corpus: str, encoder: Encoder) -> KnowledgeBase:
    """The corpus alone; ``with_writeback`` adds units.

    Raises NotBuiltError before the corpus was indexed, IntegrityError when index and table are not of one making.
    """
    folder, table = settings.corpus_index(corpus), settings.table("passages", corpus)
    try:
        index = open_index(folder, encoder)
        origin = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
        tables.PASSAGES.scan(table)
        if origin["passages_sha256"] != sha256_of_file(table):
            raise IntegrityError(table, "is not the table that the index was made from")
    except IntegrityError as error:
        raise IntegrityError(error.file, f"{error.problem}; {_MEND}") from error
    except (OSError, ValueError, KeyError) as error:
        raise IntegrityError(folder / "origin.json", f"is missing or damaged; {_MEND}") from error
    return KnowledgeBase(encoder, index, table)
