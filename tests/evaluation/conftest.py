"""A made-up benchmark about a made-up archipelago: every name, number and score here is invented for the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.storage import sha256_of_text

HOSTILE = '<script>alert("title")</script> & sons | [a](javascript:x)'
_FIRST = ("Orm", "Vel", "Tas", "Brin", "Kol", "Sar", "Hald", "Mir", "Esk", "Nor", "Ul", "Pell")
_LAST = ("wick", "haven", "mouth", "ness", "dale", "stead", "holm", "by")
_TRADES = ("glass-blowing", "rope walks", "salt pans", "bell casting", "kelp farming", "clock making")


@dataclass(frozen=True)
class Benchmark:
    """The tables of one synthetic benchmark, as the stages would have made them."""

    passages: pl.DataFrame
    utility_scores: pl.DataFrame
    gated_docs: pl.DataFrame
    knowledge_units: pl.DataFrame
    evaluation: pl.DataFrame


def evaluation_of(pairs: list[tuple[float, float]], units: list[int] | None = None) -> pl.DataFrame:
    """An evaluation with the given scores without and with; question i gets ``units[i]`` write-back passages."""
    rows = []
    for i, (without, with_) in enumerate(pairs):
        own = [f"writeback:u_{i}_{n}" for n in range(units[i] if units else 0)]
        old = [f"corpus:{i}{n}" for n in range(5)]
        rows.append(
            {"question_id": f"q{i:04d}", "question": f"Question {i}?", "golden_answers": ["yes"]}
            | {"answer_without": "no", "answer_with": "yes", "score_without": without, "score_with": with_}
            | {"passages_without": old, "passages_with": (own + old)[:5]}
        )
    return tables.EVALUATION.check(rows_of(tables.EVALUATION, rows))


def make_benchmark(*, towns: int = 90, training: int = 300, tests: int = 400, seed: int = 7) -> Benchmark:
    """Towns with two passages each; some training questions keep, their units show up for some test questions."""
    rng = np.random.default_rng(seed)
    names = [f"{_FIRST[i % 12]}{_LAST[(i // 12) % 8]}" for i in range(towns)]
    passages = []
    for i, name in enumerate(names):
        trade, year, people = _TRADES[i % 6], 1200 + 7 * i % 600, 900 + 37 * i
        title = HOSTILE if i == 0 else name
        sentences = [
            f"{name} is a harbour town on the north shore of the Skerry Isles.",
            f"It was founded in {year} by settlers who had left the island of Dunmarrow.",
            "Its lighthouse, built of grey stone, is lit by whale oil to this day.",
        ]
        more = [
            f"The town of {name} lives by {trade}, which employs a third of its {people:,} people.",
            f"Dr. Ada {_FIRST[(i + 3) % 12]} described its {trade} in {year + 310}.",
            "The yearly market is held in the second week of May, and draws visitors from all the isles.",
        ]
        for part, texts in enumerate((sentences, more)):
            text = " ".join(texts + ["The road inland is closed in winter."] * int(rng.integers(0, 6)))
            passages.append(
                {"passage_id": f"p{2 * i + part}", "title": title, "text": text}
                | {"content_hash": sha256_of_text(title, text), "labels": [], "source": title, "said_at": None}
            )
    passage = {row["passage_id"]: row for row in passages}

    scores, gated, units = [], [], []
    for i in range(training):
        town = i % towns
        question = f"Which trade does {names[town]} live by?" if i % 2 else f"When was {names[town]} founded?"
        no_retrieval = float(rng.random() < 0.2)
        rag = [0.0, 1.0, 2 / 3, 0.4][int(rng.choice(4, p=[0.45, 0.4, 0.1, 0.05]))]
        scores.append(
            {"question_id": f"t{i}", "question": question, "answer_no_retrieval": "" if rag <= 0.1 else "unknown"}
            | {"score_no_retrieval": None if rag <= 0.1 else no_retrieval, "answer_rag": "salt", "score_rag": rag}
        )
        if rag - no_retrieval <= 0.01 or rag <= 0.1 or i >= 240:
            continue
        ids = [f"p{(2 * town + n) % (2 * towns)}" for n in range(5)]
        alone = [float(rng.random() < chance) * rag for chance in (0.7, 0.6, 0.2, 0.15, 0.1)]
        fallback = not any(score > 0.01 for score in alone)
        kept = [0, 1] if fallback else [n for n, score in enumerate(alone) if score > 0.01]
        for n, identity in enumerate(ids):
            gated.append(
                {"question_id": f"t{i}", "question": question, "rank": n + 1, "passage_id": identity}
                | {"score": 0.8 - 0.05 * n, "standalone_score": alone[n], "score_no_retrieval": no_retrieval}
                | {"score_rag": rag, "retained": n in kept, "fallback": fallback}
            )
        sources = [ids[n] for n in kept]
        evidence = [" ".join(passage[s]["text"].split(". ")[:2]).count(" ") for s in sources]
        opening = [passage[s]["text"].split(". ")[0] + "." for s in sources]
        units.append(
            {"unit_id": f"u_{i:04x}", "benchmark": "skerry", "question_id": f"t{i}", "question": question}
            | {"title": passage[sources[0]]["title"], "text": " ".join(opening) + " The isles call it the old harbour."}
            | {"source_passage_ids": sources, "source_hashes": [passage[s]["content_hash"] for s in sources]}
            | {"source_tokens": sum(60 + 9 * count for count in evidence), "fallback": fallback}
            | {"unit_tokens": 30 + 16 * len(sources) + int(rng.integers(0, 25))}
            | {"distiller": "reader", "prompt_version": "extractive-1", "labels": []}
        )

    tested = []
    for i in range(tests):
        town = i % towns
        corpus = [f"corpus:p{(2 * town + n) % (2 * towns)}" for n in range(5)]
        near = [unit["unit_id"] for unit in units if int(unit["question_id"][1:]) % towns == town][: i % 3]
        without = float(rng.random() < 0.45)
        with_ = float(rng.random() < (0.94 if without else 0.13)) if near else without
        tested.append(
            {"question_id": f"d{i}", "question": f"What is {names[town]} known for, according to source {i}?"}
            | {"golden_answers": [_TRADES[town % 6]], "answer_without": "herring" if without < 1 else _TRADES[town % 6]}
            | {"answer_with": "herring" if with_ < 1 else _TRADES[town % 6]}
            | {"score_without": without, "score_with": with_, "passages_without": corpus}
            | {"passages_with": ([f"writeback:{u}" for u in near] + corpus)[:5]}
        )

    def table(kind: tables.Table, rows: list[dict[str, object]]) -> pl.DataFrame:
        return kind.check(pl.DataFrame(rows, schema=kind.schema))

    return Benchmark(
        passages=table(tables.PASSAGES, passages),
        utility_scores=table(tables.UTILITY_SCORES, scores),
        gated_docs=table(tables.GATED_DOCS, gated),
        knowledge_units=table(tables.KNOWLEDGE_UNITS, units),
        evaluation=table(tables.EVALUATION, tested),
    )


@pytest.fixture(scope="session")
def benchmark_tables() -> Benchmark:
    return make_benchmark()


@pytest.fixture(scope="session")
def evaluate() -> Callable[..., pl.DataFrame]:
    return evaluation_of


@pytest.fixture(scope="session")
def hostile() -> str:
    """The title of one passage and its units: what a stranger's document may hold."""
    return HOSTILE
