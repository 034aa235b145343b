"""An index on disk: a folder that is complete or not there.

::

    ids.arrow        ids and access labels, row i those of vector i; see ``index_ids``
    index.faiss      the vectors; inner product on vectors of length 1, which is the cosine
    manifest.json    encoder, dimension, count, factory, and the sha256 of the files; written last

An index of format 2 has ``ids.parquet`` in the place of ``ids.arrow``, which is read into memory.

In a store other than FAISS (``stores``) the vectors lie elsewhere, and the manifest names the store and the collection.
Where states share a collection it names the version too, and ``slots.arrow`` tells which rows are whose (``slots``).

``open_index`` believes nothing that the manifest does not vouch for: FAISS takes lengths and pointers from a file as
they come, so a file is hashed before FAISS is let near it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.index_ids import IndexIds, open_ids, read_old_ids
from wbrag_pipeline.retrieval.protocols import Vectors, VectorSpace
from wbrag_pipeline.retrieval.row_sharing import Sharing
from wbrag_pipeline.retrieval.slots import SLOTS_FILE, open_slots
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.faiss_store import INDEX_FILE
from wbrag_pipeline.retrieval.stores.vector_store import StoreBackend, VectorStore
from wbrag_pipeline.retrieval.stores.versions import StateStore, VersionedBackend
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.storage import replacing, sha256_of_file, stored_json, write_json
from wbrag_pipeline.store_address import FAISS, StoreAddress, parse_store
from wbrag_pipeline.verified_files import known_sha256

FORMAT = 3
_IDS_FILE = "ids.arrow"
# The file of ids in each format that is read, and what reads it.
_IDS_OF_FORMAT = {2: ("ids.parquet", read_old_ids), FORMAT: (_IDS_FILE, open_ids)}


@dataclass(frozen=True)
class RecordedSpace:
    """A ``VectorSpace`` as an index recorded it: enough to open the index without loading a model."""

    name: str
    dimension: int
    fingerprint: str


@dataclass(frozen=True)
class Manifest:
    """What an index' folder says of itself.

    index_sha256: hash of FAISS' file; of the vectors in order where another store has them.
    factory: kind of the index, in the store's own name.
    store, collection: where the vectors are; "" for FAISS' file, and for what lies in the folder.
    version, slots_sha256: of the collection, and the hash of ``slots.arrow``, where states share it; else 0 and "".
    recall: share of the ten nearest vectors that are found, measured when it was built; 1 for exact search.
    """

    format: int
    encoder: str
    encoder_fingerprint: str
    factory: str
    dimension: int
    count: int
    index_sha256: str
    ids_sha256: str
    store: str = ""
    collection: str = ""
    version: int = 0
    slots_sha256: str = ""
    recall: float = 1.0

    @property
    def address(self) -> StoreAddress:
        """The store."""
        return parse_store(self.store) if self.store else FAISS

    @property
    def space(self) -> RecordedSpace:
        """Of the encoder that the index was made with."""
        return RecordedSpace(self.encoder, self.dimension, self.encoder_fingerprint)


_USUAL: dict[str, Any] = {field.name: field.default for field in fields(Manifest) if field.default is not MISSING}


def build_index(
    embeddings: Vectors | Iterable[Vectors],
    ids: Sequence[str] | pl.Series,
    folder: Path,
    encoder: VectorSpace,
    kind: str = "auto",
    *,
    labels: pl.Series | None = None,
    store: StoreAddress = FAISS,
    collection: str = "",
    sharing: Sharing | None = None,
) -> Manifest:
    """Write the index of ``embeddings`` into ``folder``, which holds none yet: an index never changes.

    embeddings: [count, dimension], or its parts in order (``StoredEmbeddings``); no rows make an empty index. Parts
    are gone through twice when the kind needs training, so they must not be a generator.
    ids: one a row, each once.
    kind: of the index: auto, flat, ivf, hnsw, or what the store's ``kind_of`` knows.
    labels: access labels (List(String)), one row an id; None where nothing is labelled.
    store, collection: where the vectors go; ``Collections`` gives the name.
    sharing: how states share the collection; None makes one of its own.

    Raises InputError for a kind that the store does not know, IntegrityError when rows, ids and dimension disagree,
    VectorStoreError when the store refuses, FileExistsError when there is an index.
    """
    if (folder / "manifest.json").exists():
        raise FileExistsError(folder)
    names = pl.Series("passage_id", ids, dtype=pl.String)
    marked = pl.Series("labels", [[]] * len(names), pl.List(pl.String)) if labels is None else labels.alias("labels")
    if len(marked) != len(names):
        raise IntegrityError(folder, f"{len(marked)} rows of labels for {len(names)} ids")
    if names.is_duplicated().any():
        raise IntegrityError(folder, f"the id {names.filter(names.is_duplicated())[0]!r} is there more than once")
    parts = _Checked([embeddings] if isinstance(embeddings, np.ndarray) else embeddings, encoder.dimension, folder)
    stored_ids = IndexIds.of(names, marked)
    vectors = Written(encoder.dimension, parts, stored_ids.label_sets.numbers)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / _IDS_FILE) as ids_file:
        stored_ids.write(ids_file)
        backend, embedded = backend_at(store), store == FAISS
        factory = backend.kind_of(kind, len(names), encoder.dimension)
        slots_sha256 = ""
        if sharing is None:
            backend.create(folder, collection, vectors, factory)
        else:
            slots = sharing.write(_versioned(backend), collection, vectors, stored_ids.label_sets.texts, factory)
            with replacing(folder / SLOTS_FILE) as slots_file:
                slots.write(slots_file)
            slots_sha256 = sha256_of_file(folder / SLOTS_FILE)
        if parts.rows != len(names):
            raise IntegrityError(folder, f"{parts.rows} vectors for {len(names)} ids")
        manifest = Manifest(
            format=FORMAT,
            encoder=encoder.name,
            encoder_fingerprint=encoder.fingerprint,
            factory=factory,
            dimension=encoder.dimension,
            count=len(names),
            index_sha256=sha256_of_file(folder / INDEX_FILE) if embedded else parts.sha256,
            ids_sha256=sha256_of_file(ids_file),
            store="" if embedded else str(store),
            collection=collection,
            version=sharing.version if sharing else 0,
            slots_sha256=slots_sha256,
        )
        if factory.lower() != "flat":
            manifest = replace(manifest, recall=vectors.sample.recall(_opened(folder, manifest).nearest))
    # An index of FAISS that is exact has the manifest that it always had.
    said = asdict(manifest).items()
    write_json(folder / "manifest.json", {name: value for name, value in said if value != _USUAL.get(name)})
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an index' folder.

    Raises NotBuiltError where there is none, IntegrityError where it is not one.
    """
    file = folder / "manifest.json"
    try:
        found = stored_json(file)
    except FileNotFoundError:
        raise NotBuiltError(f"the index {folder}", "wbrag run BENCHMARK") from None
    except ValueError as error:
        raise IntegrityError(file, f"is no JSON: {error}") from error
    kinds = {field.name: {"int": int, "str": str, "float": float}[str(field.type)] for field in fields(Manifest)}
    if not isinstance(found, dict) or {name: type(value) for name, value in (_USUAL | found).items()} != kinds:
        raise IntegrityError(file, f"is no manifest of an index: it must hold {', '.join(kinds)}")
    if found["format"] not in _IDS_OF_FORMAT:
        known = " and ".join(map(str, _IDS_OF_FORMAT))
        raise IntegrityError(file, f"is of format {found['format']}; this version reads format {known}")
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
    name, read_ids = _IDS_OF_FORMAT[manifest.format]
    ids_file = folder / name
    _verify(ids_file, manifest.ids_sha256)
    if manifest.address == FAISS:
        _verify(folder / INDEX_FILE, manifest.index_sha256)
    if manifest.version:
        _verify(folder / SLOTS_FILE, manifest.slots_sha256)
    ids = read_ids(ids_file)
    store = _opened(folder, manifest)
    if not len(store) == len(ids) == manifest.count or store.dimension != manifest.dimension:
        raise IntegrityError(
            folder,
            f"{len(store)} vectors of {store.dimension} numbers and {len(ids)} ids, where the manifest gives "
            f"{manifest.count} of {manifest.dimension}",
        )
    return Index(ids, store)


def verify_vectors(folder: Path, index: Index) -> None:
    """Read every vector of an opened index again. Raises IntegrityError where they are not those that were written.

    FAISS' file is compared at each opening; of another store, only the number of vectors is.
    """
    manifest = read_manifest(folder)
    if manifest.address == FAISS or not index.store.keeps_vectors:
        return
    parts = _Checked(index.vectors_at(np.arange(len(index))), manifest.dimension, folder)
    for _ in parts:
        pass
    if parts.sha256 != manifest.index_sha256:
        raise IntegrityError(folder, f"{manifest.store} does not hold the vectors that were written there")


def _opened(folder: Path, manifest: Manifest) -> VectorStore:
    """The vectors of a manifest. Files are believed."""
    backend = backend_at(manifest.address)
    name, dimension, kind = manifest.collection, manifest.dimension, manifest.factory
    if not manifest.version:
        return backend.open(folder, name, dimension, kind)
    slots = open_slots(folder / SLOTS_FILE)
    return StateStore(_versioned(backend).open_version(folder, name, dimension, kind, manifest.version), slots)


def _versioned(backend: StoreBackend) -> VersionedBackend:
    if not isinstance(backend, VersionedBackend):
        raise IntegrityError("manifest.json", "names a version, and its store has none")
    return backend


class _Checked:
    """Parts of vectors on their way: each is of the dimension and finite. May be gone through more than once.

    rows, sha256: number and hash of the vectors, of the last time that they were gone through to the end.
    """

    def __init__(self, parts: Iterable[Vectors], dimension: int, folder: Path) -> None:
        self._parts, self._dimension, self._folder = parts, dimension, folder
        self.rows, self.sha256 = 0, hashlib.sha256().hexdigest()

    def __iter__(self) -> Iterator[Vectors]:
        rows, digest = 0, hashlib.sha256()
        for part in self._parts:
            if part.ndim != 2 or part.shape[1] != self._dimension:
                problem = f"vectors of shape {list(part.shape)}, not [rows, {self._dimension}]"
                raise IntegrityError(self._folder, problem)
            if not np.isfinite(part).all():
                raise IntegrityError(self._folder, "a vector holds something that is not a number")
            block = np.ascontiguousarray(part, dtype=np.float32)
            rows += len(block)
            digest.update(block.data)
            yield block
        self.rows, self.sha256 = rows, digest.hexdigest()


def _verify(file: Path, sha256: str) -> None:
    if not file.is_file():
        raise IntegrityError(file, "is missing, though its manifest is there")
    if known_sha256(file) != sha256:
        raise IntegrityError(file, "does not have the sha256 that its manifest gives")
