"""What the pages on serving show works: the server, and real clients of every kind that ask it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from docs_reference.transcript import transcribed
from tests.docs.test_tutorial import commands_of

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


def run_at_a_free_port(page: str, folder: Path) -> str:
    """``page`` with what its commands print; a server that it leaves running is ended."""
    ports = set(re.findall(r"127\.0\.0\.1:(\d+)", page))
    assert len(ports) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = str(taken.getsockname()[1])
    try:
        return transcribed(page.replace(ports.pop(), free), folder)
    finally:
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((folder / "serve.pid").read_text()), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "serve.md",
            [
                r'^\{"status":"ready","releases":\{"sample_squad":"r000001"\}\}$',
                r"^When did Edwin Hubble die\? Doc 1\(Title: ",  # as Search-R1 and verl ask
                r"^0\.\d+ writeback:u_\w+ ",  # the openai client
                r"^\{'id': 'sample_squad/writeback/u_\w+'",  # the mcp client
                r'"code": "unknown_token"',
                r'^wbrag_queries_total\{benchmark="sample_squad"\} 5\.0$',
            ],
        ),
        (
            "frameworks.md",
            [
                r"^u_\w+ writeback \['\w+'\]$",  # LangChain
                r"^u_\w+ 0\.\d+ writeback$",  # LlamaIndex
                r"^Question: When did Edwin Hubble die\?$",  # Haystack
                r"^\['u_\w+', '\w+'\] \['writeback', 'corpus'\]$",  # DSPy
            ],
        ),
        (
            "usage.md",
            [
                r"queries recorded +│ 4, ",
                r"… without a text: personal data +│ 1 ",
                r"q_[0-9a-f]{16} │ How do I bake bread\?",
                r"too little is recorded to say",
                r"^sample_squad: 4 recorded queries are deleted$",
            ],
        ),
    ],
)
def test_the_clients_of_a_page_find_what_it_shows(tmp_path: Path, name: str, said: list[str]) -> None:
    page = (HOW_TO / name).read_text(encoding="utf-8")
    now = run_at_a_free_port(page, tmp_path)
    assert len(commands_of(now)) == len(commands_of(page)) > 5
    for shown in (page, now):
        for line in said:
            assert re.search(line, shown, flags=re.MULTILINE), line
