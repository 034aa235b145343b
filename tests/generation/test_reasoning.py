"""What a reasoning model thinks never becomes an answer, and what is no answer is not kept as one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.generation.dialects import FORMS, Thinking, cut, message
from tests.generation.replying import stored
from tests.generation.scripted_engine import ScriptedEngine
from tests.generation.scripted_server import Reply, ScriptedServer, json_reply
from tests.generation.test_dialects import endpoint
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.endpoints.event_stream import read_events
from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect
from wbrag_pipeline.generation.endpoints.openai_format import parse_chat
from wbrag_pipeline.generation.endpoints.reply_body import Malformed
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request, Token
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.reasoning import part, tokens_of

MARKS = [
    ("<think>", "</think>"),
    ("<think>\n", "\n</think>\n\n"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>\n", "</thought>\n"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|><|begin_of_solution|>"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysis", "assistantfinal"),
]
WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="<>[]◁▷|", categories=["L", "N", "P", "Zs"]), min_size=1
)


@given(marks=st.sampled_from(MARKS), thought=WORDS, answer=WORDS)
def test_a_thought_in_any_marks_is_parted_from_the_answer(marks: tuple[str, str], thought: str, answer: str) -> None:
    thought, answer = f"The {thought}", answer.strip()
    assume(answer and "assistantfinal" not in thought)
    begin, end = marks
    parted = part(f"{begin}{thought}{end}{answer}")
    assert parted.answer == answer and thought.strip() in parted.thought and parted.closed
    assert part(f"{begin}{thought}").answer == "" and part(f"{begin}{thought}").only_thought
    assert part(f"\n{begin}{thought}{end}").only_thought or begin == "analysis"


@given(thought=WORDS, answer=WORDS)
def test_a_thought_that_the_template_opened_is_parted_too(thought: str, answer: str) -> None:
    answer = answer.strip()
    assume(answer and thought.strip())
    assert part(f"{thought}</think>\n\n{answer}").answer == answer
    assert part(thought, opened=True).only_thought
    assert part(f"{thought}</think>{answer}", opened=True).answer == answer


@given(st.text())
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    assume(not any(mark in text.lower() for mark in ("think", "<", "[", "◁", "analysis")))
    assert part(text).answer == text


def test_the_tokens_of_an_answer_are_those_behind_the_thought() -> None:
    tokens = [Token(text, -0.1) for text in ("<think>", "Paris", "?", "</think>", "\n\n", "Pa", "ris", "<|im_end|>")]
    assert [token.text for token in tokens_of(tokens, "Paris")] == ["Pa", "ris"]
    assert tokens_of(tokens, "Rome") == ()


# Behind an endpoint.


def ask(server: ScriptedServer, folder: Path, room: int = 2048, **extra: Any) -> tuple[list[str], LanguageModel]:
    engine = endpoint(server, **extra)
    engine.reasoning_tokens = room
    model = LanguageModel(engine, CompletionCache(folder / "c.sqlite"))
    made = model.answer(["number 1", "number 2"], [[], []], OPEN_QA)
    return [answer.text for answer in made if not answer.failed], model


@pytest.mark.parametrize("form", FORMS)
def test_a_model_that_cannot_be_told_not_to_think_gets_room_for_it(
    form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Thinking(FORMS[form]) as server:
        answers, model = ask(server, tmp_path)
        assert answers == ["echo 1", "echo 2"]
        assert server.bodies[-1]["max_tokens"] == 32 + 2048
    assert "may think 2,048 tokens" in caplog.text
    assert not any("think" in value or "Okay" in value for value in stored(CompletionCache(tmp_path / "c.sqlite")))
    assert model.usage.reasoning_tokens == (0 if form == "unseen" else 2 * 17)
    assert not model.engine.capabilities.continues and not model.engine.capabilities.distributions


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("quiet", ["chat_template_kwargs", "enable_thinking", "reasoning_effort"])
def test_a_model_that_can_be_told_not_to_think_is_told(
    form: str, quiet: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Thinking(FORMS[form], quiet) as server:
        answers, model = ask(server, tmp_path)
        assert answers == ["echo 1", "echo 2"] and quiet in server.bodies[-1]
        assert server.bodies[-1]["max_tokens"] == 32
    assert "is told not to think" in caplog.text and model.usage.reasoning_tokens == 0


def test_who_says_by_hand_that_it_is_to_think_has_the_last_word(tmp_path: Path) -> None:
    with Thinking(FORMS["reasoning_content"], "chat_template_kwargs") as server:
        answers, _ = ask(server, tmp_path, chat_template_kwargs={"enable_thinking": True})
        assert answers == ["echo 1", "echo 2"] and server.bodies[-1]["max_tokens"] == 32 + 2048


@pytest.mark.parametrize(("room", "said"), [(0, "cannot be told not to"), (40, "are too few")])
def test_no_room_to_think_is_told_before_the_first_question(room: int, said: str, tmp_path: Path) -> None:
    with Thinking(FORMS["inline"]) as server:
        with pytest.raises(InputError, match=f"reasoning_tokens.*{said}"):
            ask(server, tmp_path, room)
        assert not any("number" in prompt for prompt in server.sends)


def test_an_answer_after_a_short_thought_is_no_longer_than_asked_for() -> None:
    request = Request((Message("user", "Where?"),), 4)
    reply = message({"messages": [{"content": "x"}]}, content="<think>Hm.</think>" + "word " * 50)
    made = parse_chat(reply, request, Dialect(thought=100))
    assert made.text == "word word word word" and made.finish_reason == "length"


EMPTY: dict[str, Any] = {
    "null": {"content": None},
    "empty": {"content": ""},
    "blank": {"content": "\n\n"},
    "null, thought": {"content": None, "reasoning_content": "Okay, so"},
    "empty, thought": {"content": "", "reasoning": "Okay, so"},
    "cut": {"content": "<think>Okay, so"},
    "only a thought": {"content": "<think>Okay.</think>"},
    "only a thought, unopened": {"content": "Okay, so\n</think>"},
}


@pytest.mark.parametrize("form", EMPTY)
@pytest.mark.parametrize("finish", ["length", "stop"])
def test_no_answer_is_a_failed_call_and_a_rerun_asks_for_it_alone(
    form: str, finish: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Unwell(ScriptedServer):
        well = False

        def chat(self, asked: dict[str, Any]) -> Reply:
            if self.well or "number 2" not in asked["messages"][-1]["content"]:
                return super().chat(asked)
            reply = message(asked, **EMPTY[form])
            return json_reply(cut(reply) if finish == "length" else reply)

    if finish == "stop" and form in ("null", "empty", "blank"):
        pytest.skip("a model that has nothing to say, or a reply without a text")
    with Unwell() as server:
        answers, model = ask(server, tmp_path)
        assert answers == ["echo 1"] and model.usage.failed == 1
        assert server.sends["Question: number 2"] == 1  # asking again would bring the same
        assert model.usage.completion_tokens >= 2 and "was empty" in caplog.text
        server.well = True
        server.sends.clear()
        answers, _ = ask(server, tmp_path)
        assert answers == ["echo 1", "echo 2"]
        assert {prompt: n for prompt, n in server.sends.items() if "number" in prompt} == {"Question: number 2": 1}


@pytest.mark.parametrize(
    "text", ["", " \n", "<think>Okay", "<think>Okay</think>London", "Okay, so\n</think>\n\nLondon"]
)
def test_what_an_earlier_version_kept_as_an_answer_is_asked_for_again(text: str, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        ask(server, tmp_path)
        server.sends.clear()
        with closing(sqlite3.connect(tmp_path / "c.sqlite")) as connection, connection:
            value = json.dumps([text, [], 7, 32, "stop" if "</" in text else "length"])
            connection.execute("UPDATE completions SET value = ? WHERE value LIKE '%echo 2%'", (value,))
        answers, model = ask(server, tmp_path)
        assert answers == ["echo 1", "echo 2"] and model.usage.entries_damaged == 1
        assert {prompt for prompt in server.sends if "number" in prompt} == {"Question: number 2"}


def test_no_engines_thought_is_an_answer(tmp_path: Path) -> None:
    said = {"a": "<think>Rome?</think>Paris", "b": "<think>Rome", "c": Completion("", (), 5, 32, "length")}
    cache = CompletionCache(tmp_path / "c.sqlite")
    model = LanguageModel(ScriptedEngine(lambda request: said[request.messages[-1].content[-1]]), cache)
    a, b, c = model.answer(["a", "b", "c"], [[]] * 3, OPEN_QA)
    assert (a.text, b.failed, c.failed) == ("Paris", True, True)
    assert len(stored(cache)) == 1 and "Rome" not in stored(cache)[0]


def test_no_thought_is_a_unit_or_a_hyde_passage() -> None:
    thought = "<think>The passage says that she was born in Warsaw. I will write London.</think>"
    model = LanguageModel(ScriptedEngine(lambda request: f"{thought}\nA passage on Warsaw."))
    assert model.imagine(["Where?"]) == ["A passage on Warsaw."]


# Streams.


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"choices": [{"delta": {"content": "Par"}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "Par"}}]}\n\ndata: [DONE]\n\n',
        b'data: {"choices": [{"delta": {"content": "Par"}}]}\n\ndata: {"choices": [{"del',
        b"data: 7\n\ndata: [DONE]\n\n",
        b'data: {"choices": [{}, {}]}\n\n',
        b'data: {"choices": [7]}\n\n',
        b"",
    ],
)
def test_a_stream_that_was_cut_or_is_none_is_no_reply(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_events(body)


@given(st.lists(st.sampled_from(["content", "reasoning_content", "logprobs", "usage", "none"])), st.booleans())
def test_a_stream_is_the_reply_that_it_would_have_been(order: list[str], carriage: bool) -> None:
    chunks: list[Any] = []
    for number, kind in enumerate(order):
        if kind in ("content", "reasoning_content"):
            chunks.append({"choices": [{"delta": {kind: f"{number} "}}]})
        elif kind == "logprobs":
            token = {"token": f"{number}", "logprob": -0.5}
            chunks.append({"choices": [{"delta": {}, "logprobs": {"content": [token]}}]})
        elif kind == "usage":
            chunks.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": number}})
        else:
            chunks.append({"choices": [{"delta": {"content": None}, "logprobs": None}]})
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    end = "\r\n" if carriage else "\n"
    body = "".join(f"data: {json.dumps(chunk)}{end}{end}" for chunk in chunks).encode()
    (choice,) = read_events(body)["choices"]
    for kind in ("content", "reasoning_content"):
        assert (choice["message"].get(kind) or "") == "".join(f"{n} " for n, k in enumerate(order) if k == kind)
    shown = (choice["logprobs"] or {"content": []})["content"]
    assert [token["token"] for token in shown] == [f"{n}" for n, k in enumerate(order) if k == "logprobs"]
