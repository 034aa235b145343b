"""Ctrl-C at any moment of a program: exit code 130 and no traceback.

It imports next to nothing, so that hardly a moment passes before Ctrl-C is seen to.
"""

from __future__ import annotations

# Built into Python. What `signal` puts around it takes longer to load than all else until Ctrl-C is seen to.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

TYPE_CHECKING = False  # as in typing, which takes as long
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

INTERRUPTED = 130  # 128 and the signal's number, as shells have it


def run_until_ctrl_c(load: Callable[[], Callable[[], object]]) -> None:
    """Run what ``load`` imports and gives; it may end with SystemExit. For the main thread of a program.

    While modules are loaded, and when the program is done, nothing is under way that has to be ended in order: Ctrl-C
    leaves at once. In between it raises KeyboardInterrupt, so that the program can end what it has begun; a second
    Ctrl-C leaves at once there too. Where Ctrl-C is ignored, as in a job in the background, it stays ignored.
    """
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, _leave)
    run = load()
    try:
        if heeded:
            sys.unraisablehook = _leave_if_swallowed
            signal.signal(signal.SIGINT, _interrupt_once)
        run()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except SystemExit:
        if signal.getsignal(signal.SIGINT) is _leave:  # it was interrupted, and ended in a way of its own
            raise SystemExit(INTERRUPTED) from None
        raise
    finally:
        if heeded:
            signal.signal(signal.SIGINT, _leave)


def leave_at_once() -> None:
    """End this process with exit code 130 as a kill would: nothing more of it runs, in no thread."""
    os._exit(INTERRUPTED)


def _leave(_number: int, _frame: FrameType | None) -> None:
    leave_at_once()


def _interrupt_once(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _leave_if_swallowed(unraisable: sys.UnraisableHookArgs) -> None:
    # A callback that Python itself makes, a finalizer say, cannot hand on the KeyboardInterrupt that struck it.
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        leave_at_once()
    sys.__unraisablehook__(unraisable)
