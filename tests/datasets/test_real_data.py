"""The FlashRAG-shaped files of a development machine: the readers on real questions and real Wikipedia text."""

import os
from pathlib import Path

import pytest

from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.hub import RELEASES
from wbrag_pipeline.datasets.registry import Registry

DATA = Path(os.environ.get("WBRAG_REAL_DATA") or Path(__file__).parents[3] / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not here; WBRAG_REAL_DATA names its folder")

SIZES = {
    "nq": (1579, 305),
    "boolq": (1257, 460),
    "fever": (6270, 1322),
    "zsre": (3153, 1013),
    "hotpotqa": (219, 62),
    "squad": (3181, 516),
}


def test_the_corpus(tmp_path: Path) -> None:
    added = add_corpus(tmp_path, "wiki_mini", DATA / "corpus" / "wiki_mini.jsonl.gz")
    assert added.passages == 74_855
    first = Registry.load(tmp_path).passages("wiki_mini").row(0, named=True)
    assert first["passage_id"] == "0"
    assert first["title"] == "Horrible Bosses"
    assert first["text"].startswith("worldwide by the end of its theatrical run.")


@pytest.mark.parametrize("name", SIZES)
def test_the_benchmarks(tmp_path: Path, name: str) -> None:
    # One claim of fever's dev split is a training claim too; it is dropped from reader_training.
    twins = 1 if name == "fever" else 0
    added = add_benchmark(
        tmp_path,
        name,
        task=RELEASES[name].task,
        corpus="sample",
        train=DATA / name / "train.jsonl.gz",
        test=DATA / name / "dev.jsonl.gz",
        overlap="drop",
    )
    train, test = SIZES[name]
    assert (added.train_questions, added.test_questions, added.dropped) == (train - twins, test, twins)
