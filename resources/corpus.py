"""A run's corpus: opened and verified once, however many assets of the run search it."""

from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrievers.opened_base import open_base
from wbrag_pipeline.settings import Settings

# The last one alone: a process runs one run at a time, and an index may fill most of the memory.
_opened: dict[tuple[str, ...], KnowledgeBase] = {}


def open_corpus(settings: Settings, corpus: str, encoder: Encoder, run: str) -> KnowledgeBase:
    """The corpus alone, for training and evaluation, which may see everything. Raises as ``open_base``."""
    key = (run, str(settings.home), corpus, encoder.fingerprint)
    if key not in _opened:
        _opened.clear()
        _opened[key] = open_base(settings, corpus, encoder, for_training=True).unrestricted()
    return _opened[key]
