"""``python -m docs_reference.transcript PAGE [--write]``: run the commands of a page, and put in what they print.

A page may hold two kinds of fenced blocks that are run, in the page's order and in one empty folder:

- ``python title="NAME"``: the block is written to the file NAME;
- ``console``: each line that begins with ``$ `` is given to bash. The lines below it are what it prints on stdout.

Unit ids are hashes and may differ between processors: an id in a command that nothing printed so far stands for the
last one that was printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.storage import write_text

SHOWN_AS = "/home/you/tutorial"  # instead of the folder that the commands ran in
_CHECKOUT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r'^```(?P<kind>python title="(?P<file>[\w./-]+)"|console)\n(?P<body>.*?)^```$', re.MULTILINE | re.DOTALL
)
_UNIT = re.compile(r"u_[0-9a-f]{16}")


class CommandFailed(Exception):
    """A command of the page left with another exit code than 0."""


@dataclass
class Session:
    """A folder in which the commands of one page run, one after the other."""

    folder: Path
    printed: str = ""

    def run(self, command: str) -> tuple[str, str]:
        """The command as it was run, and what it printed. Raises CommandFailed with all its output."""
        command = _UNIT.sub(self._known_unit, command)
        settings = {name: value for name, value in os.environ.items() if not name.startswith(("WBRAG_", "DAGSTER_"))}
        # The programs of this very environment, activated or not, over this very checkout.
        settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{settings.get('PATH', '')}"
        settings["PYTHONPATH"] = str(_CHECKOUT)
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=settings, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CommandFailed(f"$ {command}\n{done.stdout}{done.stderr}exit code {done.returncode}")
        self.printed += done.stdout
        lines = done.stdout.replace(str(self.folder.resolve()), SHOWN_AS).splitlines()
        return command, "\n".join(line.rstrip() for line in lines).rstrip()

    def _known_unit(self, found: re.Match[str]) -> str:
        known = _UNIT.findall(self.printed)
        return found[0] if found[0] in known or not known else known[-1]


def transcribed(page: str, folder: Path) -> str:
    """``page`` with what its commands print when they are run in ``folder``. Raises CommandFailed."""
    session = Session(folder)

    def block(found: re.Match[str]) -> str:
        if found["file"]:
            write_text(folder / found["file"], found["body"])
            return found[0]
        commands = [line.removeprefix("$ ") for line in found["body"].splitlines() if line.startswith("$ ")]
        told = ["\n".join(filter(None, (f"$ {command}", output))) for command, output in map(session.run, commands)]
        return "```console\n" + "\n".join(told) + "\n```"

    return _BLOCK.sub(block, page)


def main() -> None:
    """Run the page that the command line names; with ``--write`` its outputs are replaced."""
    file = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="wbrag-tutorial-") as folder:
        page = transcribed(file.read_text(encoding="utf-8"), Path(folder))
    if "--write" in sys.argv[2:]:
        write_text(file, page)
    else:
        print(page)


if __name__ == "__main__":
    main()
