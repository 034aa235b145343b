"""From unlabelled questions to a published index, by the command and the real reader's own verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.pipeline.conftest import write_tiny
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_units_are_made_without_one_gold_answer(tmp_path: Path) -> None:
    corpus, train, _ = write_tiny(tmp_path / "data")
    bare = tmp_path / "questions.jsonl"
    asked = [json.loads(line)["question"] for line in train.read_text().splitlines()]
    bare.write_text("".join(json.dumps({"question": question}) + "\n" for question in asked))
    settings = Settings(home=tmp_path / "home", scorer="judge")
    add_corpus(settings.home, "towns", corpus)
    add_benchmark(settings.home, "asked", task="open_qa", corpus="towns", train=bare, answers="none")

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wbrag_pipeline.cli", "run", "asked", *flags]
        environment = {**os.environ, "WBRAG_HOME": str(settings.home)}
        environment.pop("DAGSTER_HOME", None)
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    by_gold = run()
    assert by_gold.returncode == 2 and "--scorer judge" in by_gold.stderr
    assert not settings.with_(scorer="gold").table("retrievals", "asked").exists()
    judged = run("--scorer", "judge")
    assert judged.returncode == 0, judged.stderr
    scores = tables.UTILITY_SCORES.read(settings.table("utility_scores", "asked"))
    assert scores.height == len(asked) and scores["score_no_retrieval"].is_in([0.0, 1.0]).all()
    units = pl.read_parquet(settings.table("knowledge_units", "asked"))
    assert f"asked: {units.height} knowledge units" in judged.stdout and units.height > 0
    assert not settings.table("evaluation", "asked").exists()
    assert (settings.releases("asked") / "CURRENT").is_file()
