"""How an index grows: ``python -m perf.scale [--passages 100000,1000000] [--index flat,ivf] [--store S] [--folder F]``.

For each size and kind a home is made and each step done in a process of its own: index, open, search, refresh after one
passage in a hundred changed, lineage of a changed passage, status, forget one passage. Beside each figure stands the
exponent of its growth from the size before: 1 is as fast as the corpus grows, 0 not at all. That of time is of CPU
seconds, which other work on the machine changes less.

Memory is told twice: what a process allocates, and its peak with the files that are mapped into it, which the system
takes back when memory is short. ``--dimension 96`` makes vectors shorter, for sizes that the disk could not hold.

The passages are made up: sentences of the sample with a number in them, so that no two are alike. Their vectors are
drawn around centres, as passages on one subject lie near to each other; no model is loaded, so encoding is not measured
(``perf.encode`` does that).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.corpus import current_state, open_knowledge_base
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

CORPUS, TOP_K, QUERIES = "made-up", 5, 50
STEPS = ("index", "open", "open again", "search", "refresh", "lineage", "status", "forget")
_CENTRES, _SPREAD = 2_000, 0.8


class DrawnEncoder:
    """Vectors around centres, decided by the text alone."""

    name, arithmetic = "drawn", "none"

    def __init__(self, dimension: int = 384) -> None:
        self.dimension, self.fingerprint = dimension, sha256_of_text("drawn", str(dimension))
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


def step(name: str, settings: Settings, dimension: int = 384) -> dict[str, float]:
    """Do one step here; seconds of time and of CPU (a search: of one question), and what else it tells."""
    encoder = DrawnEncoder(dimension)
    registry = Registry.load(settings.home)
    told: dict[str, float] = {}
    searched = open_knowledge_base(settings, CORPUS, encoder) if name == "search" else None
    begin, worked = time.perf_counter(), time.process_time()
    if name in ("index", "refresh"):
        refresh_corpus(settings, registry, CORPUS, encoder, run="perf")
    elif name.startswith("open"):
        open_knowledge_base(settings, CORPUS, encoder)
    elif name == "lineage":
        Lineage(settings.layout.lineage).trace("p7")
    elif name == "status":
        app(["status", "--home", str(settings.home), "--index", settings.index], standalone_mode=False)
    elif name == "forget":
        forget(settings, "passage", ["p11"], corpus=CORPUS)
    elif searched is not None:
        questions = [f"Subject {number * 17}" for number in range(QUERIES)]
        vectors = encoder.encode_queries(questions)
        begin, worked = time.perf_counter(), time.process_time()
        for row, question in enumerate(questions):
            hits = searched.search([question], TOP_K, query_vectors=vectors[row : row + 1])
            searched.hits_with_text(hits)
    times = QUERIES if name == "search" else 1
    told |= {"seconds": (time.perf_counter() - begin) / times, "cpu": (time.process_time() - worked) / times}
    if name == "index":
        state = current_state(settings, CORPUS)
        assert state is not None
        told["recall"] = read_manifest(state.folder).recall
    return told


class Memory:
    """What this process has allocated at most (``own``), and its peak with mapped files (``peak``), in GiB."""

    def __init__(self) -> None:
        self.own = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def peak(self) -> float:
        """Of this program alone: ``ru_maxrss`` begins with what the process had that started it."""
        return _gib("VmHWM")

    def _watch(self) -> None:
        while True:
            self.own = max(self.own, _gib("RssAnon"))
            time.sleep(0.01)


def _gib(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith(f"{name}:"))


def measured(passages: int, index: str, store: str, folder: Path, dimension: int) -> dict[str, dict[str, float]]:
    """Every step at one size, each in a process of its own, with that process' memory (GiB)."""
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
            [*command, "--index", index, "--store", store, "--dimension", str(dimension)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{name} at {passages:,}: {done.stderr[-2000:]}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"# {passages:,} {name}: {found[name]}", flush=True)
    return found


def table(rows: list[tuple[int, dict[str, dict[str, float]]]]) -> str:
    """The figures of one kind, one line a size and step."""
    lines = []
    for name in STEPS:
        before: tuple[int, float, float] | None = None
        for passages, found in rows:
            seconds, cpu, own, peak = (found[name][figure] for figure in ("seconds", "cpu", "own", "peak"))
            shown = "".join(
                f"{took * 1000:10.1f} ms" if name == "search" else f"{took:10.2f} s " for took in (seconds, cpu)
            )
            growth = ""
            if before:
                times, grown = passages / before[0], (cpu / before[1], own / before[2])
                in_time, in_memory = (math.log(more) / math.log(times) for more in grown)
                growth = f"   growth {in_time:5.2f} in time, {in_memory:5.2f} in memory"
            recall = f"   recall {found[name]['recall']:.3f}" if "recall" in found[name] else ""
            lines.append(f"{name:<11}{passages:>12,}{shown}{own:8.2f} GiB of{peak:7.2f}{growth}{recall}")
            before = (passages, cpu, own)
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", default="100000,1000000", help="sizes, with commas between")
    parser.add_argument("--index", default="flat,ivf", help="kinds of index, with commas between")
    parser.add_argument("--store", default="faiss")
    parser.add_argument("--dimension", type=int, default=384, help="numbers of a vector")
    parser.add_argument("--folder", type=Path, help="where the homes are made; a temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        settings = Settings(home=options.folder, encoder="drawn", store=options.store, index=options.index)
        memory = Memory()
        found = step(options.step, settings, options.dimension)
        print(json.dumps({**found, "own": memory.own, "peak": memory.peak}))
        return
    sizes = [int(size) for size in options.passages.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        for index in options.index.split(","):
            folder = (options.folder or Path(temporary)) / "scale"
            rows = [(size, measured(size, index, options.store, folder, options.dimension)) for size in sizes]
            print(f"{options.store}, {index}, {options.dimension} dimensions\n{table(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
