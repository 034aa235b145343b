"""What may be spent: nothing is sent beyond it, nothing answered is lost, and the next run goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.estimation.test_estimate import really
from tests.estimation.towns import Place, make_place
from tests.generation.scripted_engine import ScriptedEngine
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import BudgetError, InputError
from wbrag_pipeline.generation.accounts.budget import Budget, budget_of, in_affordable_parts, spending
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.generation.accounts.prices import Prices, prices_of
from wbrag_pipeline.generation.engine_protocol import Completion
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.settings import Settings

PRICES = Prices(1.0, 2.0)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


def used(place: Place) -> int:
    return sum(c.usage.prompt_tokens + c.usage.completion_tokens for c in costs(place.settings.layout.completions))


@pytest.mark.parametrize("method", ["naive", "replug"])
def test_runs_that_stop_at_their_budget_end_with_what_one_run_makes(tmp_path: Path, method: str) -> None:
    whole, parts = make_place(tmp_path / "whole"), make_place(tmp_path / "parts")
    for place in (whole, parts):
        place.index()
    once = really(whole.context(method=method))
    budget, stops, before = 9000, 0, 0
    while True:
        try:
            with spending(Budget(max_tokens=budget)):
                really(parts.context(method=method))
            break
        except BudgetError as error:
            stops += 1
            assert before < used(parts) <= before + budget and "--max-tokens" in str(error) and error.exit_code == 2
            before = used(parts)
    assert stops >= 2
    sums = Usage()
    for cost in costs(parts.settings.layout.completions):
        sums.add(cost.usage)
    assert (sums.sent, sums.prompt_tokens) == (once.sent, once.prompt_tokens)  # nothing was paid for twice
    for table in (tables.UTILITY_SCORES, tables.GATED_DOCS, tables.KNOWLEDGE_UNITS):
        settings = whole.settings.with_(method=method), parts.settings.with_(method=method)
        one, other = (table.load(s, "towns") for s in settings)
        assert one.equals(other), table.name


def test_a_stage_that_stops_stores_no_table(place: Place) -> None:
    place.index()
    with pytest.raises(BudgetError), spending(Budget(max_tokens=3000)):
        really(place.context())
    stored = [file.parts[-3] for file in (place.settings.home / "tables").rglob("*.parquet")]
    assert "retrievals" in stored and "utility_scores" not in stored
    assert used(place) > 1000


def test_money_ends_a_run_as_tokens_do(place: Place) -> None:
    place.index()
    budget = Budget(max_cost=0.005, prices=PRICES)
    with pytest.raises(BudgetError, match=r"of 0\.0050 to spend .*--max-cost or WBRAG_MAX_COST"), spending(budget):
        really(place.context())
    assert 0.0 < budget.cost <= 0.005


def test_an_engine_that_counts_no_tokens_is_reckoned_with(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda request: Completion("Paris"))
    model = LanguageModel(engine, CompletionCache(tmp_path / "c.sqlite"))
    with pytest.raises(BudgetError), spending(Budget(max_tokens=2000)):
        model.answer([f"Where is number {n}?" for n in range(100)], [[]] * 100, OPEN_QA)
    assert 5 < len(engine.asked) < 50


def test_what_the_cache_answers_costs_nothing(place: Place) -> None:
    place.index()
    really(place.context())
    with spending(Budget(max_tokens=1)):
        really(place.context())


def test_a_block_inside_another_is_a_part_of_it() -> None:
    outer = Budget(max_tokens=10)
    with spending(outer), spending(Budget(max_tokens=1000)), pytest.raises(BudgetError):
        list(in_affordable_parts([Usage(prompt_tokens=11)]))


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), max_size=40), st.integers(1, 300))
def test_no_order_of_requests_goes_over_the_budget(asked: Sequence[tuple[int, float]], allowed: int) -> None:
    budget, done = Budget(max_tokens=allowed), 0
    most = [Usage(prompt_tokens=tokens) for tokens, _ in asked]
    try:
        with spending(budget):
            for part in in_affordable_parts(most):
                assert part.start == done and part.stop > done
                done = part.stop
                for tokens, share in asked[part]:
                    budget.spent.add(Usage(prompt_tokens=int(tokens * share)))
        assert done == len(asked)
    except BudgetError:
        assert budget.tokens + asked[done][0] > allowed
    assert budget.tokens <= allowed


# Prices.


def test_prices_are_found_by_the_engine_or_its_model(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(
        "tiny: {prompt: 0.5, completion: 2}\nopenai-batch:http://x/v1#big:\n  prompt: 1\n  completion: 4\n"
        "org/m:\n  prompt: 1\n  completion: 4\n  cached_prompt: 0.1\n  batch: 0.5\n"
    )
    spent = Usage(prompt_tokens=2_000_000, completion_tokens=1_000_000)
    assert prices_of(file, "openai:http://x/v1#tiny").cost(spent) == 3.0
    assert prices_of(file, "openai:http://x/v1#tiny@r2").cost(spent) == 3.0
    assert prices_of(file, "vllm:org/m").cost(spent) == 6.0
    assert prices_of(file, "openai-batch:http://x/v1#org/m").cost(spent) == 3.0
    assert prices_of(file, "openai:http://x/v1#org/m").cost(spent, cached=True) == pytest.approx(4.2)
    with pytest.raises(InputError, match="check the path"):
        prices_of(tmp_path / "prizes.yaml", "vllm:org/m")
    with pytest.raises(InputError, match=r"no prices of other.*tiny"):
        prices_of(file, "openai:http://x/v1#other")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no list of models"),
        ("- tiny\n", "no list of models"),
        ("tiny: 3\n", "field 'tiny'"),
        ("tiny:\n  prompt: 1\n", "tiny: completion"),
        ("tiny:\n  prompt: -1\n  completion: 1\n", "tiny: prompt"),
        ("tiny:\n  prompt: .nan\n  completion: 1\n", "tiny: prompt"),
        ("tiny:\n  prompt: cheap\n  completion: 1\n", "tiny: prompt"),
        ("tiny:\n  prompt: true\n  completion: 1\n", "tiny: prompt"),
        ("tiny:\n  prompt: 1\n  completion: 1\n  batch: 2\n", "at most 1"),
        ("tiny:\n  prompt: 1\n  completion: 1\n  input: 2\n", "input"),
        ("tiny: {prompt: 1, prompt: 2, completion: 1}\n", "line 1"),
        ("tiny: [\n", "broken YAML"),
    ],
)
def test_a_file_of_prices_that_is_wrong_is_an_error_that_names_the_place(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=re.escape(wrong)) as caught:
        prices_of(file, "openai:http://x/v1#tiny")
    assert "prices.yaml" in str(caught.value)


def test_money_needs_prices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--prices FILE"):
        budget_of(Settings(max_cost=1.0))
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        budget_of(Settings(max_cost=1.0, prices=tmp_path / "nowhere.yaml"))
    assert budget_of(Settings()) is None
