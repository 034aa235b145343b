"""The figures of the paper (arXiv 2603.25737) that ours stand beside: 8 to 12 B language models over 21 M passages."""

from __future__ import annotations

from collections.abc import Iterable

# Mean gain in points: by benchmark over four methods and two models, by method over six benchmarks and two models.
GAIN_BY_BENCHMARK = {"fever": 4.79, "nq": 3.01, "boolq": 2.15, "squad": 1.33, "hotpotqa": 1.01, "zsre": 0.56}
GAIN_BY_METHOD = {"naive": 2.29, "replug": 2.40, "self_rag": 1.90, "flare": 1.99}
MEAN_GAIN = 2.14
# Share of training questions that the utility gate keeps, as printed.
KEPT = {"nq": "6–14 %", "boolq": "6–14 %", "fever": "6–14 %", "zsre": "6–14 %", "hotpotqa": "49.3 %", "squad": "48.1 %"}
# The largest difference between the gain of one's own units and of another method's.
TRANSFER_DIFFERENCE = 0.44


def gain_by_method(methods: Iterable[str]) -> dict[str, float]:
    """The paper's gains of those of our methods that it has, whatever their options (``replug:once=no``)."""
    plain = {method: method.partition(":")[0] for method in methods}
    return {method: GAIN_BY_METHOD[name] for method, name in plain.items() if name in GAIN_BY_METHOD}


def benchmark_of(name: str) -> str:
    """The paper's benchmark behind a name of ours: ``sample_nq`` and ``nq`` both stand for NQ; "" for any other."""
    for benchmark in GAIN_BY_BENCHMARK:
        if name == benchmark or name.endswith(("_" + benchmark, "-" + benchmark)):
            return benchmark
    return ""
