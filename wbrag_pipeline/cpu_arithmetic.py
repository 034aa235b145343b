"""How networks are computed on a CPU: in which number format, with which products, by how many threads.

The embedded reader and the MiniLM encoder share it. What it gains is measured in docs/explanation/performance.md.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Item = TypeVar("Item")
_Result = TypeVar("_Result")

# ``bf16`` or ``fp32``: the format of matrix products, instead of the one that is fastest on this processor.
VARIABLE = "WBRAG_CPU_ARITHMETIC"

# Rows of a typical input, by which oneDNN chooses the layout of weights.
_TYPICAL_ROWS = 96
# The interpreter's lock lets through about 2,000 texts a second, which a dozen cores compute.
_MOST_WORKERS = 16
# Items that wait for a worker at a time.
_QUEUED = 4096
# torch's number of threads is one setting for the whole process, so only one call may change it at a time.
_threads = threading.Lock()


def product_dtype() -> torch.dtype:
    """The format of matrix products: bfloat16 where the CPU multiplies it natively, else float32.

    $WBRAG_CPU_ARITHMETIC (``bf16`` or ``fp32``) overrides the choice. bf16 without native instructions is several
    times slower and rounds as a machine that has them. Raises InputError for any other value.
    """
    import torch

    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "bf16", "fp32"):
        raise InputError(f"must be bf16 or fp32, not {wanted!r}", field=VARIABLE, hint="unset it to use the faster one")
    return torch.bfloat16 if wanted == "bf16" or (not wanted and has_native_bf16()) else torch.float32


def has_native_bf16() -> bool:
    """Whether this CPU has instructions for bf16 products (AVX512-BF16 or AMX)."""
    import torch

    # Older versions of torch have only the two private questions.
    if capabilities := getattr(torch.cpu, "get_capabilities", None):
        found = capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, question, bool)() for question in asked)


def dense_layer(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """``x -> x W^T + b`` in ``dtype``, for ``weight`` (out, in), ``bias`` (out,) and x (..., in).

    The weights are laid out for oneDNN once, here; ``torch.nn.functional.linear`` does it at every call, and leaves
    fp32 to MKL, which uses no AVX-512 on AMD. These are the two operators that torch's own compiler puts in the place
    of ``linear`` (``torch/_inductor/fx_passes/mkldnn_fusion.py``). Elsewhere than on x86 it is plain ``linear``.
    """
    import torch
    import torch.nn.functional as functional

    weight, bias = weight.to(dtype).contiguous(), bias.to(dtype)
    if not _lays_out(dtype):
        return lambda x: functional.linear(x.to(dtype), weight, bias)
    laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, _TYPICAL_ROWS)
    linear = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: linear(x.to(dtype), laid_out, bias, "none", [], "")


@contextmanager
def one_thread_an_operation() -> Iterator[int]:
    """Let torch use one thread in each operation, in this and in new threads, and yield how many it used before.

    That many workers then hold to OMP_NUM_THREADS and to the cores that this process may use.
    """
    import torch

    with _threads:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield threads
        finally:
            torch.set_num_threads(threads)


def map_on_cores(
    work: Callable[[Item], _Result], items: Sequence[Item], progress: Callable[[int], object] | None = None
) -> list[_Result]:
    """``work`` of each item, in order, by one worker a core.

    Torch lets go of the interpreter's lock while it computes, and an item a core beats all cores at one small
    product. A result does not depend on the number of cores either. ``progress`` is called with the number of newly
    finished items, from this thread.
    """
    import torch

    results: list[_Result] = []
    with one_thread_an_operation() as threads:
        workers = max(1, min(threads, len(items), _MOST_WORKERS))
        if workers == 1:  # a question that is asked alone does not wait for a thread to start
            for item in items:
                results.append(work(item))
                if progress:
                    progress(1)
            return results
        pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
        try:
            for first in range(0, len(items), _QUEUED):
                for result in pool.map(work, items[first : first + _QUEUED]):
                    results.append(result)
                    if progress:
                        progress(1)
        finally:
            pool.shutdown(cancel_futures=True)  # after a failure or Ctrl-C the rest is not computed
    return results


def _lays_out(dtype: torch.dtype) -> bool:
    import torch

    there = torch.backends.mkldnn.is_available()
    if not there or platform.machine() not in ("x86_64", "AMD64"):
        return False
    return dtype != torch.bfloat16 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
