"""Units where an application searches already: written into its own collection, and exported for other tools.

::

    target_address      what --to says, taken apart; no password is ever in it
    target_columns      what --columns says
    published_rows      the units of a release as they are written: texts, vectors, and the marks that tell them apart
    unit_target         what a store must be able to do, and how one is opened
    qdrant_target, pgvector_target, lancedb_target      one store each
    pgvector_table, library_shapes     how tables and payloads of other libraries are made up
    publications        the record in the home: which benchmark was published where
    publish             a release in the place of the one before, and taking all out again
    withdrawals         forgotten units leave every target
    export              the formats of ``wbrag export``, and what may be in them
    exported_units, document_files, dataset_folder, flashrag_corpus     how each is written
"""
