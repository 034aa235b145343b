"""What the three suites share: a check is a method ``test_…`` that raises AssertionError with what is wrong."""

from __future__ import annotations

from typing import Any, NoReturn
from unittest import SkipTest

from wbrag_pipeline.plugins import members_of

_made: dict[type, Any] = {}


class Conformance:
    """Base of the suites. A subclass named ``Test…`` in a test file is collected by pytest, and by unittest together
    with ``unittest.TestCase``; this package needs neither."""

    def _check(self, holds: bool, problem: str) -> None:
        # No bare assert: it would be silent under `python -O`.
        if not holds:
            raise AssertionError(problem)

    def _skip(self, reason: str) -> NoReturn:
        raise SkipTest(reason)

    def _check_members(self, made: object, protocol: type) -> None:
        # A plug-in's fingerprint is given to it where its author leaves it out.
        missing = [name for name in members_of(protocol) if name != "fingerprint" and not hasattr(made, name)]
        self._check(not missing, f"it lacks {', '.join(missing)}, which {protocol.__name__} asks for")

    def _check_fingerprint(self, one: object, again: object, others: list[object]) -> None:
        """The same twice, unlike all ``others``, and long enough to be nobody else's."""
        self._check(isinstance(one, str) and len(one) >= 16, f"a fingerprint is a hash in text, not {one!r}")
        self._check(one == again, "its fingerprint is another one each time it is made")
        self._check(
            len({one, *others}) == 1 + len(others), "two of what `others` gives have one fingerprint, or this one's"
        )


def made_once(suite: type[Any]) -> Any:
    """What ``make`` of that suite gives, kept: pytest has a new object of the suite for each check."""
    if suite not in _made:
        _made[suite] = suite().make()
    return _made[suite]
