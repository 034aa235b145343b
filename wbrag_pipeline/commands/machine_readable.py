"""What a command found, as JSON for scripts: into a file beside what is printed, or printed instead of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.storage import write_json

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write what was found into this JSON file too; - prints it instead.")
]
_PRINT = Path("-")


def is_printed(file: Path | None) -> bool:
    """Whether JSON is printed, so that nothing else may be on standard output."""
    return file == _PRINT


def tell_as_json(file: Path | None, found: Any) -> None:
    """Write ``found`` into ``file``, or print it for ``-``, in ASCII; nothing where no file is named."""
    if file is None:
        return
    if is_printed(file):
        say(json.dumps(found, indent=2, sort_keys=True))
    else:
        write_json(file, found)
