"""Flags that several commands share, and the settings they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from wbrag_pipeline.settings import Settings

Home = Annotated[Path | None, typer.Option("--home", help="Folder of everything that is stored.", envvar="WBRAG_HOME")]
Encoder = Annotated[str | None, typer.Option("--encoder", help="Sentence encoder of both indexes.")]
GeneratorName = Annotated[str | None, typer.Option("--generator", help="What answers and distils.")]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method", help="RAG method: none, naive, replug, self_rag, flare, hyde+naive; options as flare:theta=0.6."
    ),
]
Curate = Annotated[
    bool | None,
    typer.Option("--curate/--no-curate", help="Curate units before publishing, or publish them as distilled."),
]
TopK = Annotated[int, typer.Option("--top-k", "-k", help="Passages a question.")]


def wide_console() -> Console:
    """A console that cuts no table where nobody reads at a terminal's width."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=200)


def settings_of(**given: Any) -> Settings:
    """Settings from the environment and these flags, the method in its one spelling: it is part of every path."""
    from wbrag_pipeline.rag.methods import method_named
    from wbrag_pipeline.settings import Settings

    settings = Settings.from_environment(**given)
    return settings.with_(method=method_named(settings.method).name)
