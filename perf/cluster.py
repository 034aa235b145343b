"""What encoding over a Ray cluster costs beside encoding here: ``python -m perf.cluster [--passages N] [--turns T]``.

The cluster is made on this machine, a node of one core for each core that encoding here uses, so both have the same
cores. They take turns over the same passages of the sample. Printed are passages a second of both, the ratio turn by
turn, the CPU time of the process that sends and collects, and whether the vectors are the same bytes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.settings import Settings


def timed(work: Callable[[], Vectors]) -> tuple[Vectors, float, float]:
    """What ``work`` gives, its seconds, and the CPU time of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = work()
    return vectors, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    import ray
    import torch
    from ray.cluster_utils import Cluster

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, default=1024, help="a turn")
    parser.add_argument("--turns", type=int, default=4)
    options = parser.parse_args()
    passages = Registry.load(BUILT_IN / "none").passages("sample").head(options.passages)
    titles, texts = passages["title"].to_list(), passages["text"].to_list()
    small = {"object_store_memory": 200 * 1024 * 1024}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
    try:
        for _ in range(cores := torch.get_num_threads()):
            cluster.add_node(num_cpus=1, **small)
        cluster.wait_for_nodes()
        begin = time.perf_counter()
        there, here = deployed_encoder(Settings(workers=f"ray:{cluster.address}")), load_encoder()
        for encoder in (here, there):
            encoder.encode_passages(titles[:256], texts[:256])
        seconds = time.perf_counter() - begin
        print(f"{passages.height:,} passages a turn, {cores} cores; joined and loaded in {seconds:.0f} s")
        ratios, walls, cpu, same = [], np.zeros(2), 0.0, True
        for turn in range(options.turns):
            found = {}
            for encoder in (here, there)[:: 1 - turn % 2 * 2]:
                found[encoder is there] = timed(partial(encoder.encode_passages, titles, texts))
            ratios.append(found[True][1] / found[False][1])
            walls += [found[False][1], found[True][1]]
            cpu += found[True][2]
            same &= found[False][0].tobytes() == found[True][0].tobytes()
    finally:
        ray.shutdown()
        cluster.shutdown()
    count = passages.height * options.turns
    print(f"  here                  {count / walls[0]:8.1f} passages a second")
    print(f"  over the cluster      {count / walls[1]:8.1f}")
    print(f"  seconds, cluster ÷ here   {np.median(ratios):.2f}   ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"  CPU time of the sending process: {1000 * cpu / count:.3f} ms a passage")
    print(f"  same vectors, byte for byte: {'yes' if same else 'NO'}")


if __name__ == "__main__":
    main()
