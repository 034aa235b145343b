"""Replies of search servers are read in their two shapes; what cannot be used is said, whatever it is."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.retrievers.shapes import OPENAI, SEARCH_R1
from wbrag_pipeline.generation.endpoints.reply_body import Malformed
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrieval.retriever_hits import tables_of_hits
from wbrag_pipeline.retrievers.reply_shapes import REPLY_SHAPES, ReplyShape

R1, VECTOR_STORE = REPLY_SHAPES["search-r1"], REPLY_SHAPES["openai"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_search_r1s_title_is_the_first_line_of_contents() -> None:
    first, second = R1.read(SEARCH_R1, 2)
    assert first[0] == PassageHit("A Swiss engineer had the idea.", "Velcro", "7", 0.7)
    assert first[1].metadata == {"labels": ["hr"]}
    assert second == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("only text", PassageHit("only text")),
        ({"id": 3, "title": "T", "text": "said"}, PassageHit("said", "T", "3", None, {"title": "T"})),
        ({"contents": "one line", "title": "T"}, PassageHit("one line", "T", "", None, {"title": "T"})),
        ({"contents": "T\ntext", "metadata": {"acl": 1}}, PassageHit("text", "T", "", None, {"acl": 1})),
    ],
)
def test_documents_come_without_scores_and_with_other_fields_too(document: Any, expected: PassageHit) -> None:
    assert R1.read({"result": [[document]]}, 1) == [[expected]]


def test_openais_pieces_are_one_text_and_the_files_name_is_the_title() -> None:
    ((found,),) = VECTOR_STORE.read(OPENAI, 1)
    assert (found.text, found.id, found.score) == ("A Swiss engineer\nhad the idea.", "file-1", 0.7)
    assert found.metadata == {"source": "velcro.md", "labels": "hr; finance", "title": "velcro.md"}


def test_each_shape_is_asked_as_its_clients_ask() -> None:
    assert R1.body(["a", "b"], 3) == {"queries": ["a", "b"], "topk": 3, "return_scores": True}
    assert VECTOR_STORE.body(["a"], 3) == {"query": "a", "max_num_results": 3}


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        "no",
        {},
        {"result": None},
        {"result": []},
        {"result": [[]]},
        {"result": [[], [], []]},
        {"result": [None, []]},
        {"result": [[None], []]},
        {"result": [[{"document": 1}], []]},
        {"result": [[{"id": "1"}], []]},
        {"result": [[{"id": [1], "contents": "a"}], []]},
        {"result": [[{"id": True, "contents": "a"}], []]},
    ],
)
def test_a_search_r1_reply_that_cannot_be_used_is_malformed(reply: Any) -> None:
    with pytest.raises(Malformed):
        R1.read(reply, 2)


@pytest.mark.parametrize(
    "data",
    [None, {}, [None], [{}], [{"content": "text"}], [{"content": [1]}], [{"content": [{"type": "text"}]}]],
)
def test_an_openai_reply_that_cannot_be_used_is_malformed(data: Any) -> None:
    with pytest.raises(Malformed):
        VECTOR_STORE.read({"data": data}, 1)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, found in inner for place in _places(found, (*path, key)))]


@given(st.data())
def test_a_reply_with_anything_in_any_place_is_read_or_malformed(data: st.DataObject) -> None:
    shape, good = data.draw(st.sampled_from([(R1, SEARCH_R1), (VECTOR_STORE, OPENAI)]))
    reply = {"reply": copy.deepcopy(good)}
    *path, last = ("reply", *data.draw(st.sampled_from(_places(good))))
    inner: Any = reply
    for key in path:
        inner = inner[key]
    inner[last] = data.draw(JSON)
    _read_or_malformed(shape, reply["reply"])


@given(JSON)
def test_any_json_is_read_or_malformed(reply: Any) -> None:
    for shape in (R1, VECTOR_STORE):
        _read_or_malformed(shape, reply)


def _read_or_malformed(shape: ReplyShape, reply: Any) -> None:
    queries = 2 if shape is R1 else 1
    with suppress(Malformed):
        found = shape.read(reply, queries)
        # What was read can be stored, or is left out and counted.
        tables_of_hits([str(place) for place in range(len(found))], found, 5)
