"""Retrievers of the user's own in the place of a corpus: asked over HTTP or in this process, and what they showed.

::

    retriever = open_retriever(entry)                               # opening: a url or an entry point
    asked = ask_for_passages(retriever, "support", questions, 20)   # asking: the tables that training works on
    base = open_base(settings, "support", encoder)                  # opened_base: the knowledge base over it
"""
