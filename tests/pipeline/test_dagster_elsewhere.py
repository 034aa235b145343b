"""A run notes where Dagster keeps its records, so that forgetting finds them also when it is not told."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from tests.pipeline.conftest import Place


def test_a_run_notes_a_folder_of_dagsters_outside_the_home(place: Place) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = place.definitions.defs.resolve_job_def("index_corpus").execute_in_process(
            run_config={
                "resources": {"deployment": {"config": {"home": str(place.settings.home)}}},
                "loggers": {"people": {}},
            },
            instance=instance,
            partition_key="towns",
        )
    assert done.success
    assert Path(os.environ["DAGSTER_HOME"]) in place.settings.layout.dagster_elsewhere()
