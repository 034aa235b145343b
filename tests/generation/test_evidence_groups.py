"""A unit and its sources are one evidence group: who belongs to whom, and what that does to weights and votes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.generation.evidence_groups import evidence_groups, share_weights
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.reader import choosing
from wbrag_pipeline.generation.reader.network import Reading


def corpus(name: str) -> Passage:
    return Passage(name, "", "")


def unit(name: str, *sources: str) -> Passage:
    return Passage(name, "", "", sources=sources)


def span(text: str, margin: float) -> Reading:
    return Reading(text, margin, 0.0, (), 0, len(text))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([], []),
        ([corpus("a"), corpus("b")], [0, 1]),
        ([corpus("a"), unit("u", "a")], [0, 0]),
        ([unit("u", "a"), corpus("b"), corpus("a")], [0, 1, 0]),
        ([unit("u", "a", "b"), unit("v", "b", "c")], [0, 0]),
        # a and b are two until a unit of both comes.
        ([corpus("a"), corpus("b"), unit("u", "a", "b")], [0, 0, 0]),
        ([corpus("x"), corpus("a"), unit("u", "b"), unit("v", "a", "b")], [0, 1, 1, 1]),
        ([unit("u", "a"), unit("v", "b"), corpus("u")], [0, 1, 2]),
    ],
)
def test_who_belongs_together(row: list[Passage], expected: list[int]) -> None:
    assert evidence_groups(row) == expected


@given(st.lists(st.sets(st.sampled_from("abcdef"), max_size=3), max_size=7))
def test_belonging_together_is_an_equivalence(sources: list[set[str]]) -> None:
    row = [unit(f"u{i}", *sorted(of)) if of else corpus(f"alone{i}") for i, of in enumerate(sources)]
    found = evidence_groups(row)
    for place, group in enumerate(found):
        assert found[group] == group <= place
    for i, mine in enumerate(sources):
        assert all(found[i] == found[j] for j, other in enumerate(sources) if mine & other)
    assert len(set(found)) == len(row) - _merges(sources)


def _merges(sources: list[set[str]]) -> int:
    """How many of the sets are joined to an earlier group, counted by growing the groups."""
    groups: list[set[str]] = []
    for of in sources:
        touching = [group for group in groups if group & of]
        groups = [group for group in groups if not group & of] + [of.union(*touching)]
    return len(sources) - len(groups)


def test_weights_by_hand() -> None:
    assert share_weights([0.5, 0.5], [0, 1]) == [0.5, 0.5]
    # 0.4 and 0.2 say the same: 0.4 remains of them, halved, beside 0.4; all of it is 0.8.
    assert share_weights([0.4, 0.4, 0.2], [0, 1, 0]) == pytest.approx([0.25, 0.5, 0.25])
    assert share_weights([], []) == []


@given(st.lists(st.tuples(st.floats(0.01, 1), st.integers(0, 3)), min_size=1, max_size=8))
def test_evidence_groups_weigh_as_their_best_passages(rows: list[tuple[float, int]]) -> None:
    weights, of = [w / math.fsum(w for w, _ in rows) for w, _ in rows], [group for _, group in rows]
    parts = share_weights(weights, of)
    assert math.fsum(parts) == pytest.approx(1.0)
    sums = {group: math.fsum(p for p, w in zip(parts, of, strict=True) if w == group) for group in of}
    best = {group: max(p for p, w in zip(weights, of, strict=True) if w == group) for group in of}
    first = of[0]
    assert all(sums[w] / sums[first] == pytest.approx(best[w] / best[first]) for w in of)


def test_the_readers_votes() -> None:
    readings = [span("Paris", 2.0), span("paris", 1.0), span("Lyon", 2.5)]
    third = [1 / 3] * 3
    assert choosing.vote(readings, third, [0, 1, 2]).text == "Paris"
    # Where the two are one evidence group, its surest vote stands against Lyon's surer one.
    assert choosing.vote(readings, third, [0, 0, 2]).text == "Lyon"
    # One evidence group may say two things, and is heard with both.
    both = choosing.vote([span("Paris", 2.0), span("Lyon", 2.0), span("Lyon", 2.0)], third, [0, 0, 2])
    assert both.text == "Lyon"
    assert choosing.vote([], [], []).text == ""
