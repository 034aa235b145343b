"""What is estimated before a run against what the run then did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.estimation.towns import Place, make_place
from wbrag_pipeline import tables
from wbrag_pipeline.estimation.estimate import Estimate, estimate
from wbrag_pipeline.estimation.token_rule import fitted
from wbrag_pipeline.estimation.worlds import AT_MOST, CERTAIN, EXPECTED
from wbrag_pipeline.evaluation.evaluate import evaluate_release
from wbrag_pipeline.evaluation.promotion import validate_candidate
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.train import train_candidate

# How far what is expected may be off; the docs say so.
FACTORS = {"sent": 2.0, "prompt_tokens": 2.0, "completion_tokens": 3.0}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


def really(context: StageContext) -> Usage:
    """Train, validate and evaluate; what was sent for it, probes left out."""
    release = train_candidate(context)
    questions = tables.QUESTIONS.load(context.settings, "towns")
    with context.counted("release", context.generator):
        validate_candidate(replace(context, account=""), questions, "a test", release)
    passages = tables.PASSAGES.load_lazily(context.settings, "towns")
    evaluate_release(context, questions, release, passages)
    spent = Usage()
    for cost in costs(context.settings.layout.completions):
        if cost.stage != "probe":
            spent.add(cost.usage)
    return spent


def assert_within(found: Estimate, spent: Usage, *, tokens: bool = True) -> None:
    usages = (spent, *(found.total(world) for world in (CERTAIN, EXPECTED, AT_MOST)))
    for name, factor in FACTORS.items() if tokens else [("sent", FACTORS["sent"])]:
        real, least, expected, most = (getattr(usage, name) for usage in usages)
        assert least <= real <= most, name
        assert real / factor <= expected <= real * factor, name


METHODS = ["naive", "replug", "self_rag", "flare", "hyde+naive", "none"]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_lies_within_its_bounds_and_near_what_is_expected(place: Place, method: str) -> None:
    place.index()
    found = estimate(place.context(method=method), probing=True)
    assert not found.sampled and found.probe.rule.probed and found.probe.asked.sent
    assert_within(found, really(place.context(method=method)))


@pytest.mark.parametrize("method", ["naive", "flare"])
def test_before_the_corpus_is_indexed_passages_are_sampled(place: Place, method: str) -> None:
    found = estimate(place.context(method=method), probing=True)
    assert found.sampled and not (place.settings.home / "indexes").exists()
    place.index()
    assert_within(found, really(place.context(method=method)))


@pytest.mark.parametrize("change", [{"scorer": "judge"}, {"rescue_depth": 0}, {"curate": False}, {"limit": 12}])
def test_the_settings_count(place: Place, change: dict[str, object]) -> None:
    place.index()
    found = estimate(place.context(**change), probing=True)
    assert_within(found, really(place.context(**change)))


@pytest.mark.parametrize("change", [{"method": "flare"}, {"top_k": 1, "rescue_depth": 9}])
@pytest.mark.parametrize("knows", [0.0, 1.0])
def test_models_that_know_all_or_nothing_lie_within_the_bounds_too(
    place: Place, change: dict[str, object], knows: float
) -> None:
    place.index()
    place = replace(place, knows=knows, sure=knows)
    found = estimate(place.context(**change), probing=True)
    spent = really(place.context(**change))
    for name in FACTORS:
        least, real, most = (getattr(u, name) for u in (found.total(CERTAIN), spent, found.total(AT_MOST)))
        assert least <= real <= most, name


@given(st.floats(0, 3), st.floats(0, 60), st.tuples(*[st.integers(1, 400)] * 4))
def test_a_rule_of_tokens_is_found_again(a: float, b: float, counts: tuple[int, int, int, int]) -> None:
    short, long, n, m = counts
    pieces, calls = (short * n, (short + long) * m), (n, m)
    tokens = (round(a * pieces[0] + b * n), round(a * pieces[1] + b * m))
    found = fitted(pieces, tokens, calls)
    assert min(found) >= 0.0
    made = [found[0] * some + found[1] * count for some, count in zip(pieces, calls, strict=True)]
    assert sum(made) == pytest.approx(sum(tokens), rel=0.05, abs=5)


def test_what_the_cache_answers_is_not_counted(place: Place) -> None:
    place.index()
    fresh = estimate(place.context())
    assert fresh.known == 0
    really(place.context(limit=12))
    part = estimate(place.context())
    assert part.known > 12 and part.total(CERTAIN).sent < fresh.total(CERTAIN).sent
    really(place.context())
    done = estimate(place.context())
    assert done.total(CERTAIN).sent == 0 and done.total(EXPECTED).sent <= 4


def test_an_estimate_without_a_probe_asks_and_stores_nothing(place: Place) -> None:
    place.index()
    context = place.context()
    before = {file: file.stat().st_mtime_ns for file in place.settings.home.rglob("*.parquet")}
    found = estimate(context)
    assert context.generator.usage.calls == 0 and not costs(place.settings.layout.completions)
    assert {file: file.stat().st_mtime_ns for file in place.settings.home.rglob("*.parquet")} == before
    assert found.total(EXPECTED).prompt_tokens > 0 and not found.probe.asked.sent


def test_the_answers_of_a_probe_are_kept_and_those_of_the_run_are_not_asked_again(place: Place) -> None:
    place.index()
    found = estimate(place.context(), probing=True)
    (probed,) = costs(place.settings.layout.completions)
    assert (probed.stage, probed.usage.sent) == ("probe", found.probe.asked.sent)
    again = estimate(place.context())
    assert again.known >= 8 and again.total(CERTAIN).sent == found.total(CERTAIN).sent


def test_many_questions_are_gone_through_in_part(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.index()
    monkeypatch.setattr("wbrag_pipeline.estimation.estimate.MOST_QUESTIONS", 12)
    found = estimate(place.context(), probing=True)
    assert found.gone_through["train"] == 12 < found.questions["train"]
    assert_within(found, really(place.context()))
