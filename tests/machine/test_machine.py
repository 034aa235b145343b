"""Any sequence of edits, indexing, training, releasing, rolling back and dying, against an oracle of plain dicts.

50 sequences here, 1,000 with HYPOTHESIS_PROFILE=nightly. To add an operation: a method on ``Oracle``, the real thing on
``Plant``, and a rule below; ``_both`` lets it die as well.
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.machine.oracle import Oracle
from tests.machine.plant import Killed, Plant, killed_before
from wbrag_pipeline.serving.live import LiveRetriever

NAMES = st.sampled_from([f"p{n}" for n in range(10)])
ANGLES = st.integers(0, 180).map(float)
LABELS = st.sampled_from([frozenset(), frozenset(), frozenset({"hr"}), frozenset({"it"}), frozenset({"hr", "it"})])
# None lets the operation finish; else it dies before its n-th change of what files there are.
DEATH = st.none() | st.integers(0, 14)
# Memory where there is some: every write is synced, and a machine makes thousands.
ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class KnowledgeBaseMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.room = Path(tempfile.mkdtemp(dir=ROOM))
        self.plant, self.oracle = Plant(self.room / "home"), Oracle()
        self.retriever: LiveRetriever | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.room)

    @initialize(angles=st.lists(ANGLES, min_size=3, max_size=8))
    def begin(self, angles: list[float]) -> None:
        self.oracle.source = {f"p{n}": (angle, frozenset()) for n, angle in enumerate(angles)}
        self._both(lambda: self.plant.index(self.oracle.source), self.oracle.index, None)
        self.retriever = LiveRetriever(self.plant.settings, "b", self.plant.encoder, retry_seconds=0.0)

    @rule(name=NAMES, angle=ANGLES, labels=LABELS)
    def add_or_edit(self, name: str, angle: float, labels: frozenset[str]) -> None:
        self.oracle.source[name] = (angle, labels)

    @rule(name=NAMES, labels=LABELS)
    def relabel(self, name: str, labels: frozenset[str]) -> None:
        if name in self.oracle.source:
            self.oracle.source[name] = (self.oracle.source[name][0], labels)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if len(self.oracle.source) > 1:
            self.oracle.source.pop(name, None)

    @rule(middle=ANGLES)
    def delete_a_region(self, middle: float) -> None:
        gone = [name for name, (angle, _) in self.oracle.source.items() if abs(angle - middle) < 60]
        for name in gone[: len(self.oracle.source) - 1]:
            del self.oracle.source[name]

    @rule(death=DEATH)
    def index(self, death: int | None) -> None:
        self._both(lambda: self.plant.index(self.oracle.source), self.oracle.index, death)

    @rule(death=DEATH)
    def train(self, death: int | None) -> None:
        self._both(self.plant.train, self.oracle.train, death)

    @rule(death=DEATH)
    def index_and_train_and_release(self, death: int | None) -> None:
        self.index(None)
        self.train(None)
        self.release(death)

    @precondition(lambda self: self.oracle.candidate)
    @rule(death=DEATH)
    def release(self, death: int | None) -> None:
        self._both(self.plant.release, self.oracle.release, death)

    @precondition(lambda self: self.oracle.releases)
    @rule(data=st.data(), death=DEATH)
    def promote(self, data: st.DataObject, death: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.releases)))
        self._both(lambda: self.plant.promote(name), lambda: self.oracle.promote(name), death)

    @precondition(lambda self: len(self.oracle.trail) > 1)
    @rule(death=DEATH)
    def rollback(self, death: int | None) -> None:
        self._both(self.plant.rollback, self.oracle.rollback, death)

    @invariant()
    def the_same_is_stored(self) -> None:
        for part in ("indexed", "releases", "candidate", "trail"):
            assert getattr(self.plant, part) == getattr(self.oracle, part), part

    @invariant()
    def the_same_is_found_by_who_may_see_it(self) -> None:
        if self.retriever is None:
            return
        for angle in (3.3, 63.3, 123.3):
            for labels in (frozenset[str](), frozenset({"hr"}), frozenset({"hr", "it"})):
                found = self.retriever.search([str(angle)], 3, labels=labels)
                assert found.release == (self.oracle.served or "")
                hits = [(origin, float(text)) for origin, text in found.hits.select("origin", "text").iter_rows()]
                assert hits == self.oracle.search(angle, 3, self.oracle.served, labels)

    def _both(self, real: Callable[[], object], ideal: Callable[[], object], death: int | None) -> None:
        """Do it for real and in the oracle; where the real one dies, each part is as before or as after."""
        if death is None:
            assert real() == ideal()
            return
        before = copy.deepcopy(self.oracle)
        try:
            with killed_before(death):
                real()
        except Killed:
            pass
        ideal()
        found = {part: getattr(self.plant, part) for part in ("indexed", "releases", "candidate", "trail")}
        for part, value in found.items():
            old, new = getattr(before, part), getattr(self.oracle, part)
            assert value in (old, new), part
            setattr(self.oracle, part, copy.deepcopy(old if value == old else new))
        if found["trail"] == before.trail:
            self.oracle.left = before.left


TestKnowledgeBase = KnowledgeBaseMachine.TestCase
TestKnowledgeBase.settings = settings(
    max_examples=1000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 50, stateful_step_count=15
)
