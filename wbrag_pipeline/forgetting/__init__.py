"""Deletion on demand: a passage, a source, a unit or a question goes, with everything that was derived from it.

::

    subject     what is to go: passages by content, the units made of them, questions; and the phrases that tell it
    phrases     runs of words that stand in the forgotten text and nowhere else: what no file may hold afterwards
    parquet_files, corpus_indexes, release_folders, sqlite_files, text_files     one file a kind of place
    journal     the plan on disk, so that a killed command is finished by the next
    search      the whole home read again, tables decoded, for any trace
    forget      all of it in order, and the certificate
"""
