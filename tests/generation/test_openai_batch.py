"""A hosted batch API as an engine, against a server whose batches end in every way there is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.generation.batch_server import BatchServer
from tests.generation.scripted_server import echo
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.endpoints.openai_batch import OpenAIBatch
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request
from wbrag_pipeline.generation.engines import engine_named, load_generator
from wbrag_pipeline.generation.language_model import LanguageModel

ROOT = Path(__file__).parents[2]
QUICK = {"poll": 0.01, "batch_from": 5, "tries": 2, "first_wait": 0.001, "timeout": 10.0}
PROMPTS = [f"number {n}" for n in range(12)]


def engine(server: BatchServer, folder: Path | None = None, **change: Any) -> OpenAIBatch:
    made = engine_named(f"openai-batch:{server.url}#tiny", {**QUICK, **change})
    assert isinstance(made, OpenAIBatch)
    made.batches = folder
    return made


def ask(model: OpenAIBatch, prompts: list[str] = PROMPTS) -> list[Completion]:
    found: dict[int, Completion] = {}
    kept(model, prompts, found)
    return [found[place] for place in range(len(prompts))]


def kept(model: OpenAIBatch, prompts: list[str], found: dict[int, Completion]) -> None:
    def arrived(index: int, completion: Completion) -> None:
        assert index not in found
        found[index] = completion

    model.complete([Request((Message("user", prompt),), 8) for prompt in prompts], arrived)


def texts(completions: list[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def by_itself(server: BatchServer) -> dict[str, int]:
    return {prompt: count for prompt, count in server.sends.items() if prompt.startswith("number")}


def test_many_requests_go_as_one_batch_and_its_files_are_taken_away(tmp_path: Path) -> None:
    with BatchServer(looks=3) as server:
        completions = ask(engine(server, tmp_path))
    assert texts(completions) == [echo(prompt) for prompt in PROMPTS]
    assert {(c.prompt_tokens, c.completion_tokens) for c in completions} == {(7, 2)}
    assert len(server.batches) == 1 and not by_itself(server) and sorted(server.batched) == sorted(PROMPTS)
    assert list(tmp_path.iterdir()) == [] and set(server.deleted) == set(server.files)


def test_a_few_requests_go_one_by_one(tmp_path: Path) -> None:
    with BatchServer() as server:
        assert texts(ask(engine(server, tmp_path), PROMPTS[:4])) == [echo(prompt) for prompt in PROMPTS[:4]]
    assert not server.batches and len(by_itself(server)) == 4


def test_equal_requests_are_in_a_batch_once() -> None:
    with BatchServer() as server:
        assert texts(ask(engine(server), PROMPTS + PROMPTS)) == [echo(prompt) for prompt in PROMPTS + PROMPTS]
    assert len(server.batched) == len(PROMPTS)


def test_many_requests_are_cut_into_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.generation.endpoints.openai_batch._MOST_REQUESTS", 5)
    with BatchServer() as server:
        assert texts(ask(engine(server))) == [echo(prompt) for prompt in PROMPTS]
    assert len(server.batches) == 3


@pytest.mark.parametrize("end", ["expired", "silent"])
def test_the_finished_part_of_a_batch_is_used_and_the_rest_sent_again(tmp_path: Path, end: str) -> None:
    with BatchServer(ends=lambda n: end if n == 1 else "completed") as server:
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
    assert len(server.batches) == 2 and sorted(server.batched) == sorted(PROMPTS)
    assert list(tmp_path.iterdir()) == []


def test_what_always_expires_has_failed_in_the_end(tmp_path: Path) -> None:
    with BatchServer(ends=lambda n: "expired") as server:
        completions = ask(engine(server, tmp_path, batch_from=1))
    assert {c.finish_reason for c in completions} == {"stop", "failed"} and len(server.batches) <= 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fault", ["429", "500", "no text", "other shape", "two choices", "wrong counts", "broken line"]
)
def test_a_part_that_fails_is_sent_again_and_nothing_else(tmp_path: Path, fault: str) -> None:
    bad = {"number 3", "number 8"}
    with BatchServer() as server:
        # The second try of the two is no batch any more, where the count of sends is another one.
        server.fault = lambda prompt, nth: fault if prompt in bad and prompt not in server.sends and nth == 1 else ""
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
    assert len(server.batches) == 1 and set(by_itself(server)) == bad and list(tmp_path.iterdir()) == []


def test_what_is_refused_for_good_is_not_sent_again(tmp_path: Path) -> None:
    faults = {"number 3": "400", "number 8": "context"}
    with BatchServer(lambda prompt, nth: faults.get(prompt, "")) as server:
        completions = ask(engine(server, tmp_path))
    ends = [completion.finish_reason for completion in completions]
    assert (ends[3], ends[8], ends.count("stop")) == ("failed", "context", 10) and not by_itself(server)


def test_a_cancelled_batch_ends_the_run_and_what_it_answered_is_kept(tmp_path: Path) -> None:
    with BatchServer(ends=lambda n: "cancelled" if n == 1 else "completed") as server:
        found: dict[int, Completion] = {}
        with pytest.raises(WbragError, match="batch-1 was cancelled; 6 of 12"):
            kept(engine(server, tmp_path), PROMPTS, found)
        assert len(found) == 6 and list(tmp_path.iterdir()) == []
        left = [prompt for place, prompt in enumerate(PROMPTS) if place not in found]
        assert texts(ask(engine(server, tmp_path), left)) == [echo(prompt) for prompt in left]
    assert sorted(server.batched) == sorted(PROMPTS)


def test_a_batch_that_is_refused_is_an_error_with_the_services_words(tmp_path: Path) -> None:
    with (
        BatchServer(ends=lambda n: "failed") as server,
        pytest.raises(InputError, match="Enqueued token limit reached"),
    ):
        ask(engine(server, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_batch_whose_creation_was_not_answered_is_found_and_not_made_twice(tmp_path: Path) -> None:
    with BatchServer(ends=lambda n: "lost") as server:
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
    assert len(server.batches) == 1


# After a kill.

PROGRAM = """
import sys
from pathlib import Path
from tests.generation.test_openai_batch import PROMPTS, QUICK
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.engines import load_generator
import json
url, home = sys.argv[1:]
model = load_generator(f"openai-batch:{url}#tiny", Path(home) / "completions.sqlite", json.dumps(QUICK))
answers = model.answer(PROMPTS, [[]] * len(PROMPTS), OPEN_QA)
assert [answer.text for answer in answers] == [f"echo {n}" for n in range(len(PROMPTS))]
"""


def test_a_run_that_was_killed_is_gone_on_with_and_pays_nothing_twice(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.hold = True
        command = [sys.executable, "-c", PROGRAM, server.url, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            while not any(batch["looks"] for batch in server.batches.values()):
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        (record,) = (tmp_path / "batches").iterdir()
        assert json.loads(record.read_text())["batch_id"] == "batch-1" and "number" not in record.read_text()
        server.hold = False
        subprocess.run(command, cwd=ROOT, check=True)
        subprocess.run(command, cwd=ROOT, check=True)
    assert len(server.batches) == 1 and len(server.batched) == len(PROMPTS)
    assert list((tmp_path / "batches").iterdir()) == []


def interrupted(server: BatchServer, folder: Path, prompts: list[str] = PROMPTS) -> None:
    """A run that is stopped while it waits for its batch."""
    server.hold = True
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("wbrag_pipeline.generation.endpoints.openai_batch.time.sleep", _stop)
        ask(engine(server, folder), prompts)
    server.hold = False


def _stop(seconds: float) -> None:
    raise KeyboardInterrupt


def test_a_run_that_was_killed_before_it_knew_its_batch_finds_it(tmp_path: Path) -> None:
    with BatchServer() as server:
        interrupted(server, tmp_path)
        (file,) = tmp_path.iterdir()
        file.write_text(json.dumps(json.loads(file.read_text()) | {"batch_id": ""}))
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
    assert len(server.batches) == 1


def test_a_run_that_was_killed_between_its_file_and_its_batch_makes_the_batch(tmp_path: Path) -> None:
    with BatchServer() as server:
        interrupted(server, tmp_path)
        (file,) = tmp_path.iterdir()
        file.write_text(json.dumps(json.loads(file.read_text()) | {"batch_id": ""}))
        server.batches.clear()
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
    assert len(server.batches) == 1 and len(server.batched) == len(PROMPTS)


def test_what_a_later_run_does_not_want_stays_there_for_the_next(tmp_path: Path) -> None:
    with BatchServer() as server:
        interrupted(server, tmp_path)
        assert texts(ask(engine(server, tmp_path), PROMPTS[:2])) == [echo(prompt) for prompt in PROMPTS[:2]]
        assert len(list(tmp_path.iterdir())) == 1 and not server.deleted
        assert texts(ask(engine(server, tmp_path), PROMPTS[2:])) == [echo(prompt) for prompt in PROMPTS[2:]]
    assert len(server.batched) == len(PROMPTS) and list(tmp_path.iterdir()) == [] and not by_itself(server)


def test_a_batch_that_the_service_has_forgotten_is_sent_again(tmp_path: Path) -> None:
    with BatchServer() as server:
        interrupted(server, tmp_path)
        server.batches.clear()
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    (tmp_path / "y.json").write_text('["a"]')
    with BatchServer() as server:
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]


# Names, keys, settings.


def test_it_shares_its_answers_with_the_endpoint_of_the_same_model(tmp_path: Path) -> None:
    batch, plain = (
        load_generator(f"{kind}:http://x/v1#m", tmp_path / "c.sqlite") for kind in ("openai-batch", "openai")
    )
    assert batch.fingerprint == plain.fingerprint and batch.name == "openai-batch:http://x/v1#m"
    assert isinstance(batch, LanguageModel) and isinstance(batch.engine, OpenAIBatch)
    assert batch.engine.batches == tmp_path / "batches"


@pytest.mark.parametrize("name", ["openai-batch:", "openai-batch:#m", "openai-batch:http://a/v1,http://b/v1#m"])
def test_wrong_names_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        load_generator(name)


def test_what_the_endpoint_can_do_the_batches_can(tmp_path: Path) -> None:
    with BatchServer() as server:
        model = engine(server, tmp_path)
        assert model.findings and model.capabilities == engine_named(f"openai:{server.url}#tiny", {}).capabilities


def test_a_refused_key_is_told_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = "sk-very-secret-4711"
    monkeypatch.setenv("WBRAG_API_KEY", key)
    with BatchServer() as server:
        assert texts(ask(engine(server, tmp_path))) == [echo(prompt) for prompt in PROMPTS]
        assert server.keys == {key}
        server.fault = lambda prompt, nth: "401" if nth else ""
        model = engine(server, tmp_path)
        with pytest.raises(InputError) as caught:
            ask(model, ["number 1"])
    assert key not in str(caught.value) and key not in repr(vars(model))
