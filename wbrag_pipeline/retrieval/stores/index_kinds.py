"""Kinds of index that stores outside of FAISS have: ``flat`` is exact search, ``ivf`` and ``hnsw`` are approximate."""

from __future__ import annotations

from collections.abc import Collection

from wbrag_pipeline.errors import InputError


def known_kind(kind: str, known: Collection[str], store: str, count: int, most_exact: int, usual: str) -> str:
    """``kind`` itself, and for ``auto`` exact search for up to ``most_exact`` vectors and the ``usual`` kind beyond.

    Raises InputError for a kind that the store does not know.
    """
    if kind == "auto":
        return "flat" if count <= most_exact else usual
    if kind not in known:
        raise InputError(f"{store} has no index {kind!r}", field="--index", hint=", ".join(("auto", *known)))
    return kind
