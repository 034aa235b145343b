"""Serving an older release over a corpus that has changed since: it comes back as it stands now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.refresh.retiring import in_step
from wbrag_pipeline.releases.pointer import read_pointer
from wbrag_pipeline.releases.store import Release, build_release, current, promote, rollback
from wbrag_pipeline.storage import sha256_of_text

ENCODER = CompassEncoder()
# The corpus as it is now: passage "a" is there, "b" is gone.
PASSAGES = passages_of({"a": 10.0}).lazy()


def instead(release: Release) -> Release:
    return in_step(release, PASSAGES, lambda: ENCODER, actor="test")[0]


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., str]:
    """Serve units by name, each on the passage named so; as it was done before the corpus changed."""

    def serve(**angles: float) -> str:
        rows = units_of(angles).with_columns(
            source_passage_ids=pl.concat_list(pl.col("unit_id").str.head(1)),
            source_hashes=pl.Series([[_hash(name[0])] for name in angles]),
            labels=pl.lit([], dtype=pl.List(pl.String)),
        )
        name = build_release(rows, ENCODER, tmp_path, {}).name
        promote(tmp_path, name, actor="test", reason="trained")
        return name

    return serve


def _hash(name: str) -> str:
    found = PASSAGES.filter(passage_id=name).collect()["content_hash"].to_list()
    return str(found[0]) if found else sha256_of_text("gone", name)


def ids(folder: Path) -> list[str]:
    return current(folder).units()["unit_id"].to_list()


def test_a_release_that_stands_is_served_as_it_is(tmp_path: Path, serve: Callable[..., str]) -> None:
    first, _ = serve(a1=10.0), serve(a1=10.0, a2=20.0)
    assert rollback(tmp_path, actor="test", reason="back", instead=instead).release == first == current(tmp_path).name
    assert promote(tmp_path, "r000002", actor="test", reason="forth", instead=instead) is not None
    assert ids(tmp_path) == ["a1", "a2"]


def test_promoting_serves_what_stands(tmp_path: Path, serve: Callable[..., str]) -> None:
    first, second = serve(a1=10.0, b1=20.0), serve(a2=10.0)
    move = promote(tmp_path, first, actor="test", reason="forth", instead=instead)
    assert move is not None and move.release == current(tmp_path).name not in (first, second)
    assert ids(tmp_path) == ["a1"]


def test_rolling_back_leads_to_what_stands_and_on(tmp_path: Path, serve: Callable[..., str]) -> None:
    first, second, third = serve(a1=10.0), serve(a2=10.0, b1=20.0), serve(a3=30.0)
    move = rollback(tmp_path, actor="test", reason="back", instead=instead)
    assert (move.action, move.previous) == ("promote", second)
    assert ids(tmp_path) == ["a2"]
    pointer = read_pointer(tmp_path)
    assert pointer is not None and pointer.trail == [first, second, move.release]
    assert [(one.action, one.release) for one in pointer.moves[:2]] == [("promote", move.release), ("rollback", second)]
    back = pointer.rolled_back(third)
    assert back is not None and back.reason == "back"
    # The second is served already, as far as it stands, so the way back goes on to the first.
    assert rollback(tmp_path, actor="test", reason="back", instead=instead).release == first
    with pytest.raises(InputError, match="nothing was served before"):
        rollback(tmp_path, actor="test", reason="back", instead=instead)
