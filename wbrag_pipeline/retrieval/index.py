"""A FAISS index on disk and the ids of what is in it: a folder that is complete or not there.

::

    index.faiss      the vectors; inner product on vectors of length 1, which is the cosine
    ids.parquet      columns passage_id and labels, row i those of vector i
    manifest.json    encoder, dimension, count, factory, and the sha256 of the two files; written last

``open_index`` believes nothing that the manifest does not vouch for: FAISS takes lengths and pointers from a file as
they come, so a file is hashed before FAISS is let near it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.faiss_search import Index
from wbrag_pipeline.retrieval.protocols import Vectors, VectorSpace
from wbrag_pipeline.storage import replacing, sha256_of_file, write_json

_FORMAT = 2
_IDS = pl.Schema({"passage_id": pl.String(), "labels": pl.List(pl.String())})
# Vectors that train an index which has to be trained (IVF, PQ), spread evenly over the corpus.
_TRAINING_VECTORS = 200_000

# FAISS' limit on what a file may make it allocate is one setting for the process.
_reading = threading.Lock()


@dataclass(frozen=True)
class Manifest:
    """What an index' folder says of itself."""

    format: int
    encoder: str
    encoder_fingerprint: str
    factory: str
    dimension: int
    count: int
    index_sha256: str
    ids_sha256: str


def build_index(
    embeddings: Vectors | Iterable[Vectors],
    ids: Sequence[str] | pl.Series,
    folder: Path,
    encoder: VectorSpace,
    factory: str = "Flat",
    *,
    labels: pl.Series | None = None,
) -> Manifest:
    """Write the index of ``embeddings`` into ``folder``, replacing what is there once the new one is complete.

    embeddings: [count, dimension], or its parts in order (``StoredEmbeddings``); no rows make an empty index. Parts
    are gone through twice when the factory needs training, so they must not be a generator.
    ids: one a row, each once.
    factory: a FAISS index_factory string. ``Flat`` is exact and the only kind whose files and results are the same
    from run to run on every machine; ``IVF4096,Flat`` or ``HNSW32`` are for tens of millions of passages.
    labels: access labels (List(String)), one row an id; None where nothing is labelled.

    Raises InputError for a factory that FAISS does not know, IntegrityError when rows, ids and dimension disagree.
    """
    names = pl.Series("passage_id", ids, dtype=pl.String)
    marked = pl.Series("labels", [[]] * len(names), _IDS["labels"]) if labels is None else labels.alias("labels")
    if len(marked) != len(names):
        raise IntegrityError(folder, f"{len(marked)} rows of labels for {len(names)} ids")
    parts: Iterable[Vectors] = [embeddings] if isinstance(embeddings, np.ndarray) else embeddings
    if names.is_duplicated().any():
        raise IntegrityError(folder, f"the id {names.filter(names.is_duplicated())[0]!r} is there more than once")
    faiss = load_faiss()
    index = _empty(faiss, encoder.dimension, factory)
    if not index.is_trained and len(names):
        index.train(_spread(parts, len(names), encoder.dimension))
    for part in parts:
        if part.ndim != 2 or part.shape[1] != encoder.dimension:
            raise IntegrityError(folder, f"vectors of shape {list(part.shape)}, not [rows, {encoder.dimension}]")
        if not np.isfinite(part).all():
            raise IntegrityError(folder, "a vector holds something that is not a number")
        if len(part):
            index.add(np.ascontiguousarray(part, dtype=np.float32))
    if index.ntotal != len(names):
        raise IntegrityError(folder, f"{index.ntotal} vectors for {len(names)} ids")

    with replacing(folder / "index.faiss") as index_file, replacing(folder / "ids.parquet") as ids_file:
        faiss.write_index(index, str(index_file))
        pl.DataFrame([names, marked], schema=_IDS).write_parquet(ids_file)
        manifest = Manifest(
            format=_FORMAT,
            encoder=encoder.name,
            encoder_fingerprint=encoder.fingerprint,
            factory=factory,
            dimension=encoder.dimension,
            count=len(names),
            index_sha256=sha256_of_file(index_file),
            ids_sha256=sha256_of_file(ids_file),
        )
        # Both files are complete; from here to the new manifest there is no index, rather than a mixed one.
        (folder / "manifest.json").unlink(missing_ok=True)
    write_json(folder / "manifest.json", asdict(manifest))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an index' folder.

    Raises NotBuiltError where there is none, IntegrityError where it is not one.
    """
    file = folder / "manifest.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotBuiltError(f"the index {folder}", "wbrag run BENCHMARK") from None
    except ValueError as error:
        raise IntegrityError(file, f"is no JSON: {error}") from error
    kinds = {field.name: {"int": int, "str": str}[str(field.type)] for field in fields(Manifest)}
    if not isinstance(found, dict) or {name: type(value) for name, value in found.items()} != kinds:
        raise IntegrityError(file, f"is no manifest of an index: it must hold {', '.join(kinds)}")
    if found["format"] != _FORMAT:
        raise IntegrityError(file, f"is of format {found['format']}; this version reads format {_FORMAT}")
    return Manifest(**found)


def open_index(folder: Path, encoder: VectorSpace) -> Index:
    """Open an index for searching with ``encoder``, on the GPUs where FAISS has some.

    Raises NotBuiltError when it has not been made, and IntegrityError when it was made with another encoder or a
    file is not the one that the manifest was written for.
    """
    manifest = read_manifest(folder)
    if manifest.encoder_fingerprint != encoder.fingerprint:
        raise IntegrityError(
            folder,
            f"was made with the encoder {manifest.encoder} ({manifest.encoder_fingerprint[:12]}) and cannot be "
            f"searched with {encoder.name} ({encoder.fingerprint[:12]})",
        )
    if manifest.dimension != encoder.dimension:
        raise IntegrityError(folder, f"holds vectors of {manifest.dimension} numbers, not {encoder.dimension}")
    index_file, ids_file = folder / "index.faiss", folder / "ids.parquet"
    for file, expected in ((index_file, manifest.index_sha256), (ids_file, manifest.ids_sha256)):
        if not file.is_file():
            raise IntegrityError(file, "is missing, though its manifest is there")
        if sha256_of_file(file) != expected:
            raise IntegrityError(file, "does not have the sha256 that its manifest gives")
    ids = pl.read_parquet(ids_file)
    if ids.schema != _IDS or ids["labels"].null_count():
        raise IntegrityError(ids_file, f"has columns {dict(ids.schema)}, not ids with labels")
    index = _read(index_file)
    if not index.ntotal == ids.height == manifest.count or index.d != manifest.dimension:
        raise IntegrityError(
            folder,
            f"{index.ntotal} vectors of {index.d} numbers and {ids.height} ids, where the manifest gives "
            f"{manifest.count} of {manifest.dimension}",
        )
    return Index(manifest.dimension, ids["passage_id"], ids["labels"], index)


def _empty(faiss: Any, dimension: int, factory: str) -> Any:
    try:
        return faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise InputError(
            f"FAISS knows no index {factory!r} for {dimension} dimensions",
            field="factory",
            hint="use Flat, IVF4096,Flat, HNSW32 or another index_factory string",
        ) from error


def _spread(parts: Iterable[Vectors], count: int, dimension: int) -> Vectors:
    """Every n-th vector of all parts, [at most some _TRAINING_VECTORS, dimension]."""
    step = max(1, count // _TRAINING_VECTORS)
    taken = [np.empty((0, dimension), dtype=np.float32)]
    seen = 0
    for part in parts:
        taken.append(np.asarray(part[-seen % step :: step], dtype=np.float32))
        seen += len(part)
    return np.ascontiguousarray(np.concatenate(taken))


def _read(file: Path) -> Any:
    faiss = load_faiss()
    with _reading:
        usual = faiss.get_deserialization_vector_byte_limit()
        # No array in a file is larger than the file, whatever length the file claims for it.
        faiss.set_deserialization_vector_byte_limit(file.stat().st_size)
        try:
            return faiss.read_index(str(file))
        except RuntimeError as error:
            raise IntegrityError(file, f"FAISS cannot read it: {str(error).splitlines()[0]}") from error
        finally:
            faiss.set_deserialization_vector_byte_limit(usual)
