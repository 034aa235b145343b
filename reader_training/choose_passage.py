"""How to choose among passages: ``python -m reader_training.choose_passage --home DIR BENCHMARK…``, for README's table.

Scores the reader's answers to *training* questions for several weights of the retrieval score (span tasks) or
temperatures (label tasks). The readings come from the home's completion cache; what is missing is read.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.metrics import score
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.generation.completions import CompletionCache
from wbrag_pipeline.generation.reader import choosing
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.scoring import passages_of, select_passages

WEIGHTS = (0.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0)
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 10.0)


def share(metric: str, answers: list[str], gold: list[list[str]]) -> str:
    """Mean score in points."""
    values = score(metric, answers, gold)
    return f"{100 * sum(values) / len(values):.2f}"


def main() -> None:
    """Print one line a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("benchmarks", nargs="+")
    options = parser.parse_args()
    settings = Settings.from_environment(home=options.home)
    registry, reader = Registry.load(settings.home), Reader(CompletionCache(settings.layout.completions))
    for name in options.benchmarks:
        entry = registry.benchmark(name)
        task, questions = task_named(entry.task), registry.splits(name).train
        gold: list[list[str]] = questions["golden_answers"].to_list()
        hits = tables.RETRIEVALS.read(settings.table("retrievals", name))
        texts = select_passages(pl.scan_parquet(settings.table("passages", entry.corpus)), hits)
        passages = passages_of(hits, texts, questions["question_id"].to_list(), "question_id")
        asked = questions["question"].to_list()
        if task.choices:
            for choosing.LABEL_TEMPERATURE in TEMPERATURES:
                answers = [answer.text for answer in reader.answer(asked, passages, task)]
                print(f"{name}  T {choosing.LABEL_TEMPERATURE:<5} {share(entry.metric, answers, gold)}")
            continue
        for choosing.COSINE_WEIGHT in WEIGHTS:
            answers = [answer.text for answer in reader.answer(asked, passages, task)]
            print(f"{name}  w {choosing.COSINE_WEIGHT:<5} {share(entry.metric, answers, gold)}")
        alone = [
            reader.answer(asked, [row[rank : rank + 1] for row in passages], task) for rank in range(settings.top_k)
        ]
        scores = [score(entry.metric, [answer.text for answer in answers], gold) for answers in alone]
        best = [max(row) for row in zip(*scores, strict=True)]
        print(f"{name}  best passage known {100 * math.fsum(best) / len(best):.2f}")


if __name__ == "__main__":
    main()
