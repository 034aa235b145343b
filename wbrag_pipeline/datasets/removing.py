"""Taking a corpus or a benchmark out of the registry, with all that was made of it.

What goes: its entry, and every file that ``Home.owner`` says is its own. What stays: the user's own files, the lineage
of what there was, the completion cache and its ledger, and the vectors, which other corpora may share; the next
indexing drops those that nobody needs. To delete a text from these too there is ``wbrag forget``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wbrag_pipeline.datasets.registry import EntryKind, Registry, is_built_in
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import Home, path_name

Kind = Literal["corpus", "benchmark"]
_FOLDERS: dict[Kind, EntryKind] = {"corpus": "corpora", "benchmark": "benchmarks"}
# Where what is made of corpora and benchmarks lies; the other folders of a home are nobody's alone.
_DERIVED = ("tables", "indexes", "releases", "reports", "experiments", "usage", "questions")


@dataclass(frozen=True)
class Removal:
    """What would go. entry: the YAML file. files: all that was made of it, ``bytes`` together. yours: what stays."""

    entry: Path
    files: tuple[Path, ...]
    bytes: int
    yours: tuple[Path, ...]


def plan_removal(home: Home, kind: Kind, name: str) -> Removal:
    """Find what goes with a corpus or a benchmark; nothing is changed.

    Raises InputError for a name that is unknown or built in, and for a corpus that a benchmark is over.
    """
    registry = Registry.load(home.folder)
    if kind == "corpus":
        yours = tuple(registry.corpus(name).files)
        if over := registry.benchmarks_of(name):
            hint = " && ".join(f"wbrag remove benchmark {benchmark}" for benchmark in over)
            raise InputError(f"the benchmarks {', '.join(over)} are over it", field="corpus", hint=f"first: {hint}")
    else:
        found = registry.entry(name)
        written = os.path.realpath(home.questions(name))
        given = (file for file in (found.train, found.test) if file is not None and os.path.realpath(file) != written)
        yours = tuple(dict.fromkeys(given))
    if is_built_in(_FOLDERS[kind], name):
        raise InputError(f"the {kind} {name!r} is built in, so its entry stays", field="name")
    files = tuple(file for file in _derived(home) if getattr(home.owner(file), kind) == path_name(name))
    entry = home.folder / _FOLDERS[kind] / f"{name}.yaml"
    return Removal(entry, files, sum(file.stat().st_size for file in files), yours)


def remove(home: Home, removal: Removal) -> None:
    """Carry it out. The entry goes last, so a removal that was cut short can be given again."""
    folders = set()
    for file in removal.files:
        file.unlink(missing_ok=True)
        folders.add(file.parent)
    tops = [home.folder / name for name in _DERIVED]
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        _remove_while_empty(folder, tops)
    removal.entry.unlink(missing_ok=True)


def _derived(home: Home) -> list[Path]:
    roots = [home.folder / name for name in _DERIVED]
    return sorted(file for root in roots if root.is_dir() for file in root.rglob("*") if file.is_file())


def _remove_while_empty(folder: Path, tops: list[Path]) -> None:
    """The folder and those above it that nothing is left in, hidden locks aside; never one of ``tops``."""
    while folder.is_dir() and folder not in tops and all(file.name == ".lock" for file in folder.iterdir()):
        shutil.rmtree(folder)
        folder = folder.parent
