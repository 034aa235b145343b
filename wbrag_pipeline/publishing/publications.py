"""The record of where units were published: ``published.json`` in the home.

It is written before the first unit is, so that a run that was killed is known too. It holds addresses and names of
columns, and no text, no unit's id and no password.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.home import Home
from wbrag_pipeline.publishing.target_address import TargetAddress
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.storage import locked, stored_json, write_json


@dataclass(frozen=True)
class Publication:
    """One benchmark in one target.

    target: its address. columns: as ``--columns`` had it, "" for what is found by looking. release, variant, encoder:
    of the units that are there, or were being written when ``finished`` is False. at: ISO 8601 in UTC.
    """

    benchmark: str
    target: str
    columns: str
    release: str
    variant: str
    encoder: str
    units: int
    at: str
    finished: bool

    @property
    def address(self) -> TargetAddress:
        """Where it is."""
        kind, _, rest = self.target.partition(":")
        place, _, name = rest.rpartition("#")
        return TargetAddress(kind, place, name)

    def __str__(self) -> str:
        told = f"{self.release} ({self.units:,} units, {self.at})"
        return f"{self.target}: {told}" if self.finished else f"{self.target}: {self.release}, not finished"


@dataclass(frozen=True)
class Publications:
    """All publications of a home. home_id: what marks its rows, the same for as long as the home lives."""

    home_id: str
    entries: tuple[Publication, ...] = ()

    @classmethod
    def load(cls, home: Home) -> Publications:
        """The record; an empty one, with a new id, where nothing was published yet.

        Raises IntegrityError for a damaged one: what forgetting must reach stands nowhere else.
        """
        try:
            found = stored_json(home.published)
            entries = tuple(_publication(entry) for entry in found["publications"])
            if not isinstance(found["home"], str) or not found["home"]:
                raise ValueError
            return cls(found["home"], entries)
        except (FileNotFoundError, NotADirectoryError):
            return cls(uuid.uuid4().hex)
        except (OSError, ValueError, KeyError, TypeError) as error:
            hint = "restore it from a backup: without it nobody knows which collections hold units of this home"
            raise IntegrityError(home.published, f"is damaged; {hint}") from error

    @classmethod
    def begin(cls, home: Home) -> Publications:
        """As ``load``, with the id written down: no two processes may find different ones."""
        with locked(home.locks):
            found = cls.load(home)
            if not home.published.exists():
                found._write(home)
        return found

    def _write(self, home: Home) -> None:
        told = [asdict(one) for one in sorted(self.entries, key=lambda one: (one.benchmark, one.target))]
        write_json(home.published, {"home": self.home_id, "publications": told})

    def of(self, benchmark: str) -> list[Publication]:
        """Those of one benchmark."""
        return [entry for entry in self.entries if entry.benchmark == benchmark]

    def find(self, benchmark: str, address: TargetAddress) -> Publication | None:
        """A benchmark's publication in one target."""
        return next((entry for entry in self.of(benchmark) if entry.target == str(address)), None)


def record_publication(home: Home, publication: Publication) -> None:
    """Note it in the place of what was noted of the same benchmark and target."""
    _change(home, publication.benchmark, publication.target, [publication])


def drop_publication(home: Home, benchmark: str, address: TargetAddress) -> None:
    """Nothing of the benchmark is in the target any more."""
    _change(home, benchmark, str(address), [])


def columns_of(noted: Publication | None, given: str | None) -> TargetColumns:
    """The columns to use: those given, or those noted.

    Raises InputError where both are there and differ: what was written under the first would not be found again.
    """
    if noted is None or given is None:
        return TargetColumns.parse(noted.columns if noted else given or "")
    if (wanted := TargetColumns.parse(given)) != TargetColumns.parse(noted.columns):
        before = f"--columns {noted.columns}" if noted.columns else "columns that were told by type and name"
        raise InputError(
            f"{noted.benchmark} was published there with {before}",
            field="--columns",
            hint=f"take it out first: wbrag publish {noted.benchmark} --to '{noted.target}' --remove",
        )
    return wanted


def _change(home: Home, benchmark: str, target: str, instead: list[Publication]) -> None:
    with locked(home.locks):
        now = Publications.load(home)
        kept = [one for one in now.entries if (one.benchmark, one.target) != (benchmark, target)]
        if instead or len(kept) < len(now.entries):
            Publications(now.home_id, (*kept, *instead))._write(home)


def _publication(found: Mapping[str, Any]) -> Publication:
    kinds = {field.name: {"str": str, "int": int, "bool": bool}[str(field.type)] for field in fields(Publication)}
    if {name: type(value) for name, value in found.items()} != kinds:
        raise ValueError
    return Publication(**found)
