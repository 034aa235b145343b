"""Code versions: Dagster marks an asset as out of step when the code that decides what it makes has changed.

A version is a hash of the source, by group. It is finer than the package's version and needs nobody to raise it; a
change of a comment raises it too.
"""

from wbrag_pipeline.source_code import hash_of_source

_CORPUS = ("datasets", "refresh", "retrieval")
_TRAINING = ("curation", "datasets", "generation", "rag", "releases", "retrieval", "training")
_MODULES = ("cpu_arithmetic", "minilm", "sentences", "tables")
# The packages that each group's assets call.
_PACKAGES = {
    "corpus": _CORPUS,
    "training": _TRAINING,
    "evaluation": (*_TRAINING, "evaluation"),
    "experiments": (*_TRAINING, "evaluation"),
}


def code_version(group: str) -> str:
    """Twelve hex digits for the assets of a group; a new group is entered above."""
    return hash_of_source(_PACKAGES[group], _MODULES)[:12]
