"""Blocking work: few at once, few that wait, none for ever; and what a client is told of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.web import Towns, running
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.service_limits import ServiceLimits
from wbrag_pipeline.serving.worker_pool import WorkerPool


def test_no_more_run_at_once_than_threads_and_what_is_too_much_is_429() -> None:
    gate, counting = threading.Event(), threading.Lock()
    running_now, most = 0, 0

    def work() -> str:
        nonlocal running_now, most
        with counting:
            running_now += 1
            most = max(most, running_now)
        gate.wait()
        with counting:
            running_now -= 1
        return "done"

    async def ask() -> list[Any]:
        pool = WorkerPool(ServiceLimits(threads=2, waiting=3))
        asked = [asyncio.create_task(pool.run(work)) for _ in range(9)]
        while sum(task.done() for task in asked) < 4:
            await asyncio.sleep(0)
        assert pool.taken_on == 5
        gate.set()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert pool.taken_on == 0
        pool.close()
        with pytest.raises(RefusedRequest) as refused:
            await pool.run(work)
        assert refused.value.status == 503 and pool.taken_on == 0
        return ended

    ended = asyncio.run(ask())
    assert ended[:5] == ["done"] * 5 and [error.status for error in ended[5:]] == [429] * 4
    assert ended[8].headers["Retry-After"] and most == 2


def test_work_that_is_given_up_keeps_its_thread_until_it_ends() -> None:
    gate = threading.Event()

    async def ask() -> None:
        pool = WorkerPool(ServiceLimits(threads=1, waiting=1, seconds=0.05))
        for _ in range(2):  # one in the thread, one that waits for it
            with pytest.raises(RefusedRequest) as refused:
                await pool.run(gate.wait)
            assert refused.value.status == 408
        assert pool.taken_on == 1  # who waited is gone, who works is not
        gate.set()
        while pool.taken_on:
            await asyncio.sleep(0)
        assert await pool.run(lambda: 1) == 1

    asyncio.run(ask())


def test_an_error_frees_its_place() -> None:
    async def ask() -> None:
        pool = WorkerPool(ServiceLimits(threads=1, waiting=0))
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await pool.run(lambda: 1 // 0)
            while pool.taken_on:
                await asyncio.sleep(0)

    asyncio.run(ask())


def test_a_server_that_is_busy_says_so_and_stays_healthy(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    towns = Towns(wbrag_home)
    gate, real = threading.Event(), LiveRetriever.search

    def slow(self: LiveRetriever, *arguments: Any, **more: Any) -> Any:
        gate.wait()
        return real(self, *arguments, **more)

    monkeypatch.setattr(LiveRetriever, "search", slow)
    service = towns.service(threads=1, waiting=1)
    with running(towns.app(service)) as found, found.client() as client:
        replies: list[httpx.Response] = []

        def ask() -> None:
            replies.append(httpx.post(f"{found.url}/retrieve", json={"queries": ["a"]}, timeout=60))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        while service.pool.taken_on < 2:
            assert client.get("/healthz").status_code == 200
        reply = client.post("/retrieve", json={"queries": ["a"]})
        assert reply.status_code == 429 and reply.headers["retry-after"] == "1"
        assert client.get("/readyz").status_code == 200
        assert 'wbrag_refused_requests_total{reason="too_many_requests"} 1.0' in client.get("/metrics").text
        gate.set()
        for thread in threads:
            thread.join()
        assert [one.status_code for one in replies] == [200, 200]


def test_a_body_that_does_not_arrive_is_408(wbrag_home: Path) -> None:
    towns = Towns(wbrag_home)
    with running(towns.app(towns.service(seconds=0.2))) as found:
        port = int(found.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = (
                b"POST /retrieve HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
            )
            connection.sendall(head)
            reply = connection.makefile("rb").read()  # to the end: the server hangs up
    assert reply.startswith(b"HTTP/1.1 408 ") and b"body_too_slow" in reply
