"""Train the knowledge base of a RAG system: find where retrieval helps, distil it, write it back.

The method is WriteBack-RAG (arXiv 2603.25737). ``docs/explanation/architecture.md`` says what each layer holds.
"""

__version__ = "0.1.0"
