"""Two runs of one benchmark: each validates, evaluates and reports what it built itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from tests.pipeline.conftest import Place
from wbrag_pipeline.releases.store import build_release, candidate, candidate_name
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.training import stages


def train(place: Place, instance: dg.DagsterInstance) -> Any:
    job = place.definitions.defs.resolve_job_def("train_knowledge_base")
    config = {"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}}
    return job.execute_in_process(run_config=config, instance=instance, partition_key="towns", raise_on_error=False)


def figures(result: Any, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture
def instance(place: Place) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        index = place.definitions.defs.resolve_job_def("index_corpus")
        config = {"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}}
        assert index.execute_in_process(run_config=config, instance=instance, partition_key="towns").success
        yield instance


def test_a_run_reports_the_release_that_it_built_though_another_is_the_candidate_by_then(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = place.settings.releases("towns"), stages.candidate_release
    built = []

    def and_somebody_else_too(context: Any, curated: Any) -> Any:
        release = real(context, curated)
        fewer = release.units().head(1)
        built.extend([release.name, build_release(fewer, load_encoder(), folder, {}).name])
        return release

    monkeypatch.setattr(stages, "candidate_release", and_somebody_else_too)
    result = train(place, instance)
    assert result.success
    mine, others = built
    assert mine != others == candidate_name(folder)
    assert figures(result, "release")["candidate"] == mine
    assert figures(result, "evaluation")["release"] == mine
    assert candidate(folder).validation is None


def test_a_run_that_goes_on_from_a_failed_one_looks_at_what_that_built(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the candidate, which another run may have named since."""
    import assets.stage as stage

    monkeypatch.setattr(stage, "open_release", lambda folder, name: name)
    monkeypatch.setattr(stage, "candidate", lambda folder: "of another run")
    monkeypatch.setattr(stage.Stage, "tag_release", lambda self, release: None)

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["towns"]))
    def writeback_index() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"release": "r000007"})

    def looked_at(instance: dg.DagsterInstance, parent: str | None) -> tuple[str, str]:
        """The release, and the id of the run that goes on from ``parent``."""
        job = place.definitions.defs.resolve_job_def("train_knowledge_base")
        tags = {"dagster/partition": "towns"}
        run = instance.create_run_for_job(job, tags=tags, parent_run_id=parent, root_run_id=parent)
        context: Any = SimpleNamespace(
            instance=instance, run=run, asset_key=dg.AssetKey("release"), partition_key="towns"
        )
        found = stage.Stage(context, stage.Deployment(home=str(place.settings.home))).built_release()
        return str(found), run.run_id

    with dg.DagsterInstance.ephemeral() as instance:
        failed = dg.materialize([writeback_index], partition_key="towns", instance=instance).run_id
        assert looked_at(instance, None)[0] == "of another run"
        release, child = looked_at(instance, failed)
        assert release == "r000007" == looked_at(instance, child)[0]
