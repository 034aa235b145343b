"""A document or a row of a corpus that cannot be read: the corpus is refused, or it is left out and told.

Nothing is ever read in part: a document whose labels cannot be read is left out whole, so leaving out never shows
anything to more readers.
"""

from __future__ import annotations

from collections.abc import Iterator

from wbrag_pipeline.errors import InputError

NAMED = 5  # as many are told by name; the others are counted


class BadDocuments:
    """One reading's bad documents and rows, and the links in a folder that were not followed.

    skip: False refuses the first one; True leaves each out and counts it.
    """

    def __init__(self, *, skip: bool = False) -> None:
        self.skip = skip
        self.count = self.links = 0
        self._told: list[str] = []
        self._first_links: list[str] = []

    def found(self, error: InputError, count: int = 1) -> None:
        """Take note of a document or row, or of ``count`` rows with one fault. Raises ``error`` unless ``skip``."""
        if not self.skip:
            raise error
        self.count += count
        if len(self._told) < NAMED:
            self._told.append(str(error))

    def found_link(self, name: str) -> None:
        """Take note of a link to a folder: what it leads to is not read from here."""
        self.links += 1
        if len(self._first_links) < NAMED:
            self._first_links.append(name)

    def told(self) -> Iterator[str]:
        """Lines for people: how many were left out, the first of them with what is wrong; nothing where none was."""
        if self.count:
            yield f"left out, because they cannot be read: {self.count:,}"
            yield from (f"  {line}" for line in self._told)
            if self.count > len(self._told):
                yield "  …"
        if self.links:
            names = ", ".join(self._first_links) + (", …" if self.links > len(self._first_links) else "")
            yield f"links to folders that were not followed: {self.links:,} ({names})"
