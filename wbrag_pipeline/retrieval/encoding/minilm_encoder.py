"""The default encoder, all-MiniLM-L6-v2, on a CPU and without sentence-transformers.

What is done otherwise than by ``SentenceTransformer.encode`` (measured by ``perf/encode.py``):

- each text runs alone and unpadded, on one core, so a vector does not depend on what was encoded with it;
- matrix products in bf16 where the processor multiplies bf16 natively; normalisation, the residual stream and pooling
  stay in fp32. Weights in bf16 throughout would be no faster and have three times the error. Queries are fp32
  altogether: they are few and short, and what is rounded on one side only moves fewer results;
- weights laid out once for these products (``cpu_arithmetic.dense_layer``);
- nothing is imported but torch and tokenizers: sentence-transformers takes six seconds to import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wbrag_pipeline import minilm
from wbrag_pipeline.cpu_arithmetic import map_on_cores, product_dtype
from wbrag_pipeline.retrieval.encoding.loading import fingerprint_of
from wbrag_pipeline.retrieval.protocols import Advance, Vectors

if TYPE_CHECKING:
    from torch import Tensor

# The release's own limit in tokens, the two special ones included (its sentence_bert_config.json).
LONGEST = 256


class MiniLmTokens:
    """A ``TokenLimit``: how long passages are for this encoder, without its weights."""

    longest = LONGEST

    def __init__(self) -> None:
        self._tokenizer = minilm.load_tokenizer()

    def count_tokens(self, titles: Sequence[str], texts: Sequence[str]) -> list[int]:
        """Tokens of each passage, the two special ones included."""
        return [len(found.ids) for found in self._tokenizer.encode_batch(_joined(titles, texts))]


class MiniLmEncoder:
    """An ``Encoder``; ``encoder.load_encoder`` makes it. Its vectors are those of the library but for rounding."""

    dimension = minilm.WIDTH
    longest = LONGEST

    def __init__(self, name: str) -> None:
        import torch

        self.name = name
        checkpoint = minilm.load_checkpoint()
        self._weights = minilm.load_weights(checkpoint)
        self._tokenizer = minilm.load_tokenizer()
        self._tokenizer.enable_truncation(LONGEST)
        vocabulary = self._tokenizer.get_vocab()
        # The library's own fingerprint: indexes made with either can be searched with the other.
        self.fingerprint = fingerprint_of("", "", LONGEST, vocabulary, _parameters(checkpoint))
        dtype = product_dtype()
        self.arithmetic = f"minilm-cpu-{'bf16' if dtype == torch.bfloat16 else 'fp32'}"
        self._exact = minilm.dense_layers(self._weights, torch.float32)
        self._fast = self._exact if dtype == torch.float32 else minilm.dense_layers(self._weights, dtype)

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, 384] of n passages, in order and of length 1; ``progress`` is told of finished ones."""
        return self._encode(_joined(titles, texts), self._fast, progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, 384] of n questions, in order and of length 1; ``progress`` is told of finished ones."""
        return self._encode(questions, self._exact, progress)

    def count_tokens(self, titles: Sequence[str], texts: Sequence[str]) -> list[int]:
        """Tokens of each passage, also of those that are not read."""
        return MiniLmTokens().count_tokens(titles, texts)

    def _encode(self, texts: Sequence[str], dense: minilm.Dense, progress: Advance | None) -> Vectors:
        vectors = map_on_cores(lambda text: self._encode_one(text, dense), texts, progress)
        return np.array(vectors, dtype=np.float32).reshape(len(texts), self.dimension)

    def _encode_one(self, text: str, dense: minilm.Dense) -> Vectors:
        import torch
        import torch.nn.functional as functional

        with torch.inference_mode():
            ids = torch.tensor([self._tokenizer.encode(text).ids])
            hidden = minilm.encode(self._weights, ids, torch.zeros_like(ids), dense=dense)
            vector: Vectors = functional.normalize(hidden[0].mean(0), dim=0).numpy()
            return vector


def _joined(titles: Sequence[str], texts: Sequence[str]) -> list[str]:
    return [f"{title}\n{text}" if title else text for title, text in zip(titles, texts, strict=True)]


def _parameters(checkpoint: Mapping[str, Tensor]) -> Iterator[Tensor]:
    """The checkpoint's tensors in the order of a ``BertModel``'s parameters."""
    names = [f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")]
    modules = ["embeddings.LayerNorm"]
    for layer in range(minilm.LAYERS):
        attention = [f"attention.self.{name}" for name in ("query", "key", "value")]
        parts = [*attention, "attention.output.dense", "attention.output.LayerNorm"]
        parts += ["intermediate.dense", "output.dense", "output.LayerNorm"]
        modules += [f"encoder.layer.{layer}.{part}" for part in parts]
    modules.append("pooler.dense")
    names += [f"{module}.{leaf}" for module in modules for leaf in ("weight", "bias")]
    return (checkpoint[name] for name in names)
