"""This project beside FlashRAG, in one run: ``python -m perf.peer --flashrag FOLDER [CORPUS] [--passages N]``.

    python -m venv flashrag-venv && flashrag-venv/bin/pip install faiss-cpu torch transformers datasets langid …
    python -m perf.peer --flashrag FlashRAG --python flashrag-venv/bin/python corpus.jsonl.gz nq.jsonl

Same passages (title, end of line, text), same model (all-MiniLM-L6-v2, 256 tokens), same exact index, same questions.
Each side is a process of its own (``perf.peer_sides``), and they take turns, in changing order, so that what disturbs
one disturbs the other: the ratios are of CPU time, turn by turn. Each gets one thread, with which both do most per
CPU-second; ``--threads`` gives more. FlashRAG is given the batch that suits it best of those that ``--batches`` names.

Indexing is everything from the corpus' file to an index that is searched. A search ends with the texts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.cpu_arithmetic import product_dtype
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.question_files import read_questions
from wbrag_pipeline.minilm import model_dir

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "wbrag_pipeline" / "sample"
TOP_K, A_BATCH, SINGLES = 10, 256, 25


@dataclass
class Turn:
    """What a side did at once: what came out, seconds of wall and of CPU time, and its most memory so far, MiB."""

    result: Any
    wall: float
    cpu: float
    memory: float


class Side:
    """A process that is one of the two sides."""

    def __init__(self, side: str, python: str, path: list[Path], model: Path, folder: Path, threads: int) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "OMP_NUM_THREADS": str(threads)}
        environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache"), "PYTHONWARNINGS": "ignore"}
        command = [python, "-m", "perf.peer_sides", side, str(threads), str(model), str(folder)]
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=ROOT, text=True
            )

    def do(self, name: str, **arguments: Any) -> Turn:
        """Have it done. Ends the program, with what the process said, where it failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps([name, arguments]) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended, and says nothing either
        if not (line := self._process.stdout.readline()):
            raise SystemExit(f"{name} failed:\n{self._log.read_text(errors='replace')[-3000:]}")
        return Turn(*json.loads(line))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def spread(ratios: Sequence[float]) -> str:
    """The middle one, and the range."""
    return f"{np.median(ratios):5.2f}   ({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} turns)"


def write_part(passages: pl.DataFrame, file: Path) -> str:
    """A corpus in FlashRAG's form, which both sides read."""
    contents = pl.when(pl.col("title") == "").then("text").otherwise(pl.col("title") + "\n" + pl.col("text"))
    passages.select(id="passage_id", contents=contents).write_ndjson(file)
    return str(file)


def indexed(ours: Side, theirs: Side, parts: list[str], batches: list[int], sizes: list[int]) -> int:
    """Index each part by both sides; prints the speeds and gives FlashRAG's best batch."""
    first = [theirs.do("build", corpus=parts[0], batch=batch, vectors=[]).cpu for batch in batches]
    best = batches[int(np.argmin(first))]
    told = ", ".join(f"{sizes[0] / cpu:.0f} with {batch}" for batch, cpu in zip(batches, first, strict=True))
    print(f"  FlashRAG, passages a CPU-second by batch: {told}")
    turns: list[tuple[Turn, Turn]] = []
    for number, part in enumerate(parts):
        do = [("ours", ours), ("theirs", theirs)]
        found = {
            name: side.do("build", corpus=part, batch=best, vectors=[]) for name, side in do[:: 1 - number % 2 * 2]
        }
        turns.append((found["ours"], found["theirs"]))
    for name, which in (("ours", 0), ("FlashRAG", 1)):
        cpu, wall = sum(turn[which].cpu for turn in turns), sum(turn[which].wall for turn in turns)
        print(
            f"  indexing, {name:<10}{sum(sizes) / cpu:8.1f} passages a CPU-second, {sum(sizes) / wall:8.1f} a second, "
            f"most memory {turns[-1][which].memory:,.0f} MiB"
        )
    print(f"  ratio            {spread([b.cpu / a.cpu for a, b in turns])}")
    return best


def searched(ours: Side, theirs: Side, questions: list[str], rounds: int) -> None:
    """Search one by one and in batches, in turns; prints latencies, speeds, ratios and how many results agree."""
    kinds = {
        "single, ours": (ours, "single", SINGLES, {}),
        "single, ours, two indexes": (ours, "single", SINGLES, {"indexes": "two"}),
        "single, FlashRAG": (theirs, "single", SINGLES, {}),
        "batch, ours": (ours, "batch", A_BATCH, {}),
        "batch, ours, two indexes": (ours, "batch", A_BATCH, {"indexes": "two"}),
        "batch, FlashRAG": (theirs, "batch", A_BATCH, {}),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, (side, work, size, more) in list(kinds.items())[:: 1 - number % 2 * 2]:
            asked = [questions[(number * A_BATCH + place) % len(questions)] for place in range(size)]
            turn = side.do(work, questions=asked, top_k=TOP_K, **more)
            if number:  # the first round loads what is loaded late
                turns[name].append(turn)
    same = [
        len({*one} & {*other}) / max(1, len(other))
        for a, b in zip(turns["batch, ours"], turns["batch, FlashRAG"], strict=True)
        for one, other in zip(a.result, b.result, strict=True)
    ]
    for name, (_, work, size, _more) in kinds.items():
        cpu, wall = sum(turn.cpu for turn in turns[name]), sum(turn.wall for turn in turns[name])
        line = f"  {name:<28}{size * rounds / cpu:8.1f} queries a CPU-second, {size * rounds / wall:8.1f} a second"
        if work == "single":
            middle, slow = np.percentile([1000 * took for turn in turns[name] for _, took in turn.result], [50, 99])
            line += f", p50 {middle:.2f} ms, p99 {slow:.2f} ms"
        print(line)
    for title, over, under in (
        ("single: FlashRAG ÷ ours", "single, FlashRAG", "single, ours"),
        ("batch: FlashRAG ÷ ours", "batch, FlashRAG", "batch, ours"),
        ("single: two indexes ÷ one", "single, ours, two indexes", "single, ours"),
        ("batch: two indexes ÷ one", "batch, ours, two indexes", "batch, ours"),
    ):
        print(f"  {title:<28}{spread([a.cpu / b.cpu for a, b in zip(turns[over], turns[under], strict=True)])}")
    print(f"  same top {TOP_K}: {100 * np.mean(same):.2f} % of the passages, over {len(same)} questions")
    for name in ("batch, ours", "batch, FlashRAG"):
        print(f"  most memory, {name.removeprefix('batch, '):<10}{turns[name][-1].memory:8,.0f} MiB")


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, default=SAMPLE / "corpus.jsonl")
    parser.add_argument("questions", nargs="*", type=Path, help="question files; the sample's where none is given")
    parser.add_argument("--flashrag", type=Path, required=True, help="folder that holds FlashRAG's package")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has what FlashRAG imports")
    parser.add_argument("--passages", type=int, default=10_000, help="at most so many, drawn at random")
    parser.add_argument("--parts", type=int, default=5, help="indexes that each side builds, in turns")
    parser.add_argument("--rounds", type=int, default=8, help="turns of each kind of search")
    parser.add_argument("--threads", type=int, default=1, help="of each side")
    parser.add_argument("--batches", default="512,32", help="batches to try for FlashRAG; 512 is its default")
    options = parser.parse_args()
    passages = read_corpus(options.corpus)
    if passages.height > options.passages:
        passages = passages[random.Random(0).sample(range(passages.height), options.passages)]
    files = options.questions or sorted(SAMPLE.rglob("test.jsonl"))
    questions = [question for file in files for question in read_questions(file)["question"].to_list()]
    random.Random(0).shuffle(questions)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        step = -(-passages.height // options.parts)
        frames = list(passages.iter_slices(step))
        parts = [write_part(frame, folder / f"part{number}.jsonl") for number, frame in enumerate(frames)]
        whole = write_part(passages, folder / "whole.jsonl")

        def sides() -> tuple[Side, Side]:
            made = []
            for side, python, path in (
                ("ours", sys.executable, [ROOT]),
                ("theirs", options.python, [ROOT, options.flashrag.absolute()]),
            ):
                (place := folder / side).mkdir(exist_ok=True)
                made.append(Side(side, python, path, model_dir(), place, options.threads))
            return made[0], made[1]

        print(f"{passages.height:,} passages, {str(product_dtype()).removeprefix('torch.')}, threads {options.threads}")
        ours, theirs = sides()
        warm = write_part(passages.head(8), folder / "warm.jsonl")
        for side in (ours, theirs):
            side.do("build", corpus=warm, batch=8, vectors=[])
        best = indexed(
            ours, theirs, parts, list(map(int, options.batches.split(","))), [frame.height for frame in frames]
        )
        ours.do("build", corpus=whole, batch=best, vectors=[])
        theirs.do("build", corpus=whole, batch=best, vectors=parts)
        for side in (ours, theirs):
            side.close()
        ours, theirs = sides()
        for side in (ours, theirs):
            side.do("open", corpus=whole, batch=A_BATCH)
        searched(ours, theirs, questions, options.rounds)
        for side in (ours, theirs):
            side.close()


if __name__ == "__main__":
    main()
