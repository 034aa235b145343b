"""Random tiny language models that ``transformers`` makes here: all that an engine needs to show, in a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wbrag_pipeline.generation.reflection import REFLECTION_TOKENS

SEED = 7
TEXT = (
    "Marie Curie was born in Warsaw in 1867. She discovered polonium and radium. Radium was found in 1898. "
    "Answer the question with a short phrase. True or False? yes no SUPPORTS REFUTES NOT ENOUGH INFO. "
    "The Vistula flows through Warsaw and Krakow. Use the passages as evidence where they settle it. "
) * 20
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}"
    "{% if not loop.last or message.role != 'assistant' or add_generation_prompt %}</s>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def make_tokenizer(more: Sequence[str] = ()) -> Any:
    """A byte-level BPE of a few hundred pieces, with a chat template, and ``more`` special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    coded = Tokenizer(models.BPE())
    coded.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    coded.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", *more]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    coded.train_from_iterator(
        [TEXT], trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=coded, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(kind: str, folder: Path) -> Path:
    """A random model of two layers with its tokenizer, in a folder that vLLM and transformers read."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

    # One of the two has Self-RAG's reflection tokens.
    tokenizer = make_tokenizer(REFLECTION_TOKENS if kind == "gemma" else ())
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 2048,
        "initializer_range": 0.2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": False,
    }
    torch.manual_seed(SEED)
    if kind == "gemma":
        made: Any = Gemma3ForCausalLM(Gemma3TextConfig(**shape, sliding_window=64, query_pre_attn_scalar=32))
    else:
        made = LlamaForCausalLM(LlamaConfig(**shape))
    with torch.no_grad():
        # So that answers end now and then: a wider row wins more often.
        made.lm_head.weight[tokenizer.eos_token_id] *= 2.0
        if kind == "llama":
            # It writes text only, so that its answers have words and sentences; Gemma's have anything in them.
            for token in range(len(tokenizer)):
                written = tokenizer.decode([token])
                special = token in tokenizer.added_tokens_decoder
                if token != tokenizer.eos_token_id and (special or not (written.isascii() and written.isprintable())):
                    made.lm_head.weight[token] = 0.0
    made.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
