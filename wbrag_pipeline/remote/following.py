"""A home that follows a remote while it serves: a thread that looks every few seconds, and pulls what is new.

Whoever searches notices nothing of it but the pointers of the home, which move when all is there. As long as the
remote cannot be reached, what is here serves on.
"""

from __future__ import annotations

import logging
import threading
import time

from wbrag_pipeline.errors import BusyError, RemoteError, WbragError
from wbrag_pipeline.releases.pointer import POINTER
from wbrag_pipeline.remote.pulling import RemoteView, has_moved, pull
from wbrag_pipeline.settings import Settings

POLL_SECONDS = 10.0
_log = logging.getLogger("wbrag.remote")


class RemoteFollower:
    """Follows the remote of the settings for one benchmark, from ``start`` until ``close``.

    problem: why the last look failed, "" where it did not; no password is in it.
    """

    def __init__(self, settings: Settings, benchmark: str, seconds: float = POLL_SECONDS) -> None:
        self._settings, self._benchmark, self._seconds = settings, benchmark, seconds
        self._known: RemoteView | None = None
        self._succeeded = time.monotonic()
        self._closed = threading.Event()
        self.problem = ""

    @property
    def age(self) -> float:
        """Seconds since the last look that succeeded, or since there is a follower."""
        return time.monotonic() - self._succeeded

    def start(self) -> None:
        """Pull what is there, then look again every few seconds in a thread.

        A remote that cannot be reached is no reason not to serve what is here. Raises as ``pull`` where nothing is.
        """
        serves = (self._settings.releases(self._benchmark) / POINTER).is_file()
        try:
            self._known = pull(self._settings, self._benchmark, wait=not serves).view
        except (WbragError, OSError) as error:
            if not serves:
                raise
            self._failed(error)
        threading.Thread(target=self._follow, name=f"remote of {self._benchmark}", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def look(self) -> None:
        """Pull what is new; what fails is told, and tried again the next time."""
        try:
            if has_moved(self._settings, self._benchmark, self._known):
                self._known = pull(self._settings, self._benchmark, wait=False).view
        except BusyError:
            pass  # somebody else is at work in the home, perhaps with the same: the next look will do
        except (WbragError, OSError) as error:
            self._failed(error)
        else:
            if self.problem:
                _log.warning("%s: the remote is followed again", self._benchmark)
            self.problem, self._succeeded = "", time.monotonic()

    def _follow(self) -> None:
        while not self._closed.wait(self._seconds):
            self.look()

    def _failed(self, error: Exception) -> None:
        told = str(error) if isinstance(error, RemoteError) else f"{type(error).__name__}: {error}"
        if told != self.problem:  # once, not every few seconds
            _log.warning("%s: the remote is not followed: %s; what is here serves on", self._benchmark, told)
        self.problem = told
