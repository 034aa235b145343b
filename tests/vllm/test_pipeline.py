"""The whole pipeline through Dagster by every method, on vLLM, on its server and on transformers: equal tables."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.pipeline.conftest import PLACES, Place, instance, load_definitions, place
from tests.vllm.conftest import ENGINE
from wbrag_pipeline.datasets.adding import add_benchmark
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.training.scoring import passages_of

__all__ = ["instance", "load_definitions", "place"]  # fixtures

METHODS = ["naive", "replug", "self_rag", "flare:theta=0.999,rounds=1", "hyde+naive"]
TABLES = ["retrievals", "utility_scores", "gated_docs", "knowledge_units", "curated_units", "evaluation"]
BESIDE = ("distiller", "known_from", "known_until")
LIMIT = 6


def engine_arguments(generator: str) -> str:
    arguments: dict[str, dict[str, Any]] = {
        "vllm": ENGINE,
        "transformers": {"dtype": ENGINE["dtype"], "max_model_len": ENGINE["max_model_len"]},
        "openai": {"in_flight": 8},
    }
    return json.dumps(arguments[generator.partition(":")[0]])


def config(place: Place, generator: str, method: str, **change: Any) -> dict[str, Any]:
    deployment = {
        "home": str(place.settings.home),
        "generator": generator,
        "engine_arguments": engine_arguments(generator),
        "method": method,
        "top_k": 2,
        **change,
    }
    return {"resources": {"deployment": {"config": deployment}}, "loggers": {"people": {}}}


@pytest.fixture(scope="module")
def echo(
    place: Place,
    instance: Any,
    model: LanguageModel,
    llama: Path,
    load_definitions: Callable[[], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Job definitions with a benchmark "echo": a random model is never right, so right is what it says of passages."""
    jobs, name = place.definitions.defs.resolve_job_def, f"vllm:{llama}"
    jobs("index_corpus").execute_in_process(
        run_config=config(place, name, "naive"), instance=instance, partition_key="towns"
    )
    jobs("train_knowledge_base").execute_in_process(
        run_config=config(place, name, "naive"),
        instance=instance,
        partition_key="towns",
        asset_selection=[dg.AssetKey("questions"), dg.AssetKey("retrievals")],
    )
    settings = place.settings.with_(generator=name, engine_arguments=engine_arguments(name), top_k=2)
    found = pl.read_parquet(settings.table("retrievals", "towns"))
    asked = found.select("question_id", "question").unique(maintain_order=True)
    keys, questions = asked["question_id"].to_list(), asked["question"].to_list()
    given = passages_of(found, pl.read_parquet(settings.table("passages", "towns")), keys)
    said = [
        method_named(method).answer(model, questions, given, OPEN_QA, lambda queries: [given[0] for _ in queries])
        for method in ("naive", "replug", "self_rag")
    ]
    folder = tmp_path_factory.mktemp("echo")
    train, test = folder / "train.jsonl", folder / "test.jsonl"
    rows = []
    for i, (question, *answers) in enumerate(zip(questions, *said, strict=True)):
        if golden := sorted({answer.text.strip() for answer in answers} - {""}):
            rows.append({"id": f"echo_{i}", "question": question, "golden_answers": golden})
    train.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    years = [(f"In which year was the town of {town} founded?", year) for town, (_, year, *_) in PLACES.items()]
    rows = [{"id": f"year_{i}", "question": q, "golden_answers": [year]} for i, (q, year) in enumerate(years)]
    test.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    add_benchmark(place.settings.home, "echo", task="open_qa", corpus="towns", train=train, test=test)
    load_definitions()
    # That forgot the modules, but the package still has the old one as an attribute: only an import by name is fresh.
    return importlib.import_module("wbrag_pipeline.definitions").defs.resolve_job_def


@pytest.mark.parametrize("method", METHODS)
def test_a_method_runs_from_corpus_to_report_and_alike_on_all_engines(
    place: Place, instance: Any, echo: Any, llama: Path, llama_server: str, method: str
) -> None:
    made = []
    for generator in (f"vllm:{llama}", llama_server, f"transformers:{llama}"):
        result = echo("train_knowledge_base").execute_in_process(
            run_config=config(place, generator, method, limit=LIMIT), instance=instance, partition_key="echo"
        )
        assert result.success
        settings = place.settings.with_(
            generator=generator,
            engine_arguments=engine_arguments(generator),
            method=method,
            top_k=2,
            limit=LIMIT,
        )
        assert settings.report("echo").is_file()
        tables = {name: pl.read_parquet(settings.table(name, "echo")) for name in TABLES}
        assert tables["evaluation"].height == LIMIT
        assert tables["knowledge_units"].height > 0
        # Whose units they are, and since when they are known, stands beside them; nothing else tells the engines apart.
        shown = {name: table.drop(*BESIDE, strict=False) for name, table in tables.items()}
        made.append({name: json.dumps(table.to_dicts(), default=str) for name, table in shown.items()})
    for name in TABLES:
        assert made[0][name] == made[1][name] == made[2][name], name
