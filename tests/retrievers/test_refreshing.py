"""A retriever that changes: what it showed is stored, a refresh asks again, and units without sources are retired."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from tests.pipeline.conftest import write_tiny
from tests.retrievers.trained import ENCODER, refreshed, trained
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError, RetrieverError
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.refresh.corpus_stages import is_fresh
from wbrag_pipeline.refresh.planning import plan_refresh
from wbrag_pipeline.releases.store import Release, current
from wbrag_pipeline.retrieval.access import Principal
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrievers.adding_retriever import add_retriever
from wbrag_pipeline.retrievers.asking import was_asked
from wbrag_pipeline.retrievers.opened_base import open_base
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings

MODULE = "a_search_engine_of_ours"


class Engine:
    """Searches what ``passages`` hold at the moment, by the words in common; counts what it is asked."""

    def __init__(self, passages: list[PassageHit]) -> None:
        self.passages = passages
        self.asked: list[tuple[str, int]] = []
        self.fetched: list[str] = []
        self.is_down = False

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        if self.is_down:
            raise RetrieverError("engine", "is down")
        self.asked += [(query, top_k) for query in queries]
        texts = [passage.text for passage in self.passages]
        scores = ENCODER.encode_queries(list(queries)) @ ENCODER.encode_passages([""] * len(texts), texts).T
        return [[self.passages[place] for place in (-row).argsort(kind="stable")[:top_k]] for row in scores]


class EngineById(Engine):
    """The same, and it can be asked by id."""

    def fetch(self, ids: Sequence[str]) -> list[PassageHit]:
        self.fetched += ids
        return [passage for passage in self.passages if passage.id in ids]


def answers(question: str, ids: tuple[str, ...]) -> str:
    """Right as soon as something was retrieved: the training questions are answered by passages alone."""
    towns = {
        "Aldermoor": ("Tessa Quill", "salt"),
        "Brackwater": ("Odo Marsh", "tin"),
        "Corvane": ("Lena Thorne", "wool"),
    }
    found = next((told for town, told in towns.items() if town in question), ("", ""))
    return found[0 if question.startswith("Who") else 1] if ids else "nobody knows"


@pytest.fixture(params=[Engine, EngineById], ids=["by question", "by id"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    rows = read_corpus(write_tiny(tmp_path / "data")[0])
    passages = [
        PassageHit(text, title, name) for name, title, text in rows.select("passage_id", "title", "text").rows()
    ]
    module = ModuleType(MODULE)
    made = request.param(passages)
    module.make = lambda: made  # type: ignore[attr-defined]
    sys.modules[MODULE] = module
    yield made
    del sys.modules[MODULE]


@pytest.fixture
def settings(engine: Engine, wbrag_home: Path, tmp_path: Path) -> Settings:
    """A home with the benchmark ``towns`` over the engine; of it six questions train. Its units are not curated."""
    home = Settings(home=wbrag_home, curate=False, rescue_depth=0, top_k=2, limit=6, validation_share=0)
    add_retriever(home.home, "engine", RetrieverEntry(entry_point=f"{MODULE}:make"))
    data = tmp_path / "data"
    add_benchmark(
        home.home, "towns", task="open_qa", corpus="engine", train=data / "train.jsonl", test=data / "test.jsonl"
    )
    engine.asked.clear()
    return home


def train(settings: Settings) -> Release:
    return trained(settings, "towns", lambda _: Scripted(answers))[0]


def served(settings: Settings) -> pl.DataFrame:
    return current(settings.releases("towns")).units()


def change(engine: Engine, name: str, **what: Any) -> None:
    engine.passages = [replace(one, **what) if one.id == name else one for one in engine.passages]


def take_out(engine: Engine, *names: str) -> None:
    engine.passages = [one for one in engine.passages if one.id not in names]


def fresh(settings: Settings) -> bool:
    return is_fresh(settings, Registry.load(settings.home), "engine")


def test_training_and_evaluation_ask_each_question_once_and_never_again(settings: Settings, engine: Engine) -> None:
    first = train(settings)
    assert sorted(engine.asked) == sorted({*engine.asked}) and len(engine.asked) == 12  # six a split
    assert {top_k for _, top_k in engine.asked} == {2}
    engine.is_down = True
    again = train(settings)
    assert again.units().equals(first.units()) and len(engine.asked) == 12


def test_passages_are_those_that_were_shown(settings: Settings, engine: Engine) -> None:
    train(settings)
    shown, passages = tables.SHOWN.load(settings, "engine"), tables.PASSAGES.load(settings, "engine")
    assert set(shown["passage_id"]) == set(passages["passage_id"])
    assert passages.height < len(engine.passages)
    retrieved = tables.RETRIEVALS.load(settings, "towns")
    assert set(retrieved["passage_id"]) <= set(passages["passage_id"])


def test_more_questions_or_a_deeper_look_are_asked_before_the_next_run(settings: Settings, engine: Engine) -> None:
    train(settings)
    registry = Registry.load(settings.home)
    deeper, more, fewer = settings.with_(top_k=3), settings.with_(limit=8), settings.with_(limit=2, top_k=1)
    assert fresh(fewer) and not fresh(deeper) and not fresh(more)
    train(more)
    assert was_asked(more, registry, "engine")
    refreshed(fewer, "engine")  # asks less, and keeps what others need
    assert was_asked(more, registry, "engine")


def test_a_changed_source_retires_its_units(settings: Settings, engine: Engine) -> None:
    train(settings)
    before = served(settings)
    source = before["source_passage_ids"][0][0]
    change(engine, source, text="Nothing of the kind is known of Aldermoor, Tessa Quill, salt or the river Vell.")
    done = refreshed(settings, "engine")
    assert (source, "updated") in done.changes.select("passage_id", "change").rows()
    gone = before.filter(pl.col("source_passage_ids").list.contains(source))["unit_id"].to_list()
    assert gone and set(done.retired.filter(decision="retired")["unit_id"]) <= set(gone)
    assert not set(served(settings)["unit_id"]) & set(done.retired.filter(decision="retired")["unit_id"])


def test_a_source_that_is_gone_retires_its_units(settings: Settings, engine: Engine) -> None:
    train(settings)
    units = served(settings)
    source = units["source_passage_ids"][0][0]
    take_out(engine, source)
    done = refreshed(settings, "engine")
    alone = units.filter(pl.col("source_passage_ids") == [source])["unit_id"]
    assert set(alone) <= set(done.retired["unit_id"])
    assert source not in tables.PASSAGES.load(settings, "engine")["passage_id"]


def test_a_source_that_is_only_shown_no_more_stays_where_it_can_be_fetched(settings: Settings, engine: Any) -> None:
    train(settings)
    source = served(settings)["source_passage_ids"][0][0]
    search = engine.search
    engine.search = lambda *asked, **who: [[h for h in hits if h.id != source] for hits in search(*asked, **who)]
    done = refreshed(settings, "engine")
    assert done.retired.is_empty() is isinstance(engine, EngineById)
    if isinstance(engine, EngineById):
        assert source in engine.fetched


def test_a_label_that_came_on_closes_the_units_made_of_it(settings: Settings, engine: Engine) -> None:
    train(settings)
    source = served(settings)["source_passage_ids"][0][0]
    change(engine, source, metadata={"labels": ["hr"]})
    refreshed(settings, "engine")
    of_it = served(settings).filter(pl.col("source_passage_ids").list.contains(source))
    assert of_it["labels"].to_list() == [["hr"]] * of_it.height


@pytest.mark.parametrize("trouble", ["down", "empty", "most is gone"])
def test_a_refresh_that_cannot_be_done_changes_nothing(settings: Settings, engine: Engine, trouble: str) -> None:
    train(settings)
    before = {file: file.read_bytes() for file in settings.home.rglob("*") if file.is_file()}
    engine.is_down = trouble == "down"
    if trouble == "empty":
        engine.passages = []
    if trouble == "most is gone":
        engine.passages = [replace(one, id=f"new {one.id}", text=f"Other {one.text}") for one in engine.passages[:2]]
    with pytest.raises((RetrieverError, InputError, ValueError)):
        refreshed(settings, "engine")
    assert {file: file.read_bytes() for file in settings.home.rglob("*") if file.is_file()} == before
    assert fresh(settings)


def test_what_is_not_taken_and_a_retriever_that_gives_less_are_told(settings: Settings, engine: Engine) -> None:
    engine.passages = [*engine.passages[:1], replace(engine.passages[1], metadata={"acl": ["hr"]})]
    told = list(plan_refresh(settings, Registry.load(settings.home), "engine").bad.lines())
    assert told == [
        "left out: 12 times a passage whose access labels cannot be read",
        "it gave at most 1 passages a question, and was asked for 2",
    ]


def test_a_dry_run_asks_and_changes_nothing(settings: Settings, engine: Engine) -> None:
    train(settings)
    take_out(engine, served(settings)["source_passage_ids"][0][0])
    before = {file: file.read_bytes() for file in settings.home.rglob("*") if file.is_file()}
    plan = plan_refresh(settings, Registry.load(settings.home), "engine")
    assert plan.counts["deleted"] == 1
    assert {file: file.read_bytes() for file in settings.home.rglob("*") if file.is_file()} == before


def test_what_was_forgotten_stays_forgotten_though_it_is_still_shown(settings: Settings, engine: Engine) -> None:
    train(settings)
    source = served(settings)["source_passage_ids"][0][0]
    (text,) = [one.text for one in engine.passages if one.id == source]
    forget(settings, "passage", [source])
    train(settings)  # asks again, and it is shown again
    for file in settings.home.rglob("*.parquet"):
        assert text not in str(pl.read_parquet(file).rows()), file
    live = LiveRetriever(settings, "towns", ENCODER)
    found = live.search([text]).hits
    assert found.height == 2 and source not in found["passage_id"]
    assert fresh(settings)


def test_a_forgotten_question_is_asked_no_more(settings: Settings, engine: Engine) -> None:
    train(settings)
    asked = tables.QUESTIONS.load(settings, "towns").filter(split="train").row(0, named=True)
    forget(settings, "question", [asked["question_id"]], benchmark="towns", split="train")
    assert asked["question"] not in tables.SHOWN.load(settings, "engine")["question"]
    engine.asked.clear()
    refreshed(settings, "engine")
    assert asked["question"] not in {question for question, _ in engine.asked}


def test_what_is_asked_in_the_middle_of_an_answer_is_stored_too(settings: Settings, engine: Engine) -> None:
    train(settings)
    asked = ["When was Aldermoor founded?", "nothing at all"]

    def search() -> list[tuple[str, ...]]:
        base = open_base(settings, "engine", ENCODER, for_training=True).unrestricted()
        return base.hits_with_text(base.search(asked, 2)).select("passage_id", "text").rows()

    first = search()
    assert engine.asked[-2:] == [(question, 2) for question in asked]
    engine.is_down = True
    assert search() == first
    engine.is_down = False
    forget(settings, "passage", [first[0][0]], corpus="engine")
    assert first[0][1] not in str(tables.SHOWN_LATER.load(settings, "engine").rows())
    refreshed(settings, "engine")
    assert not settings.table("shown_later", "engine").is_file()


def test_serving_asks_live(settings: Settings, engine: Engine) -> None:
    train(settings)
    live = LiveRetriever(settings, "towns", ENCODER)
    engine.passages.insert(0, PassageHit("The ferry of Aldermoor leaves at noon.", "Ferry", "new"))
    engine.asked.clear()
    found = live.search(["When does the ferry of Aldermoor leave at noon?"]).hits
    assert found["text"][0] == "The ferry of Aldermoor leaves at noon." and len(engine.asked) == 1
    assert live.passage("corpus", "new").hits["title"].to_list() == ["Ferry"]


def test_before_anything_was_asked_there_is_nothing_to_train_on(settings: Settings) -> None:
    with pytest.raises(NotBuiltError):
        open_base(settings, "engine", ENCODER, for_training=True)


def test_a_run_that_was_killed_between_its_two_tables_is_seen_and_done_again(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(settings)
    change(engine, engine.passages[0].id, text="Aldermoor is known for its salt, and Tessa Quill founded it in 1612.")
    engine.passages.append(PassageHit("Who founded Aldermoor? Tessa Quill founded Aldermoor.", "New", "new"))
    with monkeypatch.context() as killed:
        killed.setattr("wbrag_pipeline.refresh.corpus_stages.note_source", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            refreshed(settings, "engine")
    assert not fresh(settings)
    with pytest.raises(IntegrityError, match="wbrag refresh engine"):
        open_base(settings, "engine", ENCODER, for_training=True)
    train(settings)
    assert fresh(settings) and "new" in tables.PASSAGES.load(settings, "engine")["passage_id"]


def test_a_method_that_searches_by_a_vector_of_its_own_is_refused(settings: Settings) -> None:
    refreshed(settings, "engine")
    with pytest.raises(InputError, match="takes a question"):
        trained(settings.with_(method="hyde+naive"), "towns", lambda _: Scripted(answers))
