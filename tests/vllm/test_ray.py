"""The tiny Llama on a Ray cluster of several nodes on this machine, against the engine in this process.

A replica is three processes that import vLLM: one here, and two with HYPOTHESIS_PROFILE=nightly.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.conftest import ENGINE
from tests.vllm.hugging_face import PASSAGES, QUESTIONS
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.ray_engine import RayEngine
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.methods import check_able, method_named

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed here")

REPLICAS = 2 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Its address: a head for the datasets' workers, and nodes with room for one replica each."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": REPLICAS + 1, "include_dashboard": False})
    for _ in range(REPLICAS):
        made.add_node(num_cpus=2)
    try:
        yield made.address
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def spread(cluster: str, llama: Path) -> LanguageModel:
    arguments = {**ENGINE, "address": cluster, "replicas": REPLICAS, "rows": 2, "bundle": {"CPU": 1}}
    return LanguageModel(RayEngine.named(f"ray:{llama}", arguments))


def replicas() -> set[str]:
    import ray

    named = ray.util.list_named_actors(all_namespaces=True)
    return {actor["name"] for actor in named if "REPLICA" in actor["name"]}


def test_replicas_answer_as_one_process_does_and_stay_up_between_batches(
    spread: LanguageModel, model: LanguageModel
) -> None:
    n, before, up = len(QUESTIONS), model.usage.prompt_tokens, set()
    for task in (OPEN_QA, YES_NO):
        ours = spread.answer(QUESTIONS, [PASSAGES] * n, task)
        theirs = model.answer(QUESTIONS, [PASSAGES] * n, task)
        assert [(a.text, a.finished) for a in ours] == [(a.text, a.finished) for a in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-4)
        assert len(replicas()) == REPLICAS
        assert up <= replicas()
        up = replicas()
    assert spread.usage.failed == 0
    assert spread.usage.prompt_tokens == model.usage.prompt_tokens - before


def test_verdicts_and_prompts_that_do_not_fit(spread: LanguageModel, model: LanguageModel) -> None:
    verdicts = [m.assess(QUESTIONS[:2], PASSAGES[:2], ["Warsaw"] * 2, OPEN_QA) for m in (spread, model)]
    for one, other in zip(*verdicts, strict=True):
        assert (one.relevant, one.supported) == pytest.approx((other.relevant, other.supported), abs=1e-4)
    long = Passage("4", "Long", "Radium was found. " * 1000)
    assert spread.answer(QUESTIONS[:1], [[PASSAGES[0], long]], OPEN_QA)[0].text
    assert spread.usage.passages_dropped == 1


def test_what_it_cannot_do_is_said_before_anything_is_sent(spread: LanguageModel) -> None:
    check_able(spread, Flare())
    with pytest.raises(InputError, match="replug"):
        check_able(spread, method_named("replug"))
