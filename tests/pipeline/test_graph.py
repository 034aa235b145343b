"""The asset graph through Dagster itself, on a tiny corpus with the real encoder and the real reader."""

from __future__ import annotations

from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.pipeline.conftest import Place
from wbrag_pipeline import tables
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.store import current, release_names

STAGES = [
    "questions",
    "retrievals",
    "utility_scores",
    "gated_docs",
    "knowledge_units",
    "curated_units",
    "writeback_index",
]
STAGES += ["release", "evaluation", "report"]


def config(place: Place, **change: Any) -> dict[str, Any]:
    return {
        "resources": {"deployment": {"config": {"home": str(place.settings.home), **change}}},
        "loggers": {"people": {}},
    }


@pytest.fixture(scope="module")
def trained(place: Place, instance: Any) -> Place:
    for job in ("index_corpus", "train_knowledge_base"):
        result = place.definitions.defs.resolve_job_def(job).execute_in_process(
            run_config=config(place), instance=instance, partition_key="towns"
        )
        assert result.success
    return place


def test_the_graph_is_the_one_that_is_documented(place: Place) -> None:
    graph = place.definitions.defs.resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    experiments = {f"{kind}_experiment" for kind in ("matrix", "transfer", "ablation", "oracle")}
    assert keys == {
        "passages",
        "corpus_changes",
        "corpus_index",
        "retired_units",
        *STAGES,
        "usage",
        *experiments,
        "experiments_report",
    }
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents["corpus_changes"] == {"passages"}
    assert parents["corpus_index"] == {"corpus_changes"}
    assert parents["retired_units"] == {"corpus_index", "corpus_changes"}
    assert parents["questions"] == set()
    assert parents["retrievals"] == {"corpus_index", "questions"}
    assert parents["utility_scores"] == {"questions", "retrievals", "passages"}
    assert parents["gated_docs"] == {"questions", "retrievals", "utility_scores", "passages"}
    # The graph says who reads answers, and nothing that holds any leads to the distiller.
    assert parents["knowledge_units"] == {"gated_docs", "passages"}
    assert {name for name, above in parents.items() if "questions" in above} == {
        "retrievals",
        "utility_scores",
        "gated_docs",
        "release",
        "evaluation",
    }
    with_answers = {table.name for table in tables.ALL if "golden_answers" in table.schema}
    assert with_answers == {"questions", "evaluation"}
    assert parents["curated_units"] == {"knowledge_units", "gated_docs", "passages"}
    assert parents["writeback_index"] == {"curated_units"}
    assert parents["release"] == {"questions", "writeback_index", "corpus_index"}
    assert parents["evaluation"] == {"questions", "passages", "writeback_index", "corpus_index"}


def test_partitions_come_from_the_registry_and_map_corpora_to_benchmarks(place: Place) -> None:
    graph = place.definitions.defs.resolve_asset_graph()
    corpora = graph.get(dg.AssetKey("passages")).partitions_def.get_partition_keys()
    benchmarks = graph.get(dg.AssetKey("retrievals")).partitions_def.get_partition_keys()
    assert {"towns", "sample"} <= set(corpora)
    assert {"towns", "sample_nq", "sample_fever"} <= set(benchmarks)


def test_every_stage_leaves_a_table_of_its_schema(trained: Place) -> None:
    for table in tables.ALL:
        frame = pl.read_parquet(trained.settings.table(table.name, "towns"))
        # Nothing was retired: nothing had been served.
        assert table.check(frame).height > 0 or table is tables.RETIRED_UNITS, table.name


def test_units_are_verbatim_and_published(trained: Place) -> None:
    units = current(trained.settings.releases("towns")).units()
    passages = dict(
        pl.read_parquet(trained.settings.table("passages", "towns")).select("passage_id", "text").iter_rows()
    )
    assert units.height > 0
    for unit in units.iter_rows(named=True):
        sources = " ".join(passages[name] for name in unit["source_passage_ids"])
        for sentence in unit["text"].split(". "):
            assert sentence.rstrip(".") in sources


def test_metadata_figures_and_checks_are_recorded(trained: Place, instance: Any) -> None:
    for asset in STAGES:
        (record,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=["towns"]), limit=1
        ).records
        assert record.asset_materialization.metadata["rows"].value >= 0
    evaluated = instance.get_latest_materialization_event(dg.AssetKey("evaluation")).asset_materialization.metadata
    assert {"score_without", "score_with", "gain", "gain_low", "gain_high", "helped", "hurt"} <= set(evaluated)
    assert "![" in evaluated["scores"].value


def test_a_line_leaves_out_what_there_was_none_of_and_keeps_results_that_are_zero() -> None:
    from assets.stage import in_a_line

    assert in_a_line({"titles": 4, "left_out": 0, "rows_cut": 0, "encoder": "e"}) == "; titles 4"
    assert in_a_line({"kept": 0, "gain": 0.0, "rescued": 0, "published": 0}) == "; kept 0, gain 0, published 0"
    assert in_a_line({"left_out": 0}) == ""


def test_checks_pass_and_are_of_this_partition(trained: Place, instance: Any) -> None:
    wanted = {("knowledge_units", "no_gold_answer_reached_the_distiller"), ("writeback_index", "units_and_index_agree")}
    wanted |= {("knowledge_units", "compression_is_a_compression"), ("release", "newest_release_is_served")}
    wanted |= {("curated_units", "published_units_are_fit_to_search")}
    wanted |= {(table.name, "schema") for table in tables.ALL if table.name != "questions"}
    for asset, name in wanted:
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert records, (asset, name)
        evaluation = records[0].event.dagster_event.event_specific_data
        assert evaluation.passed, (asset, name)
        assert evaluation.partition == "towns", (asset, name)


def test_a_second_run_asks_the_generator_nothing_and_publishes_nothing(trained: Place, instance: Any) -> None:
    before = release_names(trained.settings.releases("towns"))
    units = trained.settings.table("knowledge_units", "towns").read_bytes()
    result = trained.definitions.defs.resolve_job_def("train_knowledge_base").execute_in_process(
        run_config=config(trained), instance=instance, partition_key="towns"
    )
    for asset in ("utility_scores", "gated_docs", "knowledge_units", "evaluation"):
        (event,) = result.asset_materializations_for_node(asset)
        assert event.metadata["generator_calls"].value > 0
        assert event.metadata["generator_calls_sent"].value == 0, asset
    assert release_names(trained.settings.releases("towns")) == before
    assert trained.settings.table("knowledge_units", "towns").read_bytes() == units


def test_moving_a_threshold_recomputes_decisions_only(trained: Place, instance: Any) -> None:
    job = trained.definitions.defs.resolve_job_def("train_knowledge_base")
    scores = trained.settings.table("utility_scores", "towns").read_bytes()
    result = job.execute_in_process(
        run_config=config(trained, tau_s=0.99, tau_doc=0.5), instance=instance, partition_key="towns"
    )
    for asset in ("utility_scores", "gated_docs"):
        (event,) = result.asset_materializations_for_node(asset)
        assert event.metadata["generator_calls_sent"].value == 0
    assert trained.settings.table("utility_scores", "towns").read_bytes() == scores
    job.execute_in_process(run_config=config(trained), instance=instance, partition_key="towns")


def test_units_are_never_distilled_from_units(trained: Place, instance: Any) -> None:
    units = current(trained.settings.releases("towns")).units()
    assert units.height > 0  # there is something that training could find, and must not
    trained.definitions.defs.resolve_job_def("train_knowledge_base").execute_in_process(
        run_config=config(trained),
        instance=instance,
        partition_key="towns",
        asset_selection=[dg.AssetKey(name) for name in ("retrievals", "utility_scores", "gated_docs")],
    )
    passages = set(pl.read_parquet(trained.settings.table("passages", "towns"))["passage_id"])
    for asset in ("retrievals", "gated_docs"):
        assert set(pl.read_parquet(trained.settings.table(asset, "towns"))["passage_id"]) <= passages
    assert set(units["source_passage_ids"].explode()) <= passages


def test_without_curation_every_unit_is_published_and_nothing_is_overwritten(trained: Place, instance: Any) -> None:
    curated = trained.settings.table("curated_units", "towns").read_bytes()
    trained.definitions.defs.resolve_job_def("train_knowledge_base").execute_in_process(
        run_config=config(trained, curate=False),
        instance=instance,
        partition_key="towns",
        asset_selection=[
            dg.AssetKey(name) for name in ("utility_scores", "gated_docs", "knowledge_units", "curated_units")
        ],
    )
    plain = pl.read_parquet(trained.settings.with_(curate=False).table("curated_units", "towns"))
    assert plain.height > 0 and set(plain["state"]) == {"published"}
    assert trained.settings.table("curated_units", "towns").read_bytes() == curated


def test_lineage_leads_from_a_unit_to_its_passages_and_back(trained: Place) -> None:
    unit = current(trained.settings.releases("towns")).units().row(0, named=True)
    lineage = Lineage(trained.settings.layout.lineage)
    tree = repr(lineage.trace(unit["unit_id"]))
    assert unit["question"] in tree and unit["source_hashes"][0] in tree
    assert unit["unit_id"] in repr(lineage.trace(unit["source_passage_ids"][0]))
    assert "curated: published" in tree


def test_a_check_that_fails_keeps_the_index_from_being_published(
    trained: Place, instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assets.knowledge_units as stage

    published = current(trained.settings.releases("towns")).name
    monkeypatch.setattr(stage, "leaked_answers", lambda *tables: 1)
    result = trained.definitions.defs.resolve_job_def("train_knowledge_base").execute_in_process(
        run_config=config(trained, n_min=1), instance=instance, partition_key="towns", raise_on_error=False
    )
    assert not result.success
    ran = {event.step_key for event in result.all_node_events if event.is_step_start}
    assert "knowledge_units" in ran and "writeback_index" not in ran
    assert current(trained.settings.releases("towns")).name == published


@pytest.mark.parametrize(("times", "warned", "stopped"), [(1.0, False, False), (1.5, True, False), (2.5, True, True)])
def test_units_longer_than_their_sources_are_a_warning_and_far_longer_ones_stop_the_run(
    trained: Place, instance: Any, monkeypatch: pytest.MonkeyPatch, times: float, warned: bool, stopped: bool
) -> None:
    import assets.knowledge_units as stage
    from wbrag_pipeline.training import stages

    made = stages.distil
    lengths = (times * pl.col("source_tokens")).cast(pl.Int32).alias("unit_tokens")
    monkeypatch.setattr(stages, "distil", lambda *given, **options: made(*given, **options).with_columns(lengths))
    result = trained.definitions.defs.resolve_job_def("train_knowledge_base").execute_in_process(
        run_config=config(trained),
        instance=instance,
        partition_key="towns",
        asset_selection=[dg.AssetKey("knowledge_units"), dg.AssetKey("curated_units")],
        raise_on_error=False,
    )
    (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == stage.COMPRESSION]
    assert check.passed is not warned
    assert result.success is not stopped
    ran = {event.step_key for event in result.all_node_events if event.is_step_start}
    assert ("curated_units" in ran) is not stopped
