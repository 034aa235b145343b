"""Encoding over a Ray cluster of several nodes on this machine, against the encoder in this process."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.retrieval.conftest import CompassEncoder
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.errors import InputError, MissingPartError, WbragError
from wbrag_pipeline.ray_cluster import cluster_address, join_cluster
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.encoding import cluster_encoder
from wbrag_pipeline.retrieval.encoding.cluster_encoder import ClusterEncoder, deployed_encoder, shares
from wbrag_pipeline.retrieval.encoding.embedding_store import embeddings_of, store_of
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.encoding.segments import segments_in
from wbrag_pipeline.retrieval.protocols import Advance, Encoder, EncodesParts, Vectors
from wbrag_pipeline.settings import DEFAULT_ENCODER, Settings

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed here")
# Ray warns of its own affairs.
rays_warnings = pytest.mark.filterwarnings("default")
PASSAGES = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that takes no work, and two nodes of one core each."""
    import ray
    from ray.cluster_utils import Cluster

    usual = {"object_store_memory": 100 * 1024 * 1024}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **usual})
    for _ in range(2):
        made.add_node(num_cpus=1, **usual)
    made.wait_for_nodes()
    try:
        yield made
    finally:
        cluster_encoder._joined.cache_clear()
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def spread(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """The default encoder over the cluster, in shares of a few texts."""
    encoder = deployed_encoder(Settings(workers=f"ray:{cluster.address}"))
    assert isinstance(encoder, ClusterEncoder) and encoder.workers >= 1
    monkeypatch.setattr(encoder, "_texts", 7)
    return encoder


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    """Titles and texts of many lengths, one of them longer than the model reads."""
    found = Registry.load(BUILT_IN / "none").passages("sample").head(PASSAGES)
    titles, texts = found["title"].to_list(), found["text"].to_list()
    return ["", *titles[1:]], ["", "ö" * 3000, texts[2] * 20, *texts[3:]]


@needs_ray
@rays_warnings
def test_vectors_are_those_of_one_machine_byte_for_byte(spread: Encoder, texts: tuple[list[str], list[str]]) -> None:
    alone, told = load_encoder(), list[int]()
    assert (spread.name, spread.dimension) == (alone.name, alone.dimension)
    assert (spread.fingerprint, spread.arithmetic) == (alone.fingerprint, alone.arithmetic)
    found = spread.encode_passages(*texts, told.append)
    assert found.dtype == np.float32 and found.tobytes() == alone.encode_passages(*texts).tobytes()
    assert sum(told) == PASSAGES
    assert spread.encode_queries(texts[1]).tobytes() == alone.encode_queries(texts[1]).tobytes()
    for nothing in (spread.encode_queries([]), spread.encode_passages([], [])):
        assert nothing.shape == (0, alone.dimension)


@needs_ray
@rays_warnings
def test_a_corpus_that_is_indexed_over_the_cluster_is_the_one_indexed_here(spread: Encoder, tmp_path: Path) -> None:
    found = Registry.load(BUILT_IN / "none").passages("sample").head(PASSAGES)
    found.select("title", "text", id="passage_id").write_parquet(tmp_path / "corpus.parquet")
    made: list[dict[str, bytes]] = []
    for name, encoder in (("here", load_encoder()), ("there", spread)):
        settings = Settings(home=tmp_path / name)
        add_corpus(settings.home, "towns", tmp_path / "corpus.parquet")
        assert refresh_corpus(settings, Registry.load(settings.home), "towns", encoder, run="r").encoded == PASSAGES
        assert refresh_corpus(settings, Registry.load(settings.home), "towns", encoder, run="r").encoded == 0
        kept = settings.layout.embeddings.parent
        made.append({str(file.relative_to(kept)): file.read_bytes() for file in kept.rglob("*.*") if file.is_file()})
    assert any(name.endswith("index.faiss") for name in made[0])
    assert made[0] == made[1]


@needs_ray
@rays_warnings
def test_what_a_lost_machine_had_is_encoded_elsewhere(
    cluster: Any, spread: Encoder, texts: tuple[list[str], list[str]]
) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=100 * 1024 * 1024)
    cluster.wait_for_nodes()
    gone: list[Any] = []

    def lose(_: int) -> None:
        if not gone:
            gone.append(node)
            cluster.remove_node(node, allow_graceful=False)

    assert spread.encode_passages(*texts, lose).tobytes() == load_encoder().encode_passages(*texts).tobytes()
    assert gone


@needs_ray
@rays_warnings
def test_what_is_wrong_on_a_worker_is_told_as_it_is_here(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder") as there:
        deployed_encoder(Settings(encoder=str(tmp_path / "none"), workers=f"ray:{cluster.address}"))
    with pytest.raises(InputError) as here:
        load_encoder(str(tmp_path / "none"))
    assert str(there.value) == str(here.value)


@needs_ray
@rays_warnings
def test_workers_that_encode_differently_are_refused(spread: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "_whose", (spread.fingerprint, "minilm-abacus"))
    monkeypatch.setattr(spread, "arithmetic", "minilm-abacus")
    with pytest.raises(WbragError, match=r"encode differently .*minilm-abacus.* WBRAG_CPU_ARITHMETIC"):
        spread.encode_queries(["who?"])


@needs_ray
def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refuse(**_: object) -> None:
        raise ConnectionError("Ray is trying to start at 192.0.2.1:1, but is not running\nmore")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(WbragError, match=r"no Ray cluster at 192.0.2.1:1 can be joined: .* not running$"):
        join_cluster("192.0.2.1:1")


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPartError, match=r"wbrag-pipeline\[ray\]"):
        join_cluster("")


@pytest.mark.parametrize("workers", ["8", "dask:scheduler", "Ray:x", " ray:", "10.0.0.1:6379"])
def test_workers_of_another_kind_are_refused(workers: str) -> None:
    with pytest.raises(InputError, match=r"workers.*is no cluster"):
        Settings(workers=workers)


def test_where_the_cluster_is() -> None:
    assert cluster_address("") is None and cluster_address("ray:") == ""
    assert cluster_address("ray:10.0.0.1:6379") == "10.0.0.1:6379"
    assert cluster_address("ray:ray://head:10001") == "ray://head:10001"


def test_without_workers_the_encoder_is_that_of_this_process() -> None:
    assert deployed_encoder(Settings()) is load_encoder(DEFAULT_ENCODER)


@given(st.lists(st.integers(0, 5000), max_size=300), st.integers(1, 40))
def test_shares_hold_every_text_once_the_longest_first_and_are_even(lengths: list[int], count: int) -> None:
    found = shares(np.array(lengths, dtype=np.int64), count)
    assert len(found) <= count and all(len(share) for share in found)
    order = [place for share in found for place in share.tolist()]
    assert order == sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    fair = (sum(lengths) + len(lengths)) / count
    for share in found:
        assert sum(lengths[place] + 1 for place in share) <= fair + max(lengths) + 1


class PartsAhead(CompassEncoder):
    """Takes parts ahead as the cluster does, and fails where it should."""

    def __init__(self, fails_after: int | None = None) -> None:
        super().__init__()
        self.fails_after = fails_after

    def encode_parts(
        self, parts: Iterable[tuple[Sequence[str], Sequence[str]]], progress: Advance | None = None
    ) -> Iterator[Vectors]:
        taken = list(parts)
        for number, (titles, texts) in enumerate(taken):
            if number == self.fails_after:
                raise WbragError("the cluster is gone")
            yield self.encode_passages(titles, texts, progress)


def test_what_was_stored_before_a_failure_is_not_encoded_again(tmp_path: Path) -> None:
    names = [str(float(angle)) for angle in range(40)]
    passages = pl.DataFrame({"passage_id": names, "title": "", "text": names, "content_hash": names})
    failing = PartsAhead(fails_after=6)
    assert isinstance(failing, EncodesParts) and not isinstance(CompassEncoder(), EncodesParts)
    with (
        pytest.raises(WbragError, match="is gone"),
        embeddings_of(passages, tmp_path / "a", failing, segment_passages=4),
    ):
        pass
    assert len(segments_in(store_of(tmp_path / "a", failing))) == 6
    whole: list[bytes] = []
    for folder, encoder, encoded in (("a", PartsAhead(), 16), ("b", CompassEncoder(), 40)):
        with embeddings_of(passages, tmp_path / folder, encoder, segment_passages=4) as stored:
            assert stored.encoded == encoded == len(encoder.encoded)
            whole.append(np.concatenate([*stored]).tobytes())
    assert whole[0] == whole[1]
    assert {s.folder.name for s in segments_in(store_of(tmp_path / "a", failing))} == {
        s.folder.name for s in segments_in(store_of(tmp_path / "b", failing))
    }
