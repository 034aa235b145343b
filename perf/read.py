"""How fast the embedded reader reads: ``python -m perf.read [--pairs N]``.

Pairs are questions of the built-in sample with passages of its corpus, so about 70 words each. Speed is given beside
one thread of the same run: what the other cores add.
"""

from __future__ import annotations

import argparse
import time

from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.generation.reader.network import ReaderNetwork


def measure(network: ReaderNetwork, pairs: list[tuple[str, str]], threads: int) -> tuple[float, float]:
    """Pairs a second of wall time and of CPU time with so many threads."""
    import torch

    torch.set_num_threads(threads)
    wall, cpu = time.perf_counter(), time.process_time()
    network.read("span", pairs)
    return len(pairs) / (time.perf_counter() - wall), len(pairs) / (time.process_time() - cpu)


def main() -> None:
    """Print the figures."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args()
    registry = Registry.load(BUILT_IN / "none")
    questions = registry.splits("sample_nq").train["question"].to_list()
    passages = registry.passages("sample").head(options.pairs)
    contexts = [f"{title}\n{text}" for title, text in passages.select("title", "text").iter_rows()]
    pairs = [(questions[i % len(questions)], context) for i, context in enumerate(contexts)]
    network, threads = ReaderNetwork.load(), torch.get_num_threads()
    network.read("span", pairs[:20])  # the first products pay for the libraries' own preparations
    one, _ = measure(network, pairs, 1)
    all_, per_cpu = measure(network, pairs, threads)
    print(f"embedded reader, {len(pairs)} pairs")
    print(f"  one thread       {one:8.1f} pairs a second")
    print(
        f"  {threads} threads        {all_:8.1f} pairs a second, {per_cpu:.1f} a CPU-second, {all_ / one:.2f} times one"
    )


if __name__ == "__main__":
    main()
