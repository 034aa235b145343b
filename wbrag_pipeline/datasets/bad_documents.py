"""What a reading of a corpus does not take in: nothing is passed over without being counted and told.

A document or a row that cannot be read is refused, or left out. Files of a kind that is not read are passed over.

Nothing is ever read in part: a document whose labels cannot be read is left out whole, so leaving out never shows
anything to more readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from wbrag_pipeline.errors import InputError

NAMED = 5  # as many are told by name; the others are counted
_ENDINGS = 20  # as many endings of files are told


class BadDocuments:
    """One reading's bad documents and rows, and all else that it did not take in.

    skip: False refuses the first one; True leaves each out and counts it. links: to folders, which are not followed.
    passed_over: files by their ending, of kinds that are not read. without_text: documents in which there was none.
    unchanged: documents that were read before and are taken as they were then.
    controls: control characters that were taken out. cut: rows that were cut into parts. notes: lines on what a
    retriever showed and was not taken.
    """

    def __init__(self, *, skip: bool = False) -> None:
        self.skip = skip
        self.count = self.links = self.without_text = self.controls = self.cut = self.unchanged = 0
        self.passed_over: Counter[str] = Counter()
        self.notes: list[str] = []
        self._install: dict[str, str] = {}
        self._told: list[str] = []
        self._first_empty: list[str] = []
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

    def found_other_kind(self, ending: str, install: str = "") -> None:
        """Take note of a file of a kind that is not read; ``install`` is the command after which it is."""
        self.passed_over[ending] += 1
        if install:
            self._install[ending] = install

    def found_no_text(self, name: str) -> None:
        """Take note of a document without any text, for example a scan."""
        self.without_text += 1
        if len(self._first_empty) < NAMED:
            self._first_empty.append(name)

    def lines(self) -> Iterator[str]:
        """Lines for people: how many were left out, the first of them with what is wrong; nothing where none was."""
        if self.count:
            yield f"left out, because they cannot be read: {self.count:,}"
            yield from (f"  {line}" for line in self._told)
            if self.count > len(self._told):
                yield "  …"
        if self.links:
            names = ", ".join(self._first_links) + (", …" if self.links > len(self._first_links) else "")
            yield f"links to folders that were not followed: {self.links:,} ({names})"
        for install in sorted(set(self._install.values())):
            these = [ending for ending in self.passed_over if self._install.get(ending) == install]
            yield f"not read: {self._counts(these)}; to read them: {install}"
        if others := [ending for ending in self.passed_over if ending not in self._install]:
            yield f"not read, because such files are no documents here: {self._counts(others)}"
        if self.without_text:
            names = ", ".join(self._first_empty) + (", …" if self.without_text > len(self._first_empty) else "")
            yield f"documents without text: {self.without_text:,} ({names})"
        if self.cut:
            yield f"long rows that were cut into parts: {self.cut:,}"
        if self.controls:
            yield f"control characters taken out: {self.controls:,}"
        yield from self.notes

    def _counts(self, endings: list[str]) -> str:
        """``.html 6, .pdf 3``, the most frequent first."""
        ordered = sorted(endings, key=lambda ending: (-self.passed_over[ending], ending))
        more = f", {len(ordered) - _ENDINGS:,} more endings" if len(ordered) > _ENDINGS else ""
        return ", ".join(f"{ending} {self.passed_over[ending]:,}" for ending in ordered[:_ENDINGS]) + more
