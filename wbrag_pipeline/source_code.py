"""Which version of the code something was made by: a hash of the source, so that nobody has to count versions."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from wbrag_pipeline.storage import sha256_of_text


@cache
def hash_of_source(packages: Sequence[str], modules: Sequence[str]) -> str:
    """Hex SHA-256 over the source files of these packages and modules of ``wbrag_pipeline``.

    packages: folders, with all below them. modules: paths without ``.py``. Both as tuples of names.
    """
    root = Path(str(importlib.resources.files("wbrag_pipeline")))
    files = [file for package in packages for file in sorted((root / package).rglob("*.py"))]
    sources = []
    for file in [*files, *(root / f"{module}.py" for module in modules)]:
        sources += [file.name, file.read_text("utf-8")]
    return sha256_of_text(*sources)
