"""``wbrag refresh`` from end to end: a trained benchmark, its corpus' file edited, and what follows."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from tests.pipeline.conftest import Place, write_tiny
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.pipeline import run_pipeline, run_refresh
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.lineage import Lineage, render_tree
from wbrag_pipeline.releases.store import build_release, current, promote
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder


@pytest.fixture
def source(place: Place) -> Path:
    return Registry.load(place.settings.home).corpus("towns").path


@pytest.fixture
def trained(place: Place, source: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Trained on the corpus as it was written first, whatever a test before this one did to it."""
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    monkeypatch.setenv("DAGSTER_HOME", str(place.settings.home / "dagster"))
    write_tiny(source.parent)
    if not (place.settings.releases("towns") / "CURRENT").is_file():
        run_pipeline(place.settings, ["towns"])
    else:
        wbrag("refresh", "towns", "--allow-deletions")
    return place


def wbrag(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def rows_of(source: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]


def write(source: Path, rows: list[dict[str, Any]]) -> None:
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    skipped = {"dagster", ".lock", "lineage"}
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not skipped & set(path.relative_to(folder).parts)
    }


def facts(lineage: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What the lineage says of the units that there are now, but for when and in which run it became known."""
    now = "unit_id IN (SELECT unit_id FROM units WHERE is_current)"
    with Lineage(lineage).connect() as connection:
        found = {
            view: connection.sql(f"FROM {view} WHERE {now}").pl() for view in ("units", "unit_sources", "unit_states")
        }
    return {view: _timeless(frame).rows() for view, frame in found.items()}


def _timeless(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.drop("run_id", "recorded_at", "event_id", "known_from", "known_until", strict=False)
    return frame.sort("unit_id", *{"position"}.intersection(frame.columns))


def test_what_is_deleted_is_gone_at_once_and_what_changed_is_made_anew(trained: Place, source: Path) -> None:
    home = trained.settings.home
    before = current(trained.settings.releases("towns")).units()
    lost = before.row(0, named=True)
    rows = [row for row in rows_of(source) if row["id"] not in lost["source_passage_ids"]]
    untouched = [row["id"] for row in rows]
    rows.append({"id": "new", "contents": '"Garrick"\nGarrick is a village without a port.'})
    relabelled = next(row for row in rows if row["id"] == untouched[0])
    relabelled["labels"] = ["hr"]
    write(source, rows)

    there = files_of(home)
    shown = wbrag("refresh", "towns", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "1 added, 0 updated, 1 relabelled" in shown.output and "nothing was changed" in shown.output
    assert lost["unit_id"] in shown.output
    assert files_of(home) == there

    done = wbrag("refresh", "towns", "--no-train")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == shown.stdout.splitlines()[0]
    served = current(trained.settings.releases("towns")).units()
    assert lost["unit_id"] not in served["unit_id"]
    state = current_state(trained.settings, "towns")
    assert state is not None
    now = dict(pl.read_parquet(state.passages).select("passage_id", "content_hash").iter_rows())
    for unit in served.iter_rows(named=True):
        assert [now[name] for name in unit["source_passage_ids"]] == unit["source_hashes"]

    lineage = Lineage(trained.settings.layout.lineage)
    assert "retired by a refresh of corpus towns" in render_tree(lineage.trace(lost["unit_id"]))
    assert "deleted by a refresh" in render_tree(lineage.trace(lost["source_passage_ids"][0]))
    assert "added by a refresh" in render_tree(lineage.trace("new"))
    with lineage.connect() as connection:
        newest = connection.sql("SELECT * FROM refreshes ORDER BY recorded_at DESC LIMIT 1").pl().row(0, named=True)
    assert newest["added"] == 1 and newest["relabelled"] == 1 and newest["deleted"] == len(lost["source_passage_ids"])

    again = wbrag("refresh", "towns").output
    assert "have not changed" in again and "  trained again: towns (wbrag status" in again

    # Training again gives what a home that never knew the other corpus gives.
    run_pipeline(trained.settings, ["towns"])
    scratch = trained.settings.with_(home=home / "scratch")
    for kind in ("corpora", "benchmarks"):
        (scratch.home / kind).mkdir(parents=True)
        (scratch.home / kind / "towns.yaml").write_bytes((home / kind / "towns.yaml").read_bytes())
    run_pipeline(scratch, ["towns"])
    os.environ.update(WBRAG_HOME=str(home), DAGSTER_HOME=str(home / "dagster"))
    fresh = current_state(scratch, "towns")
    assert fresh is not None and {path.name: path.read_bytes() for path in fresh.folder.iterdir()} == {
        path.name: path.read_bytes() for path in state.folder.iterdir()
    }
    for table in ("passages", "retrievals", "utility_scores", "gated_docs", "knowledge_units"):
        assert trained.settings.table(table, "towns").read_bytes() == scratch.table(table, "towns").read_bytes(), table
    assert facts(trained.settings.layout.lineage) == facts(scratch.layout.lineage)


def test_refreshing_trains_again_as_it_was_trained(trained: Place, source: Path) -> None:
    rows = rows_of(source)
    rows[0]["contents"] += " It has a fair."
    write(source, rows)
    done = wbrag("refresh", "towns")
    assert done.exit_code == 0, done.output
    assert "0 added, 1 updated" in done.output
    units = pl.read_parquet(trained.settings.table("knowledge_units", "towns"))
    passages = pl.read_parquet(trained.settings.table("passages", "towns"))
    hashes = dict(passages.select("passage_id", "content_hash").iter_rows())
    assert "It has a fair." in passages["text"][0]
    for unit in units.iter_rows(named=True):
        assert [hashes[name] for name in unit["source_passage_ids"]] == unit["source_hashes"]


@pytest.mark.parametrize("content", ["", "no json\n", None])
def test_a_source_that_is_empty_or_unreadable_deletes_nothing(
    trained: Place, source: Path, content: str | None
) -> None:
    there = files_of(trained.settings.home)
    if content is None:
        source.unlink()
    else:
        source.write_text(content, encoding="utf-8")
    for more in ([], ["--dry-run"], ["--allow-deletions"]):
        done = wbrag("refresh", "towns", *more)
        assert isinstance(done.exception, InputError), done.output
    assert files_of(trained.settings.home) == there


def test_a_mass_deletion_asks(trained: Place, source: Path) -> None:
    there = files_of(trained.settings.home)
    write(source, rows_of(source)[:8])
    done = wbrag("refresh", "towns")
    assert isinstance(done.exception, InputError) and "--allow-deletions" in str(done.exception)
    assert "would be refused" in wbrag("refresh", "towns", "--dry-run").output
    assert files_of(trained.settings.home) == there
    assert wbrag("refresh", "towns", "--allow-deletions", "--no-train").exit_code == 0
    assert pl.read_parquet(trained.settings.table("passages", "towns")).height == 8


def test_a_new_numbering_is_no_deletion(trained: Place, source: Path) -> None:
    before = current(trained.settings.releases("towns")).units()
    write(source, [{**row, "id": f"n{row['id']}"} for row in rows_of(source)])
    done = wbrag("refresh", "towns", "--no-train")
    assert done.exit_code == 0 and f"{before.height} units kept" in done.output
    after = current(trained.settings.releases("towns")).units()
    assert after["unit_id"].equals(before["unit_id"]) and after["source_passage_ids"][0][0].startswith("n")


def test_an_unknown_corpus_is_refused(trained: Place) -> None:
    assert isinstance(wbrag("refresh", "nope").exception, InputError)


def test_every_night_each_indexed_corpus_is_refreshed(trained: Place) -> None:
    schedule = trained.definitions.defs.resolve_schedule_def("corpora_at_night")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    with dg.build_schedule_context(repository_def=trained.definitions.defs.get_repository_def()) as context:
        requests = schedule.evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == ["towns"]  # the built-in sample has no index here


def test_changed_files_are_refreshed_once_they_stay_the_same(trained: Place, source: Path) -> None:
    sensor = trained.definitions.defs.resolve_sensor_def("corpus_files")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED

    def look(cursor: str | None) -> Any:
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance, cursor=cursor, definitions=trained.definitions.defs) as context,
        ):
            return sensor.evaluate_tick(context)

    first = look(None)
    assert not first.run_requests and not look(first.cursor).run_requests
    write(source, rows_of(source)[:-1])
    changed = look(first.cursor)
    assert not changed.run_requests
    unchanged = look(changed.cursor)
    assert [request.partition_key for request in unchanged.run_requests] == ["towns"]
    assert unchanged.run_requests[0].run_key == look(unchanged.cursor).run_requests[0].run_key


def test_a_refresh_that_changed_something_trains_again(trained: Place, source: Path) -> None:
    sensor = trained.definitions.defs.resolve_sensor_def("benchmarks_after_refresh")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.DagsterInstance.get() as instance:

        def look(cursor: str | None) -> Any:
            with dg.build_sensor_context(instance, cursor=cursor, definitions=trained.definitions.defs) as context:
                return sensor.evaluate_tick(context)

        seen = look(None)
        assert not look(seen.cursor).run_requests
        write(source, rows_of(source)[:-1])
        assert wbrag("refresh", "towns", "--no-train").exit_code == 0
        run_refresh(trained.settings, "towns")  # finds nothing new, which must not hide that the one before did
        (request,) = look(seen.cursor).run_requests
        run_pipeline(trained.settings, ["towns"])
        assert not look(seen.cursor).run_requests  # trained since, by hand
    assert request.partition_key == "towns"
    assert request.run_config["resources"]["deployment"]["config"]["home"] == str(trained.settings.home)
    job = trained.definitions.defs.resolve_job_def("train_knowledge_base")
    assert dg.validate_run_config(job, request.run_config)


def test_a_training_that_is_due_is_made_up_for_though_the_files_have_not_changed(trained: Place, source: Path) -> None:
    """A cron job with `wbrag refresh` forgot a training that had failed, until the corpus changed again."""
    write(source, rows_of(source)[:-1])
    assert wbrag("refresh", "towns", "--no-train").exit_code == 0  # as if the training had failed
    done = wbrag("refresh", "--json", "-")
    assert done.exit_code == 0 and "files have not changed" in done.stderr
    (told,) = json.loads(done.stdout)
    assert told == {"corpus": "towns", "error": None, "read": False, "trained": ["towns"], "not_trained": {}}
    (told,) = json.loads(wbrag("refresh", "--json", "-").stdout)
    assert told["trained"] == []


def test_another_variant_that_lost_units_is_named(trained: Place) -> None:
    from wbrag_pipeline.commands.pipeline import train_again

    other = trained.settings.home / "releases" / trained.settings.variant.replace("naive", "replug") / "towns"
    other.mkdir(parents=True)
    (other / "CURRENT").write_text("r000001\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("resources.last_training.last_training", lambda *_: None)
        with redirect_stderr(StringIO()) as said:
            assert train_again(trained.settings, "towns") == ([], {})
    shutil.rmtree(other.parent)
    assert f"benchmark towns is not trained again: it was trained as {other.parent.name}" in said.getvalue()


def test_a_corpus_that_fails_does_not_keep_the_others_from_being_refreshed(
    trained: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import wbrag_pipeline.commands.refresh as command

    def refreshed(settings: Any, registry: Any, corpus: str, tell: Any, **_: Any) -> Any:
        if corpus == "sample":
            raise InputError("it cannot be read")
        return {"read": True}

    monkeypatch.setattr(command, "_refreshed", refreshed)
    monkeypatch.setattr("wbrag_pipeline.commands.pipeline.train_again", lambda *_: ([], {"towns": InputError("no")}))
    done = wbrag("refresh", "sample", "towns", "--json", str(tmp_path / "told.json"))
    assert isinstance(done.exception, InputError) and "it cannot be read" in done.stderr
    first, second = json.loads((tmp_path / "told.json").read_text())
    assert first == {"corpus": "sample", "error": "it cannot be read"}
    assert second["read"] and second["not_trained"] == {"towns": "no"}


def test_what_scripts_ask_is_told_as_json_and_as_nothing_else(trained: Place, tmp_path: Path) -> None:
    def told(*arguments: str) -> Any:
        return json.loads(wbrag(*arguments, "--json", "-").stdout)

    state = told("status")
    (corpus,) = [one for one in state["corpora"] if one["name"] == "towns"]
    assert corpus["passages"] == 18 and corpus["indexed"] and corpus["refreshed_at"].endswith("Z")
    benchmarks = {one["name"]: one for one in state["benchmarks"]}
    served = current(trained.settings.releases("towns"))
    assert benchmarks["towns"]["release"] == served.name and benchmarks["towns"]["units"] == served.units().height
    assert isinstance(benchmarks["towns"]["gain"], float) and benchmarks["sample_nq"]["release"] is None
    assert state["variant"] == trained.settings.variant and state["at_work"] == []

    listed = told("release", "list", "towns")
    assert listed["served"] == served.name == listed["moves"][0]["release"]
    (one,) = [release for release in listed["releases"] if release["state"] == "served"]
    assert one["release"] == served.name and one["damaged"] is None and one["units"] == served.units().height

    shown = told("release", "show", "towns")
    assert shown["release"] == served.name and shown["files"] == served.files and shown["state"] == "served"
    same = told("release", "diff", "towns", served.name, served.name)
    assert (same["added"], same["removed"], same["changed"]) == ([], [], [])
    assert same["unchanged"] == served.units().height
    unit = served.units()["unit_id"][0]
    found = told("lineage", unit)
    assert unit in found["label"] and found["children"]
    spent = told("cost", "towns")
    assert {one["stage"] for one in spent["calls"]} >= {"utility_scores", "gated_docs"}
    assert all(one["calls"] == one["sent"] + one["cached"] for one in spent["calls"])
    assert spent["one_plain_run"]["towns"]

    plan = told("refresh", "towns", "--dry-run")
    assert plan[0]["changes"]["added"] == 0 and plan[0]["refused"] is None and plan[0]["units"] == {}
    assert told("usage", "towns") == {"queries": 0}
    assert wbrag("status", "--json", str(tmp_path / "status.json")).stdout.count("towns") >= 2
    assert json.loads((tmp_path / "status.json").read_text())["home"] == str(trained.settings.home)
    found = told("doctor")
    assert {"home", "generator"} <= {check["name"] for check in found["checks"]}
    assert found["ok"] is all(check["ok"] for check in found["checks"])


def test_freshness_is_watched(trained: Place) -> None:
    graph = trained.definitions.defs.resolve_asset_graph()
    for asset in ("corpus_index", "writeback_index"):
        assert graph.get(dg.AssetKey(asset)).freshness_policy is not None


def test_no_way_back_to_a_unit_whose_source_is_gone(trained: Place, source: Path) -> None:
    folder = trained.settings.releases("towns")
    before = current(folder)
    lost = before.units().row(0, named=True)
    write(source, [row for row in rows_of(source) if row["id"] not in lost["source_passage_ids"]])
    assert wbrag("refresh", "towns", "--no-train").exit_code == 0
    without = current(folder)
    assert without.name != before.name

    promoted = wbrag("release", "promote", "towns", before.name)
    assert promoted.exit_code == 0, promoted.output
    assert f"was served {without.name} already" in promoted.output and "sources have changed" in promoted.output
    assert current(folder).name == without.name

    smaller = build_release(without.units().head(1), load_encoder(), folder, {})
    promote(folder, before.name, actor="test", reason="as if promoted before the corpus changed")
    promote(folder, smaller.name, actor="test", reason="another one")
    done = wbrag("release", "rollback", "towns")
    assert done.exit_code == 0, done.output
    assert f"served {without.name}, instead of {smaller.name}" in done.output and "release diff" in done.output
    assert lost["unit_id"] not in current(folder).units()["unit_id"]
    with Lineage(trained.settings.layout.lineage).connect() as connection:
        rows = connection.execute("SELECT action, release FROM release_decisions ORDER BY decided_at DESC LIMIT 2")
        assert rows.fetchall() == [("promote", without.name), ("rollback", before.name)]


@pytest.mark.parametrize("file", ["release.json", "units.parquet"])
def test_a_served_release_that_cannot_be_read_is_told_about_and_stops_nothing(
    trained: Place, source: Path, file: str
) -> None:
    folder = trained.settings.releases("towns")
    damaged = current(folder)
    (damaged.folder / file).write_bytes(b"{}")
    rows = rows_of(source)
    write(source, [*rows, {"id": "new", "contents": f'"Garrick"\nGarrick has no port, nor any {file}.'}])
    shown = wbrag("refresh", "towns", "--dry-run")
    assert shown.exit_code == 0 and f"would be passed over: {damaged.folder / file}" in shown.output
    done = wbrag("refresh", "towns")
    assert done.exit_code == 0, done.output
    served = current(folder)
    assert served.name != damaged.name and served.units().height
