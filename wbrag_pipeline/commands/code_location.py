"""Asking a Dagster webserver, over GraphQL: above all to load the code location again after the registry changed.

Partitions are those of the registry at the time when the code location loaded. The webserver's own mutation makes its
code server load the definitions again. Runs that are under way go on in the server that started them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.storage import stored_json, write_json

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings

# A job that only our code locations have: a webserver may show those of other teams, too.
_OUR_JOB = "train_knowledge_base"
_SECONDS = 120.0  # a code location loads in some seconds, on a busy machine in many
_QUOTED = 500  # characters of a reply that is none
_LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } jobs { name } } } } }"
_RELOAD = """
mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) {
    __typename
    ... on WorkspaceLocationEntry { locationOrLoadError { __typename ... on PythonError { message } } }
    ... on PythonError { message }
    ... on ReloadNotSupported { message }
    ... on UnauthorizedError { message }
  }
}
"""


class UnansweredError(WbragError):
    """The webserver is not there, or what it said is no answer."""


def graphql(address: str, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The data of one GraphQL request to the webserver at ``address``. Raises UnansweredError."""
    import httpx

    try:
        body = {"query": query, "variables": dict(variables or {})}
        reply = httpx.post(f"{address.rstrip('/')}/graphql", json=body, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnansweredError(f"{address}: {error}") from None
    try:
        found = reply.json()
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("errors") or not isinstance(found.get("data"), dict):
        raise UnansweredError(f"{address}: no answer, but {reply.status_code}: {reply.text[:_QUOTED]}")
    return dict(found["data"])


def reload_at(address: str) -> list[str]:
    """Make the webserver load its code locations of this project again; gives their names. Raises UnansweredError."""
    nodes = graphql(address, _LOCATIONS)["repositoriesOrError"].get("nodes", [])
    ours = sorted({n["location"]["name"] for n in nodes if _OUR_JOB in {job["name"] for job in n["jobs"]}})
    if not ours:
        raise UnansweredError(f"{address}: shows no code location of this project")
    for name in ours:
        answer = graphql(address, _RELOAD, {"name": name})["reloadRepositoryLocation"]
        problem = answer.get("message") or (answer.get("locationOrLoadError") or {}).get("message")
        if problem or answer["__typename"] != "WorkspaceLocationEntry":
            raise UnansweredError(f"{address}: {name} was not loaded again: {problem or answer['__typename']}")
    return ours


def note_webserver(settings: Settings, address: str) -> None:
    """Let later commands of this home know where its ``wbrag ui`` is."""
    write_json(settings.layout.webserver, {"address": address})


def reload_code_location(settings: Settings) -> None:
    """Tell the webserver over this home, where one is known, of a new entry, and say what came of it.

    One that the settings name must answer, else it is said how to load the definitions by hand; the address that
    ``wbrag ui`` noted may be of one that has ended, which is no news.
    """
    address = settings.webserver
    if not address:
        with suppress(OSError, ValueError, KeyError, TypeError):
            address = str(stored_json(settings.layout.webserver)["address"])
    if not address:
        return
    try:
        names = reload_at(address)
    except UnansweredError as error:
        if settings.webserver:
            say(f"Dagster was not told: {error}; press Reload definitions in its UI", err=True)
        return
    say(f"{', '.join(names)} loaded again at {address}")
