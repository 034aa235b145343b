"""The tables of docs/results.md, from what runs have stored: ``python scripts/results.py --home DIR``.

Reads the lineage's stage records and the evaluation tables of one WBRAG_HOME; computes nothing that a run did not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from wbrag_pipeline.benchmarks.registry import Registry
from wbrag_pipeline.evaluation.statistics import summarise
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.settings import Settings

# The paper's, for the naive method: gain by benchmark is the mean over methods and models; kept share as far as given.
PAPER_GAIN = {"nq": "+3.01", "boolq": "+2.15", "fever": "+4.79", "zsre": "+0.56", "hotpotqa": "+1.01", "squad": "+1.33"}
PAPER_KEPT = {"hotpotqa": "49.3 %", "squad": "48.1 %"}
STAGES = ["retrievals", "utility_scores", "gated_docs", "knowledge_units", "curated_units", "writeback_index"]
STAGES += ["evaluation", "report"]


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(header)]
    lines += [["---"] * len(lines[0]), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures_of(settings: Settings, benchmark: str) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Figures and wall seconds of each stage; seconds are those of its first recorded run."""
    with Lineage(settings.lineage).connect() as connection:
        rows = connection.execute(
            'SELECT asset, figures, seconds FROM recorded_stages WHERE variant = $v AND "partition" = $b '
            "ORDER BY recorded_at",
            {"v": settings.variant, "b": benchmark},
        ).fetchall()
    figures: dict[str, dict[str, float]] = {}
    seconds: dict[str, float] = {}
    for asset, text, spent in rows:
        figures[asset] = json.loads(text)
        # A rerun finds its answers cached: the first run's time is the work's.
        seconds.setdefault(asset, spent)
    return figures, seconds


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--method", default=None)
    options = parser.parse_args()
    settings = Settings.from_environment(home=options.home, method=options.method)
    registry = Registry.load(settings.home)
    names = [name for name in PAPER_GAIN if settings.table("evaluation", name).is_file()]
    scores, built, times = [], [], []
    for name in names:
        figures, seconds = figures_of(settings, name)
        s = summarise(pl.read_parquet(settings.table("evaluation", name)), seed=settings.seed)
        p = f"{s.p:.3f}" if s.p >= 0.001 else "< 0.001"
        made, gated, judged = figures["knowledge_units"], figures["gated_docs"], figures["evaluation"]
        recall = [f"{100 * judged[key]:.1f}" if key in judged else "–" for key in ("recall_without", "recall_with")]
        scores.append(
            [name, registry.benchmark(name).metric, str(s.questions), f"{s.score_without:.2f}", f"{s.score_with:.2f}"]
            + [
                f"{s.gain:+.2f}",
                f"[{s.ci_low:+.2f}, {s.ci_high:+.2f}]",
                p,
                f"{s.helped} / {s.hurt}",
            ]
            + [*recall, f"{s.units_in_top_k:.2f}", PAPER_GAIN[name]]
        )
        built.append(
            [name, f"{gated['kept']:.0f}", f"{100 * gated['kept_share']:.1f} %", PAPER_KEPT.get(name, "6–14 %")]
            + [f"{100 * gated['fallback_rate']:.1f} %", f"{gated['retained_passages']:.2f}"]
            + [f"{made['source_tokens']:.0f}", f"{made['unit_tokens']:.0f}", f"{made['compression']:.2f}×"]
        )
        times.append([name, *(f"{seconds.get(stage, 0.0):.1f}" for stage in STAGES)])
    print(
        table(
            ["benchmark", "metric", "questions", "without", "with", "gain", "95 % interval", "p", "helped / hurt"]
            + ["recall@5 without", "with", "units in top 5", "paper's gain"],
            scores,
        )
    )
    print()
    print(
        table(
            [
                "benchmark",
                "units",
                "kept",
                "paper's",
                "fallback",
                "retained",
                "source tokens",
                "unit tokens",
                "compression",
            ],
            built,
        )
    )
    print()
    print(table(["seconds", *STAGES], times))


if __name__ == "__main__":
    main()
