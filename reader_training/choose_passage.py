"""How to choose among passages: ``python -m reader_training.choose_passage --home DIR BENCHMARK…``, for README's table.

Scores the reader's answers to *training* questions for several weights of the retrieval score (span tasks) or
temperatures (label tasks). The corpus must have been indexed in the home (``wbrag refresh``). The readings come from
the home's completion cache; what is missing is read.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.generation.reader import choosing
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.scoring import mean, passages_of, select_passages

WEIGHTS = (0.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0)
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 10.0)


def choose(context: StageContext) -> None:
    """Print one line a setting, in points of the benchmark's metric."""
    top_k, name = context.settings.top_k, context.benchmark.name
    questions = stages.questions(context).table
    hits = stages.retrievals(context, questions).table
    texts = select_passages(tables.PASSAGES.load_lazily(context.settings, context.benchmark.corpus), hits)
    train, scorer = stages.of_split(questions, "train"), context.scorer()
    passages = passages_of(hits, texts, train["question_id"].to_list())

    def score(ranks: slice) -> pl.Series:
        """The score of each question, answered from the passages of these ranks."""
        return pl.Series(scorer.score(train, [row[ranks] for row in passages])[1], dtype=pl.Float64)

    def show(what: str, scores: pl.Series) -> None:
        print(f"{name}  {what} {100 * mean(scores):.2f}", flush=True)

    if context.task.choices:
        for choosing.LABEL_TEMPERATURE in TEMPERATURES:
            show(f"T {choosing.LABEL_TEMPERATURE:<5}", score(slice(top_k)))
        return
    for choosing.COSINE_WEIGHT in WEIGHTS:
        show(f"w {choosing.COSINE_WEIGHT:<5}", score(slice(top_k)))
    alone = pl.DataFrame({str(rank): score(slice(rank, rank + 1)) for rank in range(top_k)})
    show("best passage known", alone.max_horizontal())


def main() -> None:
    """Choose for each benchmark in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("benchmarks", nargs="+")
    options = parser.parse_args()
    # All training questions, and of each no more than the top K.
    fixed: dict[str, Any] = {"generator": "reader", "method": "naive", "validation_share": 0.0, "rescue_depth": 0}
    settings = Settings.from_environment(home=options.home, **fixed)
    for name in options.benchmarks:
        choose(StageContext.of(settings, name))


if __name__ == "__main__":
    main()
