"""Flags that several commands share, and the settings they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option("--home", help="Folder of everything that is stored.", envvar="WBRAG_HOME")]
Encoder = Annotated[str | None, typer.Option("--encoder", help="Sentence encoder of both indexes.")]
GeneratorName = Annotated[str | None, typer.Option("--generator", help="What answers and distils.")]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method", help="RAG method: none, naive, replug, self_rag, flare, hyde+naive; options as flare:theta=0.6."
    ),
]
TopK = Annotated[int, typer.Option("--top-k", "-k", help="Passages a question.")]
