"""What may be logged of a request: never a question, a passage, a token, or a message that may repeat them."""

from __future__ import annotations

import traceback
from pathlib import Path

# Frames of an error that are named, the innermost last.
_FRAMES = 4


def where(error: BaseException) -> str:
    """The kind of an error and the places in the code that it passed, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places or 'an unknown place'}"
