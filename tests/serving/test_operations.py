"""Readiness, the server's name, metrics and the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest

from tests.serving.web import Running, Towns, error, running
from wbrag_pipeline import __version__
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.serving.json_log import JsonLines
from wbrag_pipeline.serving.live import LiveRetriever


@pytest.fixture
def server(towns: Towns) -> Iterator[Running]:
    with running(towns.app()) as found:
        yield found


def test_until_the_release_is_verified_the_server_is_not_ready(towns: Towns) -> None:
    service = towns.service(opened=False)
    with running(towns.app(service)) as found, found.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert error(client.get("/readyz"))["status"] == 503
        reply = client.post("/retrieve", json={"queries": ["a"]})
        assert error(reply)["code"] == "not_ready" and reply.headers["retry-after"]
        service.open()
        assert client.get("/readyz").json() == {"status": "ready", "releases": {"b": "r000001"}}
        assert client.post("/retrieve", json={"queries": ["a"]}).status_code == 200


def test_a_name_that_is_not_the_servers_is_refused(towns: Towns) -> None:
    """What a page of another host sends that made its name lead here (DNS rebinding)."""
    with running(towns.app(hosts={"127.0.0.1", "localhost", "::1", "kb.example"})) as found, found.client() as client:
        for host in ("127.0.0.1:8080", "LOCALHOST", "[::1]:80", "kb.example:443"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:8080", ""):
            for path in ("/healthz", "/mcp", "/retrieve"):
                assert error(client.get(path, headers={"Host": host}))["status"] == 421


def test_metrics_tell_units_empty_results_releases_and_refusals(towns: Towns, server: Running) -> None:
    with server.client() as client:
        client.post("/retrieve", json={"queries": ["velcro", "zipper"], "topk": 50})
        client.post("/retrieve", json={"queries": []})
        client.post("/v1/vector_stores/b/search", json={"query": "velcro"})
        client.get("/no/such/secret")
        shown = client.get("/metrics").text
        for line in (
            'wbrag_queries_total{benchmark="b"} 3.0',
            'wbrag_queries_with_units_total{benchmark="b"} 3.0',
            'wbrag_queries_without_results_total{benchmark="b"} 0.0',
            'wbrag_hits_total{benchmark="b",origin="writeback"} 3.0',
            'wbrag_hits_total{benchmark="b",origin="corpus"} 9.0',
            'wbrag_refused_requests_total{reason="bad_field"} 1.0',
            'wbrag_requests_total{endpoint="/retrieve",status="200"} 1.0',
            'wbrag_requests_total{endpoint="/v1/vector_stores/{benchmark}/search",status="200"} 1.0',
            'wbrag_request_seconds_count{endpoint="/retrieve"} 2.0',
            'wbrag_release_info{benchmark="b",release="r000001"} 1.0',
            'wbrag_release_refused{benchmark="b"} 0.0',
            f'wbrag_build_info{{version="{__version__}"}} 1.0',
        ):
            assert line in shown.splitlines()
        assert "secret" not in shown
        names = {line.split()[2] for line in shown.splitlines() if line.startswith("# TYPE")}
        assert {name for name in names if not name.startswith("wbrag_")} == {
            name for name in names if name.startswith("process_")
        }
        damaged = towns.release("u2", "Velcro.")
        towns.promote(damaged)
        (towns.folder / damaged / "units.parquet").write_bytes(b"")
        shown = client.get("/metrics").text.splitlines()
        assert 'wbrag_release_refused{benchmark="b"} 1.0' in shown
        assert 'wbrag_release_info{benchmark="b",release="r000001"} 1.0' in shown


def test_log_lines_as_json_are_one_object_a_line_with_what_a_request_was(towns: Towns) -> None:
    written = StringIO()
    handler, logger = logging.StreamHandler(written), logging.getLogger("wbrag.serving")
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    level, logger.level = logger.level, logging.INFO
    try:
        with running(towns.app()) as found, found.client(towns.token("hr", name="a bot")) as client:
            client.post("/retrieve", json={"queries": ["velcro"], "topk": 1})
            client.get("/nowhere")
        logger.warning("a line\nand %s", "\u202eanother")
    finally:
        logger.removeHandler(handler)
        logger.level = level
    first, *_, last = [json.loads(line) for line in written.getvalue().splitlines()]
    assert {first["method"], first["endpoint"], first["status"], first["level"]} == {"POST", "/retrieve", 200, "INFO"}
    assert 0 < first["seconds"] < 600 and first["token"].startswith("a") and "velcro" not in written.getvalue()
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert last["message"].startswith("a line") and written.getvalue().isascii()


@pytest.mark.parametrize("failure", [ValueError, IntegrityError])
def test_no_text_and_no_token_is_logged_whatever_fails(
    towns: Towns, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    token = towns.token("hr", name="support bot")
    question = "a quite private question"

    def fail(self: LiveRetriever, questions: Any, *arguments: Any, **more: Any) -> Any:
        raise failure(*questions, token) if failure is IntegrityError else failure(questions)

    with caplog.at_level("DEBUG"), running(towns.app()) as found, found.client(token) as client:
        assert client.post("/retrieve", json={"queries": [question]}).status_code == 200
        client.get(f"/{question}?q={question}")
        client.request(question.replace(" ", ""), "/retrieve")
        client.post("/retrieve", json={question: question})
        client.post(f"/v1/vector_stores/{question}/search", json={"query": question})
        client.get("/healthz", headers={"Authorization": f"Bearer {question}"})
        monkeypatch.setattr(LiveRetriever, "search", fail)
        reply = client.post("/retrieve", json={"queries": [question]})
        assert reply.status_code == (503 if failure is IntegrityError else 500) and question not in reply.text
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]  # the client's
    logged = "\n".join(record.getMessage() + str(record.exc_info or "") for record in ours)
    assert "private" not in logged and "question" not in logged and token not in logged and "Velcro" not in logged
    assert "POST /retrieve 200" in logged and "support bot" in logged and failure.__name__ in logged
