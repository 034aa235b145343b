"""Train the knowledge base of a RAG system: find where retrieval helps, distil it, write it back.

The method is WriteBack-RAG (arXiv 2603.25737). ``docs/explanation/architecture.md`` says what each layer holds.

::

    from wbrag_pipeline import LiveRetriever, Settings, add_benchmark, add_corpus, ask, evaluate, train

    settings = Settings(home="my-home")
    add_corpus("handbook", "docs/", settings)
    add_benchmark("support", corpus="handbook", train="log.csv", test="held-back.csv", settings=settings)
    release = train("support", settings)
    print(evaluate("support", settings).summary.gain)
    print(ask("How do I reset my password?", "support", settings).text)
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as in typing; see ctrl_c
if TYPE_CHECKING:
    from typing import Any

    from wbrag_pipeline.api import Evaluation as Evaluation
    from wbrag_pipeline.api import Reply as Reply
    from wbrag_pipeline.api import add_benchmark as add_benchmark
    from wbrag_pipeline.api import add_corpus as add_corpus
    from wbrag_pipeline.api import add_retriever as add_retriever
    from wbrag_pipeline.api import ask as ask
    from wbrag_pipeline.api import evaluate as evaluate
    from wbrag_pipeline.api import open_knowledge_base as open_knowledge_base
    from wbrag_pipeline.api import train as train
    from wbrag_pipeline.component import KnowledgeBaseComponent as KnowledgeBase  # noqa: F401
    from wbrag_pipeline.errors import WbragError as WbragError
    from wbrag_pipeline.releases.store import Release as Release
    from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase as OpenedKnowledgeBase  # noqa: F401
    from wbrag_pipeline.serving.live import LiveRetriever as LiveRetriever
    from wbrag_pipeline.settings import Settings as Settings

__version__ = "0.1.0"

# Loaded when they are first asked for, so that importing the package costs nothing; the name there, where it differs.
_WHERE = {
    "Evaluation": "api",
    "KnowledgeBase": "component:KnowledgeBaseComponent",
    "LiveRetriever": "serving.live",
    "OpenedKnowledgeBase": "retrieval.knowledge_base:KnowledgeBase",
    "Release": "releases.store",
    "Reply": "api",
    "Settings": "settings",
    "WbragError": "errors",
    "add_benchmark": "api",
    "add_corpus": "api",
    "add_retriever": "api",
    "ask": "api",
    "evaluate": "api",
    "open_knowledge_base": "api",
    "train": "api",
}
__all__ = [*_WHERE]  # noqa: PLE0604 - names, from the table above


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, other_name = _WHERE[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), other_name or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
