"""Corpus and units as FlashRAG reads them: one ``corpus.jsonl`` and one FAISS index, row i that of line i.

Search-R1 and others read the same form: ``{"id", "contents"}``, where the first line of ``contents`` is the title in
quotation marks.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import InputError, NotBuiltError
from wbrag_pipeline.publishing.exported_units import ExportedUnits
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.index import RecordedSpace, open_index, read_manifest
from wbrag_pipeline.retrieval.protocols import Positions
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.settings import Settings


def write_flashrag(
    settings: Settings, corpus: str, units: ExportedUnits, folder: Path, *, with_labels: bool
) -> tuple[int, int]:
    """Write ``corpus.jsonl``, ``ENCODER_Flat.index`` and ``flashrag.yaml``; gives passages written and left out.

    The corpus goes first, in its own order, and the units follow. Passages with access labels are left out like units.

    Raises NotBuiltError before the corpus was indexed, InputError where corpus and units have different encoders.
    """
    state = current_state(settings, corpus)
    if state is None:
        raise NotBuiltError(f"the index of corpus {corpus}", f"wbrag run {units.benchmark}")
    state.check()
    space = read_manifest(state.folder).space
    if space.fingerprint != units.encoder.fingerprint:
        raise InputError(
            f"the corpus is encoded by {space.name} and the units by {units.encoder.name}, or by other weights of it",
            field="--encoder",
            hint=f"wbrag run {units.benchmark} makes both again with one encoder",
        )
    index = open_index(state.folder, space)
    kept = pl.Series([True] * len(index)) if with_labels else index.labels.list.len() == 0
    places = np.flatnonzero(kept.to_numpy())
    _write_index(index, places, units, folder / f"{_short(space.name)}_Flat.index")
    # The table is in the order of the index, which was made from it.
    passages = tables.PASSAGES.scan(state.passages).select("title", "text", id="passage_id", labels="labels")
    if not with_labels:
        passages = passages.filter(pl.col("labels").list.len() == 0)
    own = units.table.lazy().select("title", "text", id="unit_id", labels="labels")
    merged = pl.concat([passages, own]).select("id", contents=_contents())
    merged.sink_ndjson(folder / "corpus.jsonl")
    _write_settings(space, folder)
    return len(places), len(index) - len(places)


def _write_index(index: Index, places: Positions, units: ExportedUnits, file: Path) -> None:
    """An exact index of the passages at these places and of the units, by the inner product."""
    faiss = load_faiss()
    merged = faiss.index_factory(units.encoder.dimension, "Flat", faiss.METRIC_INNER_PRODUCT)
    for vectors in index.vectors_at(places):
        merged.add(np.ascontiguousarray(vectors))
    if len(units.vectors):
        merged.add(np.ascontiguousarray(units.vectors))
    faiss.write_index(merged, str(file))


def _contents() -> pl.Expr:
    # The title is one line: what follows the first line end is the text.
    title = pl.col("title").str.replace_all(r"[\r\n\u{85}\u{2028}\u{2029}]+", " ")
    return pl.format('"{}"\n{}', title, pl.col("text"))


def _short(encoder: str) -> str:
    """The last part of an encoder's name, as a file's name; FlashRAG calls its own ``e5_Flat.index``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(encoder).name).strip("-.") or "encoder"


def _write_settings(space: RecordedSpace, folder: Path) -> None:
    import yaml

    name = _short(space.name)
    told = {
        "retrieval_method": name,
        "retrieval_model_path": space.name,
        "use_sentence_transformer": True,
        "index_path": f"{name}_Flat.index",
        "corpus_path": "corpus.jsonl",
        "faiss_gpu": False,
    }
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True)
    (folder / "flashrag.yaml").write_text(f"# For FlashRAG's Config; paths are those in this folder.\n{text}", "utf-8")
