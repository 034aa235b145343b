"""Deletion on demand: a passage, a source, a unit or a question goes, with everything that was derived from it.

::

    subject     what is to go: passages by content, the units made of them, questions; and the phrases that tell it
    stored_passages     passages in the tables of the home, and the copies of what they say
    phrases     runs of words that stand in the forgotten text and nowhere else: what no file may hold afterwards
    escapes     texts out of the escapes of JSON and HTML
    stored_files, folder_walk     what lies where, links followed
    parquet_files, corpus_indexes, release_folders, sqlite_files, text_files     one file a kind of place
    unfinished  what could not be taken out of a collection that it was published to
    journal     the plan on disk, so that a killed command is finished by the next
    trace_search     the whole home read again, tables decoded, for any trace
    forget      all of it in order, and the certificate
"""
