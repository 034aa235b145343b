"""``wbrag serve``: retrieval and answers over HTTP, in the shapes that RAG applications and agents already speak."""
