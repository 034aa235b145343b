"""How an index grows: ``python -m perf.scale [--passages 100000,1000000] [--index flat,ivf] [--store S] [--folder F]``.

For each size and kind a home is made and each step done in a process of its own: index, open, search, refresh after one
passage in a hundred changed, forget one passage. Beside each figure stands the exponent of its growth from the size
before: 1 is as fast as the corpus grows, 0 not at all.

The passages are made up: sentences of the sample with a number in them, so that no two are alike. Their vectors are
drawn around centres, as passages on one subject lie near to each other; no model is loaded, so encoding is not measured
(``perf.encode`` does that).
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.corpus import current_state, open_knowledge_base
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

CORPUS, TOP_K, QUERIES = "made-up", 5, 50
STEPS = ("index", "open", "open again", "search", "refresh", "forget")
_CENTRES, _SPREAD = 2_000, 0.8


class DrawnEncoder:
    """Vectors around centres, decided by the text alone."""

    name, dimension, arithmetic = "drawn", 384, "none"
    fingerprint = sha256_of_text("drawn", "384")

    def __init__(self) -> None:
        self._centres = np.random.default_rng(1).normal(size=(_CENTRES, self.dimension)).astype(np.float32)

    def encode_passages(self, titles: Any, texts: Any, progress: Advance | None = None) -> Vectors:
        """The number in a title says which centre, and what is added to it."""
        numbers = [int(title.rpartition(" ")[2]) for title in titles]
        edited = [text.endswith("!") for text in texts]
        drawn = [
            np.random.Generator(np.random.Philox(key=[number, changed])).standard_normal(self.dimension, np.float32)
            for number, changed in zip(numbers, edited, strict=True)
        ]
        if progress:
            progress(len(numbers))
        return self._unit(self._centres[np.array(numbers, dtype=np.int64) % _CENTRES] + _SPREAD * np.array(drawn))

    def encode_queries(self, questions: Any, progress: Advance | None = None) -> Vectors:
        """As passages with these titles, moved a little."""
        return self.encode_passages(questions, ["!"] * len(questions), progress)

    def _unit(self, vectors: Vectors) -> Vectors:
        unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit


def write_passages(file: Path, count: int) -> None:
    """So many passages of about 100 words, as a Parquet file."""
    texts = Registry.load(BUILT_IN / "none").passages("sample")["text"]
    numbers = pl.Series("number", range(count))
    pl.DataFrame(
        {
            "id": "p" + numbers.cast(pl.String),
            "title": "Subject " + numbers.cast(pl.String),
            "text": texts.gather((numbers % len(texts)).cast(pl.UInt32)) + " " + numbers.cast(pl.String) + ".",
        }
    ).write_parquet(file, row_group_size=65_536)


def edit_passages(file: Path) -> None:
    """Change one passage in a hundred."""
    edited = pl.when(pl.int_range(pl.len()) % 100 == 7).then(pl.col("text") + "!").otherwise("text").alias("text")
    pl.read_parquet(file).with_columns(edited).write_parquet(file, row_group_size=65_536)


def step(name: str, settings: Settings) -> dict[str, float]:
    """Do one step here; seconds (a search: of one question), and what else it tells."""
    encoder = DrawnEncoder()
    registry = Registry.load(settings.home)
    told: dict[str, float] = {}
    searched = open_knowledge_base(settings, CORPUS, encoder) if name == "search" else None
    begin = time.perf_counter()
    if name in ("index", "refresh"):
        refresh_corpus(settings, registry, CORPUS, encoder, run="perf")
    elif name.startswith("open"):
        open_knowledge_base(settings, CORPUS, encoder)
    elif name == "forget":
        forget(settings, "passage", ["p11"], corpus=CORPUS)
    elif searched is not None:
        questions = [f"Subject {number * 17}" for number in range(QUERIES)]
        vectors = encoder.encode_queries(questions)
        begin = time.perf_counter()
        for row, question in enumerate(questions):
            hits = searched.search([question], TOP_K, query_vectors=vectors[row : row + 1])
            searched.hits_with_text(hits)
    seconds = time.perf_counter() - begin
    if name == "index":
        state = current_state(settings, CORPUS)
        assert state is not None
        told["recall"] = read_manifest(state.folder).recall
    return {"seconds": seconds / (QUERIES if name == "search" else 1), **told}


def measured(passages: int, index: str, store: str, folder: Path) -> dict[str, dict[str, float]]:
    """Every step at one size, each in a process of its own, with that process' peak memory (GiB)."""
    place = folder / f"{passages}-{index}"
    place.mkdir(parents=True)
    write_passages(place / "corpus.parquet", passages)
    add_corpus(place / "home", CORPUS, place / "corpus.parquet")
    found = {}
    for name in STEPS:
        if name == "refresh":
            edit_passages(place / "corpus.parquet")
        command = [sys.executable, "-m", "perf.scale", "--step", name, "--folder", str(place / "home")]
        done = subprocess.run(
            [*command, "--index", index, "--store", store], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{name} at {passages:,}: {done.stderr[-2000:]}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(rows: list[tuple[int, dict[str, dict[str, float]]]]) -> str:
    """The figures of one kind, one line a size and step."""
    lines = []
    for name in STEPS:
        before: tuple[int, float] | None = None
        for passages, found in rows:
            seconds, memory = found[name]["seconds"], found[name]["gib"]
            growth = math.log(seconds / before[1]) / math.log(passages / before[0]) if before else math.nan
            shown = f"{seconds * 1000:10.1f} ms" if name == "search" else f"{seconds:10.2f} s "
            exponent = f"{growth:6.2f}" if before else "      "
            recall = f"   recall {found[name]['recall']:.3f}" if "recall" in found[name] else ""
            lines.append(f"{name:<11}{passages:>12,}{shown}{memory:8.2f} GiB   growth {exponent}{recall}")
            before = (passages, seconds)
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", default="100000,1000000", help="sizes, with commas between")
    parser.add_argument("--index", default="flat,ivf", help="kinds of index, with commas between")
    parser.add_argument("--store", default="faiss")
    parser.add_argument("--folder", type=Path, help="where the homes are made; a temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        settings = Settings(home=options.folder, encoder="drawn", store=options.store, index=options.index)
        found = step(options.step, settings)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**found, "gib": peak}))
        return
    sizes = [int(size) for size in options.passages.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        for index in options.index.split(","):
            folder = (options.folder or Path(temporary)) / "scale"
            rows = [(size, measured(size, index, options.store, folder)) for size in sizes]
            print(f"{options.store}, {index}, {DrawnEncoder.dimension} dimensions\n{table(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
