"""Rivals of write-back on the hand-worked compass: each one's rule, and that no test question helps to build one."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.evaluation.experiments.conftest import TEST, TRAIN, World, write_split
from tests.retrieval.conftest import CompassEncoder
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.evaluate import ANSWERED
from wbrag_pipeline.evaluation.experiments import gain_sources, query_cache, rival_entries, rivals
from wbrag_pipeline.evaluation.experiments.conduct import Study, cells, conduct
from wbrag_pipeline.evaluation.experiments.experiments_report import results_of
from wbrag_pipeline.evaluation.experiments.results import RIVALS
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.retrieval.knowledge_base import HITS


def asked(*questions: str, answer: str = "yes") -> pl.DataFrame:
    rows = [{"question_id": f"q{q}", "question": q, "golden_answers": [answer]} for q in questions]
    return pl.DataFrame(rows, schema=tables.SPLIT.schema)


def hits(*rows: tuple[int, int, str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(query, rank, "corpus", passage, score) for query, rank, passage, score in rows], schema=HITS, orient="row"
    )


def test_the_nearest_question_is_the_one_at_the_least_angle() -> None:
    near = query_cache.nearest(asked("10", "50"), asked("0", "45", "90"), CompassEncoder())
    assert near["known_id"].to_list() == ["q0", "q45"]
    assert near["likeness"].to_list() == pytest.approx([math.cos(math.radians(10)), math.cos(math.radians(5))])
    assert query_cache.nearest(asked("10"), asked(), CompassEncoder()).rows() == [(None, None)]


def test_questions_are_compared_in_blocks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = query_cache.nearest(asked(*map(str, range(9))), asked("0", "5"), CompassEncoder())
    monkeypatch.setattr(query_cache, "_ROWS", 2)
    assert query_cache.nearest(asked(*map(str, range(9))), asked("0", "5"), CompassEncoder()).equals(whole)


@pytest.mark.parametrize(
    ("likeness", "gains", "threshold"),
    [
        ([0.9, 0.8, 0.7], [1.0, -1.0, 1.0], 0.9),  # of equal sums the highest
        ([0.9, 0.8, 0.7], [1.0, 0.0, 1.0], 0.7),
        ([0.9, 0.9, 0.7], [1.0, -1.0, 1.0], 0.7),  # of equal likeness all or none
        ([0.9, 0.8], [-1.0, 1.0], math.inf),  # nothing gained in sum
        ([], [], math.inf),
        ([None, 0.5], [1.0, 1.0], 0.5),
    ],
)
def test_the_threshold_is_the_one_that_gains_most(
    likeness: list[float | None], gains: list[float], threshold: float
) -> None:
    assert (
        query_cache.best_threshold(pl.Series(likeness, dtype=pl.Float64), pl.Series(gains, dtype=pl.Float64))
        == threshold
    )


def test_held_out_questions_are_not_in_the_cache_and_twins_stay_together() -> None:
    train = asked(*(f"the question {n}" for n in range(200)))
    twins = train.with_columns(question_id="t" + pl.col("question_id"), question=pl.col("question").str.to_uppercase())
    known, held_out = query_cache.hold_out(pl.concat([train, twins]), seed=0)
    assert known.height + held_out.height == 400 and 40 < held_out.height < 140
    parted = set(known["question"].str.to_lowercase()) & set(held_out["question"].str.to_lowercase())
    assert parted == set()
    assert not query_cache.hold_out(train, seed=1)[1].equals(query_cache.hold_out(train, seed=0)[1])


def test_a_cached_answer_is_given_from_the_threshold_on() -> None:
    test, known = asked("10", "50"), asked("0", answer="yes")
    plain = pl.DataFrame(
        [("q10", "no", 0.0, ["corpus:a"]), ("q50", "no", 0.0, ["corpus:b"])], schema=ANSWERED.schema, orient="row"
    )
    near = query_cache.nearest(test, known, CompassEncoder())
    given = query_cache.given_answers(test, near, known, plain, 0.9, task_named("open_qa"), "exact_match")
    assert given.rows() == [("q10", "yes", 1.0, ["cache:q0"]), ("q50", "no", 0.0, ["corpus:b"])]
    never = query_cache.given_answers(test, near, known, plain, math.inf, task_named("open_qa"), "exact_match")
    assert never.equals(plain)


def test_cached_passages_come_first_once_and_k_stays() -> None:
    plain = hits((0, 1, "a", 0.9), (0, 2, "b", 0.8), (1, 1, "c", 0.7), (1, 2, "d", 0.6))
    front = hits((0, 1, "b", 0.8), (0, 2, "x", 0.1))
    assert query_cache.in_front(plain, front, 2).select("query", "rank", "passage_id").rows() == [
        (0, 1, "b"), (0, 2, "x"), (1, 1, "c"), (1, 2, "d"),
    ]  # fmt: skip
    assert query_cache.in_front(plain, front.clear(), 2).equals(plain)


def test_joined_passages_are_the_passages() -> None:
    row = [Passage("a", "T", "One.", 1.0), Passage("b", "U", "Two.", 0.5)]
    (entry,) = rival_entries.JoinsPassages(Scripted(lambda q, ids: "")).distill(["q"], [row])
    assert (entry.title, entry.text) == ("T", "One.\nU\nTwo.")


@pytest.mark.parametrize(("words", "taken"), [(1, 1), (3, 1), (4, 2), (5, 2), (100, 3)])
def test_random_sentences_come_nearest_to_the_units_length(words: int, taken: int) -> None:
    sentences = ["a b.", "c d e.", "f g h i."]  # 2, 5 and 9 words
    assert rival_entries.of_about(sentences, words) == sentences[:taken]


def test_random_passages_are_drawn_from_the_whole_corpus_by_the_seed() -> None:
    questions, ids = asked("1", "2"), pl.Series([f"p{n}" for n in range(1000)])
    drawn = rival_entries.random_passages(questions, ids, seed=3)
    assert drawn.equals(rival_entries.random_passages(questions, ids, seed=3))
    assert not drawn.equals(rival_entries.random_passages(questions, ids, seed=4))
    assert drawn["retained"].all() and drawn.height == 6 and drawn["passage_id"].n_unique() == 6


def test_random_kept_sets_are_as_many_and_as_large(world: World) -> None:
    bench = world.open()
    found, gated = bench.retrievals(world.trial).read(), bench.gated_docs(world.trial).read()
    drawn = rival_entries.random_kept_sets(found, gated, top_k=2, seed=0)
    sizes = [
        sorted(frame.filter("retained").group_by("question_id").len()["len"].to_list()) for frame in (drawn, gated)
    ]
    assert sizes[0] == sizes[1]
    kept = drawn.filter("retained").group_by("question_id").agg(pl.col("rank").max(), pl.len().alias("count"))
    assert (kept["rank"] == kept["count"]).all()  # the top ones
    draws = {tuple(rival_entries.random_kept_sets(found, gated, 2, seed)["question_id"].unique()) for seed in range(9)}
    assert len(draws) > 1


def gated(*rows: tuple[str, int, str, bool]) -> pl.DataFrame:
    """GATED_DOCS of question_id, rank, passage_id and retained; a question's wording is its id in capitals."""
    told = [
        {
            "question_id": q,
            "question": q.upper(),
            "rank": rank,
            "passage_id": p,
            "retained": retained,
            "gate": "utility",
        }
        for q, rank, p, retained in rows
    ]
    return pl.DataFrame(told, schema=tables.GATED_DOCS.schema)


def test_questions_about_one_subject_give_one_entry_for_every_few_passages() -> None:
    titles = pl.DataFrame({"passage_id": list("abcdefg"), "title": ["T", "T", "U", "T", "V", "", ""]})
    fused = rival_entries.evidence_of_subjects(
        gated(
            ("q1", 1, "a", True), ("q1", 2, "c", True),  # T, for its first passage is; c goes with it
            ("q2", 1, "b", False), ("q2", 3, "d", True),
            ("q3", 1, "d", True), ("q3", 2, "b", True),
            ("q4", 1, "e", True),
            ("q5", 1, "f", True), ("q6", 1, "g", True),  # passages without a title are subjects of their own
        ),
        titles,
        most=2,
    )  # fmt: skip
    entries = fused.group_by("question_id", maintain_order=True).agg("passage_id", pl.col("question").first(), "rank")
    assert entries.rows() == [
        ("q1/0", ["d", "a"], "Q1 Q2 Q3", [1, 2]),  # two questions retained d; a stood first
        ("q1/1", ["b", "c"], "Q1 Q3", [1, 2]),
        ("q4/0", ["e"], "Q4", [1]),
        ("q5/0", ["f"], "Q5", [1]),
        ("q6/0", ["g"], "Q6", [1]),
    ]
    assert fused["retained"].all() and set(fused["gate"]) == {"subject"}


def test_every_rival_has_a_row_and_plain_gains_nothing(world: World) -> None:
    bench = world.open()
    rows = {name: rivals.row(bench, world.trial, name) for name in rivals.RIVAL_MEANINGS}
    plain, ours = rows["plain"], rows["write-back"]
    assert (plain["gain"], plain["entries"], plain["calls"], plain["entries_in_top_k"]) == (0.0, 0, 0, 0.0)
    assert ours["entries"] == 2 and ours["entries_in_top_k"] > 0
    assert {row["score_without"] for row in rows.values()} == {plain["score_with"]}
    assert (plain["ahead"], plain["ahead_low"], ours["ahead"]) == (ours["gain"], ours["ci_low"], 0.0)
    assert rows["random sentences"]["entries"] == rows["random kept sets"]["entries"] == ours["entries"]
    # The paper's form is not told apart here: nothing is rescued or curated.
    assert rows["write-back, paper"]["score_with"] == ours["score_with"]
    # All three training questions ask for yes, which is right for every test question that is given it.
    assert rows["query cache, answers"]["entries"] == len(TRAIN)


def test_a_rival_is_not_computed_again(world: World) -> None:
    def rows() -> pl.DataFrame:
        found = [rivals.row(world.open(), world.trial, name) for name in rivals.RIVAL_MEANINGS]
        return pl.DataFrame(found, schema=RIVALS.schema).drop("train_seconds", "search_ms")  # these are measured

    first = rows()
    asked_before, distilled = len(world.generator.asked), len(world.generator.distilled)
    assert rows().equals(first)
    assert (len(world.generator.asked), len(world.generator.distilled)) == (asked_before, distilled)


@pytest.mark.parametrize("name", rivals.RIVAL_MEANINGS)
def test_no_test_question_reaches_what_builds_a_rival(
    world: World, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, read = world.open(), Workbench.questions

    def refused(self: Workbench, trial: Trial, split: str) -> pl.DataFrame:
        assert split != "test", f"{name} asked for the test questions while it was built"
        return read(self, trial, split)

    monkeypatch.setattr(Workbench, "questions", refused)
    built = rivals.build(bench, world.trial, name)
    shown = {question for question, _ in world.generator.asked} | {q for q, _ in world.generator.distilled}
    assert not shown & set(TEST)
    # Other test questions: the same tables, found in the cache, and the same threshold.
    world.generator.asked.clear()
    write_split(tmp_path / "test.jsonl", ["77", "33"], answer="poison")
    again = rivals.build(world.open(), world.trial, name)
    assert [table.path for table in again.made] == [table.path for table in built.made]
    assert (again.entries, again.tokens, again.threshold) == (built.entries, built.tokens, built.threshold)
    assert not any(table.made for table in again.made) and world.generator.asked == []


def test_groups_of_questions(world: World) -> None:
    evaluation = pl.DataFrame(
        [
            {"question_id": name, "question": "", "golden_answers": ["yes"], "answer_without": "", "answer_with": ""}
            | {"score_without": without, "score_with": with_, "status_without": "scored", "status_with": "scored"}
            | {"passages_without": shown, "passages_with": shown}
            for name, without, with_, shown in [
                ("1", 0.0, 1.0, ["corpus:a", "corpus:b"]), ("2", 1.0, 1.0, ["corpus:c"]), ("3", 1.0, 0.0, []),
            ]
        ],
        schema=tables.EVALUATION.schema,
    )  # fmt: skip
    units = world.open().units(world.trial).read()
    assert gain_sources.sources_shown(evaluation, units).to_list() == ["yes", "no", "no"]  # a is a source
    texts = pl.LazyFrame({"passage_id": ["a", "b", "c"], "title": [""] * 3, "text": ["it is yes", "no", "no"]})
    assert gain_sources.answer_shown(evaluation, texts).to_list() == ["yes", "no", "no"]
    likeness = gain_sources.bands(pl.Series([0.85, 0.5, None], dtype=pl.Float64))
    assert likeness.to_list() == ["0.85 and more", "0.5 to 0.7", "under 0.5"]
    rows = gain_sources.group_rows(evaluation, {"likeness": likeness}, seed=0)
    assert [(row["group"], row["questions"], row["score_without"], row["score_with"]) for row in rows] == [
        ("under 0.5", 1, 100.0, 0.0), ("0.5 to 0.7", 1, 100.0, 100.0), ("0.85 and more", 1, 0.0, 100.0),
    ]  # fmt: skip


def test_every_question_is_in_one_group_of_each_kind(world: World) -> None:
    rows = pl.DataFrame(gain_sources.by_group(world.open(), world.trial))
    assert set(rows["grouping"]) == set(gain_sources.GROUPINGS)
    assert rows.group_by("grouping").agg(pl.col("questions").sum())["questions"].to_list() == [len(TEST)] * 3


def test_one_rival_is_measured_alone(world: World) -> None:
    """Later ones stand beside it."""
    told: list[str] = []
    for name in ("BM25", "plain"):
        study = Study(world.settings, ("compass",), ("scripted",), ("naive",), rivals=[name])
        conduct(list(cells(world.open(), study, ["rivals"])), told.append)
    assert set(results_of(world.settings, ("scripted",), ("compass",))["rivals"]["rival"]) == {"BM25", "plain"}
    assert not any("on top of" in line or "hybrid" in line for line in told)


def test_a_rival_that_there_is_not_is_refused(tmp_path: Path) -> None:
    command = ["experiment", "rivals", "sample_nq", "--rival", "HyPE", "--home", str(tmp_path)]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError)
    assert "'HyPE' with the generator reader" in str(done.exception)
