"""Any sequence of edits, refreshes, training, releases, rollbacks, forgetting and deaths, against an oracle of dicts.

50 sequences here, 1,000 with HYPOTHESIS_PROFILE=nightly. To add an operation: a method on ``Oracle``, the real thing on
``System``, and a rule below; ``_both`` lets it die as well.
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.conftest import NIGHTLY
from tests.state_machine.oracle import Hit, Oracle, Version, document_of
from tests.state_machine.system import Killed, System, killed_before
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.subject import SubjectKind
from wbrag_pipeline.serving.live import LiveRetriever

NAMES = st.sampled_from([f"p{n}" for n in range(10)])
ANGLES = st.integers(0, 180).map(float)
LABELS = st.sampled_from([frozenset(), frozenset(), frozenset({"hr"}), frozenset({"it"}), frozenset({"hr", "it"})])
# None lets the operation finish; else it dies before its n-th change of what files there are.
DEATH = st.none() | st.integers(0, 14)
LATE_DEATH = st.none() | st.integers(0, 60)
ASKED = (3.3, 63.3, 123.3)
READERS = (frozenset[str](), frozenset({"hr"}), frozenset({"hr", "it"}))
PARTS = ("indexed", "distilled", "curated", "releases", "candidate", "trail")
# Memory where there is some: every write is synced, and a machine makes thousands.
FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class KnowledgeBaseMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=FOLDER))
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(registry, "BUILT_IN", self.folder / "nothing")  # whose questions forgetting would read
        self.system, self.oracle = System(self.folder / "home"), Oracle()
        self.retriever: LiveRetriever

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.folder)

    @initialize(angles=st.lists(ANGLES, min_size=3, max_size=8))
    def begin(self, angles: list[float]) -> None:
        self.oracle.source = {f"p{n}": (angle, frozenset()) for n, angle in enumerate(angles)}
        self.system.index(self.oracle.source)
        self.oracle.index()
        self.retriever = LiveRetriever(self.system.settings, "b", self.system.encoder, retry_seconds=0.0)
        self.refresh_and_train_and_release(None)

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
        self._both(lambda: self.system.index(self.oracle.source), self.oracle.index, death)

    @rule(death=DEATH)
    def refresh(self, death: int | None) -> None:
        self._both(lambda: self.system.refresh(self.oracle.source), self.oracle.refresh, death)

    @rule(death=DEATH)
    def train(self, death: int | None) -> None:
        if self.system.refresh_was_cut_short:
            with pytest.raises(IntegrityError, match="--refresh"):
                self.system.train()
            return
        self._both(self.system.train, self.oracle.train, death)

    @rule(death=DEATH)
    def refresh_and_train_and_release(self, death: int | None) -> None:
        self.refresh(None)
        self.train(None)
        self.release(death)

    @precondition(lambda self: self.oracle.candidate and not self.system.refresh_was_cut_short)
    @rule(death=DEATH)
    def release(self, death: int | None) -> None:
        self._both(self.system.release, self.oracle.release, death)

    @precondition(lambda self: self.oracle.releases)
    @rule(data=st.data(), death=DEATH)
    def promote(self, data: st.DataObject, death: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.releases)))
        self._both(lambda: self.system.promote(name), lambda: self.oracle.promote(name), death)

    @precondition(lambda self: len(self.oracle.trail) > 1)
    @rule(death=DEATH)
    def rollback(self, death: int | None) -> None:
        self._both(self.system.rollback, self.oracle.rollback, death)

    @precondition(lambda self: self.oracle.indexed)
    @rule(data=st.data(), whole_source=st.booleans(), death=LATE_DEATH)
    def forget_passages(self, data: st.DataObject, whole_source: bool, death: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.indexed)))
        if not whole_source:
            self._forget_passages("passage", name, {name}, death)
            return
        document = document_of(name)
        names = {f"p{n}" for n in range(10) if document_of(f"p{n}") == document}
        self._forget_passages("source", document, names, death)

    @precondition(lambda self: self.oracle.units)
    @rule(data=st.data(), with_question=st.booleans(), death=LATE_DEATH)
    def forget_unit_or_question(self, data: st.DataObject, with_question: bool, death: int | None) -> None:
        unit = data.draw(st.sampled_from(sorted(self.oracle.units)))
        if with_question:
            self._forget("question", unit.question, death, lambda went: self.oracle.forget_question(unit.question))
        else:
            self._forget("unit", unit.unit_id, death, lambda went: self.oracle.forget_unit(unit.unit_id))
        assert self.system.holds(f"'{unit.question}'" if with_question else unit.unit_id) == []

    def _compare(self) -> None:
        """The same is stored, and found by who may see it."""
        for part in PARTS:
            assert getattr(self.system, part) == getattr(self.oracle, part), part
        assert self._found() == _to_be_found(self.oracle)

    def _found(self) -> list[tuple[str, list[list[Hit]]]]:
        """For each reader the release and the hits of each question."""
        found = []
        for labels in READERS:
            answer = self.retriever.search([str(angle) for angle in ASKED], 3, labels=labels)
            hits = answer.hits.select("query", "origin", "text").rows()
            sides = [[(origin, float(text)) for query, origin, text in hits if query == n] for n in range(len(ASKED))]
            found.append((answer.release, sides))
        return found

    def _both(self, real: Callable[[], object], ideal: Callable[[], object], death: int | None) -> None:
        """Do it for real and in the oracle; where the real one dies, each part is as before or as after."""
        if death is None:
            assert real() == ideal()
            self._compare()
            return
        before = copy.deepcopy(self.oracle)
        try:
            with killed_before(death):
                real()
        except Killed:
            pass
        ideal()
        found = {part: getattr(self.system, part) for part in PARTS}
        for part, value in found.items():
            old, new = getattr(before, part), getattr(self.oracle, part)
            assert value in (old, new), part
            setattr(self.oracle, part, copy.deepcopy(old if value == old else new))
        if found["trail"] == before.trail:
            self.oracle.left = before.left
        self._compare()

    def _forget_passages(self, kind: SubjectKind, name: str, names: set[str], death: int | None) -> None:
        indexed = {(known, self.oracle.indexed[known][0]) for known in names & {*self.oracle.indexed}}

        def ideal(went: set[Version]) -> None:
            # What went may have older versions too, which only the states that are still stored know.
            said = {angle for known, angle in went if known in names}
            assert indexed <= went and {angle for _, angle in went} == said
            self.oracle.forget_passages(went, names, name if kind == "source" else None)

        self._forget(kind, name, death, ideal)
        assert self.system.holds(*(f"'{known}'" for known in names), *(f"T {known}" for known in names)) == []

    def _forget(self, kind: SubjectKind, name: str, death: int | None, ideal: Callable[[set[Version]], None]) -> None:
        """Forget for real and in the oracle; one that dies leaves old or new everywhere, and is finished by another."""
        before, seen = copy.deepcopy(self.oracle), None
        try:
            with killed_before(10**9 if death is None else death):
                went = self.system.forget(kind, name)
        except Killed:
            seen, found = {part: getattr(self.system, part) for part in PARTS}, self._found()
            went = self.system.forget(kind, name)
        ideal(went)
        self._compare()
        if seen is not None:
            for release, units in seen.pop("releases").items():
                assert units in (before.releases[release], self.oracle.releases[release]), release
            for part, value in seen.items():
                assert value in (getattr(before, part), getattr(self.oracle, part)), part
            between = copy.deepcopy(before)
            mixed = [_to_be_found(before), _to_be_found(self.oracle)]
            between.indexed = self.oracle.indexed  # corpora go before releases
            assert found in [*mixed, _to_be_found(between, forgetting=True)]


def _to_be_found(oracle: Oracle, *, forgetting: bool = False) -> list[tuple[str, list[list[Hit]]]]:
    served = oracle.served
    return [
        (served or "", [oracle.search(angle, 3, served, labels, forgetting=forgetting) for angle in ASKED])
        for labels in READERS
    ]


TestKnowledgeBase = KnowledgeBaseMachine.TestCase
TestKnowledgeBase.settings = settings(max_examples=1000 if NIGHTLY else 50, stateful_step_count=15 if NIGHTLY else 10)
