"""An entry point is imported and called; whatever goes wrong there is said in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.retrievers import own_retrievers
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError, RetrieverError
from wbrag_pipeline.retrieval.access import UNRESTRICTED
from wbrag_pipeline.retrieval.protocols import FetchesPassages
from wbrag_pipeline.retrievers.opening import open_retriever
from wbrag_pipeline.testing.retriever_conformance import TRIAL_PASSAGES, TRIAL_QUESTIONS

HERE = "tests.retrievers.own_retrievers"


def at(name: str) -> RetrieverEntry:
    return RetrieverEntry(entry_point=f"{HERE}:{name}")


def test_own_protocol_goes_through_as_it_is() -> None:
    opened = open_retriever(at("Own"))
    assert isinstance(opened, own_retrievers.Own) and isinstance(opened, FetchesPassages)


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
