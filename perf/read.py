"""How fast the embedded reader reads: ``python -m perf.read [--pairs N]``.

Pairs are questions of the built-in sample with passages of its corpus, so about 70 words each. Speed is given beside
one thread of the same run (what the other cores add) and beside torch's own linear layers, in turns (what
``cpu_arithmetic.dense_layer`` adds, and whether an answer changes). An old machine, without AVX-512, is imitated by::

    WBRAG_CPU_ARITHMETIC=fp32 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2
"""

from __future__ import annotations

import argparse
import time

from wbrag_pipeline.cpu_arithmetic import product_dtype
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.generation.reader.network import ReaderNetwork, Reading

TURN = 50


def read(network: ReaderNetwork, pairs: list[tuple[str, str]]) -> tuple[list[Reading], float, float]:
    """Readings, and the seconds of wall time and of CPU time that they took."""
    wall, cpu = time.perf_counter(), time.process_time()
    readings = network.read("span", pairs)
    return readings, time.perf_counter() - wall, time.process_time() - cpu


def compare(network: ReaderNetwork, other: ReaderNetwork, pairs: list[tuple[str, str]]) -> tuple[float, float, int]:
    """Pairs a CPU-second of both networks, which read in turns, and how many answers differ."""
    seconds, changed = [0.0, 0.0], 0
    for start in range(0, len(pairs), TURN):
        found = [read(each, pairs[start : start + TURN]) for each in (network, other)]
        seconds = [total + cpu for total, (_, _, cpu) in zip(seconds, found, strict=True)]
        changed += sum(a.text != b.text for a, b in zip(found[0][0], found[1][0], strict=True))
    return len(pairs) / seconds[0], len(pairs) / seconds[1], changed


def main() -> None:
    """Print the figures."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args()
    registry = Registry.load(BUILT_IN / "none")
    questions = registry.splits("sample_nq").train["question"].to_list()
    passages = registry.passages("sample").head(options.pairs)
    contexts = [f"{title}\n{text}" for title, text in passages.select("title", "text").iter_rows()]
    pairs = [(questions[i % len(questions)], context) for i, context in enumerate(contexts)]
    network, plain, threads = ReaderNetwork.load(), ReaderNetwork.load(), torch.get_num_threads()
    plain._dense = None
    for each in (network, plain):
        each.read("span", pairs[:20])  # the first products pay for the libraries' own preparations
    _, all_, _ = read(network, pairs)
    torch.set_num_threads(1)
    _, one, _ = read(network, pairs)
    torch.set_num_threads(threads)
    ours, torchs, changed = compare(network, plain, pairs)
    print(f"embedded reader, {str(product_dtype()).removeprefix('torch.')}, {len(pairs)} pairs")
    print(f"  one thread              {len(pairs) / one:8.1f} pairs a second")
    print(f"  {threads} threads               {len(pairs) / all_:8.1f} pairs a second, {one / all_:.2f} times one")
    print(f"  weights laid out once   {ours:8.1f} pairs a CPU-second")
    print(f"  torch's linear layers   {torchs:8.1f} pairs a CPU-second")
    print(f"  ratio                   {ours / torchs:8.2f}, {changed} of {len(pairs)} answers differ")


if __name__ == "__main__":
    main()
