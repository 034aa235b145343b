"""From a registry's entry to the retriever that it names."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError, RetrieverError, WbragError
from wbrag_pipeline.retrieval.access import Principal
from wbrag_pipeline.retrieval.protocols import PassageHit, Retriever
from wbrag_pipeline.retrieval.word_search import DENSE
from wbrag_pipeline.retrievers.http_retriever import HttpRetriever
from wbrag_pipeline.retrievers.library_retrievers import not_a_retriever, parameters_of, retriever_of, said_by
from wbrag_pipeline.storage import sha256_of_text

_DIGITS = 8  # of a text's hash in an id


def open_retriever(entry: RetrieverEntry) -> Retriever:
    """The retriever of an entry. A url is not asked yet; what an entry point names is imported and called.

    An entry point names a function that gives a retriever, of any kind that ``library_retrievers`` knows. One that
    takes ``top_k`` is called once for each depth, for retrievers whose depth is fixed when they are made.

    Raises InputError where it cannot be imported or gives no retriever, RetrieverError where it cannot be made.
    """
    found = _named(entry)
    return _WithIdsOfTexts(found) if entry.ids == "text" else found


def refuse_search(search: str, corpus: str) -> None:
    """Raise InputError where ``search`` is not dense: passages of a retriever are found by the retriever alone."""
    if search != DENSE:
        raise InputError(
            f"{search} searches an index of words, and the corpus {corpus} is searched by a retriever of yours",
            field="search",
            hint="leave it out, and let your retriever search by words itself",
        )


def _named(entry: RetrieverEntry) -> Retriever:
    if entry.url:
        return HttpRetriever(entry)
    factory = _imported(entry.entry_point)
    if "top_k" in parameters_of(factory):
        return _RetrieverOfEachDepth(lambda top_k: _made(entry.entry_point, lambda: factory(top_k=top_k)))
    return _made(entry.entry_point, factory)


class _RetrieverOfEachDepth:
    """Makes a retriever for each depth that is asked for: training looks deeper than an answer reads."""

    def __init__(self, make: Callable[[int], Retriever]) -> None:
        self._make, self._made = make, dict[int, Retriever]()
        self._making = threading.Lock()

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> Sequence[Sequence[PassageHit]]:
        """See the protocol."""
        with self._making:
            if top_k not in self._made:
                self._made[top_k] = self._make(top_k)
        return self._made[top_k].search(queries, top_k, principal=principal)


@dataclass(frozen=True)
class _WithIdsOfTexts:
    """A retriever whose ids are those of documents: a passage's id is that with a hash of its text."""

    retriever: Retriever

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        """See the protocol."""
        found = self.retriever.search(queries, top_k, principal=principal)
        return [[_with_id_of_text(passage) for passage in hits] for hits in found]


def _with_id_of_text(passage: PassageHit) -> PassageHit:
    told = sha256_of_text(str(passage.text))[:_DIGITS]
    return replace(passage, id=f"{passage.id}#{told}") if passage.id else passage


def _imported(entry_point: str) -> Callable[..., Any]:
    module, _, names = entry_point.partition(":")
    hint = f"python -c 'import {module}' must work here: install it, or name its folder in PYTHONPATH"
    try:
        found: Any = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except WbragError:
        raise
    except Exception as error:  # whatever a module does when it is imported
        raise InputError(f"cannot be imported: {said_by(error)}", field="entry_point", hint=hint) from error
    if not callable(found):
        raise InputError(f"{entry_point} cannot be called", field="entry_point", hint="name a function")
    made: Callable[..., Any] = found
    return made


def _made(entry_point: str, factory: Callable[[], Any]) -> Retriever:
    try:
        made = factory()
    except WbragError:
        raise
    except Exception as error:
        raise RetrieverError(entry_point, f"cannot be made: {said_by(error)}") from error
    retriever = retriever_of(made, entry_point)
    if retriever is None:
        raise not_a_retriever(entry_point, made)
    return retriever
