"""A generator that fails on some questions, through Dagster: what is recorded, and when a stage gives up."""

from __future__ import annotations

from collections import Counter
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.generation.scripted_server import ScriptedServer
from tests.pipeline.conftest import Place
from wbrag_pipeline import tables
from wbrag_pipeline.errors import InputError, TooManyFailedError
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.gates import utility_gate

LOST = "Question: Who founded Eskmere?"


def score(place: Place, instance: Any, server: ScriptedServer, **change: Any) -> dict[str, Any]:
    """Run up to ``utility_scores``; gives that stage's metadata."""
    generator = f"openai:{server.url}#tiny"
    config = {"home": str(place.settings.home), "generator": generator, **change}
    result = place.definitions.defs.resolve_job_def("train_knowledge_base").execute_in_process(
        run_config={"resources": {"deployment": {"config": config}}, "loggers": {"people": {}}},
        instance=instance,
        partition_key="towns",
        asset_selection=[dg.AssetKey(name) for name in ("questions", "retrievals", "utility_scores")],
    )
    (event,) = result.asset_materializations_for_node("utility_scores")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_stage_gives_up_past_its_share_and_a_rerun_asks_for_the_lost_ones_alone(place: Place, instance: Any) -> None:
    place.definitions.defs.resolve_job_def("index_corpus").execute_in_process(
        run_config={"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}},
        instance=instance,
        partition_key="towns",
    )
    with ScriptedServer(lambda prompt, nth: "400" if prompt == LOST else "") as server:
        settings = place.settings.with_(generator=f"openai:{server.url}#tiny")
        table = settings.table("utility_scores", "towns")
        with pytest.raises(TooManyFailedError, match=r"1 of 23 .*4\.3%.*1\.0% may.*WBRAG_FAILURE_SHARE"):
            score(place, instance, server)
        assert not table.exists()

        def sent_by(run: Any) -> tuple[Any, Counter[str]]:
            before = Counter(server.sends)
            return run(), server.sends - before

        # Still lost, and allowed to be: recorded as such, and no matter for the gates.
        figures, sent = sent_by(lambda: score(place, instance, server, failure_share=0.05))
        assert sent == {LOST: 1}
        assert (figures["generator_calls_failed"], figures["questions_unscored"]) == (1, 1)
        frame = tables.UTILITY_SCORES.read(table)
        (row,) = frame.filter(pl.col("question") == "Who founded Eskmere?").iter_rows(named=True)
        assert row["score_no_retrieval"] is None and row["answer_no_retrieval"] is None and row["score_rag"] is None
        assert frame.height == 12 and frame["score_rag"].null_count() == 1
        assert not utility_gate(frame, Gates()).filter(question=row["question"])["kept"].item()
        # Back in health: that question's two prompts and nothing else.
        server.fault = lambda prompt, nth: ""
        figures, sent = sent_by(lambda: score(place, instance, server))
        assert sent[LOST] == 1 and sent.total() == 2
        assert figures["generator_calls_sent"] == 2 and "generator_calls_failed" not in figures
        assert tables.UTILITY_SCORES.read(table)["score_rag"].null_count() == 0


def test_the_share_comes_from_flag_or_environment() -> None:
    assert Settings().failure_share == 0.01
    assert Settings.from_environment({"WBRAG_FAILURE_SHARE": "0.2"}).failure_share == 0.2
    assert Settings.from_environment({"WBRAG_FAILURE_SHARE": "0.2"}, failure_share=0.0).failure_share == 0.0
    for wrong in ("much", "1.5", "-1"):
        with pytest.raises(InputError, match=r"(?i)failure_share"):
            Settings.from_environment({"WBRAG_FAILURE_SHARE": wrong})
