"""FAISS, which is installed as one of two packages, or not at all."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any

from wbrag_pipeline.errors import MissingPartError

CPU_COMMAND = "uv pip install 'wbrag-pipeline[cpu]'"
GPU_COMMAND = "uv pip install 'wbrag-pipeline[gpu]'"


@cache
def load_faiss() -> Any:
    """The module ``faiss``.

    Raises MissingPartError with the command for each of the two packages. Both of them write into one folder, so
    where both are installed what is there may be broken, and the error says that too.
    """
    try:
        import faiss

        faiss.get_num_gpus()  # half a package imports, and then has nothing in it
    except (ImportError, AttributeError) as error:
        install = f"{CPU_COMMAND}, or with an NVIDIA GPU: {GPU_COMMAND}"
        if len(both := installed_builds()) > 1:
            raise MissingPartError(
                f"FAISS in working order ({' and '.join(both)} overwrite each other)",
                f"uv pip uninstall {' '.join(both)}, then {install}",
            ) from error
        raise MissingPartError("FAISS", install) from error
    return faiss


def installed_builds() -> list[str]:
    """Names of the installed distributions that bring a folder ``faiss``; more than one is one too many."""
    names = {str(found.metadata["Name"]).lower() for found in metadata.distributions() if found.metadata["Name"]}
    return sorted(name for name in names if name == "faiss-cpu" or name.startswith("faiss-gpu"))
