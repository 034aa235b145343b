"""The endpoints that search and answer, asked by an HTTP client and by the real ``openai`` client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import polars as pl
import pytest

from tests.scripted import Scripted
from tests.serving.web import Running, Towns, error, running

SECRET = "salary of the director"


@pytest.fixture
def server(towns: Towns) -> Iterator[Running]:
    with running(towns.app(towns.service(queries=3, top_k=60))) as found:
        yield found


def ids(reply: httpx.Response) -> list[list[str]]:
    assert reply.status_code == 200, reply.text
    return [[found["id"] for found in one] for one in reply.json()["result"]]


def test_retrieve_has_the_shape_of_search_r1(server: Running) -> None:
    """As Search-R1's and verl's clients read it: a list a query, the title on the first line of the contents."""
    queries = ["whose idea was velcro", "who made the zipper"]
    with server.client() as client:
        reply = client.post("/retrieve", json={"queries": queries, "topk": 1, "return_scores": True}).json()
        found = [one[0] for one in reply["result"]]
        assert [one["document"]["id"] for one in found] == ["p1", "p2"]
        assert all(isinstance(one["score"], float) for one in found)
        title, _, text = found[1]["document"]["contents"].partition("\n")
        assert (title, text) == ('"Zipper"', "The zipper was made by Gideon Sundback.")
        plain = client.post("/retrieve", json={"queries": queries, "topk": 1}).json()
        assert plain["result"] == [[one["document"]] for one in found] and plain["release"] == "r000001"


def test_without_topk_it_is_the_release_own_k(server: Running) -> None:
    with server.client() as client:
        assert [len(one) for one in ids(client.post("/retrieve", json={"queries": ["velcro"]}))] == [2]


def test_a_whole_number_may_be_written_with_a_point(server: Running) -> None:
    with server.client() as client:
        assert [len(one) for one in ids(client.post("/retrieve", json={"queries": ["velcro"], "topk": 3.0}))] == [3]
        assert client.post("/retrieve", json={"queries": ["velcro"], "topk": 2.5}).status_code == 400


def test_a_title_of_several_lines_stays_on_the_first(towns: Towns) -> None:
    from wbrag_pipeline.serving.http.hit_shapes import search_r1_result

    hits = towns.retriever("b").search(["velcro"], 1, labels=[]).hits
    contents = search_r1_result(hits.with_columns(title=hits["title"] + "\nof\tall"), 1, scores=False)[0][0]["contents"]
    assert contents.split("\n")[0] == '"Velcro of all"'


def test_without_a_token_only_what_is_for_everybody_is_found(towns: Towns, server: Running) -> None:
    reader, other = towns.token("hr"), towns.token("finance")
    asked = {"queries": [SECRET], "topk": 50}
    for token, sees in ((None, False), (other, False), (reader, True)):
        with server.client(token) as client:
            found = ids(client.post("/retrieve", json=asked))[0]
        assert ("p3" in found) is sees and {"p1", "p2", "p4"} <= {*found}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/retrieve", {"queries": [SECRET], "labels": ["hr"]}),
        ("/retrieve", {"queries": [SECRET], "Labels": ["hr"]}),
        ("/retrieve", {"queries": [SECRET], "unrestricted": True}),
        ("/v1/vector_stores/b/search", {"query": SECRET, "labels": ["hr"]}),
        ("/v1/vector_stores/b/search", {"query": SECRET, "filters": {"type": "eq", "key": "labels", "value": "hr"}}),
        ("/v1/vector_stores/b/search", {"query": SECRET, "ranking_options": {"labels": ["hr"]}}),
    ],
)
def test_labels_in_a_body_are_refused(server: Running, path: str, body: dict[str, Any]) -> None:
    with server.client() as client:
        found = error(client.post(path, json=body))
    assert found["status"] == 400 and found["param"] in body


def test_labels_in_a_header_or_an_address_give_nothing(server: Running) -> None:
    headers = {"X-Labels": "hr", "Labels": "hr", "X-Forwarded-User": "hr"}
    with server.client() as client:
        for path in ("/retrieve?labels=hr&label=hr&unrestricted=true", "/retrieve"):
            assert "p3" not in ids(client.post(path, json={"queries": [SECRET], "topk": 50}, headers=headers))[0]


@pytest.mark.parametrize(
    "header",
    ["Bearer x", "Bearer", "Basic aHI6aHI=", "hr", "", "Bearer x y", "bearer wbrag_", "Bearer \xe9"],
)
def test_a_wrong_token_is_401(towns: Towns, server: Running, header: str) -> None:
    towns.token("hr")
    with server.client() as client:
        reply = client.post(
            "/retrieve", json={"queries": ["velcro"]}, headers={"Authorization": header.encode("latin-1")}
        )
    assert error(reply)["status"] == 401 and reply.headers["www-authenticate"].startswith("Bearer")


def test_two_tokens_in_one_request_are_401(towns: Towns, server: Running) -> None:
    both = [("Authorization", f"Bearer {towns.token('hr')}"), ("Authorization", f"Bearer {towns.token()}")]
    with server.client() as client:
        assert error(client.post("/retrieve", json={"queries": ["velcro"]}, headers=both))["status"] == 401


BAD_BODIES: dict[str, tuple[Any, str | None]] = {
    "no queries": ({}, "queries"),
    "an empty list": ({"queries": []}, "queries"),
    "an empty query": ({"queries": ["a", ""]}, "queries"),
    "one text": ({"queries": "a"}, "queries"),
    "a number as text": ({"queries": ["a"], "topk": "3"}, "topk"),
    "yes for a number": ({"queries": ["a"], "topk": True}, "topk"),
    "none of K": ({"queries": ["a"], "topk": 0}, "topk"),
    "too many of K": ({"queries": ["a"], "topk": 61}, "topk"),
    "too many queries": ({"queries": ["a"] * 4}, "queries"),
    "a list": ([], None),
    "half a character": (b'{"queries": ["\\ud800"]}', "queries"),
    "half a character in a name": (b'{"queries": ["a"], "\\ud800": 1}', None),
    "no JSON": (b"{", None),
    "no text": (b"\xff\xfe", None),
    "a key twice": (b'{"queries": ["a"], "queries": ["b"]}', None),
    "not a number": (b'{"queries": ["a"], "topk": NaN}', None),
    "a long number": (b'{"queries": ["a"], "topk": ' + b"9" * 9000 + b"}", None),
    "deep nesting": (b'{"queries": ' + b"[" * 100_000, None),
    "compressed": (b"\x1f\x8b\x08\x00", None),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_wrong_body_is_a_400_that_names_the_field(server: Running, name: str) -> None:
    body, field = BAD_BODIES[name]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with server.client() as client:
        reply = client.post("/retrieve", content=content, headers={"Content-Type": "application/json"})
    found = error(reply)
    assert (found["status"], found["param"]) == (400, field) and found["message"]


def test_a_body_that_is_not_said_to_be_json_is_415(server: Running) -> None:
    with server.client() as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            reply = client.post("/retrieve", content=b'{"queries": ["a"]}', headers={"Content-Type": kind})
            assert error(reply)["status"] == 415


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_413(towns: Towns, announced: bool) -> None:
    body = json.dumps({"queries": ["a" * 5000]}).encode()
    with running(towns.app(towns.service(body=4096))) as found, found.client() as client:
        content = body if announced else iter([body[:4000], body[4000:]])
        headers = {"Content-Type": "application/json"}
        for path in ("/retrieve", "/mcp", "/nowhere"):
            assert error(client.post(path, content=content, headers=headers))["code"] == "body_too_large"
            content = body if announced else iter([body[:4000], body[4000:]])
        assert ids(client.post("/retrieve", json={"queries": ["a" * 3000]}))


def test_what_is_not_there_is_404_and_what_takes_another_method_405(server: Running) -> None:
    with server.client() as client:
        assert error(client.get("/nothing"))["status"] == 404
        assert error(client.post("/retrieve/", json={"queries": ["a"]}))["status"] == 404
        assert error(client.post("/retrieve", json={"queries": ["a"], "benchmark": "x"}))["status"] == 404
        assert error(client.post("/v1/vector_stores/x/search", json={"query": "a"}))["status"] == 404
        reply = client.get("/retrieve")
        assert error(reply)["status"] == 405 and reply.headers["allow"] == "POST"


def test_the_openai_client_searches_a_vector_store(towns: Towns, server: Running) -> None:
    token = towns.token("hr")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=token) as client:
        found = client.vector_stores.search("b", query="whose idea was velcro", max_num_results=2)
        assert [one.file_id for one in found] == ["corpus:p1", "writeback:u1"]
        unit = found.data[1]
        assert unit.content[0].text == "Velcro was the idea of a Swiss engineer." and unit.filename == "U u1"
        expected = {"origin": "writeback", "id": "u1", "release": "r000001", "sources": "p1"}
        assert unit.attributes == expected and unit.score <= found.data[0].score
        several = client.vector_stores.search("b", query=["velcro", "zipper", "buttons"], max_num_results=50)
        assert sorted(one.file_id for one in several) == [*(f"corpus:p{n}" for n in range(1, 5)), "writeback:u1"]
        best = client.vector_stores.search("b", query="velcro", ranking_options={"score_threshold": 0.2})
        assert {one.file_id for one in best} <= {"corpus:p1", "writeback:u1"}
        assert [model.id for model in client.models.list()] == ["b"]
        with pytest.raises(openai.BadRequestError, match="filters are not supported"):
            client.vector_stores.search("b", query="a", filters={"type": "eq", "key": "origin", "value": "corpus"})
        with pytest.raises(openai.BadRequestError, match="queries are searched as the release was validated"):
            client.vector_stores.search("b", query="a", rewrite_query=True)
        with pytest.raises(openai.NotFoundError, match="it serves b"):
            client.vector_stores.search("c", query="a")
        with pytest.raises(openai.NotFoundError, match="--answer"):
            client.chat.completions.create(model="b", messages=[{"role": "user", "content": "who?"}])
    unknown = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    with unknown, pytest.raises(openai.AuthenticationError, match="not known here"):
        unknown.vector_stores.search("b", query="a")


def test_the_openai_client_gets_an_answer_with_its_passages(towns: Towns) -> None:
    generator = Scripted(lambda question, passages: f"{question} {len(passages)}")
    token = towns.token()
    with (
        running(towns.app(towns.service(generator=generator))) as found,
        openai.OpenAI(base_url=f"{found.url}/v1", api_key=token) as client,
    ):
        messages: list[Any] = [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Earlier?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": [{"type": "text", "text": "Whose idea was velcro?"}]},
        ]
        reply = client.chat.completions.create(model="b", messages=messages, temperature=0.2, max_tokens=9)
        assert reply.choices[0].message.content == "Whose idea was velcro? 2"
        assert reply.choices[0].finish_reason == "stop"
        shown = reply.model_extra or {}
        assert shown["release"] == "r000001" and [one["id"] for one in shown["passages"]] == ["p1", "u1"]
        for options in ({"stream": True}, {"n": 2}, {"tools": []}):
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(model="b", messages=messages, **options)
        with pytest.raises(openai.BadRequestError, match="no message of the user"):
            client.chat.completions.create(model="b", messages=messages[:1])
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="gpt", messages=messages)


def test_of_several_benchmarks_the_first_is_searched_unless_another_is_chosen(towns: Towns) -> None:
    with running(towns.app(towns.service("b", "b2"))) as found, found.client() as client:
        for chosen, release in (({}, "r000001"), ({"benchmark": "b"}, "r000001"), ({"benchmark": "b2"}, "")):
            reply = client.post("/retrieve", json={"queries": ["velcro"], "topk": 50, **chosen})
            assert reply.json()["release"] == release and ("u1" in ids(reply)[0]) is bool(release)
        named = client.post("/v1/vector_stores/b2/search", json={"query": "velcro"}).json()["data"]
        assert {one["attributes"]["release"] for one in named} == {""}
        assert client.get("/readyz").json()["releases"] == {"b": "r000001", "b2": ""}


def test_limits_hold_for_the_vector_store_too_under_its_own_names(towns: Towns) -> None:
    with running(towns.app(towns.service(queries=2, top_k=3))) as found, found.client() as client:
        path = "/v1/vector_stores/b/search"
        assert len(client.post(path, json={"query": "velcro"}).json()["data"]) == 3  # its default, 10, is cut
        assert error(client.post(path, json={"query": "a", "max_num_results": 4}))["param"] == "max_num_results"
        assert error(client.post(path, json={"query": ["a", "b", "c"]}))["param"] == "query"
        assert error(client.post(path, json={"query": "a", "max_num_results": 51}))["param"] == "max_num_results"


def test_an_answer_is_given_from_what_the_reader_may_see(towns: Towns) -> None:
    generator = Scripted(lambda question, passages: " ".join(passages))
    token = towns.token("hr")
    body = {"model": "b", "messages": [{"role": "user", "content": SECRET}]}
    with running(towns.app(towns.service(generator=generator))) as found:
        for who, sees in ((None, False), (token, True)):
            with found.client(who) as client:
                reply = client.post("/v1/chat/completions", json=body)
                assert ("secret" in reply.text) is sees


def test_a_passage_stays_before_one_with_a_higher_score_where_the_ranking_has_it_there(towns: Towns) -> None:
    """A search by words ranks by other things than the score that is shown."""
    from wbrag_pipeline.serving.http.hit_shapes import vector_store_results

    base = towns.retriever("b").search(["velcro", "zipper"], 2, labels=[]).hits.sort("query", "rank")
    hits = base.with_columns(
        passage_id=pl.Series(["a", "b", "c", "d"]), score=pl.Series([0.2, 0.9, 0.5, 0.4], dtype=pl.Float32)
    )
    assert hits["query"].to_list() == [0, 0, 1, 1]
    found = vector_store_results(hits, "r000001", most=10, threshold=None)
    assert [one["attributes"]["id"] for one in found] == ["c", "d", "a", "b"]
    assert [round(one["score"], 1) for one in found] == [0.5, 0.4, 0.2, 0.9]
    assert [one["attributes"]["id"] for one in vector_store_results(hits, "r", most=1, threshold=0.6)] == ["b"]
