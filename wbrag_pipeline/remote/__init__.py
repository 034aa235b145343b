"""Releases shared by several machines through an object store: one trains and pushes, others pull and serve.

::

    releases/VARIANT/BENCHMARK/pointer.json         which release is served, and the manifest of each
    releases/VARIANT/BENCHMARK/objects/SHA256       manifests and files, named by what is in them
    indexes/CORPUS/SPACE/pointer.json               the corpus' state that is served, the same way
    indexes/CORPUS/SPACE/objects/SHA256

The two ``pointer.json`` are the only objects that ever change, and only by a conditional write. A manifest is there
when all its files are, a pointer names a manifest when it is there: whoever reads a pointer finds all of it.
"""
