"""The engine ``command:PROGRAM ARGUMENT …``: a prompt on the program's standard input, the answer on its output.

For example ``--generator "command:ollama run llama3.2"`` or ``--generator "command:llm -m gpt-4o-mini"``.
"""

from __future__ import annotations

import logging
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import Completion, Request
from wbrag_pipeline.generation.text_engine import TextEngine, cut_to_request

_log = logging.getLogger(__name__)


class CommandEngine(TextEngine):
    """Runs the program once a request. It must answer alike each time: set its temperature to 0 where it has one."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        """arguments: ``timeout``, seconds that one answer may take; 300 where left out."""
        self.name = name
        self._command = shlex.split(name.removeprefix("command:"))
        self._timeout = float(arguments.get("timeout", 300))
        if shutil.which(self._command[0]) is None:
            raise InputError(f"there is no program {self._command[0]!r}", field="generator", hint="install it first")

    def render(self, requests: Sequence[Request]) -> list[str]:
        """What the program reads; it is what a stored completion is found by, too."""
        return ["\n\n".join([*(m.content for m in request.messages), request.prefix]) for request in requests]

    def complete_one(self, request: Request) -> Completion:
        """An error of the program, and no answer in time, are a failed request: the others go on."""
        (prompt,) = self.render([request])
        try:
            done = subprocess.run(
                self._command, input=prompt, capture_output=True, text=True, timeout=self._timeout, check=True
            )
        except (subprocess.SubprocessError, OSError) as error:
            _log.warning("%s: %s", self.name, error)
            return Completion("", finish_reason="failed")
        return cut_to_request(done.stdout.strip(), request)
