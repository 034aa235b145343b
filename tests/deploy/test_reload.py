"""``wbrag add`` makes a Dagster webserver load the code location again; scripts/deployment-check does it for real."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from dagster_graphql.schema import create_schema
from graphql import parse, validate
from typer.testing import CliRunner

from deploy import check
from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands import code_location
from wbrag_pipeline.settings import Settings

OURS = {"location": {"name": "wbrag_pipeline"}, "jobs": [{"name": "train_knowledge_base"}]}
THEIRS = {"location": {"name": "sales"}, "jobs": [{"name": "forecast"}]}
LOADED: dict[str, Any] = {
    "__typename": "WorkspaceLocationEntry",
    "locationOrLoadError": {"__typename": "RepositoryLocation"},
}
BROKEN: dict[str, Any] = {
    "__typename": "WorkspaceLocationEntry",
    "locationOrLoadError": {"__typename": "PythonError", "message": "a bad registry"},
}


class Webserver:
    """Answers as Dagster's does. ``reloaded`` are the code locations that were asked for."""

    def __init__(self) -> None:
        self.reloaded: list[str] = []
        self.nodes, self.answer, self.raw = [OURS, THEIRS], LOADED, ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps({"data": server.reply(asked)}) if not server.raw else server.raw
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "mutation" not in asked["query"]:
            return {"repositoriesOrError": {"nodes": self.nodes}}
        self.reloaded.append(asked["variables"]["name"])
        return {"reloadRepositoryLocation": self.answer}


@pytest.fixture
def webserver() -> Iterator[Webserver]:
    server = Webserver()
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def add(tmp_path: Path, *, replace: bool = False) -> str:
    corpus, _, _ = write_tiny(tmp_path / "files")
    done = CliRunner().invoke(app, ["add", "corpus", "towns", str(corpus), *(["--replace"] if replace else [])])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_queries_are_those_of_the_installed_dagster() -> None:
    schema = create_schema().graphql_schema
    found = [text for module in (code_location, check) for text in vars(module).values() if isinstance(text, str)]
    queries = [text for text in found if text.lstrip().startswith(("query", "mutation", "{"))]
    assert len(queries) == 10
    for query in queries:
        assert validate(schema, parse(query)) == []


def test_our_code_location_is_loaded_again_and_no_other(
    webserver: Webserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_WEBSERVER", webserver.address + "/")
    assert f"wbrag_pipeline loaded again at {webserver.address}" in add(tmp_path)
    assert webserver.reloaded == ["wbrag_pipeline"]
    done = CliRunner().invoke(app, ["remove", "corpus", "towns", "--yes"])
    assert done.exit_code == 0 and webserver.reloaded == ["wbrag_pipeline"] * 2


def test_wbrag_ui_notes_where_it_is(webserver: Webserver, tmp_path: Path, wbrag_home: Path) -> None:
    assert "loaded again" not in add(tmp_path)  # no webserver is known
    code_location.note_webserver(Settings(home=wbrag_home), webserver.address)
    assert "loaded again" in add(tmp_path, replace=True)
    # One that has ended is no news: the next one reads the registry when it starts.
    code_location.note_webserver(Settings(home=wbrag_home), "http://127.0.0.1:9")
    assert "Dagster" not in add(tmp_path, replace=True)


@pytest.mark.parametrize("note", ["", "[]", "{", '{"address": 3}', "\xff"])
def test_a_note_that_is_none_is_passed_over(tmp_path: Path, wbrag_home: Path, note: str) -> None:
    wbrag_home.mkdir(parents=True, exist_ok=True)
    (wbrag_home / "webserver.json").write_text(note, encoding="latin-1")
    assert "corpus towns" in add(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"answer": BROKEN}, "a bad registry"),
        ({"answer": {"__typename": "ReloadNotSupported", "message": "of an api grpc"}}, "of an api grpc"),
        ({"answer": {"__typename": "RepositoryLocationNotFound"}}, "RepositoryLocationNotFound"),
        ({"nodes": [THEIRS]}, "no code location of this project"),
        ({"raw": "<html>sign in</html>"}, "sign in"),
        ({"raw": "[]"}, "no answer"),
        ({"raw": '{"errors": [{"message": "no such field"}]}'}, "no such field"),
    ],
)
def test_what_went_wrong_is_told_and_the_entry_stays(
    webserver: Webserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str
) -> None:
    vars(webserver).update(change)
    monkeypatch.setenv("WBRAG_WEBSERVER", webserver.address)
    said = add(tmp_path)
    assert "corpus towns" in said and told in said and "Reload definitions" in said


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense", "http://[", "ftp://x"])
def test_an_address_where_nobody_is_does_not_end_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("WBRAG_WEBSERVER", address)
    assert "Dagster was not told" in add(tmp_path)
