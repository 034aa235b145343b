"""Where the vectors of an index lie: in a file of the home (FAISS, Lance), or in a store that is elsewhere.

::

    vector_store        VectorStore and StoreBackend: what a store must be able to do
    backends            from an address to its backend
    collections         collections outside of the home: their names, and how those go that nothing needs
    versions            collections that go on from version to version, so that the states of a corpus share one
    written             vectors on their way into a store
    index_kinds         kinds of index, and index_recall what they find
    exact_scores        scores of the vectors themselves, whatever the store's own arithmetic
    faiss_store, lancedb_store, pgvector_store, qdrant_store     one store each (pgvector_versions: its versions)
    store_errors        what clients raise, in words and without passwords

A store knows positions or slots, vectors, numbers of label sets and of versions, nothing else: ids, labels and texts
stay in the home. So no id or text has to survive a store's rules for names, and none is left behind in one.
"""
