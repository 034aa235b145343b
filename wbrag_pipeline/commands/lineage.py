"""``wbrag lineage``: what came from what."""

from __future__ import annotations

from typing import Annotated

import typer

from wbrag_pipeline.commands.options import Home


def lineage(
    identifier: Annotated[str, typer.Argument(help="Id of a unit, a passage or a question.")],
    home: Home = None,
) -> None:
    """Print the lineage of a unit, a passage or a question as a tree.

    Example: wbrag lineage u_3f9c2a71d0b4e856
    """
    from wbrag_pipeline.lineage import Lineage, render_tree
    from wbrag_pipeline.settings import Settings

    typer.echo(render_tree(Lineage(Settings.from_environment(home=home).lineage).trace(identifier)))
