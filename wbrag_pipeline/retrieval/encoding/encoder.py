"""The sentence encoder by name: MiniLM by ``minilm_encoder``, others as SentenceTransformers that suit the machine.

What is done otherwise than by ``SentenceTransformer.encode`` (and measured by ``perf/encode.py``):

- matrix products in bf16 where the processor multiplies bf16 natively; normalisation, softmax, the residual stream and
  pooling stay in fp32 (autocast). Weights in bf16 throughout would be no faster and have three times the error.
  Queries are fp32 altogether: they are few and short, and what is rounded on one side only moves fewer results;
- batches of about a thousand tokens, which stay in a core's second-level cache, instead of 32 texts;
- one single-threaded worker a core, each over its own batches, instead of all cores at one small matrix product;
- fixed shapes (see ``batches``), so that a vector does not depend on its neighbours.

A passage is encoded as ``title + "\\n" + text``, cut at the model's own limit; a passage without a title as its text.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.cpu_arithmetic import one_thread_an_operation, product_dtype
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.plugins import ENCODERS_GROUP, ExtensionPoint, is_plugin_name
from wbrag_pipeline.retrieval.encoding import loading
from wbrag_pipeline.retrieval.encoding.batches import Batch, plan_batches
from wbrag_pipeline.retrieval.encoding.minilm_encoder import MiniLmEncoder
from wbrag_pipeline.retrieval.protocols import Advance, Encoder, Vectors
from wbrag_pipeline.settings import DEFAULT_ENCODER

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Tokens a batch. Between 700 and 1,500 the speed of a core is flat; a batch of queries is smaller, because a single
# question pays for the whole batch.
_PASSAGE_TOKENS = {"cpu": 1024, "cuda": 131_072}
_QUERY_TOKENS = {"cpu": 128, "cuda": 8192}
# Texts that are cut into tokens at a time: Python's lists of ids are ten times the size of the array they become.
_TOKENIZED_AT_ONCE = 1024

_encoding = threading.Lock()
# A plug-in's encoder may load another one.
_loading = threading.RLock()

# A plug-in's entry point is called with the setting's whole value and gives a ``protocols.Encoder``.
ENCODERS: ExtensionPoint[Callable[[str], Encoder]] = ExtensionPoint(ENCODERS_GROUP, "encoder", {})


def load_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """The encoder of that name, loaded once a process.

    name: ``sentence-transformers/all-MiniLM-L6-v2`` (from a package, without network), ``intfloat/e5-base-v2``, any
    other name of a sentence-transformers model, or a folder that holds one. ``NAME:ARGUMENT`` is the encoder of the
    plug-in NAME; a folder whose name looks like that is written ``./NAME:ARGUMENT``.

    Raises InputError when it cannot be loaded. The first call takes seconds; importing this module takes none.
    """
    with _loading:
        return _load(name)


@cache
def _load(name: str) -> Encoder:
    kind, colon, _ = name.partition(":")
    if colon and is_plugin_name(kind):
        if kind not in ENCODERS:
            there = ENCODERS.listed() or "none"
            raise InputError(
                f"no plug-in {kind!r} is installed for {name!r}", field="encoder", hint=f"there is {there}"
            )
        encoder: Encoder = ENCODERS.make(kind, Encoder, name)
        return encoder
    import torch

    if loading.is_packaged_minilm(name) and not torch.cuda.is_available():
        return MiniLmEncoder(name)
    return SentenceEncoder(name, loading.load_model(name, "cuda" if torch.cuda.is_available() else "cpu"))


class SentenceEncoder:
    """An ``Encoder`` over a SentenceTransformer. ``load_encoder`` makes it."""

    def __init__(self, name: str, model: SentenceTransformer) -> None:
        self.name = name
        self.query_prefix, self.passage_prefix = loading.prefixes(name, model)
        self.fingerprint = loading.fingerprint(model, self.query_prefix, self.passage_prefix)
        self.dimension = int(model.get_embedding_dimension() or 0)
        self._model = model
        self._device = str(model.device.type)
        self._bf16 = _has_fast_bf16(self._device)
        self.arithmetic = f"{self._device}-{'bf16' if self._bf16 else 'fp32'}"
        # Models of another build (static embeddings, pooling that skips the prompt) go the library's own way.
        self._fast = _is_plain_transformer(model)

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n passages, in order and of length 1; ``progress`` is told of finished ones."""
        return self._encode(self._passages(titles, texts), _PASSAGE_TOKENS, self._bf16, progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n questions, in order and of length 1; ``progress`` is told of finished ones."""
        inputs = [self.query_prefix + question for question in questions]
        return self._encode(inputs, _QUERY_TOKENS, False, progress)

    @property
    def longest(self) -> int:
        """Tokens of a text that are read; 0 for a model without a limit."""
        return self._longest if self._fast else 0

    def count_tokens(self, titles: Sequence[str], texts: Sequence[str]) -> list[int]:
        """Tokens of each passage with its prefix, also of those that are not read."""
        found = self._model.tokenizer(
            self._passages(titles, texts), truncation=False, return_attention_mask=False, verbose=False
        )
        return [len(ids) for ids in found["input_ids"]]

    def _passages(self, titles: Sequence[str], texts: Sequence[str]) -> list[str]:
        return [
            self.passage_prefix + (f"{title}\n{text}" if title else text)
            for title, text in zip(titles, texts, strict=True)
        ]

    def _encode(self, inputs: list[str], budgets: dict[str, int], half: bool, progress: Advance | None) -> Vectors:
        out = np.zeros((len(inputs), self.dimension), dtype=np.float32)
        with _encoding:
            if not self._fast:
                found = self._model.encode(inputs, convert_to_numpy=True, show_progress_bar=False)
                out[:] = np.asarray(found, dtype=np.float32).reshape(out.shape)
                if progress:
                    progress(len(inputs))
            else:
                tokens = self._tokenize(inputs)
                batches = plan_batches(
                    [len(ids) for ids in tokens],
                    token_budget=budgets[self._device],
                    longest=self._longest,
                )

                def encode_one(batch: Batch) -> None:
                    members = list(batch.members)
                    out[members] = self._forward([tokens[member] for member in members], batch)

                with nullcontext(1) if self._device == "cuda" else one_thread_an_operation() as workers:
                    _share_out(batches, encode_one, workers, lambda: _arithmetic(self._device, half), progress)
        lengths = np.sqrt(np.einsum("nd,nd->n", out, out, dtype=np.float64))[:, None]
        out /= np.maximum(lengths, 1e-12).astype(np.float32)
        return out

    @property
    def _longest(self) -> int:
        return int(self._model.max_seq_length or self._model.tokenizer.model_max_length)

    def _tokenize(self, inputs: list[str]) -> list[npt.NDArray[np.int32]]:
        tokens: list[npt.NDArray[np.int32]] = []
        for start in range(0, len(inputs), _TOKENIZED_AT_ONCE):
            cut = self._model.tokenizer(
                inputs[start : start + _TOKENIZED_AT_ONCE],
                truncation=True,
                max_length=self._longest,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            tokens += [np.asarray(ids, dtype=np.int32) for ids in cut["input_ids"]]
        return tokens

    def _forward(self, tokens: list[npt.NDArray[np.int32]], batch: Batch) -> Vectors:
        """Vectors [len(tokens), dimension], not yet of length 1, of at most ``batch.rows`` texts."""
        import torch

        tokenizer = self._model.tokenizer
        ids = np.full((batch.rows, batch.width), tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row in range(batch.rows):
            # Rows that are left over repeat the last text: a row of padding alone would be a softmax over nothing.
            of_text = tokens[min(row, len(tokens) - 1)]
            place = slice(-len(of_text), None) if tokenizer.padding_side == "left" else slice(len(of_text))
            ids[row, place] = of_text
            mask[row, place] = 1
        features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        found = self._model({key: value.to(self._device) for key, value in features.items()})["sentence_embedding"]
        vectors: Vectors = found[: len(tokens)].float().cpu().numpy()
        return vectors


@contextmanager
def _arithmetic(device: str, half: bool) -> Iterator[None]:
    """What a worker computes in. Held around all its batches: autocast keeps its bf16 copies of the weights so long."""
    import torch

    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16) if half else nullcontext():
        yield


def _share_out(
    batches: Iterator[Batch],
    encode_one: Callable[[Batch], None],
    workers: int,
    arithmetic: Callable[[], AbstractContextManager[None]],
    progress: Advance | None,
) -> None:
    """Run ``encode_one`` on each batch, in ``workers`` threads (torch leaves the interpreter while it computes)."""
    turn, stop = threading.Lock(), threading.Event()

    def work() -> None:
        with arithmetic():
            while not stop.is_set():
                with turn:
                    batch = next(batches, None)
                if batch is None:
                    return
                encode_one(batch)
                if progress:
                    with turn:
                        progress(len(batch.members))

    if workers == 1:
        work()
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="encode") as pool:
        running = [pool.submit(work) for _ in range(workers)]
        try:
            for future in running:
                future.result()
        except BaseException:  # Ctrl-C too: the other workers stop at their next batch
            stop.set()
            raise


def _is_plain_transformer(model: SentenceTransformer) -> bool:
    return (
        hasattr(model[0], "auto_model")
        and getattr(model.tokenizer, "pad_token_id", None) is not None
        and all(getattr(module, "include_prompt", True) for module in model)
    )


def _has_fast_bf16(device: str) -> bool:
    """Whether bf16 products are native here; where they are emulated they cost more than fp32."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and product_dtype() == torch.bfloat16
