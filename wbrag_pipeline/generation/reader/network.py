"""The embedded reader's network: all-MiniLM-L6-v2 with merged LoRA adapters and three heads.

The base is ``minilm``. The adapters are LoRA (Hu et al. 2021, section 4.1: ``W + alpha / r * B A``), added to the
weights once at load time. The span head is that of BERT for SQuAD 2.0 (Devlin et al. 2019, section 4.3).
``reader_training/`` in the repository trains the adapter with this very code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wbrag_pipeline import minilm
from wbrag_pipeline.cpu_arithmetic import map_on_cores, product_dtype

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from torch import Tensor

HeadKind = Literal["span", "yes_no", "verdict"]
YES_NO_LABELS = ("False", "True", "UNDECIDED")
VERDICT_LABELS = ("REFUTES", "SUPPORTS", "NOT ENOUGH INFO")
ADAPTER_DIR = Path(__file__).with_name("adapter")
# Goes up when readings change although weights do not: 2, products by oneDNN, which rounds fp32 otherwise than MKL.
_VERSION = b"2"
# Words that say nothing about whether a passage is on the question's subject.
_FUNCTION_WORDS = frozenset(
    "a an the of in on at to for from by with as and or not no is are was were be been being do does did has have "
    "had can could will would shall should may might must it its he his she her they their them this that these "
    "those who whom whose which what when where why how many much s t there than then".split()
)


@dataclass(frozen=True)
class Reading:
    """What the reader made of one (question, context) pair.

    Spans: ``text`` is ``context[start:end]`` (character offsets), ``score`` the sum of its start and end
    logits, ``null_score`` the same sum at ``[CLS]``; ``score - null_score > 0`` means "the context answers".
    ``probabilities`` is empty. ``yes_no`` and ``verdict``: ``probabilities`` follows ``YES_NO_LABELS`` or
    ``VERDICT_LABELS`` and sums to 1; the other fields are empty or zero. ``cut``: the pair was too long, and the
    network saw only the beginning of question or context.
    """

    text: str
    score: float
    null_score: float
    probabilities: tuple[float, ...]
    start: int
    end: int
    cut: bool = False


@dataclass(frozen=True)
class Pieces:
    """A text cut into word pieces: ids, character offsets, and the index of the word each piece is of."""

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    words: tuple[int, ...]

    def __getitem__(self, window: slice) -> Pieces:
        return Pieces(self.ids[window], self.offsets[window], self.words[window])

    def runs(self) -> Iterator[tuple[int, int]]:
        """Half-open piece ranges, one a word."""
        first = 0
        for at in range(1, len(self.ids) + 1):
            if at == len(self.ids) or self.words[at] != self.words[first]:
                yield first, at
                first = at


class PairEncoder:
    """Turns texts into the network's input ``[CLS] question [SEP] context [SEP]`` and its token types."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        pieces = (tokenizer.token_to_id(word) for word in _FUNCTION_WORDS)
        self._dull = {(piece,) for piece in pieces if piece is not None}

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Word pieces of each text, untruncated."""
        return [
            Pieces(tuple(e.ids), tuple(e.offsets), tuple(word or 0 for word in e.word_ids))
            for e in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]

    def join(self, question: Pieces, context: Pieces) -> tuple[list[int], list[int]]:
        """Token ids and token types: 0 question, 1 context, 2 context words that the question holds too."""
        asked = {question.ids[a:b] for a, b in question.runs()} - self._dull
        types = [0] * (len(question.ids) + 2)
        for first, end in context.runs():
            word = context.ids[first:end]
            # One-character words are mostly punctuation, which the question mark alone would light up.
            shared = word in asked and context.offsets[end - 1][1] - context.offsets[first][0] > 1
            types += [2 if shared else 1] * (end - first)
        return [minilm.CLS, *question.ids, minilm.SEP, *context.ids, minilm.SEP], [*types, 1]


def lora_delta(lora_a: Tensor, lora_b: Tensor, scale: float) -> Tensor:
    """``scale * B A`` per block: ``lora_a`` is (blocks, r, in), ``lora_b`` (blocks, out, r) -> (blocks * out, in)."""
    return (scale * (lora_b @ lora_a)).flatten(0, 1)


class ReaderNetwork:
    """Reads contexts for questions on the CPU; see :meth:`load` and :meth:`read`."""

    def __init__(
        self, weights: Mapping[str, Tensor], dtype: torch.dtype, config: Mapping[str, int], fingerprint: str
    ) -> None:
        self._weights = {name: tensor if _is_head(name) else tensor.to(dtype) for name, tensor in weights.items()}
        self._dense: minilm.Dense | None = minilm.dense_layers(self._weights, dtype)
        self._config = config
        self._pairs = PairEncoder(minilm.load_tokenizer())
        self.fingerprint = fingerprint
        self._pieces = lru_cache(maxsize=4096)(lambda text: self._pairs.pieces([text])[0])

    @classmethod
    def load(cls, adapter_dir: Path | None = None) -> ReaderNetwork:
        """Loads base and adapter (``adapter.safetensors``, ``config.json``) and merges them.

        Raises FileNotFoundError where the folder has no adapter and ImportError without the base's package.
        """
        from safetensors.torch import load as load_tensors

        folder = adapter_dir or ADAPTER_DIR
        stored = (folder / "adapter.safetensors").read_bytes()
        config: dict[str, int] = json.loads((folder / "config.json").read_text())["network"]
        adapter = {name: tensor.float() for name, tensor in load_tensors(stored).items()}
        weights = merge_adapter(minilm.load_weights(), adapter, config["lora_alpha"] / config["lora_rank"])
        # Readings differ in the last digits between precisions, so a cache must not mix them.
        dtype = product_dtype()
        parts = stored, (minilm.model_dir() / "model.safetensors").read_bytes(), str(dtype).encode(), _VERSION
        return cls(weights, dtype, config, hashlib.sha256(b"".join(parts)).hexdigest()[:16])

    def read(self, kind: HeadKind, pairs: Sequence[tuple[str, str]]) -> list[Reading]:
        """One reading per (question, context) pair, in the order given; a context is "title\\ntext".

        The pair is cut at the configuration's ``max_tokens`` (192), the question at ``max_question_tokens``.
        Every pair runs alone and unpadded: on a CPU that is as fast as a batch, and a reading then depends on
        its own pair only, to the last bit. Raises ValueError for an unknown ``kind``.
        """
        if kind not in ("span", "yes_no", "verdict"):
            raise ValueError(f"unknown kind of reading: {kind!r}")
        return map_on_cores(lambda pair: self._read_one(kind, *pair), pairs)

    def _read_one(self, kind: HeadKind, question: str, context: str) -> Reading:
        import torch

        whole = self._pieces(question), self._pieces(context)
        asked = whole[0][: self._config["max_question_tokens"]]
        shown = whole[1][: self._config["max_tokens"] - len(asked.ids) - 3]
        cut = (asked.ids, shown.ids) != (whole[0].ids, whole[1].ids)
        ids, types = self._pairs.join(asked, shown)
        with torch.inference_mode():
            inputs = torch.tensor([ids]), torch.tensor([types])
            hidden = minilm.encode(self._weights, *inputs, dense=self._dense)[0].float()
            if kind == "span":
                logits = hidden @ self._weights["span.weight"].T + self._weights["span.bias"]
                first = len(asked.ids) + 2
                return replace(self._best_span(context, shown, logits[first:-1], float(logits[0].sum())), cut=cut)
            pooled = torch.cat([hidden[0], hidden.mean(0)])
            logits = self._weights[f"{kind}.weight"] @ pooled + self._weights[f"{kind}.bias"]
            return Reading("", 0.0, 0.0, tuple(logits.softmax(0).tolist()), 0, 0, cut)

    def _best_span(self, context: str, shown: Pieces, logits: Tensor, null_score: float) -> Reading:
        """Best pair of a word's first piece and the same or a later word's last piece."""
        import torch

        starts = torch.tensor([first for first, _ in shown.runs()], dtype=torch.long)
        ends = torch.tensor([end - 1 for _, end in shown.runs()], dtype=torch.long)
        length = ends[None, :] - starts[:, None] + 1
        fits = (length >= 1) & (length <= self._config["max_answer_tokens"])
        if not fits.any():  # an empty context answers nothing: far below any logit
            return Reading("", null_score - 100.0, null_score, (), 0, 0)
        scores = (logits[starts, 0][:, None] + logits[ends, 1][None, :]).masked_fill(~fits, -torch.inf)
        first, last = divmod(int(scores.argmax()), len(starts))
        start, end = shown.offsets[int(starts[first])][0], shown.offsets[int(ends[last])][1]
        return Reading(context[start:end], float(scores[first, last]), null_score, (), start, end)


def merge_adapter(base: Mapping[str, Tensor], adapter: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Base weights with the adapter's LoRA deltas added, and the adapter's heads; all in float32."""
    merged = dict(base)
    for name, tensor in adapter.items():
        layer, _, leaf = name.rpartition(".")
        if leaf == "lora_a":
            merged[f"{layer}.weight"] = base[f"{layer}.weight"] + lora_delta(tensor, adapter[f"{layer}.lora_b"], scale)
        elif _is_head(name) or name == "token_types":
            merged[name] = tensor
    return merged


def _is_head(name: str) -> bool:
    return name.partition(".")[0] in ("span", "yes_no", "verdict")
