"""What an experiment keeps is not found again once a plug-in's method has changed."""

from __future__ import annotations

from tests.evaluation.experiments.conftest import World, world
from tests.plugins.installing import Install, install
from tests.plugins.test_method_plugins import FIRST, UPPER
from wbrag_pipeline.evaluation.experiments.trials import Trial
from wbrag_pipeline.plugins import METHODS_GROUP, QUERY_TRANSFORMS_GROUP

__all__ = ["install", "world"]  # fixtures


def test_a_changed_plug_in_answers_anew(install: Install, world: World) -> None:
    offers = {METHODS_GROUP: {"first": "acme:First"}, QUERY_TRANSFORMS_GROUP: {"upper": "acme:Upper"}}
    site = install("acme-rag", offers, {"acme.py": FIRST + UPPER})
    own, transformed, built_in = (
        Trial("compass", world.settings.with_(method=name)) for name in ("first", "upper+naive", "naive")
    )
    bench = world.open()
    answers = [bench.answers(trial).key for trial in (own, built_in)]
    found = [bench.retrievals(trial).key for trial in (transformed, own)]
    assert [bench.answers(trial).key for trial in (own, built_in)] == answers
    (site / "acme.py").write_text(FIRST + UPPER + "\n")
    bench = world.open()
    again = [bench.answers(trial).key for trial in (own, built_in)]
    assert again[0] != answers[0] and again[1] == answers[1]
    refound = [bench.retrievals(trial).key for trial in (transformed, own)]
    assert refound[0] != found[0] and refound[1] == found[1]
