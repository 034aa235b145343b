"""``wbrag release``: what was built, what is served, and moving from one to the other."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wbrag_pipeline.commands.console import note, say, wide_console
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.terminal import on_one_line

if TYPE_CHECKING:
    import polars as pl

    from wbrag_pipeline.releases.pointer import Pointer
    from wbrag_pipeline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, compare, promote and roll back write-back releases."
)
BenchmarkName = Annotated[str, typer.Argument(help="The benchmark, see wbrag status.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
# Units that a difference prints of each kind.
_AT_MOST = 20


@app.command("list")
@with_settings(*RELEASE_SETTINGS)
def list_releases(
    benchmark: BenchmarkName,
    json: JsonFile = None,
    *,
    settings: Settings,
) -> None:
    """List the releases of a benchmark: when and from what they were built, and what became of them.

    Example: wbrag release list sample_nq
    """
    from wbrag_pipeline.releases.store import candidate_name, release_names

    _require(settings, benchmark)
    folder = settings.releases(benchmark)
    now = _pointer(folder)
    moves = [asdict(move) for move in now.moves] if now else []
    releases = [
        {"release": name, "state": _state(folder, name), **_facts(folder, name)} for name in release_names(folder)
    ]
    if not is_printed(json):
        _print_releases(f"{benchmark}, {settings.variant}", releases, moves)
    pointers = {"served": now.release if now else None, "candidate": candidate_name(folder)}
    found = {"benchmark": benchmark, "variant": settings.variant, "releases": releases, "moves": moves}
    tell_as_json(json, found | pointers)


def _print_releases(title: str, releases: Sequence[dict[str, Any]], moves: Sequence[dict[str, str]]) -> None:
    from rich.table import Table

    table = Table(title=title)
    for heading in ("release", "state", "built", "units", "parent", "validation"):
        # On a narrow terminal a cell goes on in the next line: nothing of it is cut off.
        table.add_column(heading, overflow="fold", no_wrap=heading in ("release", "units", "parent"))
    for one in releases:
        told = f"damaged: {one['damaged']}" if one["damaged"] else one["validation"] or "not validated"
        facts = ("-" if one[name] is None else str(one[name]) for name in ("built_at", "units", "parent"))
        table.add_row(one["release"], one["state"], *facts, told)
    console = wide_console()
    console.print(table)
    for move in moves:
        verb = "rolled back to" if move["action"] == "rollback" else "promoted"
        say(f"{move['moved_at'][:19]}Z {verb} {move['release']}, by {move['actor']}: {on_one_line(move['reason'])}")


@app.command()
@with_settings(*RELEASE_SETTINGS)
def show(
    benchmark: BenchmarkName,
    release: Annotated[str, typer.Argument(help="For example r000002; the served one if left out.")] = "",
    json: JsonFile = None,
    *,
    settings: Settings,
) -> None:
    """Show how a release was made, what validating it gave, and whether its files are whole.

    Example: wbrag release show sample_nq r000001
    """
    from wbrag_pipeline.releases.store import current, open_release

    _require(settings, benchmark)
    folder = settings.releases(benchmark)
    found = open_release(folder, release) if release else current(folder)
    state = _state(folder, found.name)
    if not is_printed(json):
        say(f"{found.name} of {benchmark}: {state}")
        validation = found.validation or {"": "not validated"}
        for title, facts in (("made", found.made), ("validation", validation), ("files", found.files)):
            say(title)
            for name, value in facts.items():
                say(f"  {name:<22} {on_one_line(str(value))}")
    found.verify()
    say("all files are whole", err=is_printed(json))
    told = {"made": found.made, "validation": found.validation, "files": found.files}
    tell_as_json(json, {"benchmark": benchmark, "release": found.name, "state": state, **told})


@app.command()
@with_settings(*RELEASE_SETTINGS)
def diff(
    benchmark: BenchmarkName,
    old: Annotated[str, typer.Argument(help="For example r000001.")],
    new: Annotated[str, typer.Argument(help="For example r000002.")],
    json: JsonFile = None,
    *,
    settings: Settings,
) -> None:
    """List the units that were added, removed and changed from one release to another.

    Example: wbrag release diff sample_nq r000001 r000002
    """
    from wbrag_pipeline.releases.diff import diff_units
    from wbrag_pipeline.releases.store import open_release

    _require(settings, benchmark)
    sides = [open_release(settings.releases(benchmark), name) for name in (old, new)]
    found = diff_units(*(side.units() for side in sides))
    parts = {"added": found.added, "removed": found.removed, "changed": found.changed}
    if not is_printed(json):
        counts = ", ".join(f"{units.height} {name}" for name, units in parts.items())
        say(f"{old} → {new}: {counts}, {found.unchanged} unchanged")
        for mark, units in zip("+-~", parts.values(), strict=True):
            _print_units(mark, units)
    rows = {name: units.to_dicts() for name, units in parts.items()}
    tell_as_json(json, {"benchmark": benchmark, "old": old, "new": new, **rows, "unchanged": found.unchanged})


@app.command()
@with_settings(*RELEASE_SETTINGS, "remote")
def promote(
    benchmark: BenchmarkName,
    release: Annotated[str, typer.Argument(help="For example r000002.")],
    reason: Reason = "promoted by hand",
    *,
    settings: Settings,
) -> None:
    """Serve this release from now on, also one that was held back. Running retrievers follow at their next request.

    Units whose sources the corpus has lost since do not come back: then a release without them is served.

    Example: wbrag release promote sample_nq r000002 --reason "read all new units"
    """
    from wbrag_pipeline.refresh.moving_by_hand import promote_by_hand

    moved, served = promote_by_hand(settings, benchmark, release, actor=_actor(), reason=reason, tell=note)
    say(f"{benchmark} is served {served}" if moved else f"{benchmark} was served {served} already")
    _say_what_follows(settings, benchmark, release, served)


@app.command()
@with_settings(*RELEASE_SETTINGS, "remote")
def rollback(
    benchmark: BenchmarkName,
    reason: Reason = "rolled back by hand",
    *,
    settings: Settings,
) -> None:
    """Serve again what was served before. The release that is left will not be promoted again but by hand.

    Units whose sources the corpus has lost since do not come back: then a release without them is served.

    Example: wbrag release rollback sample_nq --reason "wrong answers on opening hours"
    """
    from wbrag_pipeline.refresh.moving_by_hand import roll_back

    done = roll_back(
        settings,
        benchmark,
        actor=_actor(),
        reason=reason,
        doing="wbrag release rollback",
        tell=note,
    )
    again = " again" if done.served == done.target else ""
    say(f"{benchmark} is served {done.served}{again}, instead of {done.left}")
    _say_what_follows(settings, benchmark, done.target, done.served)


def held_back(settings: Settings, benchmark: str) -> str:
    """One line on a candidate that is not served, empty when the newest is."""
    from wbrag_pipeline.releases.pointer import read_pointer
    from wbrag_pipeline.releases.store import candidate_name, open_release

    folder = settings.releases(benchmark)
    name = candidate_name(folder)
    try:
        now = read_pointer(folder)
        if name is None or (now and now.release == name):
            return ""
        found = open_release(folder, name).validation
    except IntegrityError as error:
        return str(error)
    instead = f"{now.release if now else 'the corpus alone'} is served"
    if now and (left := now.rolled_back(name)):
        return f"{name} was rolled back from ({on_one_line(left.reason)}); {instead}"
    why = found["reason"] if found and not found.get("passed") else "it was not promoted"
    return f"{name} is held back ({why}); {instead}"


def _require(settings: Settings, benchmark: str) -> None:
    from wbrag_pipeline.datasets.registry import Registry

    Registry.load(settings.home).benchmark(benchmark)


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "somebody"


def _say_what_follows(settings: Settings, benchmark: str, wanted: str, served: str) -> None:
    from wbrag_pipeline.commands.publish import say_if_another, say_what_to_publish

    say_if_another(benchmark, wanted, served)
    say_what_to_publish(settings, [benchmark])


def _state(folder: Path, name: str) -> str:
    from wbrag_pipeline.releases.store import candidate_name

    now = _pointer(folder)
    if now and now.release == name:
        return "served"
    if now and now.rolled_back(name):
        return "rolled back from"
    if candidate_name(folder) == name:
        return "candidate, not served"
    return "served before" if now and name in {move.release for move in now.moves} else "never served"


def _pointer(folder: Path) -> Pointer | None:
    """The pointer; a damaged one is told about and taken for none, since this command is where its message leads."""
    from wbrag_pipeline.releases.pointer import read_pointer

    try:
        return read_pointer(folder)
    except IntegrityError as error:
        say(f"damaged: {error}", err=True)
        return None


def _facts(folder: Path, name: str) -> dict[str, Any]:
    from wbrag_pipeline.releases.store import open_release

    facts: dict[str, Any] = dict.fromkeys(("built_at", "units", "parent", "validation", "passed", "damaged"))
    try:
        found = open_release(folder, name)
        found.verify()
        validation = found.validation or {}
    except IntegrityError as error:
        return facts | {"damaged": str(error)}
    made = {part: found.made.get(part) for part in ("built_at", "units")} | {"parent": found.made.get("parent") or None}
    return facts | made | {"validation": validation.get("reason"), "passed": validation.get("passed")}


def _print_units(mark: str, units: pl.DataFrame) -> None:
    for row in units.head(_AT_MOST).iter_rows(named=True):
        say(f"{mark} {on_one_line(row['unit_id'])}  {on_one_line(row['question'])}")
        if "old_text" in row:
            say(f"    was {on_one_line(row['old_title'])}: {on_one_line(row['old_text'])}")
        say(f"    {on_one_line(row['title'])}: {on_one_line(row['text'])}")
    if units.height > _AT_MOST:
        say(f"{mark} … {units.height - _AT_MOST} more")
