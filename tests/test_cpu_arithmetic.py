"""The number format of products, dense layers laid out once, and one worker a core."""

from __future__ import annotations

import threading
import time

import pytest
import torch
import torch.nn.functional as functional

from wbrag_pipeline.cpu_arithmetic import VARIABLE, dense_layer, has_native_bf16, map_on_cores, product_dtype
from wbrag_pipeline.errors import InputError


def test_the_format_is_the_processors_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert product_dtype() == (torch.bfloat16 if has_native_bf16() else torch.float32)
    for given, expected in {"bf16": torch.bfloat16, "fp32": torch.float32}.items():
        monkeypatch.setenv(VARIABLE, given)
        assert product_dtype() == expected
    monkeypatch.setenv(VARIABLE, "fp16")
    with pytest.raises(InputError, match="must be bf16 or fp32") as caught:
        product_dtype()
    assert caught.value.field == VARIABLE


@pytest.mark.parametrize(
    ("capabilities", "native"), [({"avx2": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]
)
def test_what_the_processor_has_decides(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], native: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_native_bf16() is native


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("rows", [1, 7, 96, 300])
def test_a_dense_layer_is_a_linear_one(dtype: torch.dtype, rounding: float, rows: int) -> None:
    torch.manual_seed(rows)
    x, weight, bias = torch.randn(1, rows, 384), torch.randn(128, 384) / 20, torch.randn(128)
    found = dense_layer(weight, bias, dtype)(x)
    assert found.dtype == dtype and found.shape == (1, rows, 128)
    assert (found.float() - functional.linear(x, weight, bias)).abs().max() < rounding


def test_where_there_is_no_onednn_it_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    x, weight, bias = torch.randn(3, 4), torch.randn(2, 4), torch.randn(2)
    assert torch.equal(dense_layer(weight, bias, torch.float32)(x), functional.linear(x, weight, bias))


def test_results_come_in_order_and_are_counted() -> None:
    told: list[int] = []
    workers = set()

    def work(item: int) -> int:
        workers.add(threading.current_thread().name)
        assert torch.get_num_threads() == 1
        time.sleep(0.01 * (item % 3))
        return item * item

    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert map_on_cores(work, range(9), told.append) == [item * item for item in range(9)]
        assert torch.get_num_threads() == 3  # given back as it was
    finally:
        torch.set_num_threads(threads)
    assert sum(told) == 9 and len(workers) == 3
    assert map_on_cores(work, []) == []


def test_a_single_item_waits_for_no_thread() -> None:
    told: list[int] = []
    assert map_on_cores(lambda _: threading.current_thread(), ["a question"], told.append) == [threading.main_thread()]
    assert told == [1]


def test_a_failure_ends_the_call_and_the_rest_is_not_computed() -> None:
    done = []

    def work(item: int) -> None:
        if item == 1:
            raise RuntimeError("no more memory")
        time.sleep(0.01)
        done.append(item)

    threads = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="no more memory"):
        map_on_cores(work, range(1000))
    assert torch.get_num_threads() == threads and len(done) < 900
