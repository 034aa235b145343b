"""An OpenAI-compatible endpoint as an engine, against servers that do everything wrong."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest

from tests.generation.scripted_server import ScriptedServer, echo
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint, parse_name
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy, _retry_after
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request
from wbrag_pipeline.generation.engines import load_generator
from wbrag_pipeline.generation.language_model import LanguageModel

ROOT = Path(__file__).parents[2]
KEY = "sk-very-secret-4711"
QUICK = RetryPolicy(in_flight=32, tries=6, timeout=5.0, first_wait=0.01, most_wait=0.1)


def ask(engine: OpenAIEndpoint, prompts: list[str]) -> list[Completion]:
    found: dict[int, Completion] = {}

    def arrived(index: int, completion: Completion) -> None:
        assert index not in found
        found[index] = completion

    engine.complete([Request((Message("user", prompt),), 8) for prompt in prompts], arrived)
    return [found[index] for index in range(len(prompts))]


# Each seventh request meets one of these, some meet two or three on end.
TROUBLE = [
    ["429"],
    ["429 retry-after"],
    ["500"],
    ["cut"],
    ["cut in the body"],
    ["no json"],
    ["other shape"],
    ["no text"],
    ["two choices"],
    ["no choices"],
    ["wrong counts"],
    ["500", "cut", "429"],
    ["no json", "no choices"],
]


@pytest.mark.slow
def test_ten_thousand_requests_end_complete_and_correct() -> None:
    hung = 25

    def fault(prompt: str, nth: int) -> str:
        number = int(prompt.rsplit(maxsplit=1)[-1]) if prompt[-1].isdigit() else -1
        if number < 0:
            return ""
        if number % 400 == 1:
            return "hang" if nth == 1 else ""
        faults = TROUBLE[number // 7 % len(TROUBLE)] if number % 7 == 0 else []
        return faults[nth - 1] if nth <= len(faults) else ""

    policy = RetryPolicy(in_flight=64, tries=6, timeout=3.0, first_wait=0.01, most_wait=0.1)
    with ScriptedServer(fault) as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=policy)
        prompts = [f"number {i}" for i in range(10_000)]
        completions = ask(engine, prompts)
    assert [completion.text for completion in completions] == [echo(prompt) for prompt in prompts]
    assert not any(completion.failed for completion in completions)
    sent = [server.sends[prompt] for prompt in prompts]
    assert max(sent) <= policy.tries
    assert sum(sent) >= 10_000 + 10_000 // 7 + hung
    assert server.most <= policy.in_flight
    assert {(c.prompt_tokens, c.completion_tokens) for c in completions} == {(7, 2)}


def test_a_request_is_given_up_after_its_tries_and_the_others_are_answered(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(lambda prompt, nth: "500" if prompt.startswith("bad") else "") as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=QUICK)
        prompts = ["bad 1", "good 2", "bad 3", "good 4"]
        completions = ask(engine, prompts)
    assert [completion.failed for completion in completions] == [True, False, True, False]
    assert [server.sends[prompt] for prompt in prompts] == [6, 1, 6, 1]
    assert sum("failed for good" in message for message in caplog.messages) == 1


def test_a_refused_request_is_sent_once_and_one_that_does_not_fit_is_told_apart() -> None:
    with ScriptedServer(lambda prompt, nth: {"long": "context", "odd": "400"}.get(prompt, "")) as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=QUICK)
        long, odd, good = ask(engine, ["long", "odd", "good"])
    assert (long.finish_reason, odd.finish_reason, good.finish_reason) == ("context", "failed", "stop")
    assert (server.sends["long"], server.sends["odd"]) == (1, 1)


def test_a_dead_server_does_not_cost_every_request_all_its_tries() -> None:
    policy = RetryPolicy(in_flight=4, tries=3, first_wait=0.001)
    with ScriptedServer(lambda prompt, nth: "500" if "row" in prompt else "") as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=policy)
        assert all(completion.failed for completion in ask(engine, [f"row {i}" for i in range(300)]))
        sent = sum(count for prompt, count in server.sends.items() if "row" in prompt)
    assert sent <= 3 * (3 * 4 + 4)


def test_retry_after_is_kept_for_all_requests_to_that_replica() -> None:
    at: list[tuple[str, float]] = []

    def fault(prompt: str, nth: int) -> str:
        at.append((prompt, time.monotonic()))
        return "429 one second" if prompt == "first" and nth == 1 else ""

    with ScriptedServer(fault) as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=RetryPolicy(in_flight=1, first_wait=0.001))
        ask(engine, ["first", "second"])
    times = [moment for prompt, moment in at if prompt in ("first", "second")]
    assert times[1] - times[0] >= 1.0


def test_a_pause_of_an_hour_is_a_refusal() -> None:
    with ScriptedServer(lambda prompt, nth: "429 for an hour" if prompt == "row" else "") as server:
        (completion,) = ask(OpenAIEndpoint([server.url], "tiny", policy=QUICK), ["row"])
    assert completion.failed and server.sends["row"] == 1


def test_retry_after_comes_as_seconds_or_as_a_date() -> None:
    assert _retry_after("7") == 7.0
    assert _retry_after("Fri, 31 Dec 2100 23:59:59 GMT") > 3000
    assert _retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0.0
    assert [_retry_after(value) for value in (None, "", "soon")] == [0.0, 0.0, 0.0]


def test_two_replicas_share_the_load_and_the_slower_gets_less() -> None:
    with ScriptedServer(delay=0.02) as quick, ScriptedServer(delay=0.08) as slow:
        engine = OpenAIEndpoint([quick.url, slow.url], "tiny", policy=RetryPolicy(in_flight=8, first_wait=0.01))
        prompts = [f"number {i}" for i in range(200)]
        assert [c.text for c in ask(engine, prompts)] == [echo(prompt) for prompt in prompts]
        first, second = (sum(server.sends[prompt] for prompt in prompts) for server in (quick, slow))
    assert first + second == 200
    assert second >= 20
    assert first > second


def test_equal_replicas_get_equal_shares() -> None:
    with ScriptedServer(delay=0.01) as one, ScriptedServer(delay=0.01) as two:
        engine = OpenAIEndpoint([one.url, two.url], "tiny", policy=RetryPolicy(in_flight=8))
        ask(engine, [f"number {i}" for i in range(200)])
        shares = [sum(count for prompt, count in server.sends.items() if "number" in prompt) for server in (one, two)]
    assert min(shares) >= 80


def test_a_replica_that_is_down_is_done_without() -> None:
    with ScriptedServer() as gone:
        dead = gone.url
    with ScriptedServer() as server:
        engine = OpenAIEndpoint([dead, server.url], "tiny", policy=QUICK)
        assert not any(completion.failed for completion in ask(engine, [f"number {i}" for i in range(50)]))


def test_nobody_there_is_an_error_that_says_so() -> None:
    with ScriptedServer() as gone:
        dead = gone.url
    with pytest.raises(WbragError, match="is the server running"):
        ask(OpenAIEndpoint([dead], "tiny", policy=RetryPolicy(tries=2, first_wait=0.001)), ["x"])


def test_it_works_inside_a_running_loop() -> None:
    import asyncio

    with ScriptedServer() as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=QUICK)

        async def inside() -> list[Completion]:
            return ask(engine, ["number 1"])

        assert asyncio.run(inside())[0].text == "echo 1"


# Keys.


def test_keys_are_sent_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("WBRAG_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with ScriptedServer(lambda p, nth: "401" if p == "Question: locked" else "400" if "odd" in p else "") as server:
        engine = OpenAIEndpoint([server.url], "tiny", policy=QUICK)
        model = LanguageModel(engine, CompletionCache(tmp_path / "c.sqlite"))
        model.answer(["odd", "good"], [[], []], OPEN_QA)
        with pytest.raises(InputError, match="WBRAG_API_KEY") as caught:
            model.answer(["locked"], [[]], OPEN_QA)
        shown.append("".join(traceback.TracebackException.from_exception(caught.value, capture_locals=False).format()))
    assert server.keys == {KEY}
    shown += [str(caught.value), repr(caught.value.__dict__), caplog.text]
    shown += [engine.name, engine.fingerprint, repr(engine), repr(vars(engine)), repr(vars(engine._replicas))]
    shown.append(repr([vars(replica) for replica in engine._replicas._replicas]))
    assert not any(KEY in text for text in shown)
    assert KEY.encode() not in (tmp_path / "c.sqlite").read_bytes()


def test_a_server_that_repeats_the_key_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "slow down")  # the fault's own words
    with ScriptedServer(lambda prompt, nth: "429" if prompt == "row" else "") as server:
        ask(OpenAIEndpoint([server.url], "tiny", policy=RetryPolicy(tries=1)), ["row"])
    assert "[key]" in caplog.text and "slow down" not in caplog.text


@pytest.mark.parametrize("field", ["api_key", "apikey", "Authorization", "client_secret", "password"])
def test_keys_in_the_configuration_are_refused(field: str) -> None:
    with pytest.raises(InputError, match="environment only"):
        OpenAIEndpoint.named("openai:http://127.0.0.1:1/v1#m", {field: KEY})


@pytest.mark.parametrize(
    "name",
    [
        "openai:",
        "openai:http://127.0.0.1:1/v1",
        "openai:#m",
        "openai:ftp://x/v1#m",
        f"openai:http://user:{KEY}@127.0.0.1/v1#m",
        f"openai:http://127.0.0.1/v1?api_key={KEY}#m",
        f"openai:http://user:{KEY}@127.0.0.1/v1",
    ],
)
def test_wrong_names_are_refused_and_no_key_in_them_is_repeated(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_generator(name)
    assert KEY not in str(caught.value)


def test_a_name_is_urls_model_and_revision() -> None:
    name = "openai:http://a:1/v1/, http://b:2/v1#org/model@r2"
    assert parse_name(name) == (["http://a:1/v1", "http://b:2/v1"], "org/model", "r2")
    first, second = (OpenAIEndpoint.named(f"openai:http://{host}:1/v1#m", {}) for host in "ab")
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != OpenAIEndpoint.named("openai:http://a:1/v1#m@2", {}).fingerprint


# After a kill.

PROGRAM = """
import sys
from pathlib import Path
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy

url, path = sys.argv[1:]
model = LanguageModel(OpenAIEndpoint([url], "tiny", policy=RetryPolicy(in_flight=4)), CompletionCache(Path(path)))
answers = model.answer([f"number {i}" for i in range(300)], [[]] * 300, OPEN_QA)
assert [answer.text for answer in answers] == [f"echo {i}" for i in range(300)]
"""


@pytest.mark.slow
def test_a_killed_stage_sends_no_completed_prompt_again(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with ScriptedServer(delay=0.01) as server:
        command = [sys.executable, "-c", PROGRAM, server.url, str(path)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            while sum(server.answered.values()) < 120:
                assert process.poll() is None
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        time.sleep(1.0)  # what was in flight reaches the server, or is counted by it, after its sender's death
        answered = {prompt for prompt in server.answered if "number" in prompt}
        assert len(answered) < 300
        with sqlite3.connect(path) as connection:
            (stored,) = connection.execute("SELECT count(*) FROM completions").fetchone()
            (counted,) = connection.execute("SELECT sum(calls) FROM ledger").fetchone()
        connection.close()
        assert stored == counted >= len(answered) - 4
        subprocess.run(command, cwd=ROOT, check=True)
        twice = [prompt for prompt, count in server.answered.items() if "number" in prompt and count > 1]
    assert len(twice) == len(answered) - stored <= 4
