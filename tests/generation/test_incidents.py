"""What goes another way than asked is counted, each kind by a case worked out by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.generation.scripted_engine import ScriptedEngine, with_tokens
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO, Task
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.engine_protocol import Completion, Request
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.generation.reflection import REFLECTION_TOKENS

CURIE = Passage("1", "Marie Curie", "Marie Curie was born in Warsaw in 1867. She discovered polonium and radium.", 0.9)
ENDLESS = Passage("2", "Endless", "This one does not fit.", 0.8)
UNIT = "Marie Curie\nMarie Curie, born in Warsaw in 1867, discovered the elements polonium and radium in 1898."


def cut(text: str) -> Completion:
    return Completion(text, (), 10, 32, "length")


def too_long(request: Request) -> bool:
    return "does not fit" in request.messages[-1].content


class Narrow(ScriptedEngine):
    """An engine whose context has no place for what says that it does not fit."""

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        return [
            () if too_long(request) else ids for request, ids in zip(requests, super().encode(requests), strict=True)
        ]


@pytest.mark.parametrize(
    ("task", "said", "incidents"),
    [
        (OPEN_QA, cut("Marie Curie was the"), {"answers_cut": 1}),
        (OPEN_QA, cut("Marie Curie\nQuestion: Who"), {}),  # only the first line counts, and it is whole
        (OPEN_QA, cut(""), {}),  # a model that was still thinking: a failed call
        (OPEN_QA, "Marie Curie", {}),
        (YES_NO, cut("True, since the passage says"), {}),
        (YES_NO, cut("The passage says that"), {"choices_unread": 1}),
        (YES_NO, "Perhaps", {"choices_unread": 1}),
        (YES_NO, Completion("", finish_reason="failed"), {}),
    ],
)
def test_cut_answers_and_unread_choices(task: Task, said: Completion | str, incidents: dict[str, int]) -> None:
    model = LanguageModel(ScriptedEngine(lambda request: said))
    model.answer(["Q?"], [[CURIE]], task)
    assert model.usage.incidents == incidents


def test_the_rest_of_a_begun_answer_names_no_choice() -> None:
    model = LanguageModel(ScriptedEngine(lambda request: "because he was there"))
    model.look_ahead(["Q?", "Q?"], [[CURIE]] * 2, ["True", ""], YES_NO)
    assert model.usage.incidents == {"choices_unread": 1}


def test_prompts_of_which_nothing_can_be_left_out() -> None:
    def script(request: Request) -> Completion | str:
        return Completion("", finish_reason="context") if too_long(request) else with_tokens("yes", {"yes": 1.0})

    model = LanguageModel(ScriptedEngine(script))
    good, bad = model.assess(["Q?"] * 2, [CURIE, ENDLESS], ["A"] * 2, OPEN_QA)
    assert bad.failed and not good.failed
    assert (model.usage.prompts_too_long, model.usage.failed) == (3, 3)  # three verdicts on an answer
    assert model.wants_retrieval(["does not fit"], OPEN_QA) == [None]
    assert model.imagine(["does not fit"]) == [""]
    assert model.usage.incidents == {"prompts_too_long": 5}


def test_hydes_passages_that_are_cut() -> None:
    model = LanguageModel(ScriptedEngine(lambda request: cut("Once upon a time")))
    assert model.imagine(["Q?"]) == ["Once upon a time"]
    assert model.usage.incidents == {"answers_cut": 1}


# RePlug.


def replug(cache: CompletionCache | None = None, ends: bool = True) -> LanguageModel:
    def likely(prompt: str) -> list[float]:
        return [0.0, 1.0] if ends and prompt.endswith("Paris") else [0.9, 0.1]

    return LanguageModel(Narrow(vocabulary=["Paris", "<end>"], distribution=likely), cache)


def test_passages_that_replug_drops_count_when_the_cache_answers_too(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    for cached in (0, 2):
        model = replug(cache)
        (answer,) = model.answer_ensemble(["Where?"], [[CURIE, ENDLESS]], [[0.5, 0.5]], OPEN_QA)
        assert (answer.text, answer.finished) == ("Paris", True)
        assert model.usage.incidents == {"passages_dropped": 1}
        assert model.usage.cached == cached


def test_an_ensemble_of_the_version_before_is_still_an_answer(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    replug(cache).answer_ensemble(["Where?"], [[CURIE]], [[1.0]], OPEN_QA)
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        ((value,),) = connection.execute("SELECT value FROM completions").fetchall()
        connection.execute("UPDATE completions SET value = ?", (json.dumps(json.loads(value)[:3]),))
    model = replug(cache)
    (answer,) = model.answer_ensemble(["Where?"], [[CURIE]], [[1.0]], OPEN_QA)
    assert (answer.text, model.usage.sent, model.usage.incidents) == ("Paris", 0, {})


def test_where_no_prompt_fits_the_answer_fails() -> None:
    model = replug()
    answers = model.answer_ensemble(
        ["Where?", "does not fit", "Where?"], [[ENDLESS, ENDLESS], [], [CURIE]], [[0.5, 0.5], [], [1.0]], OPEN_QA
    )
    assert [answer.failed for answer in answers] == [True, True, False]
    assert model.usage.incidents == {"passages_dropped": 2, "prompts_too_long": 2}
    assert (model.usage.calls, model.usage.failed) == (3, 2)


def test_an_ensemble_that_never_ends_is_cut() -> None:
    model = replug(ends=False)
    (answer,) = model.answer_ensemble(["Where?"], [[CURIE]], [[1.0]], OPEN_QA)
    assert answer.text == " ".join(["Paris"] * 32) and not answer.finished
    assert model.usage.incidents == {"answers_cut": 1}


def test_reflection_tokens_that_are_not_there_and_prompts_that_do_not_fit() -> None:
    class Silent(Narrow):
        def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
            return [() if too_long(request) else (len(self.vocabulary),) for request in requests]

    engine = Silent(vocabulary=(*REFLECTION_TOKENS, "other"), distribution=lambda text: [0.0] * 12 + [1.0])
    engine._texts = ["any"]
    assert len(REFLECTION_TOKENS) == 12
    model = LanguageModel(engine)
    assert model.wants_retrieval(["Q?", "does not fit"], OPEN_QA) == [None, None]
    assert model.usage.incidents == {"verdicts_unread": 1, "prompts_too_long": 1}
    assert model.usage.failed == 1


# The distiller.


def test_a_model_whose_drafts_all_fail_has_as_many_extractive_units_as_units() -> None:
    model = LanguageModel(ScriptedEngine(lambda request: "I am sorry, I cannot do that."))
    units = model.distill([f"Q{n}?" for n in range(5)], [[CURIE]] * 5)
    assert [unit.written_by for unit in units] == ["extractive_fallback"] * 5
    assert all(unit.text for unit in units)
    # The refusal is no evidence either, so that was selected for all of them as well.
    # And at both tries it was counted for what it is.
    declined = {"writing_declined": 10, "sources_not_met": 10}
    assert model.usage.incidents == {"evidence_rejected": 5, "evidence_selected": 5, "units_extractive": 5, **declined}


def test_each_unit_says_who_wrote_it() -> None:
    """By a word of the passage: Fine at the first try, Second at the second, Never, or a call that failed."""
    words = ("Fine", "Second", "Never", "Broken")

    def script(request: Request) -> Completion | str:
        asked = request.messages[1].content
        if "Broken" in asked:
            return Completion("", finish_reason="failed")
        if "Copy" in request.messages[0].content:
            (word,) = [word for word in words if word in asked]
            return cut(
                f"She discovered polonium and radium.\nHer work at {word} was hard.\nMarie Curie was born in War"
            )
        return UNIT if "Fine" in asked or ("Second" in asked and len(request.messages) > 2) else "Too short."

    model = LanguageModel(ScriptedEngine(script))
    passages = [[replace(CURIE, text=f"{CURIE.text} Her work at {word} was hard.")] for word in words]
    units = model.distill(["Who?"] * 5, [*passages, []])
    assert [(unit.written_by, unit.failed, bool(unit.text)) for unit in units] == [
        ("generator", False, True),
        ("generator_repaired", False, True),
        ("extractive_fallback", False, True),
        ("generator", True, False),
        ("generator", False, False),
    ]
    assert model.usage.incidents == {"answers_cut": 3, "units_repaired": 1, "units_extractive": 1, "sources_not_met": 3}


SCHOOL = Passage(
    "3", "Odo Quill", "Odo Quill moved to Corvane to attend a school. The classes were held in German.", 0.9
)
FIRST_SENTENCE = "Odo Quill\nOdo Quill moved to Corvane in order to attend a school in that town."
BOTH = "Odo Quill\nOdo Quill attended a school in Corvane, where the classes were held in German."


@pytest.mark.parametrize(
    ("question", "drafts", "written_by", "left_out"),
    [
        ("In which language were classes held?", [BOTH], "generator", 0),
        ("In which language were classes held?", [FIRST_SENTENCE, BOTH], "generator_repaired", 1),
        ("In which language were classes held?", [FIRST_SENTENCE, FIRST_SENTENCE], "extractive_fallback", 2),
        ("Where was his school, in Corvane?", [FIRST_SENTENCE], "generator", 0),
        ("Who?", [FIRST_SENTENCE], "generator", 0),  # no sentence is nearer to it than another
    ],
)
def test_a_draft_without_the_sentence_that_the_question_asks_for_is_written_again(
    question: str, drafts: list[str], written_by: str, left_out: int
) -> None:
    left, shown = list(drafts), []

    def script(request: Request) -> str:
        if "Copy" in request.messages[0].content:
            return "Odo Quill moved to Corvane to attend a school.\nThe classes were held in German."
        shown.append(request.messages[-1].content)
        return left.pop(0)

    model = LanguageModel(ScriptedEngine(script))
    (unit,) = model.distill([question], [[SCHOOL]])
    assert unit.written_by == written_by and left == []
    assert model.usage.evidence_left_out == left_out
    assert all("leaves out" in told and "held in German" in told for told in shown[1:])
    assert not any(question in told for told in shown)
    if left_out:
        assert "German" in unit.text


# The embedded reader.


def test_the_reader_writes_its_units_itself_and_counts_pairs_that_it_read_only_in_part(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    long = Passage("3", "Long", "Radium glows faintly in the dark. " * 40)
    reader = Reader(cache)
    reader.answer(["What glows?"], [[CURIE, long]], OPEN_QA)
    assert reader.usage.incidents == {"inputs_cut": 1}
    reader.answer(["What glows? " * 100], [[CURIE]], OPEN_QA)
    assert reader.usage.incidents == {"inputs_cut": 2}
    again = Reader(cache)
    again.answer(["What glows?"], [[CURIE, long]], OPEN_QA)
    assert (again.usage.sent, again.usage.incidents) == (0, {"inputs_cut": 1})
    (unit,) = reader.distill(["What glows?"], [[CURIE]])
    assert unit.written_by == "generator" and not reader.usage.units_extractive


def test_readings_of_the_version_before_are_still_readings(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    first = Reader(cache).answer(["Where was Marie Curie born?"], [[CURIE]], OPEN_QA)
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        ((value,),) = connection.execute("SELECT value FROM completions").fetchall()
        connection.execute("UPDATE completions SET value = ?", (json.dumps(json.loads(value)[:6]),))
    reader = Reader(cache)
    assert reader.answer(["Where was Marie Curie born?"], [[CURIE]], OPEN_QA) == first
    assert (reader.usage.sent, reader.usage.incidents) == (0, {})


# What was stored and cannot be.


@pytest.mark.parametrize(
    "value",
    [
        '["Warsaw", NaN, 0.0, [], 0, 6, false]',
        '["Warsaw", 1.0, 0.0, [0.5, 0.5], 0, 6, false]',
        '["Warsaw", 1.0, 0.0, [0.5, 0.5, 7.0], 0, 6, false]',
        '["Warsaw", 1.0, 0.0, [], -1, 6, false]',
        '["Warsaw", 1.0]',
        '{"text": "Warsaw"}',
        "null",
    ],
)
def test_a_stored_reading_that_cannot_be_is_asked_for_again_and_counted(value: str, tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    first = Reader(cache).answer(["Where was Marie Curie born?"], [[CURIE]], OPEN_QA)
    spoil(cache, value)
    for incidents in ({"entries_damaged": 1}, {}):
        reader = Reader(cache)
        assert reader.answer(["Where was Marie Curie born?"], [[CURIE]], OPEN_QA) == first
        assert (reader.usage.sent, reader.usage.incidents) == (len(incidents), incidents)


@pytest.mark.parametrize(
    "value",
    [
        '["Paris", [["Paris", 7.0]], "stop", 0]',
        '["Paris", [["Paris", NaN]], "stop", 0]',
        '["Paris", [], "failed", 0]',
        '["Paris", [], "stop", -1]',
        '["Paris"]',
        "7",
    ],
)
def test_a_stored_ensemble_that_cannot_be_is_asked_for_again_and_counted(value: str, tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    replug(cache).answer_ensemble(["Where?"], [[CURIE]], [[1.0]], OPEN_QA)
    spoil(cache, value)
    for incidents in ({"entries_damaged": 1}, {}):
        model = replug(cache)
        assert model.answer_ensemble(["Where?"], [[CURIE]], [[1.0]], OPEN_QA)[0].text == "Paris"
        assert (model.usage.sent, model.usage.incidents) == (len(incidents), incidents)


@pytest.mark.parametrize("value", ["[0.5]", "[0.5, NaN]", "[0.5, 1e9]", '["a", "b"]', "{}", "null"])
def test_a_stored_decision_that_cannot_be_is_asked_for_again_and_counted(value: str, tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")

    def wants(model: LanguageModel) -> list[float | None]:
        return model.wants_retrieval(["Q?"], OPEN_QA)

    def model() -> LanguageModel:
        engine = Narrow(vocabulary=REFLECTION_TOKENS, distribution=lambda text: [0.6, 0.2] + [0.0] * 10)
        engine._texts = ["any"]
        return LanguageModel(engine, cache)

    first = wants(model())
    spoil(cache, value)
    for incidents in ({"entries_damaged": 1}, {}):
        again = model()
        assert wants(again) == first == [pytest.approx(0.75)]
        assert (again.usage.sent, again.usage.incidents) == (len(incidents), incidents)


def spoil(cache: CompletionCache, value: str) -> None:
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute("UPDATE completions SET value = ?", (value,))
