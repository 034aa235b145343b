"""The registry's entries that serving needs, on their way between machines.

A pulled entry says so in its first line, and is written again whenever the remote's changes. One without that line is
somebody's own and stays. Its paths are those of the machine that trains: nothing is read from them to serve.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from wbrag_pipeline.datasets.registry import EntryKind, Registry, check_name, is_built_in
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import Home
from wbrag_pipeline.storage import write_text

_MARK = "# Pulled from the remote, and written again when it changes there.\n"


def shared_entry(home: Path, kind: EntryKind, name: str) -> str:
    """An entry's YAML as other machines get it; "" for one that is built in."""
    return "" if is_built_in(kind, name) else _file(home, kind, name).read_text(encoding="utf-8").removeprefix(_MARK)


def is_pulled(home: Path, kind: EntryKind, name: str) -> bool:
    """Whether an entry came from the remote, so that its files are on another machine."""
    try:
        return _file(home, kind, name).read_text(encoding="utf-8").startswith(_MARK)
    except (OSError, UnicodeDecodeError):
        return False


def write_entries(home: Home, corpus: tuple[str, str], benchmark: tuple[str, str]) -> None:
    """Write the entries of a corpus and a benchmark over it, each a name with its YAML, "" where it is built in.

    Nothing is written before all have proved right. Raises InputError where an entry is none, is built in there and
    not here, or is another one than this home's own; and for a retriever that would run code, or be sent a token,
    which nobody on this machine has agreed to.
    """
    wanted: list[tuple[EntryKind, str, str]] = [("corpora", *corpus), ("benchmarks", *benchmark)]
    with TemporaryDirectory(prefix="wbrag-") as temporary:
        tried = Path(temporary)
        for kind, name, text in wanted:
            check_name(name)
            (tried / kind).mkdir()
            for file in (home.folder / kind).glob("[!.]*.yaml"):
                shutil.copyfile(file, tried / kind / file.name)
            if text:
                _file(tried, kind, name).write_text(_MARK + text, encoding="utf-8")
            elif not is_built_in(kind, name):
                raise InputError(f"{name} is built in there, and not in this version", field=kind)
        there, here = Registry.load(tried), Registry.load(home.folder)
    if there.benchmark(benchmark[0]).corpus != corpus[0]:
        raise InputError(f"{benchmark[0]} is not over the corpus {corpus[0]}", field="corpus")
    for kind, name, text in wanted:
        own = _file(home.folder, kind, name).is_file() and not is_pulled(home.folder, kind, name)
        if not text or own:
            if not _agree(kind, name, here, there):
                hint = "pull into a home of its own"
                raise InputError(f"this home's own {name} is another one", field=kind, hint=hint)
            continue
        retriever = there.corpus(name).retriever if kind == "corpora" else None
        if retriever and (retriever.entry_point or retriever.token_env):
            hint = f"add it on this machine: wbrag add retriever {name} …"
            raise InputError(f"{name} is a retriever that runs code or gets a token", field=kind, hint=hint)
        if not is_pulled(home.folder, kind, name) or shared_entry(home.folder, kind, name) != text:
            write_text(_file(home.folder, kind, name), _MARK + text)


def _agree(kind: EntryKind, name: str, here: Registry, there: Registry) -> bool:
    """Whether two entries are the same to whoever serves."""
    if kind == "corpora":
        return here.corpus(name).retriever == there.corpus(name).retriever
    one, other = here.benchmark(name), there.benchmark(name)
    return (one.corpus, one.task) == (other.corpus, other.task)


def _file(home: Path, kind: EntryKind, name: str) -> Path:
    return home / kind / f"{name}.yaml"
