"""Servers say in many words that a prompt does not fit: passages are left out for each of them, and for no other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.generation.dialects import message
from tests.generation.scripted_server import Reply, ScriptedServer, json_reply
from tests.generation.test_dialects import endpoint
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.endpoints.refusals import is_too_long, names_field
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.language_model import LanguageModel

PASSAGES = [Passage(str(n), f"Title {n}", f"Text number {n}.") for n in range(3)]


def said(words: str, status: int = 400) -> Reply:
    return json_reply({"error": {"message": words}}, status)


TGI = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 32"
DO_NOT_FIT: dict[str, Reply] = {
    "OpenAI": said("This model's maximum context length is 8192 tokens."),
    "OpenAI's code": json_reply({"error": {"message": "No.", "code": "context_length_exceeded"}}, 400),
    "vLLM": said("The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
    "TGI": json_reply({"error": TGI, "error_type": "validation"}, 422),
    "TGI, one input": json_reply({"error": "`inputs` must have less than 1024 tokens. Given: 3000"}, 422),
    "Gemini": json_reply([{"error": {"message": "The input token count (5000) exceeds the maximum allowed"}}], 400),
    "Vertex": said("the input token count is 5000 but the model only supports up to 4096"),
    "Anthropic": said("prompt is too long: 210000 tokens > 200000 maximum"),
    "Mistral": said("Prompt contains 5000 tokens and 0 draft tokens, too large for model with 4096 maximum"),
    "Bedrock": said("Input is too long for requested model."),
    "Groq": said("Please reduce the length of the messages or completion."),
    "Watson": said("the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model"),
    "xAI": said("This model's maximum prompt length is 4096 but the request contains 5000 tokens."),
    "DashScope": said("Range of input length should be [1, 6000]"),
    "LM Studio": said("Trying to keep the first 5000 tokens when context the overflows."),
    "Ollama": said("the input length exceeds the context length"),
    "nginx": (413, {}, b"<html><h1>413 Request Entity Too Large</h1></html>"),
    "a silent proxy": (413, {}, b""),
    "rate": said("Request too large for m on tokens per min (TPM): Limit 6000, Requested 8000", 429),
    "llama.cpp, 500": said("context size exceeded", 500),
    "llama.cpp, batch": said("input is too large to process. increase the physical batch size", 500),
    "llama.cpp, 200": json_reply({"error": {"code": 400, "message": "the request exceeds the available context size"}}),
    "llama.cpp, 200 in words": json_reply({"error": "Context size has been exceeded."}),
    "in the choice": json_reply({"choices": [{"error": {"message": "maximum context length is 4096", "code": 400}}]}),
    "far behind": said(f"Provider returned error {'x' * 2000} prompt is too long"),
}
OTHERS = [
    (400, "Invalid value for 'messages'"),
    (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."),
    (429, "Rate limit reached for tokens per min. Limit 6000, used 5990. Please try again in 2s."),
    (400, "Invalid token: must be a valid JWT"),
    (401, "The token exceeds its lifetime"),
    (404, "The model `m` does not exist or you do not have access to it."),
    (500, "Internal Server Error"),
    (503, "Loading model"),
    (400, "Unsupported parameter: 'seed'"),
    (422, "Input should be a valid string"),
    (400, "The response was filtered due to the prompt triggering the content management policy."),
]


class Narrow(ScriptedServer):
    """Takes prompts with one passage at most."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply

    def chat(self, asked: dict[str, Any]) -> Reply:
        if asked["messages"][-1]["content"].count("<passage ") > 1:
            return self.reply
        return json_reply(message(asked, content="here"))


@pytest.mark.parametrize("server", DO_NOT_FIT)
def test_passages_are_left_out_in_whatever_words_a_prompt_does_not_fit(server: str) -> None:
    with Narrow(DO_NOT_FIT[server]) as narrow:
        model = LanguageModel(endpoint(narrow))
        (answer,) = model.answer(["Where?"], [PASSAGES], OPEN_QA)
        assert (answer.text, model.usage.failed) == ("here", 0)
        assert model.usage.incidents == {"passages_dropped": 2}
        assert sum(n for prompt, n in narrow.sends.items() if "Where?" in prompt) == 3  # none is sent twice


@pytest.mark.parametrize(("status", "words"), OTHERS)
def test_other_refusals_do_not_leave_passages_out(status: int, words: str) -> None:
    assert not is_too_long(status, words)


def test_a_field_is_named_by_itself_and_not_in_other_words() -> None:
    assert names_field("Unsupported parameter: 'seed'", "seed") and names_field('{"loc": ["body", "seed"]}', "seed")
    assert not names_field("The server was seeded", "seed") and not names_field("Stop it: 'no'", "stop")
    assert names_field("Use max_tokens", "max_tokens") and not names_field("Use xmax_tokens", "max_tokens")
