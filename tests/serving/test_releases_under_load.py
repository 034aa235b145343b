"""Releases are promoted and rolled back while clients ask: no request fails, and each answer is of one release."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import httpx

from tests.serving.web import Towns, running

MOVES = 40
CLIENTS = 8


def test_no_request_fails_and_no_label_is_overlooked_while_releases_change(wbrag_home: Path) -> None:
    towns = Towns(wbrag_home)
    # Each release has an open unit of its own, and the second one has a closed one under the same question.
    names = [
        towns.release("u1", "Velcro was the idea of a Swiss engineer."),
        towns.release("u2", "Velcro idea velcro idea.", labels=["hr"]),
    ]
    expected = {names[0]: "u1", names[1]: "u2"}
    towns.promote(names[0])
    token = towns.token("hr")
    stop = threading.Event()
    seen: list[tuple[bool, str, set[str]]] = []
    failures: list[object] = []

    def ask(url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
                while not stop.is_set():
                    reply = client.post("/retrieve", json={"queries": ["whose idea was velcro"], "topk": 9})
                    if reply.status_code != 200:
                        failures.append((reply.status_code, reply.text))
                        return
                    found = reply.json()
                    ids = {one["id"] for one in found["result"][0]}
                    seen.append((token is not None, found["release"], ids))
        except Exception as failure:
            failures.append(failure)

    with running(towns.app()) as server:
        threads = [
            threading.Thread(target=ask, args=(server.url, token if number % 2 else None)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for _ in range(MOVES // 2):
            for move in (lambda: towns.promote(names[1]), towns.rollback):
                move()
                before = len(seen)
                while len(seen) < before + CLIENTS and not failures:  # the move meets requests
                    threading.Event().wait(0.001)
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert len(Counter((reader, release) for reader, release, _ in seen)) == 4
    for reader, release, ids in seen:
        assert ("p3" in ids) is reader
        units = ids & {"u1", "u2"}
        assert units == ({expected[release]} if release == names[0] or reader else set())
