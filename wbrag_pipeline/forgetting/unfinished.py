"""Certificates that wait for a collection or a remote which could not be reached, and still holds what was forgotten.

The home itself is done then. What is kept is the certificate and the units' ids, which are hashes, and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.certificate import Certificate
from wbrag_pipeline.home import Home
from wbrag_pipeline.publishing.withdrawals import Withdrawal, withdraw
from wbrag_pipeline.remote.remote_withdrawal import withdraw_from_remotes
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import stored_json, write_json


@dataclass(frozen=True)
class UnfinishedWithdrawal:
    """A certificate as it was given, and the units that some target may still hold."""

    certificate: Certificate
    unit_ids: tuple[str, ...]


def unfinished_withdrawals(home: Home) -> list[UnfinishedWithdrawal]:
    """All of them, oldest first. Raises IntegrityError when the file is damaged."""
    try:
        found = stored_json(home.withdrawals)
        return [UnfinishedWithdrawal(_certificate(one["certificate"]), tuple(one["unit_ids"])) for one in found]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "look into the collections that wbrag status names for forgotten units, then remove the file"
        raise IntegrityError(home.withdrawals, f"is damaged; {hint}") from error


def note_unfinished(home: Home, certificate: Certificate, unit_ids: Sequence[str]) -> None:
    """Keep a certificate until its targets are reached; the same one is kept once."""
    others = [one for one in unfinished_withdrawals(home) if not _same(one.certificate, certificate)]
    _write(home, [*others, UnfinishedWithdrawal(certificate, tuple(unit_ids))])


def finish_withdrawals(settings: Settings) -> Certificate | None:
    """Try all of them again; gives the certificate of the last, None where nothing waits."""
    home, left, last = settings.layout, [], None
    for one in unfinished_withdrawals(home):
        again = [*withdraw(settings, one.unit_ids), *withdraw_from_shared(home)]
        finished = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        last = with_withdrawals(replace(one.certificate, finished=finished), again)
        if last.not_withdrawn:
            left.append(replace(one, certificate=last))
    if last is not None:
        _write(home, left)
    return last


def withdraw_from_shared(home: Home) -> list[Withdrawal]:
    """Bring the remotes in step with this home, once it has made its releases and states again without it."""
    found = withdraw_from_remotes(home)
    return [Withdrawal(one.place, "", one.objects, one.problem, one.keeps) for one in found]


def with_withdrawals(certificate: Certificate, done: Sequence[Withdrawal]) -> Certificate:
    """The certificate with what became of its units in each target; what an earlier try withdrew counts too."""
    places = dict(certificate.places)
    before = {str(told["target"]): str(told["keeps"]) for told in certificate.targets}
    targets = []
    for one in done:
        if one.units:
            places[f"published/{one.target}"] = places.get(f"published/{one.target}", 0) + one.units
        keeps = one.keeps or before.get(one.target, "")
        targets.append({"target": one.target, "benchmark": one.benchmark, "problem": one.problem, "keeps": keeps})
    return replace(certificate, places=dict(sorted(places.items())), targets=tuple(targets))


def _same(one: Certificate, other: Certificate) -> bool:
    return (one.kind, one.ids, one.began) == (other.kind, other.ids, other.began)


def _write(home: Home, entries: Sequence[UnfinishedWithdrawal]) -> None:
    if entries:
        told = [{"certificate": one.certificate.to_json(), "unit_ids": list(one.unit_ids)} for one in entries]
        write_json(home.withdrawals, told)
    else:
        home.withdrawals.unlink(missing_ok=True)


def _certificate(found: dict[str, Any]) -> Certificate:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}
    return Certificate(**values)
