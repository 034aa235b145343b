"""Killed before any write, a push or a pull leaves the old state or the new one, and doing it again completes it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NIGHTLY
from tests.failures.forking import told_by

# By day every third death of a push to a bucket and of a pull; by night all deaths of all works.
WORKS = [("push of a refresh", "s3", 25), ("pull", "folder", 20)]
BY_NIGHT = [("push", "s3", 15), ("push", "folder", 20), ("pull", "s3", 20), ("forget", "s3", 80)]


def over_the_new_corpus(old: Any, new: Any) -> Any:
    """What is found when the corpus has moved and the release has not: its units whose sources still stand."""
    corpus = [hit for hit in new[1] if hit[0] == "corpus"]
    still = [["writeback", text] for origin, text in old[1] if origin == "writeback" and ["corpus", text] in corpus]
    return [old[0], sorted(corpus + still)]


@pytest.mark.slow
@pytest.mark.parametrize(("work", "kind", "least"), [*WORKS, *(BY_NIGHT if NIGHTLY else ())])
def test_killed_while_sharing(tmp_path: Path, request: pytest.FixtureRequest, work: str, kind: str, least: int) -> None:
    if kind == "s3":
        remote = request.getfixturevalue("bucket")
    else:
        (tmp_path / "homes" / "shared").mkdir(parents=True)  # put back with the homes
        remote = f"file://{tmp_path}/homes/shared"
    each = 1 if NIGHTLY else 3
    undisturbed, *killed = told_by("tests.remote.killing_shares", work, str(tmp_path), remote, str(each))
    old, new, boundaries = undisturbed["old"], undisturbed["new"], undisturbed["boundaries"]
    assert boundaries >= least and len(killed) == len(range(0, boundaries, each))
    assert old != new == undisturbed["trained"]
    pulled_states = set()
    for death in killed:
        assert death["status"] == signal.SIGKILL, death
        assert isinstance(death["seen"], list), death["seen"]["error"]
        left, pulled, completed = death["seen"]
        for seen in (left, pulled):
            assert seen in (old, new, over_the_new_corpus(old, new)), death
        assert completed == new, death
        pulled_states.add(str(pulled))
    assert str(new) in pulled_states
