"""Forgetting while a run is at work: the run has read the tombstones already, so it must end before it is certified."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.forgetting.conftest import Trained
from wbrag_pipeline.api import train
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import read_tombstones
from wbrag_pipeline.errors import BusyError
from wbrag_pipeline.forgetting.certificate import Certificate
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.training import stages

TOWN = "Aldermoor is a town on the river Vell."


class _InTheMiddle:
    """A stage that stands still once it has read what it works with, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        real: Callable[..., Any] = getattr(stages, stage)

        def stopped(context: Any, *given: Any, **named: Any) -> Any:
            made = real(context, *given, **named)
            self.reached.set()
            assert self.go_on.wait(900)
            return made

        monkeypatch.setattr(stages, stage, stopped)


@pytest.mark.parametrize("stage", ["retrievals", "knowledge_units"])
def test_what_a_stage_holds_in_memory_does_not_outlive_forgetting(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    middle, told = _InTheMiddle(monkeypatch, stage), threading.Event()
    run = threading.Thread(target=train, args=("towns", trained.settings), daemon=True)
    run.start()
    assert middle.reached.wait(900)
    done: list[Certificate] = []
    forgetting = threading.Thread(
        target=lambda: done.append(forget(trained.settings, "passage", ["0"], tell=lambda sentence: told.set()))
    )
    forgetting.start()
    assert told.wait(900)
    assert not done and read_tombstones(trained.settings.home).passages == frozenset()
    middle.go_on.set()
    forgetting.join()
    run.join()
    assert [one.ids for one in done] == [("0",)]
    assert trained.holds(TOWN) == []


def test_the_command_can_refuse_to_wait_and_names_the_run(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    middle = _InTheMiddle(monkeypatch, "retrievals")
    run = threading.Thread(target=train, args=("towns", trained.settings), daemon=True)
    run.start()
    assert middle.reached.wait(900)
    refused = CliRunner().invoke(app, ["forget", "passage", "0", "--no-wait"])
    middle.go_on.set()
    run.join()
    assert isinstance(refused.exception, BusyError) and "training of towns" in str(refused.exception)
    assert not read_tombstones(trained.settings.home).passages


def test_a_run_that_begins_meanwhile_waits_until_it_is_forgotten(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgetting stands still with its tombstones written and nothing cleaned; the run reads nothing before it ends."""
    from wbrag_pipeline.forgetting import forget as forgetting

    reached, go_on = threading.Event(), threading.Event()
    real = forgetting._remove_left_overs

    def stopped(home: Any) -> None:
        reached.set()
        assert go_on.wait(900)
        real(home)

    monkeypatch.setattr(forgetting, "_remove_left_overs", stopped)
    first = threading.Thread(target=forget, args=(trained.settings, "passage", ["0"]), daemon=True)
    first.start()
    assert reached.wait(900)
    corpus = Registry.load(trained.settings.home).corpus("towns").path
    run = threading.Thread(target=train, args=("towns", trained.settings))
    run.start()
    run.join(3)
    assert run.is_alive()
    go_on.set()
    first.join()
    run.join()
    assert TOWN in corpus.read_text(encoding="utf-8")
    assert trained.holds(TOWN) == []
