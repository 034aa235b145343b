"""Text from outside at a terminal: what would steer the terminal, or hide, is written out.

Ids, titles, passages, answers, file names and error messages of servers may hold escape sequences (which colour, move
the cursor, make links or set the window's title), characters that turn the direction of reading, and characters that
nobody sees. ``printable`` makes all of these visible.
"""

from __future__ import annotations

import re
import unicodedata

# What need not be looked at one by one: ASCII that prints, new lines and tabs.
_DOUBTFUL = re.compile(r"[^\n\t -~]")
# Control, format and surrogate characters, and Unicode's own line and paragraph separators.
_WRITTEN_OUT = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Format characters without which Persian, Hindi and composed emoji are not readable; they only join their neighbours.
_KEPT = "\u200c\u200d"


def printable(text: str) -> str:
    r"""``text`` with every character that does not print as an escape such as ``\x1b`` or ``\u202e``.

    New lines and tabs stay. Twice makes no difference.
    """
    return _DOUBTFUL.sub(lambda found: _visible(found[0]), text)


def on_one_line(text: str) -> str:
    """``printable`` for text that must not begin a line of its own: any run of white space becomes one blank."""
    return printable(" ".join(text.split()))


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _WRITTEN_OUT or character in _KEPT:
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
