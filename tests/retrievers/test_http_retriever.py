"""A retriever over HTTP: asked in batches, patient within limits, and its token never shown."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.retrievers.shapes import OPENAI, URL, behind
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError, RetrieverError
from wbrag_pipeline.retrieval.access import UNRESTRICTED

TOKEN = "tok-5f2c9a7be1d04c63"
WITH_TOKEN = RetrieverEntry(URL, token_env="SUPPORT_TOKEN")


def echo(request: httpx.Request, body: Any) -> httpx.Response:
    return httpx.Response(200, json={"result": [[{"id": q, "contents": f"about {q}"}] for q in body["queries"]]})


def test_questions_go_in_batches_and_come_back_in_order() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        sizes.append(len(body["queries"]))
        assert (body["topk"], request.method, str(request.url)) == (3, "POST", URL)
        return echo(request, body)

    asked = [f"q{number}" for number in range(70)]
    found = behind(answer).search(asked, 3, principal=UNRESTRICTED)
    assert [hits[0].id for hits in found] == asked
    assert sorted(sizes) == [6, 32, 32]


def test_a_vector_store_is_asked_one_question_at_a_time() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        asked.append(body["query"])
        return httpx.Response(200, json=OPENAI)

    found = behind(answer, RetrieverEntry(URL, "openai")).search(["a", "b"], 3, principal=UNRESTRICTED)
    assert sorted(asked) == ["a", "b"] and [len(hits) for hits in found] == [1, 1]


def test_a_vector_store_gives_fifty_at_most() -> None:
    with pytest.raises(InputError, match="at most 50") as refused:
        behind(echo, RetrieverEntry(URL, "openai")).search(["a"], 51, principal=UNRESTRICTED)
    assert "--rescue-depth" in str(refused.value)


@pytest.mark.parametrize("trouble", [500, 502, 503, 429, "cut", "malformed", "lost"])
def test_what_may_pass_is_tried_again(trouble: int | str) -> None:
    tries: list[int] = []

    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        tries.append(1)
        if len(tries) > 1:
            return echo(request, body)
        if trouble == "lost":
            raise httpx.ReadTimeout("late")
        if isinstance(trouble, int):
            return httpx.Response(trouble)
        return httpx.Response(200, content=b'{"result": [[' if trouble == "cut" else b'{"result": 1}')

    assert len(behind(answer).search(["a"], 3, principal=UNRESTRICTED)) == 1
    assert len(tries) == 2


@pytest.mark.parametrize("trouble", [400, 404, 422, 301, 503, b"", b"<html>", b'{"result": [[]], "x": ' + b"[" * 9000])
def test_what_cannot_be_had_is_an_error_and_no_empty_result(trouble: int | bytes) -> None:
    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        if isinstance(trouble, bytes):
            return httpx.Response(200, content=trouble)
        return httpx.Response(trouble, headers={"location": "http://elsewhere.test/"})

    with pytest.raises(RetrieverError, match=URL):
        behind(answer).search(["a", "b"], 3, principal=UNRESTRICTED)


def test_a_reply_that_has_no_end_is_read_up_to_a_size() -> None:
    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        return httpx.Response(200, content=b'{"result": [["' + b"x" * (9 << 20) + b'"]]}')

    with pytest.raises(RetrieverError, match="bytes"):
        behind(answer).search(["a"], 3, principal=UNRESTRICTED)


def test_the_token_goes_to_the_server_and_the_generators_key_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return echo(request, body)

    monkeypatch.setenv("WBRAG_API_KEY", "key-of-the-generator-1234")
    monkeypatch.setenv("SUPPORT_TOKEN", TOKEN)
    behind(answer, WITH_TOKEN).search(["a"], 3, principal=UNRESTRICTED)
    behind(answer).search(["a"], 3, principal=UNRESTRICTED)
    assert seen == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize("in_a_loop", [False, True], ids=["alone", "inside a running loop"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_a_server_that_repeats_the_token_is_not_quoted(
    status: int, in_a_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPPORT_TOKEN", TOKEN)

    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        said = {"error": f"no such token: {TOKEN}"} if status != 200 else {"result": [[TOKEN]]}
        return httpx.Response(status, json=said)

    async def inside() -> None:
        behind(answer, WITH_TOKEN).search(["a"], 3, principal=UNRESTRICTED)

    with pytest.raises((InputError, RetrieverError)) as refused:
        if in_a_loop:
            asyncio.run(inside())
        else:
            behind(answer, WITH_TOKEN).search(["a"], 3, principal=UNRESTRICTED)
    assert TOKEN not in str(refused.value)
    if status in (401, 403):
        assert "SUPPORT_TOKEN" in str(refused.value)


def test_without_a_token_a_refusal_says_how_one_is_given() -> None:
    with pytest.raises(InputError, match="--token-env"):
        behind(lambda request, body: httpx.Response(401)).search(["a"], 3, principal=UNRESTRICTED)


def test_a_token_in_the_place_of_its_variable_is_not_repeated() -> None:
    entry = RetrieverEntry(URL, token_env="abcdef0123456789abcdef")
    with pytest.raises(InputError) as refused:
        behind(echo, entry).search(["a"], 3, principal=UNRESTRICTED)
    assert "abcdef" not in str(refused.value)


def test_no_question_is_no_request() -> None:
    def answer(request: httpx.Request, body: Any) -> httpx.Response:
        raise AssertionError

    assert behind(answer).search([], 3, principal=UNRESTRICTED) == []
