"""The one dial: a string names the generator, and this is where it becomes one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.generation.reader.reader import Reader


@lru_cache(maxsize=2)
def load_generator(name: str, completions: Path | None = None) -> Reader:
    """The generator of that name, loaded once a process; ``completions`` is its cache file.

    ``reader`` is the embedded reader. Raises InputError for a name that no engine answers to.
    """
    if name != "reader":
        raise InputError(f"there is no generator {name!r}", field="generator", mend="use reader")
    from wbrag_pipeline.generation.completions import CompletionCache
    from wbrag_pipeline.generation.reader.reader import Reader

    return Reader(CompletionCache(completions) if completions else None)
