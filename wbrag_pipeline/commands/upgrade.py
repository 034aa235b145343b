"""``wbrag upgrade``: bring a home of an earlier version to this version's layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings("home", any_layout=True)
def upgrade(settings: Settings) -> None:
    """Move what an earlier version made, and this one cannot read, into earlier-layout/ in the home.

    Tables, indexes, releases, reports and experiments are moved: wbrag run makes them again. The registry, the
    completion cache, the vectors, the lineage and what was forgotten stay, so a language model is asked nothing that it
    was asked before and no passage is encoded twice. Nothing is deleted.

    Example: wbrag upgrade --home .wbrag
    """
    moved = settings.layout.upgrade()
    if not moved:
        say(f"{settings.home} has the layout of this version already")
        return
    for path in moved:
        say(f"moved to {path}")
    say("now: wbrag run BENCHMARK; then earlier-layout/ can be deleted")
