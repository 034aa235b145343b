"""``wbrag demo``: which benchmarks it trains, and that each result is printed before the next one is begun."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import typer
from typer.testing import CliRunner

from tests.rows import rows_of
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands import pipeline
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.table_files import write_parquet
from wbrag_pipeline.tables import EVALUATION


@pytest.fixture(autouse=True)
def _train_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of training: one question that was helped."""

    def run(settings: Settings, benchmarks: Sequence[str]) -> None:
        for benchmark in benchmarks:
            typer.echo(f"training {benchmark}")
            row = ("q1", "Who?", ["she"], "he", "she", 0.0, 1.0, [], [])
            file = settings.table("evaluation", benchmark)
            file.parent.mkdir(parents=True, exist_ok=True)
            settings.layout.mark_layout()
            write_parquet(rows_of(EVALUATION, [row]), file)

    monkeypatch.setattr(pipeline, "run_pipeline", run)


def printed(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert result.exit_code == 0, result.output
    # Beside it, on the other stream, may stand that vectors came with the package: it depends on the arithmetic.
    return result.stdout.splitlines()


def test_each_result_is_there_before_the_next_benchmark_begins() -> None:
    first, after_first, second, after_second, third, after_third, *table = printed()
    for training, told in ((first, after_first), (second, after_second), (third, after_third)):
        name = training.removeprefix("training ")
        assert told.startswith(f"{name}: ") and "0.00 without → 100.00 with write-back, gain +100.00" in told
    assert first == "training sample_nq"
    assert table[0] == "" and table[1].startswith("benchmark") and table[-2].startswith("mean")
    assert table[-1].startswith("report: ")


def test_three_tasks_by_default_and_everything_with_all() -> None:
    registry = Registry.load(BUILT_IN / "none")
    shown = [line.removeprefix("training ") for line in printed() if line.startswith("training ")]
    assert len({registry.benchmark(name).task for name in shown}) == len(shown) == 3
    everything = [line.removeprefix("training ") for line in printed("--all") if line.startswith("training ")]
    assert everything[:3] == shown and sorted(everything) == sorted(registry.benchmarks)
