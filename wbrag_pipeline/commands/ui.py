"""``wbrag ui``: Dagster's own UI over this home."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import wbrag_pipeline
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings

# `python -m dagster`, with Ctrl-C seen to while Dagster loads.
_DAGSTER = """
from wbrag_pipeline.ctrl_c import run_until_ctrl_c
def load():
    from dagster._cli import main
    return main
run_until_ctrl_c(load)
"""


@with_settings("home")
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
    *,
    settings: Settings,
) -> None:
    """Open the Dagster UI with the asset graph, the runs, backfills and schedules; Ctrl-C ends it.

    Example: wbrag ui --port 3000
    """
    from wbrag_pipeline.commands.code_location import note_webserver
    from wbrag_pipeline.commands.pipeline import dagster_instance

    with dagster_instance(settings):
        pass  # made before Dagster's several processes ask for it at once
    note_webserver(settings, f"http://127.0.0.1:{port}")
    # That is meant for who types `dagster dev`; its successor `dg dev` wants a project's folder, which a home is not.
    quiet = "ignore:Function `dev_command` is superseded"
    # Not -m: that would call the code location otherwise than a deployment does, and switches of schedules go by name.
    workspace = Path(wbrag_pipeline.__file__).with_name("workspace.yaml")
    arguments = [sys.executable, "-W", quiet, "-c", _DAGSTER, "dev", "-w", str(workspace), "-p", str(port)]
    os.execv(sys.executable, arguments)
