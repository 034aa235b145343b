"""``wbrag run`` with a budget and through a batch API, on a scripted server."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.generation.batch_server import BatchServer
from tests.pipeline.answering_server import AnsweringServer
from tests.pipeline.conftest import Place
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands import spending
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import BudgetError
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.encoding.shipped_vectors import SAMPLE_VECTORS, take_shipped_vectors
from wbrag_pipeline.settings import Settings

TABLES = (
    tables.UTILITY_SCORES,
    tables.GATED_DOCS,
    tables.KNOWLEDGE_UNITS,
    tables.CURATED_UNITS,
    tables.EVALUATION,
)


# Who wrote a unit, by the generator's name, and when.
DIFFERS = ("distiller", "known_from", "known_until")


class AnsweringBatches(BatchServer):
    """An ``AnsweringServer`` that takes batches too."""

    def __init__(self, gold: dict[str, str]) -> None:
        super().__init__()
        self.gold, self.refused = gold, Counter[str]()

    _completion = AnsweringServer._completion
    _said = AnsweringServer._said


def wbrag(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def spent(settings: Settings) -> int:
    found = costs(settings.layout.completions)
    return sum(cost.usage.prompt_tokens + cost.usage.completion_tokens for cost in found)


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[AnsweringServer]:
    with AnsweringServer.over(place) as server:
        yield server


def test_a_run_over_its_budget_asks_first_stops_cleanly_and_goes_on(place: Place, server: AnsweringServer) -> None:
    settings = place.settings.with_(generator=f"openai:{server.url}#tiny")
    os.environ["WBRAG_HOME"] = str(settings.home)
    asked = ("run", "towns", "--generator", settings.generator, "--rescue-depth", "8")
    refused = wbrag(*asked, "--max-tokens", "1200")
    assert isinstance(refused.exception, BudgetError) and refused.exception.exit_code == 2
    assert "--yes" in str(refused.exception) and "tokens are expected" in str(refused.exception)
    assert spent(settings) == 0
    stopped = wbrag(*asked, "--max-tokens", "1200", "--yes")
    assert isinstance(stopped.exception, BudgetError) and stopped.exception.exit_code == 2
    assert "--max-tokens or WBRAG_MAX_TOKENS" in str(stopped.exception)
    assert 0 < spent(settings) <= 1200
    made = settings.with_(rescue_depth=8)
    assert not made.table("evaluation", "towns").exists()
    before = len(server.bodies)
    assert wbrag(*asked).exit_code == 0
    assert tables.EVALUATION.load(made, "towns").height == 12
    said = Counter(json.dumps(body["messages"]) for body in server.bodies)
    assert len(server.bodies) > before and {count for text, count in said.items() if "fruit" not in text} == {1}


def test_money_needs_prices_of_the_model(place: Place, server: AnsweringServer, tmp_path: Path) -> None:
    os.environ["WBRAG_HOME"] = str(place.settings.home)
    asked = ("run", "towns", "--generator", f"openai:{server.url}#tiny", "--max-cost", "0.01")
    assert "--prices FILE" in str(wbrag(*asked).exception)
    prices = tmp_path / "prices.yaml"
    prices.write_text("tiny: {prompt: 1000, completion: 1000}\n")
    found = wbrag(*asked, "--prices", str(prices), "--top-k", "3").exception
    assert isinstance(found, BudgetError) and found.flag == "--max-cost"


def test_the_command_says_what_a_run_would_cost(place: Place, server: AnsweringServer, tmp_path: Path) -> None:
    os.environ["WBRAG_HOME"] = str(place.settings.home)
    prices = tmp_path / "prices.yaml"
    prices.write_text("tiny: {prompt: 1000, completion: 1000}\n")
    told = wbrag(
        "cost",
        "--estimate",
        "towns",
        "--generator",
        f"openai:{server.url}#tiny",
        "-k",
        "2",
        "--prices",
        prices.as_posix(),
    )
    assert told.exit_code == 0, told.output
    for word in ("utility_scores", "evaluation", "prompt tokens:", "time:", "cost:", "expected", "probe:"):
        assert word in told.output
    assert told.stderr.startswith(f"asking openai:{server.url}#tiny a few of the questions")  # which may take minutes
    assert "needs to be told" in str(wbrag("cost", "--estimate").exception)


def test_an_experiment_asks_first_too(place: Place, server: AnsweringServer) -> None:
    os.environ["WBRAG_HOME"] = str(place.settings.home)
    asked = (
        "experiment",
        "matrix",
        "towns",
        "--generator",
        f"openai:{server.url}#tiny",
        "--method",
        "naive",
        "-k",
        "4",
    )
    found = wbrag(*asked, "--max-tokens", "10").exception
    assert isinstance(found, BudgetError) and "--yes" in str(found)
    stopped = wbrag(*asked, "--max-tokens", "10", "--yes").exception
    assert isinstance(stopped, BudgetError) and "0 are used" in str(stopped)


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    asked: list[str] = []

    def confirm(question: str, **how: object) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("typer.confirm", confirm)
    if answer:
        spending._ask("much", "--max-tokens")
    else:
        with pytest.raises(BudgetError, match="not begun"):
            spending._ask("much", "--max-tokens")
    assert len(asked) == 1


@pytest.mark.slow
def test_a_run_through_a_batch_api_makes_the_tables_of_the_endpoint(tmp_path: Path) -> None:
    made: dict[str, dict[str, Any]] = {}
    for kind in ("openai", "openai-batch"):
        settings = Settings(home=tmp_path / kind, limit=24, rescue_depth=8)
        os.environ |= {"WBRAG_HOME": str(settings.home), "DAGSTER_HOME": str(tmp_path / kind / "dagster")}
        settings.layout.mark_layout()
        take_shipped_vectors(SAMPLE_VECTORS, settings.layout.embeddings, load_encoder(settings.encoder))
        splits = Registry.load(settings.home).splits("sample_nq")
        gold = {
            q: a[0]
            for part in (splits.train, splits.test)
            for q, a in part.select("question", "golden_answers").iter_rows()
        }
        with AnsweringBatches(gold) as server:
            settings = settings.with_(
                generator=f"{kind}:{server.url}#tiny",
                engine_arguments='{"poll": 0.05, "batch_from": 5}' if kind == "openai-batch" else "",
            )
            ran = wbrag(
                *("run", "sample_nq", "--limit", "24", "--rescue-depth", "8", "--generator", settings.generator),
                *("--engine-arguments", settings.engine_arguments),
            )
            assert ran.exit_code == 0, ran.output
            assert bool(server.batches) == (kind == "openai-batch")
        kinds = (
            tables.UTILITY_SCORES,
            tables.GATED_DOCS,
            tables.KNOWLEDGE_UNITS,
            tables.CURATED_UNITS,
            tables.EVALUATION,
        )
        made[kind] = {table.name: table.load(settings, "sample_nq") for table in kinds}
    for name, one in made["openai"].items():
        other = made["openai-batch"][name]
        assert one.height and one.drop(*DIFFERS, strict=False).equals(other.drop(*DIFFERS, strict=False)), name
