"""RAG systems over hand-worked knowledge bases, by a scripted generator."""

from __future__ import annotations

from typing import Any

from wbrag_pipeline.datasets.tasks import OPEN_QA, Task
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase


def system_over(
    base: KnowledgeBase, generator: Any, *, method: Any = "naive", task: Task = OPEN_QA, top_k: int = 5
) -> RagSystem:
    """A system by ``generator``; ``method`` is a name or a method."""
    found = method_named(method) if isinstance(method, str) else method
    return RagSystem(base, found, lambda: generator, task, top_k)
