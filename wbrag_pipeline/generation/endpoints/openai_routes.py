"""The routes beside chat completions: the list of models, tokens and texts, and next-token distributions.

``vllm serve`` and llama.cpp's server have them, each in a shape of its own; both are read here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wbrag_pipeline.generation.endpoints.openai_format import only_choice
from wbrag_pipeline.generation.endpoints.reply_body import Malformed, raises_malformed
from wbrag_pipeline.generation.engine_protocol import Distribution
from wbrag_pipeline.generation.valid_values import valid_count, valid_list, valid_logprob, valid_text

# What rounding may add to a distribution over all tokens of a vocabulary.
_SURPLUS = 1e-2


def token_body(model: str, prompt: Sequence[int], top: int) -> dict[str, Any]:
    """The body that asks for one distribution after a prompt of token ids."""
    return {
        "model": model,
        "prompt": list(prompt),
        "max_tokens": 1,
        "temperature": 0.0,
        "logprobs": top,
        "return_tokens_as_token_ids": True,
    }


def only_token(token: int, *, vllm: bool) -> dict[str, Any]:
    """Fields of a ``token_body`` that leave the model no other next token."""
    return {"allowed_token_ids": [token]} if vllm else {"logit_bias": {str(token): 100}}


@raises_malformed
def parse_distribution(reply: Any) -> Distribution:
    """Token id → probability, from a reply to ``token_body``. Raises Malformed for what is no distribution."""
    logprobs = only_choice(reply)["logprobs"]
    if "content" in logprobs:  # as in chat completions, with ids beside the texts: llama.cpp
        (first,) = valid_list(logprobs["content"], 1)
        pairs = [(valid_count(item["id"]), item["logprob"]) for item in valid_list(first["top_logprobs"])]
    else:
        (top,) = valid_list(logprobs["top_logprobs"], 1)
        pairs = [(_token_id(name), logprob) for name, logprob in top.items()]
    found = {token: math.exp(valid_logprob(logprob)) for token, logprob in pairs}
    if not found:
        raise Malformed("an empty distribution")
    if math.fsum(found.values()) > 1.0 + _SURPLUS:
        raise Malformed("probabilities that sum to more than 1")
    return found


@dataclass(frozen=True)
class ListedModel:
    """What a list of models tells of one.

    vllm: ``vllm serve`` runs it. context: its context length in tokens. vocabulary: its number of tokens.
    """

    vllm: bool = False
    context: int | None = None
    vocabulary: int | None = None


@raises_malformed
def parse_models(reply: Any) -> dict[str, ListedModel]:
    """The models of a list, by id. Raises Malformed for another shape; what has no id is no model."""
    # Some services give the list itself.
    listed = reply if isinstance(reply, list) else reply["data"]
    entries = [entry for entry in valid_list(listed) if isinstance(entry, dict)]
    return {valid_text(entry["id"]): _listed_model(entry) for entry in entries if isinstance(entry.get("id"), str)}


def _listed_model(entry: Mapping[str, Any]) -> ListedModel:
    meta = entry.get("meta")
    told = meta if isinstance(meta, dict) else {}
    context = _told(entry.get("max_model_len")) or _told(told.get("n_ctx"))
    return ListedModel(entry.get("owned_by") == "vllm", context, _told(told.get("n_vocab")))


def _told(value: Any) -> int | None:
    try:
        return valid_count(value) or None
    except ValueError:
        return None


def tokenize_body(model: str, text: str, field: str, *, special: bool = False) -> dict[str, Any]:
    """The body of /tokenize for one text: ``field`` is "prompt" for vLLM, "content" for llama.cpp.

    special: with the tokens that open a prompt, and with those that a chat template writes out.
    """
    return {"model": model, field: text, "add_special_tokens": special} | (
        {"add_special": special, "parse_special": True} if field == "content" else {}
    )


@raises_malformed
def parse_token_ids(reply: Any) -> tuple[int, ...]:
    """The token ids in a reply of /tokenize. Raises Malformed for others."""
    return tuple(valid_count(token) for token in valid_list(reply["tokens"]))


@raises_malformed
def parse_token_count(reply: Any) -> int:
    """The number of tokens in a reply of /tokenize. Raises Malformed for others."""
    return valid_count(reply["count"]) if reply.get("count") is not None else len(parse_token_ids(reply))


@raises_malformed
def parse_detokenized(reply: Any) -> str:
    """The text in a reply of /detokenize. Raises Malformed for others."""
    return valid_text(reply["prompt"] if "prompt" in reply else reply["content"])


@raises_malformed
def parse_templated(reply: Any) -> str:
    """The prompt in a reply of /apply-template. Raises Malformed for others."""
    return valid_text(reply["prompt"])


@raises_malformed
def parse_context(reply: Any) -> int:
    """The context length in a reply of llama.cpp's /props. Raises Malformed for others."""
    found = valid_count(reply["default_generation_settings"]["n_ctx"])
    if not found:
        raise Malformed("no context")
    return found


@raises_malformed
def parse_end_and_text(reply: Any) -> tuple[str, str]:
    """Why a reply to ``token_body`` ended, and its text. Raises Malformed for others."""
    choice = only_choice(reply)
    return valid_text(choice["finish_reason"]), valid_text(choice["text"])


def _token_id(name: str) -> int:
    written = name.removeprefix("token_id:")
    if not (written.isascii() and written.isdigit() and len(written) < 10):
        raise ValueError("a token's name in place of its id")
    return int(written)
