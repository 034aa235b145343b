"""The ledger: a file of the version before gets the new counts and loses nothing, whoever opens it first."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from tests.generation.scripted_engine import ScriptedEngine
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.accounts.ledger import accounting, costs
from wbrag_pipeline.generation.engine_protocol import Completion
from wbrag_pipeline.generation.generator import INCIDENTS, Usage, usage_figures
from wbrag_pipeline.generation.language_model import LanguageModel

# As 0.1.0's development had it before incidents were counted.
OLD_SCHEMA = """
CREATE TABLE completions (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE ledger (id TEXT PRIMARY KEY, began TEXT NOT NULL, run TEXT NOT NULL, stage TEXT NOT NULL,
    partition TEXT NOT NULL, engine TEXT NOT NULL, calls INTEGER NOT NULL, cached INTEGER NOT NULL,
    failed INTEGER NOT NULL, attempts INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
INSERT INTO completions VALUES ('paid', '"for"');
INSERT INTO ledger VALUES ('1', '2026-01-01T00:00:00+00:00', 'r1', 'gated_docs', 'nq', 'old', 7, 2, 1, 6, 50, 9, 1.5);
"""


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "completions.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(OLD_SCHEMA)
    return path


OLD_USAGE = Usage(calls=7, cached=2, failed=1, attempts=6, prompt_tokens=50, completion_tokens=9, seconds=1.5)


def test_a_ledger_of_the_version_before_is_added_to_and_keeps_its_rows(old_file: Path) -> None:
    cache = CompletionCache(old_file)
    assert cache.get_many(["paid"]) == {"paid": "for"}
    with accounting("gated_docs", run="r2", partition="nq"), cache.recording("new") as put:
        put({}, Usage(calls=1, seconds=0.5, units_repaired=3))
        put({}, Usage(calls=1, units_repaired=1, passages_dropped=2))
    first, second = costs(old_file, partition="nq")
    assert (first.run, first.engine, first.usage) == ("r1", "old", OLD_USAGE)
    assert (second.run, second.usage) == ("r2", Usage(calls=2, seconds=0.5, units_repaired=4, passages_dropped=2))
    CompletionCache(old_file)
    assert costs(old_file) == [first, second]


def test_its_costs_can_be_read_before_anything_else_opens_it(old_file: Path) -> None:
    (only,) = costs(old_file)
    assert only.usage == OLD_USAGE


def _open_and_count(path: Path, start: Barrier) -> None:
    start.wait()
    with CompletionCache(path).recording("new") as put:
        put({}, Usage(answers_cut=1))


def test_processes_that_open_an_old_file_at_once_all_work(old_file: Path) -> None:
    context, count = multiprocessing.get_context("spawn"), 3
    start = context.Barrier(count + 1)
    processes = [context.Process(target=_open_and_count, args=(old_file, start)) for _ in range(count)]
    for process in processes:
        process.start()
    # While this lock is held, all of them see the old columns and wait for their turn to add to them.
    with closing(sqlite3.connect(old_file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        start.wait()
        time.sleep(1.0)
        connection.execute("COMMIT")
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count
    assert [cost.usage for cost in costs(old_file)] == [OLD_USAGE, Usage(answers_cut=count)]
    assert CompletionCache(old_file).get_many(["paid"]) == {"paid": "for"}


def test_incidents_go_on_the_account_of_their_stage_and_each_use_counts(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    engine = ScriptedEngine(lambda request: Completion("Marie Curie was", (), 10, 32, "length"))
    for run in ("r1", "r2"):
        with accounting("utility_scores", run=run, partition="nq"):
            LanguageModel(engine, cache).answer(["Who?", "Which?"], [[], []], OPEN_QA)
    LanguageModel(engine, cache).answer(["Who?"], [[]], OPEN_QA)
    found = {(c.run, c.stage): (c.usage.calls, c.usage.cached, c.usage.answers_cut) for c in costs(cache.path)}
    assert found == {
        ("r1", "utility_scores"): (2, 0, 2),
        ("r2", "utility_scores"): (2, 2, 2),
        ("", ""): (1, 1, 1),
    }


def test_usage_is_added_and_subtracted_with_its_incidents() -> None:
    usage = Usage(calls=3, passages_dropped=2)
    earlier = Usage(calls=1, passages_dropped=1)
    usage.add(Usage(calls=1, units_extractive=5, seconds=0.5))
    assert usage.since(earlier) == Usage(calls=3, passages_dropped=1, units_extractive=5, seconds=0.5)
    assert usage.incidents == {"passages_dropped": 2, "units_extractive": 5}
    assert not set(INCIDENTS) & {"calls", "cached", "failed", "attempts", "seconds"} and all(INCIDENTS.values())


def test_a_stages_figures_have_stable_names_and_only_what_happened() -> None:
    assert usage_figures(Usage()) == {"generator_calls": 0, "generator_calls_sent": 0}
    usage = Usage(5, 2, 1, 9, 70, 8, 1.5, answers_cut=4)
    assert usage_figures(usage) == {
        "generator_calls": 5,
        "generator_calls_sent": 3,
        "prompt_tokens": 70,
        "completion_tokens": 8,
        "generator_calls_failed": 1,
        "answers_cut": 4,
    }
