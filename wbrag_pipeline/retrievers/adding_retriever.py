"""Adding a retriever of the user's own to the registry: it is asked a question first, then one file is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.datasets.adding import free_entry, write_entry
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import language_code
from wbrag_pipeline.retrieval.access import UNRESTRICTED
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages, tables_of_hits
from wbrag_pipeline.retrievers.opening import open_retriever

_QUESTION, _PASSAGES = "What is this about?", 5


@dataclass(frozen=True)
class AddedRetriever:
    """What was written: the entry and its YAML file; and what the retriever showed for a question on trial."""

    corpus: Corpus
    file: Path
    trial: ShownPassages


def add_retriever(
    home: Path,
    name: str,
    entry: RetrieverEntry,
    description: str = "",
    *,
    question: str = "",
    language: str = "",
    replace: bool = False,
) -> AddedRetriever:
    """Ask the retriever a question on trial, and register it under ``home`` as the corpus ``name``.

    question: the one to ask; a general one when empty. language: code of its texts' language, English when empty.

    Raises, with nothing changed, InputError when the name is bad or taken (unless ``replace``), the token is missing or
    refused, an entry point cannot be used, or nothing was shown; RetrieverError where the retriever cannot be had.
    """
    spoken = language_code(language)
    file = free_entry(home, "corpora", name, list(Registry.load(home).corpora), replace)
    asked = question or _QUESTION
    found = open_retriever(entry).search([asked], _PASSAGES, principal=UNRESTRICTED)
    trial = tables_of_hits([asked], list(found), _PASSAGES)
    if trial.passages.is_empty():
        why = "".join(f"; left out: {reason}" for reason in trial.left_out)
        hint = "ask something that it knows: --question TEXT"
        raise InputError(f"the retriever shows no passage for {asked!r}{why}", field="--question", hint=hint)
    corpus = Corpus(name, None, description, retriever=entry, language=spoken)
    write_entry(file, corpus.fields)
    return AddedRetriever(corpus, file, trial)
