"""Retrievers of LangChain, LlamaIndex and Haystack as this package's own protocol.

They are told by what they have, so no library is imported that the user has not.

================ ============================================ =========================================
library          told by                                      asked by
================ ============================================ =========================================
this package     ``search`` with a ``principal``              ``search(queries, top_k, principal=…)``
LangChain        ``invoke`` and ``_get_relevant_documents``   ``batch(queries)``
LlamaIndex       ``retrieve`` and ``_retrieve``               ``retrieve(query)``
Haystack         ``run`` with a ``query``                     ``run(query=…, top_k=…)``
================ ============================================ =========================================
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from wbrag_pipeline.errors import InputError, RetrieverError, WbragError
from wbrag_pipeline.retrieval.access import Principal
from wbrag_pipeline.retrieval.protocols import FetchesPassages, PassageHit, Retriever

# Gives the passages of some queries, at most so many of each where the library can be told.
_Ask = Callable[[Sequence[str], int], list[list[PassageHit]]]


def retriever_of(made: object, name: str) -> Retriever | None:
    """What was made as this package's protocol; None where it is no retriever that is known here.

    name: what it is called in errors.
    """
    if isinstance(made, Retriever) and ("principal" in parameters_of(made.search) or _takes_any(made.search)):
        return _OwnFetching(name, made) if isinstance(made, FetchesPassages) else _Own(name, made)
    ask = _langchain(made) or _llamaindex(made) or _haystack(made)
    return _LibraryRetriever(name, ask) if ask else None


class _Own:
    """A retriever that has this package's method. It is code of the user's own, so what it gives is looked at."""

    def __init__(self, name: str, made: Retriever) -> None:
        self._name, self._made = name, made

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        """See the protocol. Raises RetrieverError with the retriever's own words, or with what it gave instead."""
        with _own_words(self._name):
            found = [list(hits) for hits in self._made.search(queries, top_k, principal=principal)]
        if len(found) != len(queries):
            raise RetrieverError(self._name, f"gave {len(found)} lists of passages for {len(queries)} questions")
        for hits in found:
            _require_passages(self._name, hits)
        return found


class _OwnFetching(_Own):
    """The same for one that is asked by id, too."""

    def fetch(self, ids: Sequence[str]) -> list[PassageHit]:
        """See ``FetchesPassages``. Raises RetrieverError as ``search`` does."""
        assert isinstance(self._made, FetchesPassages)
        with _own_words(self._name):
            found = list(self._made.fetch(ids))
        _require_passages(self._name, found)
        return found


def _require_passages(name: str, hits: Iterable[object]) -> None:
    for hit in hits:
        if not isinstance(hit, PassageHit):
            raise RetrieverError(name, f"gave {type(hit).__name__} where a PassageHit belongs")
        if not isinstance(hit.metadata, Mapping):
            raise RetrieverError(name, f"gave {type(hit.metadata).__name__} as metadata of a passage, and not a dict")


@contextmanager
def _own_words(name: str) -> Iterator[None]:
    """Whatever the code of others raises inside, as a RetrieverError that says it."""
    try:
        yield
    except WbragError:
        raise
    except Exception as error:
        raise RetrieverError(name, said_by(error)) from error


def said_by(error: Exception) -> str:
    """The kind of an error and the first line that it says."""
    said = str(error).strip()
    return f"{type(error).__name__}: {said.splitlines()[0][:300]}" if said else type(error).__name__


class _LibraryRetriever:
    """Asks one question at a time or one batch: a library's retriever may not bear several threads.

    The libraries know no reader, so what he may not see is left out by the caller.
    """

    def __init__(self, name: str, ask: _Ask) -> None:
        self._name, self._ask = name, ask
        self._asking = threading.Lock()

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        """See the protocol. Raises RetrieverError with the library's own words."""
        with _own_words(self._name), self._asking:
            return [hits[:top_k] for hits in self._ask(queries, top_k)]


def _langchain(made: Any) -> _Ask | None:
    if not (callable(getattr(made, "invoke", None)) and callable(getattr(made, "_get_relevant_documents", None))):
        return None
    takes_k = _takes_any(made._get_relevant_documents)

    def ask(queries: Sequence[str], top_k: int) -> list[list[PassageHit]]:
        # A vector store's retriever hands its keywords on to the store, which all know `k`.
        options = {"k": top_k} if takes_k and hasattr(made, "vectorstore") else {}
        return [[_of_langchain(document) for document in made.invoke(query, **options)] for query in queries]

    return ask


def _of_langchain(document: Any) -> PassageHit:
    metadata = _mapping(document.metadata)
    score = next(
        (found for key in ("score", "relevance_score") if (found := _number(metadata.get(key))) is not None), None
    )
    return PassageHit(document.page_content, "", _text(getattr(document, "id", None)), score, metadata)


def _llamaindex(made: Any) -> _Ask | None:
    if not (callable(getattr(made, "retrieve", None)) and callable(getattr(made, "_retrieve", None))):
        return None

    def ask(queries: Sequence[str], top_k: int) -> list[list[PassageHit]]:
        if isinstance(getattr(made, "similarity_top_k", None), int) and made.similarity_top_k != top_k:
            made.similarity_top_k = top_k
        return [[_of_llamaindex(found) for found in made.retrieve(query)] for query in queries]

    return ask


def _of_llamaindex(found: Any) -> PassageHit:
    node = found.node
    return PassageHit(node.get_content(), "", _text(node.node_id), found.score, _mapping(node.metadata))


def _haystack(made: Any) -> _Ask | None:
    run = getattr(made, "run", None)
    if not callable(run) or "query" not in (parameters := parameters_of(run)):
        return None
    takes_k = "top_k" in parameters

    def ask(queries: Sequence[str], top_k: int) -> list[list[PassageHit]]:
        if callable(warm_up := getattr(made, "warm_up", None)):
            warm_up()
        options = {"top_k": top_k} if takes_k else {}
        found = [made.run(query=query, **options) for query in queries]
        return [[_of_haystack(document) for document in reply["documents"]] for reply in found]

    return ask


def _of_haystack(document: Any) -> PassageHit:
    return PassageHit(document.content or "", "", _text(document.id), document.score, _mapping(document.meta))


def parameters_of(function: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function by name; none where Python cannot tell."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _takes_any(function: Any) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters_of(function).values())


def _mapping(value: object) -> dict[str, object]:
    return {str(key): inner for key, inner in value.items()} if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def not_a_retriever(name: str, made: object) -> InputError:
    """The error for what a factory gave and is no retriever."""
    hint = "a LangChain BaseRetriever, a LlamaIndex retriever, a Haystack component with run(query), or wbrag's own"
    return InputError(f"{name} gave {type(made).__name__}, which is no retriever", field="entry_point", hint=hint)
