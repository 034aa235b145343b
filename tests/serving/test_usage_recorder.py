"""What ``wbrag serve`` records of the queries: a sample, without personal data, in the background, and forgettable."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.web import Towns, running
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.retrieval.knowledge_base import HITS
from wbrag_pipeline.run_locks import WHOLE_HOME, at_work
from wbrag_pipeline.serving import usage_recorder
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.serving.usage_recorder import UsageRecorder, UsageSample
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.usage.recorded_queries import RecordedQueries

Start = Callable[..., UsageRecorder]


@pytest.fixture
def outcomes() -> Counter[str]:
    return Counter()


@pytest.fixture
def start(towns: Towns, outcomes: Counter[str]) -> Iterator[Start]:
    """Makes recorders that take every query, and write when they are told to."""
    started = []

    def make(*benchmarks: str, chance: Callable[[], float] = lambda: 0.0, **sample: Any) -> UsageRecorder:
        sampled = UsageSample(**{"settings": towns.settings, "share": 0.5, **sample})
        count = lambda outcome, queries: outcomes.update({outcome: queries})  # noqa: E731
        recorder = UsageRecorder(sampled, benchmarks or ("b",), count, seconds=3600, chance=chance)
        started.append(recorder)
        return recorder

    yield make
    for recorder in started:
        recorder.close()


def ask(towns: Towns, recorder: UsageRecorder, *questions: str, benchmark: str = "b", asked_at: Any = None) -> None:
    found = towns.retriever(benchmark).search(questions, 2, labels=[])
    recorder.note(benchmark, asked_at or datetime.now(UTC), questions, found.release, found.hits)


def rows(towns: Towns, benchmark: str = "b") -> pl.DataFrame:
    return RecordedQueries(towns.settings.usage(benchmark)).read()


def test_a_row_says_what_was_asked_and_found(towns: Towns, start: Start, outcomes: Counter[str]) -> None:
    recorder = start()
    before = datetime.now(UTC)
    ask(towns, recorder, "Velcro Swiss engineer", "who made the zipper")
    recorder.write()
    first, second = rows(towns).iter_rows(named=True)
    assert (first["question"], first["release"], first["left_out"]) == ("Velcro Swiss engineer", "r000001", "")
    assert (first["found"], first["units"], first["passages"]) == (2, 1, ["writeback:u1", "corpus:p1"])
    assert before <= first["asked_at"] <= datetime.now(UTC) and 0 < first["best_score"] <= 1.001
    assert second["passages"][0] == "corpus:p2" and outcomes == {"recorded": 2, "forgotten": 0}


def test_nothing_is_written_before_a_write_nor_in_the_thread_that_answers(
    towns: Towns, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request waits for no file: what it calls touches none, though the disk would refuse."""
    recorder = start()
    writers = []
    original = RecordedQueries.append

    def append(self: RecordedQueries, *arguments: Any) -> str:
        writers.append(threading.current_thread().name)
        return original(self, *arguments)

    monkeypatch.setattr(RecordedQueries, "append", append)
    ask(towns, recorder, "velcro")
    assert writers == [] and not towns.settings.usage("b").exists()
    worker = threading.Thread(target=recorder.write, name="the writer")
    worker.start()
    worker.join()
    assert writers == ["the writer"]


def test_a_query_of_the_sample_is_chosen_by_chance(towns: Towns, start: Start) -> None:
    chances = iter([0.4, 0.6, 0.5, 0.1])
    recorder = start(share=0.5, chance=lambda: next(chances))
    ask(towns, recorder, "one velcro", "two zipper", "three buttons", "four velcro")
    recorder.write()
    assert rows(towns)["question"].to_list() == ["one velcro", "four velcro"]
    assert rows(towns)["passages"].to_list()[1][0] in ("corpus:p1", "writeback:u1")  # its own hits, not those of two


@pytest.mark.parametrize(
    "secret",
    [
        "why does anna@example.org get no mail?",
        "my card 4111 1111 1111 1111 was refused",
        "call me at +49 30 901820 please",
        "transfer to DE89 3704 0044 0532 0130 00",
        "my ssn is 536-90-4399",
        "the password is hunter2!x",
    ],
)
def test_a_text_with_personal_data_is_left_out_and_its_figures_stay(towns: Towns, start: Start, secret: str) -> None:
    recorder = start()
    ask(towns, recorder, secret, "velcro")
    recorder.write()
    left_out, kept = rows(towns).iter_rows(named=True)
    assert (left_out["question"], left_out["question_id"], left_out["left_out"]) == ("", "", "personal")
    assert left_out["found"] == 2 and kept["question"] == "velcro"
    assert not any(secret.encode() in file.read_bytes() for file in towns.settings.home.rglob("*") if file.is_file())


def test_texts_are_left_out_where_that_was_asked_for_or_they_are_long(towns: Towns, start: Start) -> None:
    for texts, question, reason in ((False, "velcro", "unwanted"), (True, "velcro " * 400, "long")):
        recorder = start(texts=texts)
        ask(towns, recorder, question)
        recorder.write()
        row = rows(towns).row(-1, named=True)
        assert (row["question"], row["question_id"], row["left_out"], row["found"]) == ("", "", reason, 2)


def test_memory_is_bounded_and_what_does_not_fit_is_counted(
    towns: Towns, start: Start, outcomes: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_recorder, "_MOST_WAITING", 5)
    recorder = start()
    for _ in range(4):
        ask(towns, recorder, "velcro", "zipper")
    recorder.write()
    assert rows(towns).height == 4 and outcomes["dropped"] == 4 and outcomes["recorded"] == 4
    ask(towns, recorder, "velcro")
    recorder.write()
    assert rows(towns).height == 5


def test_no_more_of_a_large_request_is_kept_than_what_was_chosen(towns: Towns, start: Start) -> None:
    chances = iter([0.9] * 99 + [0.1])
    recorder = start(chance=lambda: next(chances))
    ask(towns, recorder, *["zipper"] * 99, "velcro " * 100_000)
    (noted,) = recorder._noted
    assert noted.hits.height == 2 and "text" not in noted.hits.columns
    assert sum(map(len, noted.questions)) <= usage_recorder._LONGEST + 1
    recorder.write()
    assert rows(towns).select("left_out", "found").rows() == [("long", 2)]


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


@given(requests=st.lists(st.lists(st.tuples(ANY_TEXT, st.integers(0, 3)), min_size=1, max_size=4), max_size=4))
def test_any_texts_and_hits_become_one_row_a_query(
    tmp_path_factory: pytest.TempPathFactory, requests: list[list[tuple[str, int]]]
) -> None:
    sample = UsageSample(Settings(home=tmp_path_factory.mktemp("home")), share=1.0)
    recorder = UsageRecorder(sample, ("b",), lambda outcome, queries: None, seconds=3600)
    for queries in requests:
        hits = [
            (at, rank + 1, "writeback" if rank else "corpus", "p", 0.5)
            for at, (_, count) in enumerate(queries)
            for rank in range(count)
        ]
        found = pl.DataFrame(hits, schema=HITS, orient="row")
        recorder.note("b", datetime.now(UTC), [question for question, _ in queries], "", found)
    recorder.close()
    expected = [(count, max(count - 1, 0)) for queries in requests for _, count in queries]
    assert sample.of("b").read().select("found", "units").rows() == expected


def test_what_was_noted_when_something_was_forgotten_is_dropped(
    towns: Towns, start: Start, outcomes: Counter[str]
) -> None:
    recorder = start()
    ask(towns, recorder, "Velcro was the idea of George de Mestral. Is that so?")
    asked_before = datetime.now(UTC)
    forget(towns.settings, "passage", ["p1"])
    recorder.write()
    ask(towns, recorder, "an answer that was on its way", asked_at=asked_before)
    ask(towns, recorder, "who made the zipper")
    recorder.write()
    assert rows(towns)["question"].to_list() == ["who made the zipper"]
    assert outcomes["forgotten"] == 2 and outcomes["recorded"] == 1


def test_a_forgotten_passage_goes_from_recorded_questions_and_lists(towns: Towns, start: Start) -> None:
    recorder = start()
    ask(towns, recorder, "Somebody wrote: The zipper was made by Gideon Sundback. Why?", "zipper of Sundback")
    recorder.write()
    certificate = forget(towns.settings, "passage", ["p2"])
    (left,) = rows(towns).iter_rows(named=True)
    assert left["question"] == "zipper of Sundback" and "corpus:p2" not in left["passages"] and left["found"] == 2
    assert any(place.startswith("usage/") for place in certificate.places)
    recorder.write()  # it sees that something was forgotten
    ask(towns, recorder, "buttons")
    recorder.write()  # into the same segment
    assert rows(towns)["question"].to_list() == ["zipper of Sundback", "buttons"]


def test_a_recorded_question_is_forgotten_by_its_id_and_never_recorded_again(
    towns: Towns, start: Start, outcomes: Counter[str]
) -> None:
    recorder = start()
    ask(towns, recorder, "Is Tom Muster ill?", "is tom muster ILL", "velcro")
    recorder.write()
    forget(towns.settings, "question", [rows(towns)["question_id"][0]])
    assert rows(towns)["question"].to_list() == ["velcro"]
    recorder.write()
    ask(towns, recorder, "Is Tom Muster ill?", "zipper")
    recorder.write()
    assert rows(towns)["question"].to_list() == ["velcro", "zipper"] and outcomes["forgotten"] == 1


def test_a_trace_in_a_recording_is_found_by_the_search(
    towns: Towns, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wbrag_pipeline.errors import WbragError
    from wbrag_pipeline.forgetting import forget as forgetting

    recorder = start()
    ask(towns, recorder, "Somebody wrote: The zipper was made by Gideon Sundback. Why?")
    recorder.write()
    monkeypatch.setattr(forgetting, "forget_in_table", lambda *arguments: 0)
    with pytest.raises(WbragError, match="usage/"):
        forget(towns.settings, "passage", ["p2"])


def test_a_write_waits_for_whoever_has_the_home_alone(towns: Towns, start: Start, outcomes: Counter[str]) -> None:
    recorder = start()
    ask(towns, recorder, "velcro")
    with at_work(towns.settings.layout, "wbrag forget", alone=[WHOLE_HOME]):
        worker = threading.Thread(target=recorder.write)
        worker.start()
        worker.join()
        assert not towns.settings.usage("b").exists() and not outcomes
    recorder.write()
    assert rows(towns).height == 1


def test_a_write_that_fails_is_logged_without_a_text_and_the_next_one_works(
    towns: Towns, start: Start, outcomes: Counter[str], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fail(*arguments: Any) -> str:
        raise OSError(28, "No space left on device", "velcro")

    recorder = start()
    ask(towns, recorder, "velcro")
    with monkeypatch.context() as patch:
        patch.setattr(RecordedQueries, "append", fail)
        recorder.write()
    assert outcomes["dropped"] == 1 and "could not be written: OSError at" in caplog.text
    assert "velcro" not in caplog.text
    ask(towns, recorder, "zipper")
    recorder.write()
    assert rows(towns)["question"].to_list() == ["zipper"]


def test_what_is_too_old_goes_also_where_nobody_asks(
    towns: Towns, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = start("b", "b2", days=1)
    for benchmark in ("b", "b2"):
        ask(towns, recorder, "velcro", benchmark=benchmark)
    recorder.write()
    folder = towns.settings.usage("b2")
    (segment,) = folder.glob("*.parquet")
    segment.rename(folder / f"20200101T000000{segment.name[15:]}")
    ask(towns, recorder, "zipper")
    recorder.write()
    assert rows(towns, "b").height == 2 and rows(towns, "b2").height == 0


def test_nothing_is_recorded_while_it_is_not_known_what_was_forgotten(towns: Towns, start: Start) -> None:
    file = towns.settings.home / "forgotten" / "tombstones.json"
    file.parent.mkdir()
    recorder = start()
    ask(towns, recorder, "velcro")
    file.write_text("{")
    recorder.write()
    assert not towns.settings.usage("b").exists()
    with pytest.raises(IntegrityError, match="what was forgotten is not known"):
        start()


def test_a_server_records_every_way_to_ask_and_writes_when_it_stops(towns: Towns) -> None:
    service = SearchService(("b",), towns.retriever, sampled=UsageSample(towns.settings, share=1.0))
    service.open()
    with running(towns.app(service)) as server, server.client(towns.token("hr")) as client:
        assert client.post("/retrieve", json={"queries": ["velcro", "salary of the director"]}).status_code == 200
        assert client.post("/v1/vector_stores/b/search", json={"query": "zipper"}).status_code == 200
        assert client.post("/retrieve", json={"queries": [""]}).status_code == 400
        service.close()
        shown = client.get("/metrics").text.splitlines()
    assert rows(towns)["question"].sort().to_list() == ["salary of the director", "velcro", "zipper"]
    assert 'wbrag_usage_queries_total{outcome="recorded"} 3.0' in shown


def test_nothing_is_recorded_unless_that_is_asked_for(towns: Towns) -> None:
    service = towns.service()
    with running(towns.app(service)) as server, server.client() as client:
        assert client.post("/retrieve", json={"queries": ["velcro"]}).status_code == 200
    service.close()
    assert not (towns.settings.home / "usage").exists()
    assert not any(thread.name == "wbrag-usage" for thread in threading.enumerate())


def test_a_recorded_question_is_never_found(towns: Towns, start: Start) -> None:
    recorder = start()
    ask(towns, recorder, "a question that nobody else asks")
    recorder.write()
    found = towns.retriever("b").search(["a question that nobody else asks"], 50, labels=["hr"]).hits
    assert sorted(found["passage_id"]) == ["p1", "p2", "p3", "p4", "u1"]


def test_the_age_of_a_query_is_that_of_its_request(towns: Towns, start: Start) -> None:
    recorder, at = start(), datetime.now(UTC) - timedelta(seconds=20)
    ask(towns, recorder, "velcro", asked_at=at)
    recorder.write()
    assert rows(towns)["asked_at"].to_list() == [at]
