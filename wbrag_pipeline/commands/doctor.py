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

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import WbragError

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings

# A check gives what it found; it raises WbragError with the fix where something is amiss.
Check = Callable[["Settings"], str]


@with_settings("home")
def doctor(settings: Settings) -> None:
    """Check this machine and this home; leaves with 1 when something must be fixed.

    Example: wbrag doctor
    """

    failed = False
    for name, check in CHECKS.items():
        try:
            say(f"ok    {name:<10} {check(settings)}")
        except WbragError as error:
            failed = True
            say(f"FIX   {name:<10} {error}")
    raise typer.Exit(1 if failed else 0)


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


def _registry(settings: Settings) -> str:
    from wbrag_pipeline.datasets.registry import Registry

    registry = Registry.load(settings.home)
    missing = [corpus.path for corpus in registry.corpora.values() if not corpus.path.exists()]
    missing += [
        path
        for entry in registry.benchmarks.values()
        for path in (entry.train, entry.test)
        if path and not path.exists()
    ]
    if missing:
        raise WbragError(f"{missing[0]} is not there any more; add it again with wbrag add … --replace")
    return f"{len(registry.corpora)} corpora, {len(registry.benchmarks)} benchmarks"


def _encoder(settings: Settings) -> str:
    from wbrag_pipeline.retrieval.encoder import load_encoder

    encoder = load_encoder(settings.encoder)
    return f"{encoder.name}, {encoder.dimension} dimensions"


def _generator(settings: Settings) -> str:
    from wbrag_pipeline.generation.engines import load_generator

    generator = load_generator(settings.generator)
    return f"{generator.name}, fingerprint {generator.fingerprint}"


def _indexes(settings: Settings) -> str:
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.releases.store import current
    from wbrag_pipeline.retrieval.corpus import is_indexed, open_knowledge_base
    from wbrag_pipeline.retrieval.encoder import load_encoder

    encoder = load_encoder(settings.encoder)
    names = Registry.load(settings.home).corpora
    built = [name for name in names if is_indexed(settings, name)]
    for name in built:
        open_knowledge_base(settings, name, encoder)
    pointers = list(settings.releases("x").parent.glob("*/CURRENT"))
    for pointer in pointers:
        release = current(pointer.parent)
        release.units(), release.index(encoder)
    return f"{len(built)} corpus indexes and {len(pointers)} releases verified"


CHECKS: dict[str, Check] = {
    "python": _python,
    "packages": _packages,
    "faiss": _faiss,
    "gpu": _gpu,
    "home": _home,
    "registry": _registry,
    "encoder": _encoder,
    "generator": _generator,
    "indexes": _indexes,
}
