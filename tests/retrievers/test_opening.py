"""An entry point is imported and called; whatever goes wrong there is said in words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.retrievers import own_retrievers
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError, RetrieverError
from wbrag_pipeline.retrieval.access import UNRESTRICTED, Principal
from wbrag_pipeline.retrieval.protocols import FetchesPassages, PassageHit
from wbrag_pipeline.retrievers.opening import open_retriever
from wbrag_pipeline.testing.retriever_conformance import TRIAL_PASSAGES, TRIAL_QUESTIONS

HERE = "tests.retrievers.own_retrievers"


def at(name: str) -> RetrieverEntry:
    return RetrieverEntry(entry_point=f"{HERE}:{name}")


@pytest.mark.parametrize(("name", "by_id"), [("Own", True), ("OwnWithoutIds", False)])
def test_own_protocol_is_asked_by_id_where_it_can_be(name: str, by_id: bool) -> None:
    assert isinstance(open_retriever(at(name)), FetchesPassages) == by_id


class Odd:
    """Gives whatever it is told to, for questions and for ids."""

    def __init__(self, give: Callable[[], Any]) -> None:
        self.give = give

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> Any:
        return self.give()

    def fetch(self, ids: Sequence[str]) -> Any:
        return self.give()


def fail() -> None:
    raise ConnectionError("password authentication failed for user app\nand more")


HIT = PassageHit("text")
ODD_REPLIES = {
    "an error of a driver": (fail, "ConnectionError: password authentication failed for user app"),
    "an error without words": (lambda: 1 // {}.get("n", 0), "ZeroDivisionError"),
    "nothing": (lambda: None, "TypeError"),
    "tuples": (lambda: [[("1", "text")]], "tuple where a PassageHit belongs"),
    "dicts": (lambda: [[{"text": "text"}]], "dict where a PassageHit belongs"),
    "one passage bare": (lambda: [HIT], "TypeError"),
    "too many lists": (lambda: [[HIT], [HIT]], "2 lists of passages for 1 questions"),
    "no list": (list, "0 lists of passages for 1 questions"),
    "metadata that is none": (lambda: [[replace(HIT, metadata=None)]], "NoneType as metadata"),
}


@pytest.mark.parametrize("odd", ODD_REPLIES)
def test_own_code_that_fails_or_gives_something_else_is_told_in_words(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give, told = ODD_REPLIES[odd]
    monkeypatch.setattr(own_retrievers, "Own", lambda: Odd(give))
    with pytest.raises(RetrieverError, match=told) as refused:
        open_retriever(at("Own")).search(["a"], 1, principal=UNRESTRICTED)
    assert f"{HERE}:Own" in str(refused.value) and "and more" not in str(refused.value)


@pytest.mark.parametrize("give", [fail, lambda: None, lambda: [{"text": "text"}]])
def test_own_code_that_fails_when_it_is_asked_by_id_is_told_in_words(
    give: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_retrievers, "Own", lambda: Odd(give))
    opened = open_retriever(at("Own"))
    assert isinstance(opened, FetchesPassages)
    with pytest.raises(RetrieverError, match=f"{HERE}:Own"):
        opened.fetch(["1"])


def test_a_vector_stores_retriever_is_asked_for_k() -> None:
    found = open_retriever(at("langchain_store")).search([TRIAL_QUESTIONS[0]], 5, principal=UNRESTRICTED)
    assert len(found[0]) == 5  # its own k is 4


def test_a_factory_that_takes_top_k_is_called_for_each_depth() -> None:
    opened = open_retriever(at("llamaindex"))
    depths = [len(opened.search([TRIAL_QUESTIONS[0]], k, principal=UNRESTRICTED)[0]) for k in (2, 4, 2)]
    assert depths == [2, 4, 2]


def test_ids_of_documents_get_the_text_added() -> None:
    entry = RetrieverEntry(entry_point=f"{HERE}:Own", ids="text")
    ((found,),) = open_retriever(entry).search([TRIAL_QUESTIONS[0]], 1, principal=UNRESTRICTED)
    name, _, told = found.id.partition("#")
    assert (name, len(told)) == (TRIAL_PASSAGES[0].id, 8)


@pytest.mark.parametrize("name", ["no_retriever", "not_callable", "nowhere"])
def test_what_gives_no_retriever_is_named(name: str) -> None:
    with pytest.raises(InputError) as refused:
        open_retriever(at(name))
    assert refused.value.field == "entry_point"


def test_a_module_that_cannot_be_imported_says_what_to_do() -> None:
    with pytest.raises(InputError, match="PYTHONPATH"):
        open_retriever(RetrieverEntry(entry_point="no_such_module_here:make"))


def test_a_factory_that_fails_says_why() -> None:
    with pytest.raises(RetrieverError, match="OSError: the index is not there"):
        open_retriever(at("broken"))


def test_a_library_that_fails_while_it_searches_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    made = own_retrievers.haystack()
    monkeypatch.setattr(own_retrievers, "haystack", lambda: made)
    monkeypatch.setattr(made.document_store, "bm25_retrieval", lambda **_: 1 / 0)
    with pytest.raises(RetrieverError, match="ZeroDivisionError"):
        open_retriever(at("haystack")).search(["a"], 1, principal=UNRESTRICTED)


def test_no_library_is_imported_that_the_user_has_not() -> None:
    script = (
        "import sys; from wbrag_pipeline.retrievers import opening; from wbrag_pipeline.datasets.retriever_entry "
        "import RetrieverEntry\n"
        f"opening.open_retriever(RetrieverEntry(entry_point='{HERE}:Own'))\n"
        "print([m for m in ('langchain_core', 'llama_index', 'haystack', 'torch', 'dagster') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
