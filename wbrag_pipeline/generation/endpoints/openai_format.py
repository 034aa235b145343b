"""The OpenAI-compatible wire format: request bodies out of requests, completions out of replies.

Servers differ in what they add to the common part. ``Dialect`` says what one of them was found to understand.
The routes are those of ``vllm serve`` (docs.vllm.ai, "OpenAI-Compatible Server"); the common part is OpenAI's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect, with_arguments
from wbrag_pipeline.generation.endpoints.reply_body import Malformed, quoted, raises_malformed
from wbrag_pipeline.generation.engine_protocol import Completion, Finish, Message, Request
from wbrag_pipeline.generation.reasoning import opens_unseen, part, text_of, thought_of, tokens_of
from wbrag_pipeline.generation.text_engine import cut_to_request, estimated_tokens
from wbrag_pipeline.generation.valid_values import valid_count, valid_list
from wbrag_pipeline.generation.writing.repetition import VLLM_PARAMETERS

_CHOICE_FIELD = "choice"
# Room for the JSON around a choice.
_JSON_TOKENS = 32
# How servers say that an answer is not whole.
_CUT = ("length", "max_tokens", "max_output_tokens", "model_length", "content_filter", "repetition")


def chat_body(model: str, request: Request, dialect: Dialect, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The body of one chat completion. ``extra`` has the last word; a field that it gives as None is left out."""
    # JSON around a choice hides a verdict's probabilities, and would not fit into a verdict's few tokens.
    wrapped = bool(request.choices) and dialect.structured == "response_format" and not request.logprobs
    body: dict[str, Any] = {
        "model": model,
        "messages": chat_messages(request, dialect.system),
        dialect.limit: request.max_tokens + dialect.thought + (_JSON_TOKENS if wrapped else 0),
        "temperature": request.temperature,
        "seed": request.seed,
    }
    if request.stop:
        body["stop"] = list(request.stop)
    if request.logprobs is not None and dialect.logprobs is not None:
        body["logprobs"] = True
        if top := min(request.logprobs, dialect.logprobs):
            body["top_logprobs"] = top
    if request.choices and dialect.structured == "structured_outputs":
        body["structured_outputs"] = {"choice": list(request.choices)}
    elif request.choices and dialect.structured == "grammar":
        body["grammar"] = f"root ::= {' | '.join(json.dumps(choice, ensure_ascii=False) for choice in request.choices)}"
    elif wrapped:
        body["response_format"] = _choice_schema(request.choices)
    if dialect.vllm:
        # The model's own generation_config would otherwise set these, and not in the in-process engine.
        body |= {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
        if request.end_loops:
            body["repetition_detection"] = VLLM_PARAMETERS
    if request.prefix and dialect.continues == "flags":
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    elif request.prefix and dialect.continues == "prefix":
        body["messages"][-1]["prefix"] = True
    if dialect.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return with_arguments({name: value for name, value in body.items() if name not in dialect.without}, dialect, extra)


def chat_messages(request: Request, system: bool = True) -> list[dict[str, str]]:
    """The turns as JSON; where there is no system role, its text opens the first user turn."""
    turns = list(request.messages)
    if not system and len(turns) > 1 and turns[0].role == "system":
        turns[:2] = [Message("user", f"{turns[0].content}\n\n{turns[1].content}")]
    if request.prefix:
        turns.append(Message("assistant", request.prefix))
    return [{"role": turn.role, "content": turn.content} for turn in turns]


@raises_malformed
def parse_chat(reply: Any, request: Request, dialect: Dialect) -> Completion:
    """The completion in a reply. Raises Malformed for anything that is not exactly one well-formed choice."""
    choice = only_choice(reply)
    message, reason = choice.get("message"), str(choice.get("finish_reason")).lower()
    if reason in ("error", "abort"):
        raise Malformed("the server broke the answer off")
    # What a server's filter cut off is as incomplete as what the token limit did.
    finish: Finish = "length" if reason in _CUT else "stop"
    thought, content = (
        (thought_of(message), text_of(message.get("content"))) if isinstance(message, dict) else ("", None)
    )
    if content is None and (finish == "length" or thought.strip()):
        content = ""  # a model that was still thinking when its tokens were used up, or that said nothing after that
    if not isinstance(content, str):
        raise Malformed("no text")
    text = content.removeprefix(request.prefix) if dialect.repeats else content
    parted = part(text, opened=dialect.opened and not thought.strip())
    thought, text = thought + parted.thought, parted.answer
    prompt_tokens, completion_tokens, reasoning_tokens = _counts(reply.get("usage"))
    listed = _token_values(choice.get("logprobs"))
    made = Completion.from_json([text, listed, prompt_tokens, completion_tokens, finish])
    if thought.strip() and not reasoning_tokens:
        reasoning_tokens = min(estimated_tokens([thought])[0], completion_tokens)
    made = replace(made, reasoning_tokens=reasoning_tokens)
    if not text.strip() and (finish == "length" or thought.strip() or reasoning_tokens):
        return replace(made, text="", tokens=(), finish_reason="failed")
    if request.logprobs is not None and dialect.logprobs is not None and text.strip() and not made.tokens:
        raise Malformed("no log-probabilities")
    if thought.strip() or text != content:
        made = replace(made, tokens=tokens_of(made.tokens, text))
    elif finish == "stop" and _lists_the_end(choice, made, dialect):
        made = replace(made, tokens=made.tokens[:-1])
    return _fitted(made, request, dialect)


def _lists_the_end(choice: Mapping[str, Any], made: Completion, dialect: Dialect) -> bool:
    """Whether the last token is the end of the turn, which some servers list and which is no part of the text."""
    if dialect.vllm:  # it says what stopped it: a stop string is no token
        return not isinstance(choice.get("stop_reason"), str)
    return "".join(token.text for token in made.tokens[:-1]) == made.text


def _fitted(made: Completion, request: Request, dialect: Dialect) -> Completion:
    """The completion as it was asked for, where the server could not be told: choice, stop strings, limit."""
    text = _chosen(made.text) if request.choices and dialect.structured == "response_format" else made.text
    finish: Finish = made.finish_reason
    if ends := [text.index(stop) for stop in request.stop if stop in text]:
        text, finish = text[: min(ends)], "stop"
    if text != made.text:
        made = replace(made, text=text, tokens=tokens_of(made.tokens, text) or made.tokens, finish_reason=finish)
    if not dialect.thought:
        return made
    # What a model did not use for its thought, it may have used for a longer answer.
    if len(made.tokens) > request.max_tokens:
        tokens = made.tokens[: request.max_tokens]
        return replace(made, text="".join(token.text for token in tokens), tokens=tokens, finish_reason="length")
    cut = cut_to_request(made.text, request)
    return made if made.tokens or cut.finish_reason == "stop" else replace(made, text=cut.text, finish_reason="length")


def _counts(usage: Any) -> tuple[Any, Any, int]:
    """Tokens of the prompt, of the completion, and of the thought in it; 0 for what is not told."""
    if usage is not None and not isinstance(usage, dict):
        raise Malformed("a usage that is none")
    told = usage or {}
    counts = (told.get(name) for name in ("prompt_tokens", "completion_tokens"))
    prompt, completion = (0 if count is None else count for count in counts)
    details = told.get("completion_tokens_details")
    thought = (details.get("reasoning_tokens") if isinstance(details, dict) else None) or told.get("reasoning_tokens")
    try:
        return prompt, completion, valid_count(thought or 0)
    except ValueError:
        return prompt, completion, 0


@dataclass(frozen=True)
class Signs:
    """What a reply shows beside its answer.

    thinks: the model thought before it answered, or while its tokens lasted. opened: its template opens the thought.
    model: the model that answered, where that is told.
    """

    thinks: bool
    opened: bool
    model: str


@raises_malformed
def signs_in(reply: Any) -> Signs:
    """The signs in the reply to a chat completion. Raises Malformed for one without a choice."""
    choice = only_choice(reply)
    message = choice["message"]
    content = text_of(message.get("content")) or ""
    parted, told = part(content), bool(thought_of(message).strip())
    unsaid = not parted.answer.strip() and str(choice.get("finish_reason")).lower() in _CUT
    thinks = told or bool(parted.thought) or unsaid or _counts(reply.get("usage"))[2] > 0
    return Signs(thinks, not told and opens_unseen(content), str(reply.get("model") or ""))


def only_choice(reply: Any) -> dict[str, Any]:
    """The one choice of a reply. Raises Malformed for none, for several, and for an error in their place."""
    if not isinstance(reply, dict):
        raise Malformed("no object")
    choices = reply.get("choices")
    if not choices and reply.get("error"):
        raise Malformed(f"an error in place of an answer: {quoted(json.dumps(reply['error']).encode())}")
    if choices is None:
        raise Malformed(f"no completion: {quoted(json.dumps(reply).encode())}")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Malformed(f"{len(choices) if isinstance(choices, list) else 'no'} choices for one request")
    if choices[0].get("error"):
        raise Malformed(f"an error in place of an answer: {quoted(json.dumps(choices[0]['error']).encode())}")
    return choices[0]


def _token_values(logprobs: Any) -> list[Any]:
    """The generated tokens as ``Completion.from_json`` takes them; none where there is no list of them."""
    if logprobs is None:
        return []
    content = logprobs.get("content")
    return [
        [
            item["token"],
            item["logprob"],
            [[other["token"], other["logprob"]] for other in item.get("top_logprobs") or ()],
        ]
        for item in ([] if content is None else valid_list(content))
    ]


def _choice_schema(choices: Sequence[str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {_CHOICE_FIELD: {"type": "string", "enum": list(choices)}},
        "required": [_CHOICE_FIELD],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "choice", "strict": True, "schema": schema}}


def _chosen(text: str) -> str:
    """The choice in a JSON answer; an answer that was cut, or is none, stays as it is."""
    try:
        chosen = json.loads(text)[_CHOICE_FIELD]
    except (ValueError, LookupError, TypeError, RecursionError):
        return text
    return chosen if isinstance(chosen, str) else text
