"""Retrieval: the encoder, its stored vectors, FAISS indexes on disk, and the knowledge base that merges two of them.

::

    encoder = load_encoder("sentence-transformers/all-MiniLM-L6-v2")          # encoding.encoder
    with embeddings_of(passages_parquet, folder, encoder) as vectors:         # encoding.embedding_store
        build_index(vectors, ids, index_folder, encoder)                      # index
    base = KnowledgeBase(encoder, open_index(index_folder, encoder), passages_parquet)
    hits = base.with_writeback(units, open_index(units_folder, encoder)).search(questions, top_k=5)
"""
