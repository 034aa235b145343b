"""How much faster the encoder is than plain sentence-transformers, and whether it still finds the same.

    python -m perf.encode                                  # the built-in sample
    python -m perf.encode corpus.jsonl.gz nq.jsonl fever.jsonl --passages 10000

Plain is ``SentenceTransformer.encode(batch_size=32)`` in fp32, given 32 passages at a time in the corpus' order. It
runs on one thread, which is its best per CPU-second: with more it waits at barriers, and waiting counts. Speed is
passages per CPU-second of the whole process, so other work on the machine disturbs it less than it would a clock on the
wall; the two take turns, slice by slice, so that what disturbs one disturbs the other.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.question_files import read_questions
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.encoding.loading import load_model, prefixes
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.settings import DEFAULT_ENCODER

SAMPLE = Path(__file__).parents[1] / "wbrag_pipeline" / "sample"
TOP = 10
PLAIN_BATCH = 32
# Passages a turn. The encoder sorts within a turn, as it does within a segment of the embedding store.
SLICE = 2048


def cpu_seconds(work: Callable[[], Vectors]) -> tuple[Vectors, float]:
    """What ``work`` gives, and the CPU time of all threads that it took."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def top(queries: Vectors, passages: Vectors) -> list[set[int]]:
    """The positions of the TOP passages nearest to each query."""
    return [set(row.tolist()) for row in np.argsort(-(queries @ passages.T), axis=1, kind="stable")[:, :TOP]]


def measure(passages: pl.DataFrame, questions: list[str], name: str) -> None:
    """Encode both ways and print the two speeds, their ratio and the overlap of the results."""
    import torch

    encoder = load_encoder(name)
    plain = load_model(name, "cpu")
    query_prefix, passage_prefix = prefixes(name, plain)
    threads = torch.get_num_threads()
    titles, texts = passages["title"].to_list(), passages["text"].to_list()
    joined = [passage_prefix + (f"{title}\n{text}" if title else text) for title, text in passages.rows()]

    def in_order(some: list[str], at_once: int) -> Vectors:
        torch.set_num_threads(1)
        try:
            parts = [
                plain.encode(some[i : i + at_once], batch_size=PLAIN_BATCH, normalize_embeddings=True)
                for i in range(0, len(some), at_once)
            ]
        finally:
            torch.set_num_threads(threads)
        return np.concatenate(parts)

    in_order(joined[:64], PLAIN_BATCH)
    encoder.encode_passages(titles[:64], texts[:64])
    slow_parts, fast_parts = [], []
    slow_time = fast_time = 0.0
    with progress_bar("Encoding twice", len(joined), unit="passage") as advance:
        for start in range(0, len(joined), SLICE):
            part = slice(start, start + SLICE)
            fast, seconds = cpu_seconds(partial(encoder.encode_passages, titles[part], texts[part]))
            fast_time += seconds
            slow, seconds = cpu_seconds(partial(in_order, joined[part], PLAIN_BATCH))
            slow_time += seconds
            slow_parts.append(slow)
            fast_parts.append(fast)
            advance(len(fast))
    few = joined[:SLICE]
    _, sorted_time = cpu_seconds(lambda: in_order(few, len(few)))

    slow_speed, fast_speed, sorted_speed = len(joined) / slow_time, len(joined) / fast_time, len(few) / sorted_time
    expected = top(in_order([query_prefix + q for q in questions], PLAIN_BATCH), np.concatenate(slow_parts))
    found = top(encoder.encode_queries(questions), np.concatenate(fast_parts))
    same = np.mean([len(a & b) / len(a) for a, b in zip(expected, found, strict=True)])
    print(f"{encoder.name}, {encoder.arithmetic}, {len(joined)} passages, {len(questions)} questions")
    print(f"  plain, batch {PLAIN_BATCH}, in order       {slow_speed:7.1f} passages per CPU-second")
    print(f"  plain, sorted by the library   {sorted_speed:7.1f}   (over {len(few)})")
    print(f"  this encoder                   {fast_speed:7.1f}")
    print(f"  ratio, to plain in order       {fast_speed / slow_speed:7.2f}")
    print(f"  ratio, to plain sorted         {fast_speed / sorted_speed:7.2f}")
    print(f"  same top {TOP}                    {100 * same:7.2f} %")


def main() -> None:
    """Read the arguments, take a fixed random part of the corpus, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, default=SAMPLE / "corpus.jsonl")
    parser.add_argument("questions", nargs="*", type=Path, help="question files; the sample's where none is given")
    parser.add_argument("--passages", type=int, default=10_000, help="at most so many, drawn at random")
    parser.add_argument("--per-file", type=int, default=100, help="at most so many questions of each file")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    arguments = parser.parse_args()
    if not arguments.corpus.exists():
        parser.error(f"there is no {arguments.corpus}: name a corpus and files of questions")
    files = arguments.questions or sorted(SAMPLE.rglob("test.jsonl"))
    passages = read_corpus(arguments.corpus).select("title", "text")
    if passages.height > arguments.passages:
        passages = passages[random.Random(0).sample(range(passages.height), arguments.passages)]
    questions = [q for file in files for q in read_questions(file)["question"].head(arguments.per_file).to_list()]
    if not questions:
        parser.error("no questions were found: name files of questions")
    measure(passages, questions, arguments.encoder)


if __name__ == "__main__":
    main()
