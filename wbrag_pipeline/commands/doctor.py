"""``wbrag doctor``: is everything there that a run needs, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING

import typer

from wbrag_pipeline.commands.console import say, wide_console
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import WbragError

if TYPE_CHECKING:
    from wbrag_pipeline.generation.generator import Generator
    from wbrag_pipeline.settings import Settings

# A check gives what it found; it raises WbragError with the fix where something is amiss.
Check = Callable[["Settings"], str]


@with_settings(
    "home", "remote", "encoder", "store", "index", "search", "generator", "engine_arguments", "reasoning_tokens"
)
def doctor(json: JsonFile = None, *, settings: Settings) -> None:
    """Check this machine and this home; leaves with 1 when something must be fixed.

    A language model's engine is asked what it can do, and a table says which RAG methods that is enough for.

    Example: wbrag doctor --generator openai:http://localhost:8000/v1#MODEL
    """

    found = []
    for name, check in CHECKS.items():
        try:
            ok, told = True, check(settings)
        except WbragError as error:
            ok, told = False, str(error)
        found.append({"name": name, "ok": ok, "told": told})
        if not is_printed(json):
            say(f"{'ok' if ok else 'FIX':<5} {name:<10} {told}")
    failed = {str(one["name"]) for one in found if not one["ok"]}
    tell_as_json(json, {"ok": not failed, "checks": found})
    if "generator" not in failed and not is_printed(json):
        _show_uses(settings)
    raise typer.Exit(1 if failed else 0)


def _show_uses(settings: Settings) -> None:
    """What the language model was found to be and can be used for; nothing for the reader, which can do all."""
    from rich.table import Table

    from wbrag_pipeline.generation.engine_protocol import Explores
    from wbrag_pipeline.generation.generator import Limited
    from wbrag_pipeline.rag.abilities import uses_of

    generator = _loaded(settings)
    if not isinstance(generator, Limited):
        return
    engine = getattr(generator, "engine", None)
    for finding in engine.findings if isinstance(engine, Explores) else ():
        say(f"      {'':<10} it {finding}")
    table = Table("use", "with this generator", "needs beside plain text", "of which is lacking")
    for use in uses_of(generator):
        table.add_row(use.name, use.verdict, ", ".join(use.needs) or "-", ", ".join(use.lacks) or "-")
    console = wide_console()
    console.print(table)


def _loaded(settings: Settings) -> Generator:
    from wbrag_pipeline.generation.engines import load_generator

    return load_generator(settings.generator, None, settings.engine_arguments, settings.reasoning_tokens)


def _python(settings: Settings) -> str:
    return f"{platform.python_version()} at {sys.executable}"


def _packages(settings: Settings) -> str:
    wanted = ("dagster", "polars", "duckdb", "sentence-transformers", "torch")
    return ", ".join(f"{name} {metadata.version(name)}" for name in wanted)


def _faiss(settings: Settings) -> str:
    from wbrag_pipeline.retrieval.faiss_library import installed_builds, load_faiss

    faiss = load_faiss()
    return f"{' and '.join(installed_builds())} {faiss.__version__}, GPUs it can use: {faiss.get_num_gpus()}"


def _gpu(settings: Settings) -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)}"
    return "none; the embedded reader and the CPU index are used"


def _home(settings: Settings) -> str:
    existing = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise WbragError(f"{existing} is no folder that can be written; give another folder with --home or WBRAG_HOME")
    return f"{settings.home}, {shutil.disk_usage(existing).free / 2**30:.0f} GiB free"


def _files(settings: Settings) -> str:
    from wbrag_pipeline.file_system import check_file_system

    return check_file_system(next(path for path in (settings.home, *settings.home.parents) if path.exists()))


def _remote(settings: Settings) -> str:
    from wbrag_pipeline.remote.opening_remote import remote_of
    from wbrag_pipeline.remote.probing import check_remote

    if not settings.remote:
        return "none; releases stay in this home"
    return check_remote(remote_of(settings))


def _registry(settings: Settings) -> str:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.remote.pulled_entries import is_pulled

    registry = Registry.load(settings.home)
    own = [entry for name, entry in registry.corpora.items() if not is_pulled(settings.home, "corpora", name)]
    asked = [entry for name, entry in registry.benchmarks.items() if not is_pulled(settings.home, "benchmarks", name)]
    for entry in asked:
        entry.require_metric()
    files = [path for corpus in own for path in corpus.files]
    files += [path for entry in asked for path in (entry.train, entry.test) if path]
    if missing := next((path for path in files if not path.exists()), None):
        raise WbragError(f"{missing} is not there any more; add it again with wbrag add … --replace")
    elsewhere = len(registry.corpora) - len(own) + len(registry.benchmarks) - len(asked)
    pulled = f"; {elsewhere} of them are pulled, and their files on another machine" if elsewhere else ""
    return f"{len(registry.corpora)} corpora, {len(registry.benchmarks)} benchmarks{pulled}"


def _encoder(settings: Settings) -> str:
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder

    encoder = load_encoder(settings.encoder)
    return f"{encoder.name}, {encoder.dimension} dimensions"


def _generator(settings: Settings) -> str:
    from wbrag_pipeline.generation.generator import Limited

    generator = _loaded(settings)
    if isinstance(generator, Limited):
        generator.require(())
    return f"{generator.name}, fingerprint {generator.fingerprint}"


def _indexes(settings: Settings) -> str:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.releases.store import current
    from wbrag_pipeline.retrieval.corpus import current_state, is_indexed, open_knowledge_base
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
    from wbrag_pipeline.retrieval.index import open_index, verify_vectors
    from wbrag_pipeline.retrieval.stores.backends import backend_at
    from wbrag_pipeline.store_address import parse_store
    from wbrag_pipeline.verified_files import forget_known_hashes

    forget_known_hashes()  # so that every byte is read
    backend_at(parse_store(settings.store)).check()
    encoder = load_encoder(settings.encoder)
    names = Registry.load(settings.home).corpora
    built = [name for name in names if is_indexed(settings, name)]
    for name in built:
        open_knowledge_base(settings, name, encoder)
        state = current_state(settings, name)
        assert state is not None
        verify_vectors(state.folder, open_index(state.folder, encoder))
    pointers = list(settings.releases("x").parent.glob("*/CURRENT"))
    for pointer in pointers:
        release = current(pointer.parent)
        release.units()
        verify_vectors(release.folder / "index", release.index(encoder))
    searched = f"searched by {settings.search}, " if settings.search != "dense" else ""
    return f"{len(built)} corpus indexes and {len(pointers)} releases verified, {searched}in {settings.store}"


def _dagster(settings: Settings) -> str:
    from wbrag_pipeline.commands.pipeline import dagster_folder, dagster_instance

    folder = dagster_folder(settings)
    if not (folder / "dagster.yaml").is_file():
        return f"{folder}, made by the first run"
    try:
        with dagster_instance(settings) as instance:
            return f"{folder}, {instance.get_runs_count():,} runs"
    except Exception as error:  # SQLAlchemy's, Alembic's or Dagster's own
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WbragError(
            f"{folder} cannot be opened ({said}); move it away: nothing but the history of runs in the UI goes with it"
        ) from error


CHECKS: dict[str, Check] = {
    "python": _python,
    "packages": _packages,
    "faiss": _faiss,
    "gpu": _gpu,
    "home": _home,
    "files": _files,
    "remote": _remote,
    "registry": _registry,
    "encoder": _encoder,
    "generator": _generator,
    "indexes": _indexes,
    "dagster": _dagster,
}
