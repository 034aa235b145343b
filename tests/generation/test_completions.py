"""The completion cache: nothing is asked twice, not even by two processes or after a kill."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.generation.accounts.completions import (
    CompletionCache,
    complete,
    delete_completions,
    stored_unless_emptied,
)
from wbrag_pipeline.generation.generator import Usage


def ask_all(
    cache: CompletionCache | None, requests: list[str], asked: list[str], usage: Usage, batch: int = 2
) -> list[str]:
    def ask(some: list[str]) -> list[str]:
        asked.extend(some)
        return [request.upper() for request in some]

    return complete(requests, lambda r: r, ask, cache=cache, usage=usage, batch=batch)


def test_equal_requests_are_asked_once_and_answers_keep_their_order(tmp_path: Path) -> None:
    asked: list[str] = []
    usage = Usage()
    cache = CompletionCache(tmp_path / "c.sqlite")
    assert ask_all(cache, ["b", "a", "b", "c"], asked, usage) == ["B", "A", "B", "C"]
    assert asked == ["b", "a", "c"]
    assert ask_all(cache, ["c", "d"], asked, usage) == ["C", "D"]
    assert asked == ["b", "a", "c", "d"]
    assert (usage.calls, usage.cached, usage.sent) == (5, 1, 4)


def test_a_failure_keeps_the_batches_before_it(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")

    def ask(some: list[str]) -> list[str]:
        if "c" in some:
            raise KeyboardInterrupt
        return some

    with suppress(KeyboardInterrupt):
        complete(["a", "b", "c", "d"], lambda r: r, ask, cache=cache, usage=Usage(), batch=2)
    assert cache.get_many("abcd") == {"a": "a", "b": "b"}


def test_fresh_and_cached_answers_are_the_same_value(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")

    def ask(some: list[str]) -> list[tuple[float, str]]:
        return [(0.1 + 0.2, "é") for _ in some]

    answers = [complete(["x"], lambda r: r, ask, cache=cache, usage=Usage(), batch=1) for _ in range(2)]
    assert answers[0] == answers[1] == [[0.1 + 0.2, "é"]]


def _store(path: Path, first: int) -> None:
    cache = CompletionCache(path)
    for number in range(first, first + 50):
        with cache.recording("test") as put:
            put({f"{number}-{i}": number for i in range(20)}, Usage())


def test_two_processes_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    processes = [multiprocessing.get_context("spawn").Process(target=_store, args=(path, first)) for first in (0, 25)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    wanted = [f"{number}-{i}" for number in range(75) for i in range(20)]
    assert len(CompletionCache(path).get_many(wanted)) == 1500


def test_a_damaged_cache_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(IntegrityError, match="move it away"):
        CompletionCache(path)


def test_a_damaged_value_is_asked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    cache = CompletionCache(file)
    with cache.recording("x") as put:
        put({"good": "yes", "cut": "yes", "no text": "yes"}, Usage(calls=3))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE completions SET value = '\"ye' WHERE key = 'cut'")
        connection.execute("UPDATE completions SET value = CAST(x'22ff22' AS TEXT) WHERE key = 'no text'")
    assert cache.get_many(["good", "cut", "no text"]) == {"good": "yes"}
    with cache.recording("x") as put:
        put({"good": "no", "cut": "no"}, Usage(calls=2))
    assert cache.get_many(["good", "cut"]) == {"good": "yes", "cut": "no"}


def test_what_was_asked_before_the_cache_was_emptied_is_not_stored_after(tmp_path: Path) -> None:
    file = tmp_path / "c.sqlite"
    cache = CompletionCache(file)

    def ask(batch: list[str]) -> list[str]:
        return [f"answer to {request}" for request in batch]

    def answer(*requests: str) -> list[str]:
        return complete(requests, str, ask, cache=cache, usage=Usage(), batch=8)

    with stored_unless_emptied(file):
        answer("first step")
        with closing(sqlite3.connect(file)) as forgetting:
            assert delete_completions(forgetting) == 1
        # The second step of the same answer, built of what was read before.
        assert answer("second step") == ["answer to second step"]
    assert cache.get_many(["first step", "second step"]) == {}
    with stored_unless_emptied(file):
        answer("a new request")
    assert list(cache.get_many(["a new request"])) == ["a new request"]
    answer("a run's")
    assert list(cache.get_many(["a run's"])) == ["a run's"]


def test_a_call_on_its_way_while_the_cache_is_emptied_is_counted_and_not_stored(tmp_path: Path) -> None:
    file = tmp_path / "c.sqlite"
    cache, usage = CompletionCache(file), Usage()

    def ask(batch: list[str]) -> list[str]:
        with closing(sqlite3.connect(file)) as forgetting:
            delete_completions(forgetting)
        return batch

    complete(["a"], str, ask, cache=cache, usage=usage, batch=1)
    assert cache.get_many(["a"]) == {} and usage.calls == 1
