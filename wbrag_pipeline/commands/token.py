"""``wbrag token``: a bearer token for ``wbrag serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings("home")
def token(
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="An access label that the token's holder has; repeat for more."),
    ] = None,
    name: Annotated[str, typer.Option(help="Who holds it; the log of requests shows this name.")] = "",
    tokens: Annotated[
        Path | None, typer.Option(help="The file that it is added to (tokens.jsonl in the home).")
    ] = None,
    *,
    settings: Settings,
) -> None:
    """Make a bearer token for wbrag serve, and show it once: only its hash is stored.

    A running server takes it at the next request. To withdraw a token, delete its line from the file.

    Example: wbrag token --label hr --label staff --name 'support bot'
    """
    from wbrag_pipeline.serving.access_tokens import new_token

    file = tokens or settings.layout.access_tokens
    made = new_token(file, label or [], name)
    say(made)
    say(f"shown once and stored nowhere; its hash and labels were added to {file}", err=True)
