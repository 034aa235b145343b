"""A release over a corpus as a reader may see it: without units that the corpus no longer bears out.

A refresh serves the corpus' new state first, and then releases without the units that lost their sources. Between the
two, and for as long as a refresh that was cut short is not run again, the release is behind the corpus. So its units
are checked when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.refresh.source_validity import revalidate_units
from wbrag_pipeline.releases.store import Release, build_release
from wbrag_pipeline.retrieval.corpus import committed_state
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.settings import Settings


def served_system(
    release: Release,
    settings: Settings,
    corpus: str,
    base: KnowledgeBase,
    task: str,
    load_generator: Callable[[Settings], Generator],
    *,
    in_step: bool = True,
) -> RagSystem:
    """The system that ``release`` was made for, over ``base``, less the units whose sources went or were closed.

    in_step: False for a release that the pointer has left, which no refresh brings in step with the corpus.

    Raises IntegrityError for a damaged release.
    """
    # A state's folder is named by its content: `base` is the state that was opened, whatever is current by now.
    opened, committed = base.passages.parent.name, committed_state(settings, corpus)
    if in_step and committed is not None and committed.name == opened:
        return RagSystem.of_release(release, settings, base, task, load_generator)
    units, decisions = revalidate_units(release.units(), pl.scan_parquet(base.passages), release.language)
    if decisions.is_empty():
        return RagSystem.of_release(release, settings, base, task, load_generator)
    with TemporaryDirectory(prefix="wbrag-") as temporary:  # whoever serves may not be allowed to write releases
        folder = Path(temporary) / release.folder.parent.name
        folder.mkdir()
        (folder / release.name).symlink_to(release.folder.absolute())  # the units that stay have their vectors there
        valid = build_release(units, base.encoder, folder, release.made)
        return RagSystem.of_release(valid, settings, base, task, load_generator)
