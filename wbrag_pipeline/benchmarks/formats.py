"""Reading what people bring: ``read_corpus`` for a knowledge base, ``read_questions`` for a benchmark's split."""

from wbrag_pipeline.benchmarks.corpora import read_corpus
from wbrag_pipeline.benchmarks.questions import read_questions, shared_questions

__all__ = ["read_corpus", "read_questions", "shared_questions"]
