"""The tutorial's commands do what the tutorial says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_reference.transcript import CommandFailed, transcribed

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


def commands_of(page: str) -> list[str]:
    return re.findall(r"^\$ (.*)$", page, flags=re.MULTILINE)


@pytest.mark.slow
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    page = TUTORIAL.read_text(encoding="utf-8")
    now = transcribed(page, tmp_path)
    # Unit ids and the last digits of scores may differ between processors.
    assert len(commands_of(now)) == len(commands_of(page)) > 15
    assert "promoted r000003" in now and "guests is served r000002 again, instead of r000003" in now
    gains = [float(found) for found in re.findall(r"^mean +([+−]?[\d.]+)(?: +\[.*\])?$", now, flags=re.MULTILINE)]
    assert len(gains) == 1 and gains[0] > 0


def test_outputs_are_replaced_and_files_written(tmp_path: Path) -> None:
    page = '```python title="a.py"\nprint(1 + 1)\n```\n\n```console\n$ python a.py\nold\n$ pwd\n$ true\n```\n'
    told = transcribed(page, tmp_path)
    assert told == page.replace("$ python a.py\nold\n$ pwd\n", "$ python a.py\n2\n$ pwd\n/home/you/tutorial\n")


def test_other_blocks_are_left_alone(tmp_path: Path) -> None:
    page = "```bash\nexit 1\n```\n\n```python\nraise SystemExit(1)\n```\n"
    assert transcribed(page, tmp_path) == page


def test_an_unknown_unit_is_the_last_that_was_printed(tmp_path: Path) -> None:
    page = f"```console\n$ echo u_{'a' * 16}; echo u_{'b' * 16}\n$ echo the u_{'c' * 16}\n$ echo u_{'a' * 16}\n```\n"
    told = transcribed(page, tmp_path)
    assert f"$ echo the u_{'b' * 16}\nthe u_{'b' * 16}\n$ echo u_{'a' * 16}\n" in told


def test_a_command_that_fails_is_told_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"\$ echo hm; exit 3\nhm\nexit code 3"):
        transcribed("```console\n$ echo hm; exit 3\n```\n", tmp_path)
