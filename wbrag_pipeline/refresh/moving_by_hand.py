"""Another release served by hand, over the corpus as it is now: a later one, or the one that was served before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.refresh.retiring import revalidated_release
from wbrag_pipeline.releases import pointer, store
from wbrag_pipeline.releases.release_lineage import record_served
from wbrag_pipeline.remote.pushing import push_if_set
from wbrag_pipeline.run_locks import at_work
from wbrag_pipeline.settings import Settings


def promote_by_hand(
    settings: Settings, benchmark: str, release: str, *, actor: str, reason: str, tell: Callable[[str], object]
) -> tuple[bool, str]:
    """Serve a release, without units whose sources the corpus has lost since, and record it.

    Gives whether the pointer moved, and what is served. With a remote that is served from there too. tell: as
    ``run_locks.at_work`` takes it. Raises as ``releases.store.promote`` and ``push_if_set``.
    """
    corpus, folder = Registry.load(settings.home).benchmark(benchmark).corpus, settings.releases(benchmark)
    with at_work(settings.layout, "wbrag release promote", tell=tell):
        instead = revalidated_release(settings, corpus, actor=actor)
        move = store.promote(folder, release, actor=actor, reason=reason, instead=instead)
        record_served(Lineage(settings.layout.lineage), folder, "by-hand", settings.variant, benchmark)
        push_if_set(settings, benchmark)
        return move is not None, pointer.served_name(folder)


@dataclass(frozen=True)
class RolledBack:
    """Names of releases: that which is left, the earlier one, and what is served in its place."""

    left: str
    target: str
    served: str


def roll_back(
    settings: Settings, benchmark: str, *, actor: str, reason: str, doing: str, tell: Callable[[str], object]
) -> RolledBack:
    """Serve again what was served before, without units whose sources the corpus has lost since, and record it.

    With a remote that is served from there too. doing, tell: as ``run_locks.at_work`` takes them. Raises as
    ``releases.store.rollback`` and ``push_if_set``.
    """
    corpus, folder = Registry.load(settings.home).benchmark(benchmark).corpus, settings.releases(benchmark)
    with at_work(settings.layout, doing, tell=tell):
        left = pointer.served_name(folder)
        move = store.rollback(
            folder, actor=actor, reason=reason, instead=revalidated_release(settings, corpus, actor=actor)
        )
        record_served(Lineage(settings.layout.lineage), folder, "by-hand", settings.variant, benchmark)
        push_if_set(settings, benchmark)
        target = move.release if move.action == "rollback" else move.previous
        return RolledBack(left, target, pointer.served_name(folder))
