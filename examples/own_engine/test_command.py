"""The suite that every engine keeps to, with small programs in the place of a language model."""

import shlex
import sys

import pytest
from wbrag_command import CommandEngine

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.testing import EngineConformance

SAY_LAST_LINE = "import sys; print('You asked:', sys.stdin.read().strip().splitlines()[-1])"


def running(program: str) -> CommandEngine:
    return CommandEngine(f"command:{shlex.quote(sys.executable)} -c {shlex.quote(program)}", {})


class TestCommand(EngineConformance):
    def make(self) -> CommandEngine:
        return running(SAY_LAST_LINE)

    def make_failing(self) -> CommandEngine:
        return running("raise SystemExit(1)")


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="there is no program 'no-such-model'"):
        CommandEngine("command:no-such-model --fast", {})
