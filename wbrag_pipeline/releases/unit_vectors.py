"""Vectors of a release's units: those that an earlier release has already, and the others encoded."""

from __future__ import annotations

import numpy as np
import polars as pl

from wbrag_pipeline.retrieval.protocols import Encoder, Vectors
from wbrag_pipeline.retrieval.vector_search import Index


def unit_vectors(units: pl.DataFrame, encoder: Encoder, known: tuple[pl.DataFrame, Index] | None) -> Vectors:
    """Vectors [units, dimension] of KNOWLEDGE_UNITS, in their order.

    known: units of an earlier release and its index, made with this encoder and in its arithmetic. A vector depends on
        nothing but title and text, so to take it from there gives what encoding again would give, to the last bit.
    """
    vectors = np.zeros((units.height, encoder.dimension), dtype=np.float32)
    said = units.select("title", "text").with_row_index("row")
    stored = known[1].vectors() if known else None
    if known is not None and stored is not None:
        places = pl.DataFrame({"unit_id": known[1].ids}).with_row_index("place")
        earlier = known[0].select("unit_id", "title", "text").join(places, on="unit_id")
        earlier = earlier.unique(["title", "text"], keep="first", maintain_order=True)
        found = said.join(earlier, on=["title", "text"], maintain_order="left")
        vectors[found["row"].to_numpy()] = stored[found["place"].to_numpy()]
        said = said.join(earlier, on=["title", "text"], how="anti", maintain_order="left")
    if said.height:
        vectors[said["row"].to_numpy()] = encoder.encode_passages(said["title"].to_list(), said["text"].to_list())
    return vectors
