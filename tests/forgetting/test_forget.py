"""Forgetting from a home that a real run made: nothing is left, everything else still works, a kill changes neither."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.forgetting.conftest import Trained
from tests.retrieval.test_index_ids import as_format_2
from wbrag_pipeline import table_files
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import evidence_hashes
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.forgetting import forget as forgetting
from wbrag_pipeline.forgetting.forget import forget, resume
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import find_subject
from wbrag_pipeline.lineage import Lineage, merged_recordings
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.retrieval.corpus import build_corpus_index, current_state, open_knowledge_base
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.index_ids import open_ids
from wbrag_pipeline.storage import sha256_of_file

TOWN = "Aldermoor is a town on the river Vell."
FOUNDED = "It was founded by Tessa Quill in 1612."


def search(trained: Trained, question: str, *, for_training: bool = True) -> list[str]:
    encoder = load_encoder()
    release = current(trained.settings.releases("towns"))
    base = open_knowledge_base(trained.settings, "towns", encoder, for_training=for_training)
    base = base.with_writeback(release.units(), release.index(encoder))
    return base.search([question], 50)["passage_id"].to_list()


def test_a_passage_goes_with_all_that_was_made_of_it(trained: Trained, tmp_path: Path) -> None:
    before = trained.holds(TOWN, FOUNDED)
    assert {name.split("/")[0] for name in before} >= {"tables", "indexes", "releases", "dagster", "reports"}
    made = trained.table("knowledge_units").filter(pl.col("source_passage_ids").list.contains("0"))
    assert made.height
    done = CliRunner().invoke(app, ["forget", "passage", "0", "--json", str(tmp_path / "certificate.json")])
    assert done.exit_code == 0, done.output
    assert trained.holds(TOWN, FOUNDED, *made["unit_id"]) == []
    assert "no trace" in done.output and TOWN not in done.output
    found = json.loads((tmp_path / "certificate.json").read_text())
    assert [unit["unit_id"] for unit in found["units"]] == sorted(made["unit_id"])
    assert found["passages"][0]["passage_id"] == "0" and len(found["passages"][0]["content_sha256"]) == 64
    assert TOWN not in (tmp_path / "certificate.json").read_text()
    assert found["yours"] == [str(Registry.load(trained.settings.home).corpus("towns").path)]

    # What is left works without a run: index, release, lineage, and nothing else went.
    ids = search(trained, "Who founded Aldermoor?")
    assert "0" not in ids and not set(made["unit_id"]) & set(ids)
    assert {str(i) for i in range(1, 18)} <= set(ids)
    assert trained.table("passages").height == 17
    with pytest.raises(InputError, match="knows no unit"):
        Lineage(trained.settings.layout.lineage).trace(made["unit_id"][0])
    assert Lineage(trained.settings.layout.lineage).trace("3")


def test_the_index_left_is_that_of_a_build_from_nothing(trained: Trained) -> None:
    forget(trained.settings, "passage", ["0", "5"])
    state = current_state(trained.settings, "towns")
    assert state is not None
    files = {path.name: path.read_bytes() for path in state.folder.iterdir()}
    _, encoded = build_corpus_index(trained.settings, "towns", load_encoder())
    again = current_state(trained.settings, "towns")
    assert again is not None and again.name == state.name and encoded == 0
    os.rename(again.folder, again.folder.with_name("aside"))
    _, encoded = build_corpus_index(trained.settings, "towns", load_encoder())
    assert encoded == 0
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == files


@pytest.mark.slow
def test_what_was_forgotten_does_not_come_back_with_the_next_run(trained: Trained) -> None:
    units = trained.table("knowledge_units")
    unit = units.filter(~pl.col("source_passage_ids").list.contains("0")).row(0, named=True)
    asked = units.filter(pl.col("unit_id") != unit["unit_id"]).row(-1, named=True)
    forget(trained.settings, "passage", ["0"])
    forget(trained.settings, "unit", [unit["unit_id"]])
    forget(trained.settings, "question", [asked["question_id"]])
    run_pipeline(trained.settings, ["towns"], refresh=True)
    assert trained.holds(TOWN, FOUNDED, unit["unit_id"], asked["unit_id"], asked["question"]) == []
    left = trained.table("knowledge_units")
    assert left.height and not left.filter(question_id=unit["question_id"]).height
    assert "0" not in search(trained, "Who founded Aldermoor?")
    done = CliRunner().invoke(app, ["ask", "Who founded Corvane?"])
    assert done.exit_code == 0 and "Lena Thorne" in done.output


def test_a_source_is_all_of_its_passages_and_their_copies(trained: Trained) -> None:
    # The same text under another id, in the stored table alone: it is as much a trace.
    table = trained.settings.table("passages", "towns")
    copied = (
        trained.table("passages").filter(passage_id="1").with_columns(passage_id=pl.lit("copy"), source=pl.lit("x"))
    )
    pl.concat([trained.table("passages"), copied]).write_parquet(table)
    certificate = forget(trained.settings, "source", ["Trade of Aldermoor"])
    assert {row["passage_id"] for row in certificate.passages} == {"1", "copy"}
    assert trained.holds("For two centuries Aldermoor lived from salt.") == []
    assert set(trained.table("passages")["passage_id"]) == {"0", *(str(i) for i in range(2, 18))}


def test_a_unit_goes_and_its_sources_stay(trained: Trained) -> None:
    unit = trained.table("knowledge_units").row(2, named=True)
    certificate = forget(trained.settings, "unit", [unit["unit_id"]])
    assert trained.holds(unit["unit_id"]) == []
    assert not certificate.passages and not certificate.yours
    ids = search(trained, unit["question"])
    assert unit["unit_id"] not in ids and set(unit["source_passage_ids"]) <= set(ids)


def test_a_dry_run_lists_what_goes_and_changes_nothing(trained: Trained) -> None:
    def files() -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in trained.settings.home.rglob("*") if file.is_file()}

    before = files()
    told = CliRunner().invoke(app, ["forget", "passage", "0", "--dry-run"])
    assert told.exit_code == 0 and files() == before
    made = trained.table("knowledge_units").filter(pl.col("source_passage_ids").list.contains("0"))["unit_id"]
    assert len(made) and all(unit in told.output for unit in made)
    assert "towns:0 " in told.output and "completion cache" in told.output
    certificate = forget(trained.settings, "passage", ["0"])
    listed = [line for line in certificate.lines() if line.startswith(("  passage", "  unit", "  question"))]
    assert [line for line in told.output.splitlines() if line.startswith("  ")] == listed
    assert isinstance(CliRunner().invoke(app, ["forget", "--resume", "--dry-run"]).exception, InputError)


def test_a_merged_recording_of_forgotten_units_alone_is_still_the_newest(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    units, lineage = trained.table("knowledge_units"), Lineage(trained.settings.layout.lineage)
    monkeypatch.setattr(merged_recordings, "TOGETHER", 2)
    lineage.record_units(
        "later",
        trained.settings.variant,
        "towns",
        "towns",
        units=units[:1],
        gated_docs=trained.table("gated_docs"),
        generator_fingerprint="f",
        encoder="e",
        method="naive",
        gates={},
    )
    assert list(lineage.events.glob("*-merged-*.units.parquet"))
    forget(trained.settings, "unit", [units["unit_id"][0]])
    assert trained.holds(units["unit_id"][0]) == []
    with lineage.connect() as connection:
        current = connection.execute("SELECT unit_id FROM units WHERE is_current").fetchall()
        later = connection.execute("SELECT unit_id FROM recorded_units WHERE run_id = 'later'").fetchall()
    assert current == [] and later == [(None,)]


def test_a_unit_is_not_made_again_of_what_it_was_first_made_of(trained: Trained) -> None:
    """Its release has other sources since, as merging leaves it, and the table of that training is overwritten."""
    unit = trained.table("knowledge_units").row(2, named=True)
    home = StoredFiles(trained.settings, Registry.load(trained.settings.home))
    for name in ("knowledge_units", "curated_units"):
        file = trained.settings.table(name, "towns")
        pl.read_parquet(file).filter(pl.col("unit_id") != unit["unit_id"]).write_parquet(file)
    (released,) = trained.settings.releases("towns").rglob("units.parquet")
    more = pl.concat_list("source_hashes", pl.lit("0" * 64)).alias("source_hashes")
    pl.read_parquet(released).with_columns(more).write_parquet(released)
    first = evidence_hashes("towns", unit["question"], unit["source_hashes"], None)
    assert first < find_subject(home, "unit", [unit["unit_id"]]).tombstones.evidence


@pytest.mark.parametrize("question_id", ["train_0", "test_1"])
def test_a_question_goes_with_its_answers_and_units(trained: Trained, question_id: str) -> None:
    text = {"train_0": "Who founded Aldermoor?", "test_1": "On which river is Aldermoor?"}[question_id]
    assert trained.holds(text)
    certificate = forget(trained.settings, "question", [question_id])
    assert trained.holds(text) == []
    assert len(certificate.yours) == 2
    splits = Registry.load(trained.settings.home).splits("towns")
    assert text not in [*splits.train["question"], *splits.test["question"]]
    assert trained.table("retrievals").height


def test_old_releases_lose_the_unit_too_and_the_pointer_stays(trained: Trained) -> None:
    folder = trained.settings.releases("towns")
    served = (folder / "CURRENT").read_bytes()
    releases = sorted(path.parent for path in folder.rglob("units.parquet"))
    unit = pl.read_parquet(releases[0] / "units.parquet")["unit_id"][0]
    forget(trained.settings, "unit", [unit])
    assert (folder / "CURRENT").read_bytes() == served
    for release in releases:
        assert unit not in pl.read_parquet(release / "units.parquet")["unit_id"]
        assert unit not in open_ids(release / "index" / "ids.arrow").all()
    assert current(folder).units().height  # hashes agree
    assert len(current(folder).index(load_encoder())) == current(folder).units().height


def test_it_makes_no_difference_how_many_rows_are_read_at_once(copy_of: Callable[[str], Trained]) -> None:
    left = []
    for name, rows in (("whole", 65_536), ("parts", 2)):
        home = copy_of(name)
        with mock.patch.object(table_files, "_ROWS_AT_ONCE", rows):
            certificate = forget(home.settings, "passage", ["0", "3"])
        files = sorted(home.settings.home.rglob("*.parquet")) + sorted(home.settings.home.rglob("*.arrow"))
        tables_left = {str(file.relative_to(home.settings.home)): file.read_bytes() for file in files}
        left.append((certificate.places, certificate.passages, certificate.units, tables_left))
    assert left[0] == left[1] and left[0][1]


def test_a_release_of_an_earlier_version_is_whole_when_a_unit_is_forgotten(trained: Trained) -> None:
    release = current(trained.settings.releases("towns"))
    units = release.units()
    as_format_2(release.folder / "index", units["unit_id"].to_list(), units["labels"].to_list())
    note = json.loads((release.folder / "release.json").read_text())
    del note["files"]["index/ids.arrow"]
    note["files"] |= {
        f"index/{n}": sha256_of_file(release.folder / "index" / n) for n in ("ids.parquet", "manifest.json")
    }
    (release.folder / "release.json").write_text(json.dumps(note))
    current(release.folder.parent).verify()
    forget(trained.settings, "unit", [units["unit_id"][0]])
    after = current(release.folder.parent)
    after.verify()
    assert set(after.files) == {"units.parquet", *(f"index/{n}" for n in ("ids.arrow", "index.faiss", "manifest.json"))}
    assert len(after.index(load_encoder())) == units.height - 1


def test_what_a_killed_command_left_half_made_goes(trained: Trained) -> None:
    """In the middle of the new folder of a release, and after it took the old one's place."""
    (release,) = (path.parent for path in trained.settings.releases("towns").rglob("units.parquet"))
    for left_over in (f"..{release.name}.new.0123abcd.tmp", f".{release.name}.new"):
        shutil.copytree(release, release.with_name(left_over))
    forget(trained.settings, "passage", ["0"])
    assert {path.name for path in release.parent.iterdir()} == {release.name, "CURRENT", ".lock"}
    current(release.parent).verify()


class Killed(BaseException):
    """Ends everything, as a kill does."""


@pytest.mark.slow
def test_a_kill_at_any_write_is_finished_by_the_next_command(
    copy_of: Callable[[str], Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    limit = 10**9
    real = {name: getattr(os, name) for name in ("replace", "rename")}

    def counted(name: str) -> Callable[..., Any]:
        def write(*arguments: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes > limit:
                raise Killed
            return real[name](*arguments)

        return write

    for name in real:
        monkeypatch.setattr(os, name, counted(name))
    forget(copy_of("whole").settings, "passage", ["0"])
    total = writes
    assert total > 15
    for kill_at in range(0, total, total // 4):  # every write: tests/failures
        trained = copy_of(f"killed{kill_at}")
        writes, limit = 0, kill_at
        with pytest.raises(Killed):
            forget(trained.settings, "passage", ["0"])
        writes, limit = 0, 10**9
        # What is served is the old state or the new one, never something between.
        assert search(trained, "Who founded Aldermoor?", for_training=False)
        certificate = forget(trained.settings, "passage", ["0"])
        assert certificate.ids == ("0",) and trained.holds(TOWN, FOUNDED) == []
        assert "0" not in search(trained, "Who founded Aldermoor?")
        assert not (trained.settings.home / "forgotten" / "journal.json").exists()
        with pytest.raises(InputError, match="nothing was left unfinished"):
            resume(trained.settings)


def test_a_trace_that_is_left_is_an_error_that_names_it(trained: Trained) -> None:
    note = trained.settings.home / "benchmarks" / "towns.yaml"
    note.write_text(note.read_text() + f"description: {TOWN} {FOUNDED}\n")
    with pytest.raises(WbragError, match=r"not forgotten yet, 1 files hold traces: .*towns\.yaml"):
        forget(trained.settings, "passage", ["0"])
    note.write_text(note.read_text().split("description:")[0])
    assert resume(trained.settings).ids == ("0",)


def test_what_a_step_leaves_out_is_found_by_the_search(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "redact_sqlite", lambda file, phrases: 0)
    with pytest.raises(WbragError, match=r"hold traces: .*dagster"):
        forget(trained.settings, "passage", ["0"])


@pytest.mark.parametrize(
    ("kind", "name", "place", "said"),
    [
        ("passage", "none", {}, "there is no passage 'none'"),
        ("passage", "0", {"corpus": "sample"}, "there is no passage '0' in sample"),
        ("source", "none", {"corpus": "towns"}, "there is no source 'none' in towns"),
        ("unit", "u_none", {}, "there is no unit"),
        ("question", "train_0", {"benchmark": "nope"}, "there is no benchmark 'nope'"),
    ],
)
def test_ids_that_name_nothing_change_nothing(
    trained: Trained, kind: Any, name: str, place: dict[str, str], said: str
) -> None:
    before = {path: path.read_bytes() for path in trained.settings.home.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=said):
        forget(trained.settings, kind, [name], **place)
    after = {path: path.read_bytes() for path in trained.settings.home.rglob("*") if path.is_file()}
    assert after == before


def test_what_gave_way_to_a_forgotten_passage_or_unit_does_not_name_it(trained: Trained) -> None:
    curated = trained.table("curated_units")
    made = curated.filter(~pl.col("source_passage_ids").list.contains("0"))["unit_id"]
    gone = curated.filter(pl.col("source_passage_ids").list.contains("0"))["unit_id"][0]
    winners = {made[0]: "corpus:0", made[1]: gone, made[2]: "corpus:1"}
    lost = pl.col("unit_id").replace_strict(winners, default=None, return_dtype=pl.String)
    curated.with_columns(
        kept_by=lost,
        reason=pl.when(lost.is_not_null()).then(pl.lit("told otherwise by ") + lost).otherwise(pl.col("reason")),
    ).write_parquet(trained.settings.table("curated_units", "towns"))
    forget(trained.settings, "passage", ["0"])
    after = {row["unit_id"]: row for row in trained.table("curated_units").iter_rows(named=True)}
    assert after[made[2]]["kept_by"] == "corpus:1" and after[made[2]]["reason"] == "told otherwise by corpus:1"
    for unit in made[:2]:
        assert after[unit]["kept_by"] is None and after[unit]["reason"] == "what it gave way to was forgotten"
