"""The command ``wbrag``: Ctrl-C is seen to before its modules are loaded, which takes a moment."""

from __future__ import annotations

from wbrag_pipeline.ctrl_c import run_until_ctrl_c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wbrag_pipeline.commands.command_line import app as app  # noqa: PLC0414


def main() -> None:
    """Run the command that the arguments name; Ctrl-C at any moment is exit code 130 and no traceback."""
    run_until_ctrl_c(_loaded)


def _loaded() -> Callable[[], None]:
    from wbrag_pipeline.commands.command_line import run_command_line

    return run_command_line


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wbrag_pipeline.commands.command_line import app

    return app


if __name__ == "__main__":
    main()
