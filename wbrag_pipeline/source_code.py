"""Which version of the code something was made by: a hash of the source, so that nobody has to count versions."""

from __future__ import annotations

import importlib.resources
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from wbrag_pipeline import __version__
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


@cache
def version_of_the_code() -> str:
    """Version and commit, ``0.1.0+626be49d1234``; ``.dirty`` after it where files were changed since.

    Outside a checkout a hash of the source stands for the commit: ``0.1.0+source.1a2b3c4d5e6f``.
    """
    return f"{__version__}+{_commit() or 'source.' + hash_of_source(('',), ())[:12]}"


def _commit() -> str:
    root = Path(str(importlib.resources.files("wbrag_pipeline"))).parent
    if not (root / ".git").exists():  # a package that is installed into some other repository is not of its commit
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=.dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
