"""All commands of ``wbrag`` in one, and how it ends when one of them fails."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from wbrag_pipeline import __version__
from wbrag_pipeline.commands import (
    add,
    advise,
    ask,
    cost,
    demo,
    doctor,
    experiment,
    export,
    forget,
    judge,
    lineage,
    publish,
    refresh,
    release,
    release_sharing,
    remove,
    run,
    serve,
    status,
    token,
    ui,
    upgrade,
    usage,
)
from wbrag_pipeline.commands.console import say, say_error, speak_plainly
from wbrag_pipeline.ctrl_c import INTERRUPTED
from wbrag_pipeline.errors import WbragError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Train the knowledge base of a RAG system.\n\nExample: wbrag demo",
)
app.add_typer(add.app, name="add")
app.add_typer(remove.app, name="remove")
app.add_typer(experiment.app, name="experiment")
app.add_typer(release.app, name="release")
for command in (release_sharing.push, release_sharing.pull):
    release.app.command()(command)
for command in (
    demo.demo,
    run.run,
    refresh.refresh,
    advise.advise,
    ask.ask,
    serve.serve,
    token.token,
    usage.usage,
    status.status,
    cost.cost,
    judge.judge,
    lineage.lineage,
    publish.publish,
    export.export,
    forget.forget,
    doctor.doctor,
    ui.ui,
    upgrade.upgrade,
):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"wbrag {__version__}")
        raise typer.Exit


@app.callback()
def global_options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", is_eager=True, callback=_show_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Train the knowledge base of a RAG system.

    Example: wbrag run sample_nq && wbrag ask "Whose idea was Velcro?"
    """


def run_command_line() -> None:
    """Run the command; an error of ours is one line on stderr and its exit code, other errors keep their traceback.

    Ctrl-C is one line too.
    """
    speak_plainly()
    try:
        os.getcwd()
    except FileNotFoundError:
        say_error("the folder that you are in is gone (go to another one)")
        raise SystemExit(2) from None
    try:
        # --debug is accepted anywhere on the line.
        arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
        app(args=arguments, prog_name="wbrag")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # what typer makes of a KeyboardInterrupt
            say("stopped; what is stored is whole, and the same command goes on from there", err=True)
        raise
    except WbragError as error:
        if "--debug" in sys.argv:
            raise
        say_error(str(error))
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        # A folder that cannot be written, a full disk: the system's own words and the file are what helps.
        if "--debug" in sys.argv or error.filename is None:
            raise
        say_error(f"{error.filename}: {error.strerror} (is the folder yours to write, and not full?)")
        raise SystemExit(2) from None
