"""``wbrag lineage``: what came from what."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings("home")
def lineage(
    identifier: Annotated[str, typer.Argument(help="Id of a unit, a passage or a question.")],
    json: JsonFile = None,
    *,
    settings: Settings,
) -> None:
    """Print the lineage of a unit, a passage or a question as a tree.

    Example: wbrag lineage u_3f9c2a71d0b4e856
    """
    from wbrag_pipeline.lineage import Lineage, render_tree

    found = Lineage(settings.layout.lineage).trace(identifier)
    if not is_printed(json):
        say(render_tree(found))
    tell_as_json(json, asdict(found))
