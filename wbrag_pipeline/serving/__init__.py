"""What a RAG application calls: retrieval over a corpus and the release that is served just now."""
