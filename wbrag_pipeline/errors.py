"""Every error that this project raises on purpose, as one tree.

::

    WbragError                 what all of them share: a message for people, an exit code
    ├── InputError        (2)  a file, a flag or a setting is wrong: names file, line, field and the fix
    ├── MissingPartError  (2)  an optional package is not installed: names the command that installs it
    ├── NotBuiltError     (2)  something must be made first: names the command that makes it
    ├── StorageError      (2)  a file cannot be written: the disk is full, or the folder is not ours to write
    ├── BusyError         (2)  something else is at work that must end first: names it
    ├── BudgetError       (2)  the tokens or the money that the settings allow are used up: says what goes on
    ├── IntegrityError    (1)  a stored file is not what its manifest says
    ├── VectorStoreError  (1)  a store of vectors cannot be reached, or refuses
    ├── RemoteError       (1)  the remote that releases are shared by cannot be reached, or refuses
    │   └── OvertakenError     another machine has moved what was to be moved: says who and when
    ├── RetrieverError    (1)  a retriever of your own cannot be reached, or answers what cannot be used
    ├── ServerError       (1)  a server that is asked for passages cannot be reached, or refuses
    ├── EndpointError     (1)  a server that answers for the generator cannot be reached, or stops answering
    └── TooManyFailedError (1) a generator failed more calls than the settings allow

The command prints ``error: <message>`` and leaves with the exit code; ``--debug`` shows the traceback.
"""

from __future__ import annotations

from pathlib import Path

from wbrag_pipeline.terminal import printable


class WbragError(Exception):
    """Base of the tree. ``str(error)`` is one message that a person can act on.

    It may name what others wrote, an id or a file, so what does not print in it is written out (``printable``).
    """

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(WbragError):
    """Something the user gave is wrong.

    Parts that are known come first in the message: ``questions.jsonl, line 7, field 'golden_answers': ...``.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.field, self.hint = problem, file, line, field, hint
        place = ", ".join(
            part
            for part in (
                str(file) if file is not None else "",
                f"line {line}" if line is not None else "",
                f"field '{field}'" if field is not None else "",
            )
            if part
        )
        message = f"{place}: {problem}" if place else problem
        super().__init__(f"{message} ({hint})" if hint else message)


class MissingPartError(WbragError):
    """An optional part is not installed; ``install`` is the command that brings it."""

    exit_code = 2

    def __init__(self, part: str, install: str) -> None:
        self.part, self.install = part, install
        super().__init__(f"{part} is not installed; install it with: {install}")


class NotBuiltError(WbragError):
    """A table, index or release is asked for that nobody has made yet; ``command`` makes it."""

    exit_code = 2

    def __init__(self, what: str, command: str) -> None:
        self.what, self.command = what, command
        super().__init__(f"{what} has not been made yet; make it with: {command}")


class StorageError(WbragError):
    """The system refuses a write; ``reason`` is its own words. What was stored before is untouched."""

    exit_code = 2

    def __init__(self, file: Path | str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file}: {reason} (nothing was changed; free space or set permissions, and run it again)")


class BusyError(WbragError):
    """Something is at work in the home that must end first; ``holder`` says what, where and since when."""

    exit_code = 2

    def __init__(self, doing: str, holder: str) -> None:
        self.doing, self.holder = doing, holder
        super().__init__(f"{doing} must wait for {holder} (nothing was changed; stop that, or try again when it ended)")


class BudgetError(WbragError):
    """What the settings allow to be spent is used up, or would be; ``flag`` is the one that allows more."""

    exit_code = 2

    def __init__(self, problem: str, flag: str) -> None:
        self.problem, self.flag = problem, flag
        super().__init__(problem)


class IntegrityError(WbragError):
    """A stored file does not match its manifest (hash, count, encoder); it is refused, never repaired in silence."""

    def __init__(self, file: Path | str, problem: str) -> None:
        self.file, self.problem = file, problem
        super().__init__(f"{file}: {problem}")


class EndpointError(WbragError):
    """A server that answers for the generator cannot be reached, or stopped; what it did answer is in the cache."""


class VectorStoreError(WbragError):
    """A store of vectors cannot be reached, or refuses; ``reason`` is its own words."""

    def __init__(self, store: str, reason: str) -> None:
        self.store, self.reason = store, reason
        super().__init__(f"{store}: {reason} (when that is put right, give the same command again)")


class RemoteError(WbragError):
    """The remote that releases are shared by cannot be reached, or refuses; ``reason`` is its own words.

    Nothing that was visible there has changed.
    """

    def __init__(self, remote: str, reason: str) -> None:
        self.remote, self.reason = remote, reason
        super().__init__(f"{remote}: {reason}")


class OvertakenError(RemoteError):
    """Two machines have moved the same pointer, each without knowing of the other's move; neither move is lost."""


class RetrieverError(WbragError):
    """A retriever of the user's own cannot be reached, refuses, or answers what cannot be used; nothing was changed."""

    def __init__(self, retriever: str, reason: str) -> None:
        self.retriever, self.reason = retriever, reason
        super().__init__(f"{retriever}: {reason} (nothing was changed; when that is put right, give the command again)")


class ServerError(WbragError):
    """A server that is asked for passages cannot be reached, or refuses; ``status`` is that of HTTP, where it has one.

    A search may be tried again where that is None, 429 or 503.
    """

    def __init__(self, address: str, problem: str, *, status: int | None = None) -> None:
        self.address, self.problem, self.status = address, problem, status
        super().__init__(f"{address}: {problem}")


class TooManyFailedError(WbragError):
    """A stage's generator failed for good on more calls than may fail; what it did answer is in the cache."""

    def __init__(self, stage: str, failed: int, calls: int, allowed: float) -> None:
        self.stage, self.failed, self.calls, self.allowed = stage, failed, calls, allowed
        share = f"{failed:,} of {calls:,} generator calls failed for good ({failed / calls:.1%})"
        super().__init__(
            f"{stage}: {share}, and {allowed:.1%} may (what was answered is kept: the same command asks for the "
            "failed ones alone; --failure-share or WBRAG_FAILURE_SHARE sets the share)"
        )
