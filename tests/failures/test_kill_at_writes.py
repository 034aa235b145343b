"""Killed before any of its writes, a work leaves the old state or the new one, and doing it again completes it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import NIGHTLY
from tests.failures.forking import told_by


@pytest.mark.slow
@pytest.mark.parametrize(
    # Before each write by night; by day before each second or third one where there are many.
    ("work", "least", "each"),
    [
        ("train", 25, 1 if NIGHTLY else 2),
        ("refresh", 50, 1 if NIGHTLY else 3),
        ("forget", 80, 1 if NIGHTLY else 3),
        ("release by hand", 10, 1),
    ],
)
def test_killed_before_every_write(tmp_path: Path, work: str, least: int, each: int) -> None:
    undisturbed, *killed = told_by("tests.failures.killing_writes", work, str(tmp_path), str(each))
    old, new = undisturbed["old"], undisturbed["new"]
    assert undisturbed["boundaries"] >= least and len(killed) == len(range(0, undisturbed["boundaries"], each))
    assert (old["served"], old["corpus"]) != (new["served"], new["corpus"])
    assert new["decided"] == [release for _, release in new["moves"]][::-1]
    seen = set()
    for death in killed:
        assert death["status"] == signal.SIGKILL, death
        assert isinstance(death["seen"], list), death["seen"]["error"]
        left, completed = death["seen"]
        for side in ("served", "corpus"):
            assert left[side] in (old[side], new[side]), death
        seen.add((str(left["served"]), str(left["corpus"])))
        # What was done stays done, and is not done twice.
        assert left["moves"] == new["moves"][len(new["moves"]) - len(left["moves"]) :], death
        for part in ("served", "corpus", "moves", "bytes", "released"):
            assert completed[part] == new[part], (death["number"], part)
        # Every move is told in the lineage in the end, also one whose process died before it could tell.
        assert completed["decided"] == new["decided"], death
        assert work != "forget" or completed["traces"] == [], death
    assert {(str(end["served"]), str(end["corpus"])) for end in (old, new)} <= seen
