"""What the adapters stand on: both kinds of sources find the same, for the same reader, and say what is wrong."""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.serving.adapters.conftest import QUESTION, SECRET, Opening
from tests.serving.web import PASSAGES, Running, Towns, running
from wbrag_pipeline.errors import InputError, ServerError, WbragError
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.serving.home_passages import HomePassages
from wbrag_pipeline.serving.http.hit_shapes import search_r1_result
from wbrag_pipeline.serving.passage_source import RetrievedPassage, passage_source
from wbrag_pipeline.serving.server_passages import ServerPassages, passages_of_reply


def ids(found: list[RetrievedPassage]) -> list[str]:
    return [each.id for each in found]


def both_ways(source: Any, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
    """What ``search`` finds, and ``asearch`` too."""
    found: list[RetrievedPassage] = source.search(query, top_k)
    assert asyncio.run(source.asearch(query, top_k)) == found
    return found


def test_a_home_and_a_server_find_the_same(towns: Towns, server: Running) -> None:
    token = towns.token("hr")
    at_home = HomePassages(towns.retriever("b"), labels=["hr"])
    with_token = ServerPassages(server.url, token=token)
    for query in (QUESTION, SECRET, "whose idea was velcro", "Swiss"):
        for top_k in (None, 1, 3, 9):
            found = both_ways(at_home, query, top_k)
            assert both_ways(with_token, query, top_k) == found and found
            assert {each.release for each in found} == {"r000001"}
    unit = at_home.search("Velcro Swiss engineer", 1)[0]
    assert (unit.id, unit.origin, unit.sources) == ("u1", "writeback", ["p1"])
    assert len(both_ways(at_home, QUESTION)) == 2  # the K that the release was validated with


def test_a_promotion_takes_effect_at_the_next_search(towns: Towns, server: Running) -> None:
    sources = [HomePassages(towns.retriever("b"), labels=[]), ServerPassages(server.url)]
    towns.promote(towns.release("u2", "The zipper is a Swedish invention."))
    assert [source.search("Swedish zipper invention", 1)[0].id for source in sources] == ["u2", "u2"]


def test_only_a_readers_own_labels_open_what_is_labelled(opening: Opening) -> None:
    def sees(*labels: str) -> bool:
        given = opening(*labels)
        source = given.pop("source", None) or passage_source(**given)
        return "p3" in ids(both_ways(source, SECRET, 9))

    assert (sees(), sees("finance"), sees("hr"), sees("hr", "finance")) == (False, False, True, True)


def test_who_reads_must_be_said_where_passages_of_a_home_have_labels(towns: Towns) -> None:
    retriever = towns.retriever("b")
    with pytest.raises(InputError, match="who reads"):
        HomePassages(retriever).search(QUESTION)
    # One label given as a text is one label, and not its letters.
    assert "p3" in ids(HomePassages(retriever, labels="hr").search(SECRET, 9))
    assert "p3" not in ids(HomePassages(retriever, labels="h").search(SECRET, 9))


def test_a_wrong_token_is_refused_and_in_no_message(towns: Towns, server: Running) -> None:
    towns.token("hr")
    source = ServerPassages(server.url, token="wbrag_secret-token")
    for search in (source.search, lambda query: asyncio.run(source.asearch(query))):
        with pytest.raises(ServerError, match="answered 401: this token is not known") as refused:
            search(QUESTION)
        assert refused.value.status == 401 and "secret-token" not in f"{refused.value}{source!r}{vars(refused.value)}"


def test_a_server_chooses_its_first_benchmark_or_the_one_that_is_named(server: Running) -> None:
    assert {each.release for each in ServerPassages(server.url).search(QUESTION)} == {"r000001"}
    assert {each.release for each in ServerPassages(server.url, benchmark="b2").search(QUESTION)} == {""}
    with pytest.raises(ServerError, match="answered 404: this server has no such benchmark; it serves b, b2"):
        ServerPassages(f"{server.url}/retrieve", benchmark="b3").search(QUESTION)


@pytest.mark.parametrize("query", ["", "half a \ud800 character"])
def test_a_query_that_is_no_text_is_refused_alike(query: str, opening: Opening) -> None:
    given = opening()
    source = given.get("source") or passage_source(**given)
    with pytest.raises(InputError, match="field 'query'"):
        source.search(query)
    with pytest.raises(InputError, match="field 'query'"):
        asyncio.run(source.asearch(query))
    with pytest.raises(ValueError, match="1 or more"):
        source.search(QUESTION, 0)
    assert source.search("\x00 \N{ZERO WIDTH SPACE} zipper")  # odd, and text all the same


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "home or url"),
        ({"home": "x", "url": "http://localhost"}, "home or url"),
        ({"url": "http://localhost", "labels": []}, "labels"),
        ({"home": "x", "benchmark": "b", "token": "t"}, "token"),
        ({"home": "x"}, "benchmark"),
        ({"url": "localhost:8080"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "ftp://localhost"}, "url"),
        ({"url": "http://localhost?x=1"}, "url"),
        ({"url": "http://me:secret@localhost"}, "url"),
        ({"url": "http://localhost", "token": ""}, "token"),
        ({"url": "http://localhost", "token": "secret\r\nX: y"}, "token"),
        ({"url": "http://localhost", "token": "secret€"}, "token"),
    ],
)
def test_arguments_that_do_not_go_together_are_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"field '{field}'") as refused:
        passage_source(**given)
    assert "secret" not in str(refused.value)


def test_a_home_is_opened_by_the_settings_of_the_environment(wbrag_home: Path) -> None:
    towns = Towns(wbrag_home, load_encoder())
    towns.promote(towns.release("u1", "Velcro was the idea of a Swiss engineer."))
    source = passage_source(home=wbrag_home, benchmark="b", labels=[])
    assert source.search("Who invented the zipper?", 1)[0].id == "p2"
    with pytest.raises(WbragError, match="nothing"):
        passage_source(home=wbrag_home, benchmark="nothing", labels=[])


def test_a_copied_pipeline_shares_its_source(towns: Towns, server: Running) -> None:
    for source in (HomePassages(towns.retriever("b"), labels=[]), ServerPassages(server.url)):
        assert copy.deepcopy({"retriever": [source]})["retriever"][0] is source


# Other servers, and such as are no retrieval servers at all.


@contextmanager
def answering(body: bytes, status: int = 200, **headers: str) -> Iterator[str]:
    async def retrieve(request: Request) -> Response:
        return Response(body, status, headers)

    with running(Starlette(routes=[Route("/retrieve", retrieve, methods=["POST"])])) as found:
        yield found.url


def test_search_r1s_own_server_is_understood() -> None:
    """Its documents have no origin and no release; without scores a document stands alone; ids may be numbers."""
    documents = [{"id": 7, "contents": '"Velcro"\nGeorge de Mestral.'}, {"id": "8", "contents": "No title"}]
    with answering(json.dumps({"result": [[{"document": documents[0], "score": 1}, documents[1]]]}).encode()) as url:
        found = both_ways(ServerPassages(url), QUESTION)
    assert found == [RetrievedPassage("7", "Velcro", "George de Mestral.", 1.0), RetrievedPassage("8", "", "No title")]


BAD_REPLIES: dict[str, tuple[bytes, int, dict[str, str], str]] = {
    "no JSON": (b"<html>", 200, {}, "has no field 'result'"),
    "nothing": (b"", 200, {}, "has no field 'result'"),
    "half a character": (b"\xff", 200, {}, "has no field 'result'"),
    "nested without end": (b"[" * 100_000, 200, {}, "has no field 'result'"),
    "two lists": (b'{"result": [[], []]}', 200, {}, "one list for the one query"),
    "an answer": (b'{"result": "no"}', 200, {}, "has no field 'result'"),
    "no contents": (b'{"result": [[{"id": "1"}]]}', 200, {}, "no field 'contents'"),
    "numbers": (b'{"result": [[1]]}', 200, {}, "no field 'contents'"),
    "an id that is a list": (b'{"result": [[{"id": [], "contents": "a"}]]}', 200, {}, "id is no text"),
    "sources that are text": (b'{"result": [[{"contents": "a", "sources": "b"}]]}', 200, {}, "origin or sources"),
    "compressed": (gzip.compress(b'{"result": [[]]}'), 200, {"content-encoding": "gzip"}, "compressed"),
    "an error of FastAPI": (b'{"detail": "no index"}', 500, {}, "answered 500: no index"),
    "an error without words": (b"oops", 502, {}, "answered 502: it does not say why"),
    "escape sequences": (b'{"error": {"message": "a\\u001b[31m\\nb"}}', 400, {}, r"answered 400: a\\x1b\[31m b"),
    "a redirect": (b"", 307, {"location": "http://elsewhere.invalid/"}, "answered 307"),
}


@pytest.mark.parametrize(("body", "status", "headers", "said"), BAD_REPLIES.values(), ids=BAD_REPLIES)
def test_what_is_no_list_of_passages_is_told_with_the_address(
    body: bytes, status: int, headers: dict[str, str], said: str
) -> None:
    with answering(body, status, **headers) as url:
        source = ServerPassages(url)
        for search in (source.search, lambda query: asyncio.run(source.asearch(query))):
            with pytest.raises(ServerError, match=said) as failed:
                search(QUESTION)
            assert str(failed.value).startswith(f"{url}/retrieve: ")


def test_a_server_that_repeats_the_token_does_not_get_it_into_a_message() -> None:
    with answering(b'{"detail": "bad token wbrag_abc"}', 401) as url, pytest.raises(ServerError) as failed:
        ServerPassages(url, token="wbrag_abc").search(QUESTION)
    assert "bad token [token]" in str(failed.value)


def test_no_more_of_a_reply_is_read_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.serving.server_passages._MOST_BYTES", 1000)
    with answering(b'{"result": [[' + b" " * 10_000_000 + b"]]}") as url:
        source = ServerPassages(url)
        for search in (source.search, lambda query: asyncio.run(source.asearch(query))):
            with pytest.raises(ServerError, match="more than 1,000 bytes"):
                search(QUESTION)


def test_a_server_that_is_not_there_or_says_nothing_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(ServerError, match="did not answer in time"):
            ServerPassages(url, timeout=0.2).search(QUESTION)
    with pytest.raises(ServerError, match="cannot be reached"):
        ServerPassages(url).search(QUESTION)
    with pytest.raises(ServerError, match="cannot be reached"):
        asyncio.run(ServerPassages(url).asearch(QUESTION))


def test_a_server_that_was_restarted_is_asked_on_a_new_connection(towns: Towns) -> None:
    with running(towns.app()) as first:
        source = ServerPassages(first.url)
        found = source.search(QUESTION)
    with pytest.raises(ServerError, match="cannot be reached"):
        source.search(QUESTION)
    with running(towns.app(), int(first.url.rsplit(":", 1)[1])):
        assert source.search(QUESTION) == found == asyncio.run(source.asearch(QUESTION))


def test_many_searches_at_once_and_loop_after_loop(server: Running) -> None:
    source = ServerPassages(server.url)

    async def all_at_once() -> list[list[RetrievedPassage]]:
        return await asyncio.gather(*(source.asearch(QUESTION, 1) for _ in range(20)))

    for _ in range(2):
        assert {ids(found)[0] for found in asyncio.run(all_at_once())} == {"p2"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["result", "document", "contents", "id", "score", "sources"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(reply=JSON | st.builds(lambda found: {"result": [[found]]}, JSON))
def test_any_json_gives_passages_or_what_is_wrong_with_it(reply: Any) -> None:
    try:
        found = passages_of_reply(reply)
    except Exception as error:
        assert type(error).__name__ == "_NoPassages", error
    else:
        assert all(isinstance(each, RetrievedPassage) for each in found)


@given(title=st.text(), text=st.text())
def test_title_and_text_come_back_as_a_server_writes_them(title: str, text: str) -> None:
    import polars as pl

    from wbrag_pipeline.serving.passage_source import one_line_title

    hits = pl.DataFrame(
        {"query": [0], "rank": [1], "score": [0.5], "passage_id": ["p"], "title": [title], "text": [text]}
    ).with_columns(origin=pl.lit("corpus"), sources=pl.lit([], pl.List(pl.String)))
    found = passages_of_reply({"result": search_r1_result(hits, 1, scores=True)})[0]
    assert (found.title, found.text) == (hits.select(one_line_title(pl.col("title"))).item(), text)


def test_there_are_passages_to_find() -> None:
    assert {labels != [] for _, _, labels in PASSAGES.values()} == {True, False}
