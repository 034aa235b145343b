"""``wbrag serve`` and ``wbrag token`` as a person starts them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from typer.testing import CliRunner

from tests.serving.web import Towns
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands import serve
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.serving.access_tokens import AccessTokens
from wbrag_pipeline.usage.recorded_queries import RecordedQueries

COMMAND = [sys.executable, "-m", "wbrag_pipeline.cli"]


@pytest.fixture
def towns(wbrag_home: Path) -> Towns:
    towns = Towns(wbrag_home, load_encoder())
    towns.promote(towns.release("u1", "Velcro was the idea of a Swiss engineer."))
    return towns


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """The command, its address, and what it has said once it was ready."""
    started = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A shell lets what it starts in the background ignore Ctrl-C, these tests among it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        said: list[str] = []
        assert started.stdout is not None
        for line in started.stdout:
            said.append(line.rstrip("\n"))
            if line.startswith("serving"):
                break
        address = re.search(r"http://\S+", said[-1]) if said else None
        assert address, started.communicate()
        yield started, address[0], said
    finally:
        started.kill()
        started.communicate()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_the_command_serves_follows_releases_and_ends_by_ctrl_c(towns: Towns) -> None:
    token = run("token", "--label", "hr", "--name", "bot").stdout.strip()
    with serving("--max-k", "3") as (started, address, said):
        assert said == [f"listening at {address}; opening and verifying", f"serving b, release r000001, at {address}"]
        asked = {"queries": ["what does the director earn?"], "topk": 1}
        with httpx.Client(base_url=address, timeout=60) as client:
            assert client.get("/readyz").status_code == 200
            hidden = client.post("/retrieve", json=asked).json()["result"][0][0]["id"]
            shown = client.post("/retrieve", json=asked, headers={"Authorization": f"Bearer {token}"}).json()
            assert (hidden != "p3", shown["result"][0][0]["id"]) == (True, "p3")
            assert client.post("/retrieve", json={**asked, "topk": 4}).status_code == 400
            assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421
            towns.promote(towns.release("u2", "Velcro came to him while he walked his dog."))
            assert client.post("/retrieve", json=asked).json()["release"] == "r000002"
        started.send_signal(signal.SIGINT)
        _, logged = started.communicate()
        assert started.returncode == 130 and "Traceback" not in logged
    assert re.search(r"INFO POST /retrieve 200 [\d.]+ ms bot\n", logged) and "director" not in logged
    assert "/readyz" not in logged and token not in logged


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_sampled_queries_are_written_when_the_server_is_told_to_end(towns: Towns, ending: signal.Signals) -> None:
    """uvicorn raises the signal again when it is done, and SIGTERM ends the process there."""
    with serving("--usage-share", "1") as (started, address, _):
        asked = {"queries": ["who made the zipper?", "my mail is anna@example.org"]}
        assert httpx.post(f"{address}/retrieve", json=asked, timeout=60).status_code == 200
        started.send_signal(ending)
        started.communicate()
    rows = RecordedQueries(towns.settings.usage("b")).read()
    assert rows["question"].to_list() == ["who made the zipper?", ""]
    assert "b: 2 served queries are recorded" in run("status").stdout


@pytest.mark.slow
def test_the_command_speaks_mcp_over_stdio_as_its_token_allows(towns: Towns) -> None:
    token = run("token", "--label", "hr").stdout.strip()

    async def found(environment: dict[str, str]) -> tuple[list[str], Any]:
        arguments = [*COMMAND[1:], "serve", "b", "--stdio"]
        started = StdioServerParameters(command=COMMAND[0], args=arguments, env=environment)
        async with Client(stdio_client(started)) as client:
            searched = await client.call_tool("search", {"query": "what does the director earn?"})
            fetched = await client.call_tool("fetch", {"id": "b/corpus/p3"})
            results = json.loads(searched.content[0].text)["results"]  # type: ignore[union-attr]
            return [one["id"] for one in results], fetched

    environment = {name: value for name, value in os.environ.items() if name != "WBRAG_TOKEN"}
    ids, fetched = asyncio.run(found(environment))
    assert "b/corpus/p3" not in ids and fetched.is_error
    ids, fetched = asyncio.run(found({**environment, "WBRAG_TOKEN": token}))
    assert ids[0] == "b/corpus/p3" and "secret" in json.loads(fetched.content[0].text)["text"]


def test_a_token_is_shown_once_and_its_labels_are_those_given(towns: Towns, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "tokens.jsonl"
    made = run("token", "--label", "hr", "--label", "staff", "--tokens", str(file))
    assert made.returncode == 0 and re.fullmatch(r"wbrag_[\w-]{43}\n", made.stdout)
    assert AccessTokens(file).reader(f"Bearer {made.stdout.strip()}").labels == {"hr", "staff"}
    assert made.stdout.strip() not in file.read_text(encoding="utf-8") + made.stderr


def refused(*arguments: str) -> str:
    """Why the command does not start, in this process; it leaves with 2."""
    ended = CliRunner().invoke(app, ["serve", *arguments])
    if isinstance(ended.exception, WbragError):
        assert ended.exception.exit_code == 2
        return str(ended.exception)
    assert ended.exit_code == 2, ended.exception
    return ended.output


def test_what_cannot_be_served_is_told_with_exit_code_2(
    towns: Towns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_log_requests", lambda wanted: None)  # the logging of the tests stays as it is
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "nothing" in refused("nothing")
        assert "there is no such file" in refused("b", "--tokens", str(tmp_path / "none.jsonl"))
        assert "line 1, field 'labels'" in refused("b", "--tokens", str(bad))
        assert f"cannot listen at 127.0.0.1:{port}" in refused("b", "--port", port)
        assert "--max-k" in refused("b", "--max-k", "0")
    monkeypatch.setenv("WBRAG_TOKEN", "wrong")
    assert "WBRAG_TOKEN" in refused("b", "--stdio")


@pytest.mark.slow
def test_a_corpus_that_was_not_indexed_ends_the_command(towns: Towns) -> None:
    (towns.settings.corpus_index("c") / "current.json").unlink()
    ended = run("serve", "b", "--port", "0")
    assert ended.returncode == 2 and "wbrag run" in ended.stderr and "Traceback" not in ended.stderr
    assert "wbrag run" in refused("b", "--stdio")


def test_without_a_release_there_is_no_last_trained(wbrag_home: Path) -> None:
    assert "has not been made yet" in refused()


@pytest.mark.parametrize("part", ["mcp", "prometheus_client"])
def test_a_part_that_is_not_installed_is_named_with_its_extra(
    towns: Towns, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == part else real(name))
    assert "pip install 'wbrag-pipeline[serve]'" in refused("b")
