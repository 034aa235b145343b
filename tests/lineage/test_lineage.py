"""Lineage: what is recorded comes back, whatever else is writing and whatever was damaged."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.rows import rows_of
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError
from wbrag_pipeline.home import path_name
from wbrag_pipeline.lineage import Lineage, Node, render_tree
from wbrag_pipeline.tables import EVALUATION, GATED_DOCS, KNOWLEDGE_UNITS

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VARIANT = "minilm~reader~naive"
VIEWS = ("events", "stages", "units", "unit_sources", "releases", "release_units", "release_decisions", "serving")
VIEWS += ("evaluations", "evaluation_passages", "unit_states", "unit_history")


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


def units(*rows: tuple[str, str, list[str]], benchmark: str = "nq", fallback: bool = False) -> pl.DataFrame:
    """KNOWLEDGE_UNITS of (unit id, question id, source passages); the hash of passage p is "hash of p"."""
    return rows_of(
        KNOWLEDGE_UNITS,
        [
            {
                "unit_id": unit,
                "benchmark": benchmark,
                "question_id": question,
                "question": f"What of {question}?",
                "title": f"On {question}",
                "text": "Text.",
                "source_passage_ids": sources,
                "source_hashes": [f"hash of {source}" for source in sources],
                "source_tokens": 200,
                "unit_tokens": 80,
                "fallback": fallback,
                "distiller": "reader-1",
                "prompt_version": "p3",
                "labels": [],
            }
            for unit, question, sources in rows
        ],
    )


def gated(question: str, *passages: str, fallback: bool = False) -> pl.DataFrame:
    """GATED_DOCS of one question; rank n has retrieval score 1 - n/10 and standalone score 1/n."""
    return rows_of(
        GATED_DOCS,
        [
            {
                "question_id": question,
                "question": f"What of {question}?",
                "rank": rank,
                "passage_id": passage,
                "score": 1 - rank / 10,
                "standalone_score": 1 / rank,
                "score_no_retrieval": 0.0,
                "score_rag": 1.0,
                "retained": True,
                "fallback": fallback,
            }
            for rank, passage in enumerate(passages, start=1)
        ],
    )


def evaluation(*rows: tuple[str, float, float, list[str], list[str]]) -> pl.DataFrame:
    """EVALUATION of (question id, score without, score with, passages without, passages with)."""
    return rows_of(
        EVALUATION,
        [
            {
                "question_id": question,
                "question": f"And {question}?",
                "golden_answers": ["GOLDEN-ANSWER"],
                "answer_without": "ANSWER-WITHOUT",
                "answer_with": "ANSWER-WITH",
                "score_without": without,
                "score_with": with_,
                "passages_without": got_without,
                "passages_with": got_with,
            }
            for question, without, with_, got_without, got_with in rows
        ],
    )


def record_units(
    lineage: Lineage,
    table: pl.DataFrame,
    docs: pl.DataFrame,
    *,
    run: str = "run-1",
    variant: str = VARIANT,
    benchmark: str = "nq",
    corpus: str = "wiki",
    at: datetime = NOON,
) -> Path:
    return lineage.record_units(
        run,
        variant,
        benchmark,
        corpus,
        units=table,
        gated_docs=docs,
        generator_fingerprint="reader:9f3c",
        encoder="minilm",
        method="naive",
        gates={"tau_s": 0.1, "n_min": 2},
        at=at,
    )


def rows(lineage: Lineage, sql: str) -> list[tuple[object, ...]]:
    with lineage.connect() as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    return Lineage(tmp_path / "lineage")


def train(lineage: Lineage) -> Lineage:
    """One benchmark, taken the whole way: two units, one release, two test questions."""
    record_units(
        lineage,
        units(("u_aa11", "q1", ["17", "4"]), ("u_bb22", "q2", ["17"])),
        pl.concat([gated("q1", "17", "9", "4"), gated("q2", "17")]),
    )
    lineage.record_release("run-1", VARIANT, "nq", "r000001", ["u_aa11", "u_bb22"], "feed", at=minutes(1))
    lineage.record_evaluation(
        "run-1",
        VARIANT,
        "nq",
        "wiki",
        "r000001",
        evaluation(
            ("t1", 0.0, 1.0, ["corpus:17", "corpus:8"], ["writeback:u_aa11", "corpus:17"]),
            ("t2", 1.0, 1.0, ["corpus:8"], ["corpus:8"]),
        ),
        at=minutes(2),
    )
    return lineage


@pytest.fixture
def trained(lineage: Lineage) -> Lineage:
    return train(lineage)


# Reading


def test_nothing_recorded_is_empty_views(lineage: Lineage) -> None:
    assert not lineage.folder.exists()
    with lineage.connect() as connection:
        for view in VIEWS:
            assert connection.execute(f"SELECT count(*) FROM {view}").fetchone() == (0,)
    with pytest.raises(NotBuiltError, match="wbrag run"):
        lineage.trace("u_aa11")


def test_a_unit_is_traced_to_everything_behind_it(trained: Lineage) -> None:
    assert render_tree(trained.trace("u_aa11")) == (
        """\
unit u_aa11
│  title          On q1
│  benchmark      nq
│  made from      training question q1: What of q1?
│  score          0 without retrieval, 1 with
│  document gate  each source passed alone
│  tokens         200 in its sources, 80 in the unit
├─ from passage 17 of corpus wiki
│     content sha256   hash of 17
│     retrieval rank   1
│     retrieval score  0.9
│     score alone      1
├─ from passage 4 of corpus wiki
│     content sha256   hash of 4
│     retrieval rank   3
│     retrieval score  0.7
│     score alone      0.3333
├─ made by run run-1
│     generator       reader:9f3c
│     distiller       reader-1
│     prompt version  p3
│     encoder         minilm
│     method          naive
│     gates           n_min 2, tau_s 0.1
│     variant         minilm~reader~naive
│     recorded        2026-03-01 12:00:00 UTC
├─ in release r000001
│     units            2
│     manifest sha256  feed
│     run              run-1
│     recorded         2026-03-01 12:01:00 UTC
└─ retrieved for 1 test question
   └─ test question t1: And t1?
         release           r000001
         rank of the unit  1
         score             0 without write-back, 1 with"""
    )


def test_a_passage_is_traced_to_every_unit_made_from_it(trained: Lineage) -> None:
    node = trained.trace("corpus:17")
    assert node.label == "passage 17 of corpus wiki"
    assert node.facts == {"content sha256": "hash of 17", "made into": "2 units"}
    assert [child.label for child in node.children] == [
        "unit u_aa11",
        "unit u_bb22",
        "retrieved for 1 test question",
    ]
    (got,) = node.children[2].children
    assert got.facts["rank without write-back"] == 1
    assert got.facts["rank with write-back"] == 2
    assert trained.trace("17") == node


def test_a_passage_that_no_unit_uses_is_known_from_the_evaluation(trained: Lineage) -> None:
    node = trained.trace("8")
    assert node.facts == {"made into": "0 units"}
    assert [len(child.children) for child in node.children] == [2]


def test_the_same_passage_id_in_two_corpora_gives_both(trained: Lineage) -> None:
    record_units(
        trained, units(("u_cc33", "b1", ["17"]), benchmark="boolq"), gated("b1", "17"), benchmark="boolq", corpus="news"
    )
    node = trained.trace("17")
    assert node.facts == {"names": "2 things"}
    assert [child.label for child in node.children] == ["passage 17 of corpus news", "passage 17 of corpus wiki"]
    assert [child.label for child in node.children[0].children] == ["unit u_cc33"]


def test_a_passage_that_changed_shows_both_hashes(trained: Lineage) -> None:
    changed = units(("u_dd44", "q9", ["17"])).with_columns(source_hashes=pl.lit(["another hash"]))
    record_units(trained, changed, gated("q9", "17"), at=minutes(9))
    facts = trained.trace("17").facts
    assert facts["content sha256"] == "another hash, hash of 17"
    assert facts["changed"] == "2 versions were distilled"


def test_questions_are_traced(trained: Lineage) -> None:
    training = trained.trace("q1")
    assert training.label == "training question q1 of benchmark nq"
    assert [child.label for child in training.children] == ["unit u_aa11"]

    test = trained.trace("t1")
    assert test.facts["got with write-back"] == "writeback:u_aa11, corpus:17"
    assert test.facts["score"] == "0 without write-back, 1 with"
    assert [child.label for child in test.children] == ["unit u_aa11"]
    assert trained.trace("t2").children == ()


def test_an_origin_decides_between_things_of_one_name(lineage: Lineage) -> None:
    record_units(lineage, units(("7", "7", ["7"])), gated("7", "7"))
    assert [child.label for child in lineage.trace("7").children] == [
        "unit 7",
        "passage 7 of corpus wiki",
        "training question 7 of benchmark nq",
    ]
    assert lineage.trace("writeback:7").label == "unit 7"
    assert lineage.trace("corpus:7").label == "passage 7 of corpus wiki"


def test_ids_may_hold_colons_and_quotes(lineage: Lineage) -> None:
    odd = "doc's:1%"
    record_units(lineage, units(("u_1", "q1", [odd])), gated("q1", odd))
    lineage.record_evaluation("run", VARIANT, "nq", "wiki", "r1", evaluation(("t", 0, 0, [], [f"corpus:{odd}"])))
    for identifier in (odd, f"corpus:{odd}"):
        node = lineage.trace(identifier)
        assert node.label == f"passage {odd} of corpus wiki"
        assert [child.label for child in node.children] == ["unit u_1", "retrieved for 1 test question"]


@pytest.mark.parametrize("identifier", ["u_aa12", "writeback:u_aa12"])
def test_an_unknown_id_names_close_ones(trained: Lineage, identifier: str) -> None:
    with pytest.raises(
        InputError, match=rf"no unit, passage or question '{identifier}'.*corpus:17.*close ones: u_aa11"
    ):
        trained.trace(identifier)
    with pytest.raises(InputError) as nothing_close:
        trained.trace("zzzzzzzz")
    assert "close ones" not in str(nothing_close.value)


def test_a_source_missing_from_gated_docs_keeps_its_hash(lineage: Lineage) -> None:
    record_units(lineage, units(("u_1", "q1", ["1", "2"])), gated("q1", "1"))
    sql = "SELECT passage_id, content_hash, rank FROM unit_sources ORDER BY position"
    assert rows(lineage, sql) == [("1", "hash of 1", 1), ("2", "hash of 2", None)]
    assert lineage.trace("u_1").children[1].facts == {"content sha256": "hash of 2"}


def test_a_rescued_unit_says_so(lineage: Lineage) -> None:
    rescued = units(("u_1", "q1", ["1"])).with_columns(gate=pl.lit("rescue"))
    record_units(lineage, rescued, gated("q1", "1").with_columns(score_rag=0.0))
    facts = lineage.trace("u_1").facts
    assert facts["score"] == "0 without retrieval, 0 with"
    assert facts["document gate"].startswith("rescued: ")


def test_a_unit_says_who_wrote_it(lineage: Lineage) -> None:
    made = units(("u_1", "q1", ["1"]), ("u_2", "q1", ["1"]))
    fallback = pl.when(pl.col("unit_id") == "u_1").then(pl.lit("extractive_fallback")).otherwise("written_by")
    record_units(lineage, made.with_columns(written_by=fallback), gated("q1", "1"))
    said = [
        [child.facts.get("written by") for child in lineage.trace(unit).children if child.label.startswith("made by")]
        for unit in ("u_1", "u_2")
    ]
    assert said == [["the extractive fallback: no draft of the generator could be used"], [None]]


def test_fallback_and_unasked_scores_are_said(lineage: Lineage) -> None:
    docs = gated("q1", "1", fallback=True).with_columns(score_no_retrieval=pl.lit(None, pl.Float64))
    record_units(lineage, units(("u_1", "q1", ["1"]), fallback=True), docs)
    facts = lineage.trace("u_1").facts
    assert facts["score"] == "not asked without retrieval, 1 with"
    assert facts["document gate"] == "no passage passed alone: the first by rank were taken"
    assert rows(lineage, "SELECT fallback FROM unit_sources") == [(True,)]


# What wins


def test_recording_again_changes_nothing_for_readers(trained: Lineage) -> None:
    before = {view: rows(trained, f"SELECT * EXCLUDE (event_id) FROM {view} ORDER BY ALL") for view in VIEWS[1:]}
    train(trained)
    after = {view: rows(trained, f"SELECT * EXCLUDE (event_id) FROM {view} ORDER BY ALL") for view in VIEWS[1:]}
    assert len(list(trained.events.glob("2*.parquet"))) == 6
    assert {view: len(found) for view, found in before.items()} == {
        "stages": 0, "units": 2, "unit_sources": 3, "releases": 1, "release_units": 2, "release_decisions": 0,
        "serving": 0, "evaluations": 2, "evaluation_passages": 6, "unit_states": 0, "unit_history": 0,
    }  # fmt: skip
    assert after == before


def test_the_newest_recording_of_each_unit_wins(lineage: Lineage) -> None:
    """Random recordings, out of order in time, against the rule in plain Python."""
    chance, recorded = random.Random(5), 0
    newest: dict[tuple[str, str, str], tuple[datetime, str]] = {}
    last_run: dict[tuple[str, str], tuple[datetime, str, set[str]]] = {}
    for number, minute in enumerate(chance.sample(range(100), 12)):
        variant, benchmark, at = chance.choice("vw"), chance.choice(["nq", "boolq"]), minutes(minute)
        made = chance.sample(["u1", "u2", "u3"], chance.randint(0, 3))
        table = units(*((unit, f"q{unit}", ["1"]) for unit in made), benchmark=benchmark)
        run, recorded = f"run-{number}", recorded + len(made)
        record_units(lineage, table, GATED_DOCS.empty(), run=run, variant=variant, benchmark=benchmark, at=at)
        for unit in made:
            key = (variant, benchmark, unit)
            newest[key] = max(newest.get(key, (at, run)), (at, run))
        place = (variant, benchmark)
        last_run[place] = max(last_run.get(place, (at, run, set(made))), (at, run, set(made)), key=lambda x: x[0])
    expected = [
        (variant, benchmark, unit, run, unit in last_run[variant, benchmark][2])
        for (variant, benchmark, unit), (_, run) in sorted(newest.items())
    ]
    sql = "SELECT variant, benchmark, unit_id, run_id, is_current FROM units ORDER BY ALL"
    assert rows(lineage, sql) == expected
    assert rows(lineage, "SELECT count(*), sum(rows) FROM events") == [(12, recorded)]


def test_a_unit_no_longer_made_stays_known_and_says_so(trained: Lineage) -> None:
    record_units(trained, units(("u_bb22", "q2", ["17"])), gated("q2", "17"), run="run-2", at=minutes(5))
    assert rows(trained, "SELECT unit_id, run_id, is_current FROM units ORDER BY 1") == [
        ("u_aa11", "run-1", False),
        ("u_bb22", "run-2", True),
    ]
    assert trained.trace("u_aa11").facts["made again"] == "no: the newest run did not make it"
    record_units(trained, KNOWLEDGE_UNITS.empty(), GATED_DOCS.empty(), run="run-3", at=minutes(6))
    assert rows(trained, "SELECT bool_or(is_current), count(*) FROM units") == [(False, 2)]
    assert rows(trained, "SELECT rows FROM events WHERE run_id = 'run-3'") == [(0,)]


def test_releases_and_evaluations_are_replaced_whole(trained: Lineage) -> None:
    trained.record_release("run-2", VARIANT, "nq", "r000001", ["u_bb22"], "f00d", at=minutes(7))
    assert rows(trained, "SELECT release, units, manifest_sha256 FROM releases") == [("r000001", 1, "f00d")]
    assert rows(trained, "SELECT unit_id FROM release_units") == [("u_bb22",)]

    record = ("run-2", VARIANT, "nq", "wiki", "r000001")
    trained.record_evaluation(*record, evaluation(("t2", 0.0, 0.5, [], [])), at=minutes(7))
    assert rows(trained, "SELECT question_id, score_with FROM evaluations") == [("t2", 0.5)]
    trained.record_evaluation(*record, EVALUATION.empty(), at=minutes(8))
    assert rows(trained, "SELECT question_id FROM evaluations") == []


def test_stages_keep_their_figures(lineage: Lineage) -> None:
    figures = {"kept share": 0.25, "note": "é", "compression": math.nan}
    for seconds, at in ((2, NOON), (3, minutes(1))):
        lineage.record_stage("run-1", "gated_docs", "nq", VARIANT, 40, seconds, figures, at=at)
    lineage.record_stage("run-2", "gated_docs", "nq", VARIANT, 41, 1.5, {}, at=minutes(2))
    sql = """SELECT run_id, rows, seconds, figures, recorded_at = TIMESTAMPTZ '2026-03-01 12:01:00Z'
             FROM stages ORDER BY run_id"""
    assert rows(lineage, sql) == [
        ("run-1", 40, 3.0, '{"compression": null, "kept share": 0.25, "note": "é"}', True),
        ("run-2", 41, 1.5, "{}", False),
    ]
    assert rows(lineage, "SELECT kind, subject, count(*) FROM events GROUP BY ALL") == [("stage", "gated_docs nq", 3)]


def test_no_answer_is_stored(trained: Lineage) -> None:
    for file in trained.events.glob("*.parquet"):
        text = str(pl.read_parquet(file).to_dicts())
        assert "GOLDEN-ANSWER" not in text
        assert "ANSWER-WITH" not in text


def test_event_files_sort_by_time_in_utc(lineage: Lineage) -> None:
    for at, run in (
        (minutes(3), "b/../run 2"),
        (NOON, "z"),
        (datetime.fromisoformat("2026-03-01T14:01:00+02:00"), "a"),
    ):
        lineage.record_stage(run, "passages", "wiki", "", 1, 0.1, {}, at=at)
    names = sorted(file.name for file in lineage.events.glob("2*"))
    assert [name.rsplit("-", 1)[0] for name in names] == [
        "20260301T120000.000000Z-z",
        "20260301T120100.000000Z-a",
        f"20260301T120300.000000Z-{path_name('b/../run 2')}",
    ]
    assert rows(lineage, "SELECT run_id FROM events ORDER BY recorded_at") == [("z",), ("a",), ("b/../run 2",)]


# What is refused


def test_a_time_without_a_zone_is_refused(lineage: Lineage) -> None:
    with pytest.raises(InputError, match="no time zone"):
        lineage.record_release("run", VARIANT, "nq", "r1", [], "", at=datetime(2026, 3, 1))
    assert not lineage.folder.exists()


@pytest.mark.parametrize(
    "table",
    [
        units(("u_1", "q1", ["1"]), benchmark="boolq"),
        units(("u_1", "q1", ["1", "2"])).with_columns(source_hashes=pl.lit(["only one"])),
        units(("u_1", "q1", ["1"])).with_columns(extra=1),
    ],
    ids=["another benchmark", "hash missing", "extra column"],
)
def test_tables_that_break_the_contract_are_refused(lineage: Lineage, table: pl.DataFrame) -> None:
    with pytest.raises(IntegrityError, match="knowledge_units"):
        record_units(lineage, table, gated("q1", "1", "2"))
    assert not lineage.folder.exists()


# Damage


@pytest.mark.parametrize("keep", [0, 3, -20])
def test_a_truncated_event_file_is_named(trained: Lineage, keep: int) -> None:
    (file,) = trained.events.glob("2*.releases.parquet")
    file.write_bytes(file.read_bytes()[:keep])
    for read in (trained.connect, lambda: trained.trace("u_aa11")):
        with pytest.raises(IntegrityError, match=r"not a whole Parquet file") as caught:
            read()
        assert caught.value.file == file


def test_damage_inside_an_event_file_is_named(trained: Lineage) -> None:
    (file,) = trained.events.glob("2*.units.parquet")
    content = bytearray(file.read_bytes())
    content[4:600] = b"\xff" * 596
    file.write_bytes(content)
    with pytest.raises(IntegrityError, match=file.name):
        trained.trace("u_aa11")


def test_a_file_of_another_making_is_named(trained: Lineage) -> None:
    alien = trained.events / "20990101T000000.000000Z-x-y.units.parquet"
    pl.DataFrame({"unit_id": [{"not": "text"}]}).write_parquet(alien)
    with pytest.raises(IntegrityError, match="unit_id") as caught:
        trained.trace("u_aa11")
    assert caught.value.file == alien


def test_leftovers_of_a_killed_recording_are_not_read(trained: Lineage) -> None:
    (trained.events / ".20260301T120000.000000Z-run-1-ab.units.0123abcd.tmp.parquet").write_bytes(b"half")
    assert len(rows(trained, "SELECT * FROM units")) == 2


def test_columns_of_another_version_are_taken_in(trained: Lineage) -> None:
    (file,) = trained.events.glob("2*.units.parquet")
    frame = pl.read_parquet(file)
    frame.drop("title").with_columns(new=1).write_parquet(file)
    assert rows(trained, "SELECT unit_id, title FROM units ORDER BY 1") == [("u_aa11", None), ("u_bb22", None)]


@pytest.mark.parametrize("keep", [0, 10, 5000])
def test_a_damaged_database_is_set_aside_and_made_again(trained: Lineage, keep: int) -> None:
    trained.connect().close()
    database = trained.folder / "lineage.duckdb"
    broken = (database.read_bytes() + b"x" * 100)[:keep].replace(b"DUCK", b"DICK")
    database.write_bytes(broken)
    assert len(rows(trained, "SELECT * FROM units")) == 2
    assert database.with_name("lineage.duckdb.damaged").read_bytes() == broken
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM units").fetchone() == (2,)


def test_the_database_holds_nothing_but_views(trained: Lineage) -> None:
    with trained.connect() as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("CREATE TABLE mine (x INTEGER)")


def test_views_of_another_version_are_made_again(trained: Lineage) -> None:
    trained.folder.mkdir(exist_ok=True)
    database = trained.folder / "lineage.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE VIEW definition AS SELECT 'older' AS fingerprint; CREATE VIEW units AS SELECT 1")
    assert len(rows(trained, "SELECT unit_id FROM units")) == 2
    assert not database.with_name("lineage.duckdb.damaged").exists()


@pytest.mark.parametrize("name", ["moved", "it's [odd] *? k=v"])
def test_a_moved_folder_reads_its_own_files(trained: Lineage, tmp_path: Path, name: str) -> None:
    trained.connect().close()
    shutil.move(trained.folder, tmp_path / name)
    moved = Lineage(tmp_path / name)
    assert moved.trace("u_aa11").label == "unit u_aa11"
    moved.record_release("run-2", VARIANT, "nq", "r000002", ["u_bb22"], "beef", at=minutes(9))
    assert len(rows(moved, "SELECT * FROM releases")) == 2


def test_a_database_open_for_writing_elsewhere_keeps_nobody_from_reading(trained: Lineage) -> None:
    trained.connect().close()
    database = str(trained.folder / "lineage.duckdb")
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, database]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert trained.trace("u_aa11").label == "unit u_aa11"
        other.communicate()
    with duckdb.connect(database):  # and in this very process
        assert trained.trace("u_aa11").label == "unit u_aa11"
    assert not list(trained.folder.glob("*.damaged"))


# Many at once

WRITER = """
import sys
from pathlib import Path
from wbrag_pipeline.lineage import Lineage
lineage = Lineage(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(20):
    ids = [f"u_{sys.argv[2]}_{number}_{unit}" for unit in range(500)]
    lineage.record_release(sys.argv[2], "variant", sys.argv[2], f"r{number:06d}", ids, "feed")
    if number % 5 == 0:
        lineage.connect().close()
"""


def test_two_processes_record_while_a_third_reads(lineage: Lineage) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(lineage.folder), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("left", "right")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    seen = [0]
    while any(writer.poll() is None for writer in writers):
        found = rows(lineage, "SELECT count(*) FROM release_units GROUP BY event_id")
        assert set(found) <= {(500,)}, "half a recording was seen"
        seen.append(len(found))
        time.sleep(0.05)
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors
    assert seen == sorted(seen)
    assert rows(lineage, "SELECT benchmark, count(*), sum(units) FROM releases GROUP BY ALL ORDER BY ALL") == [
        ("left", 20, 10_000),
        ("right", 20, 10_000),
    ]
    assert not list(lineage.folder.glob("*.damaged"))


def test_importing_lineage_does_not_pay_for_duckdb() -> None:
    code = "import sys, wbrag_pipeline.lineage; sys.exit('duckdb' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# Drawing


def test_a_tree_is_drawn() -> None:
    leaves = tuple(Node(f"leaf {number}") for number in range(22))
    node = Node("root\x1b[31m\nnext", {"a": 1, "long": 0.123456}, (Node("inner", {"x": True}, leaves), Node("last")))
    shown = "".join(f"│  ├─ leaf {number}\n" for number in range(20))
    assert render_tree(node) == (
        f"""\
root\\x1b[31m next
│  a     1
│  long  0.1235
├─ inner
│  │  x  True
{shown}│  └─ … 2 more
└─ last"""
    )
