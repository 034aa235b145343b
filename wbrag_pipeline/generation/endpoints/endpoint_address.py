"""Where an endpoint is: the setting's value taken apart, the address of each of its routes, and the headers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.endpoints.api_key import KEY_VARIABLES, api_key
from wbrag_pipeline.generation.endpoints.reply_body import ACCEPTED_CODING

PREFIX = "openai:"
# The one thing that may stand behind a question mark: Azure wants it, and no key is written so.
_VERSION_OF_API = re.compile(r"api-version=[\w.-]{1,40}")
# People copy the address of the route out of a curl command.
_ROUTE = re.compile(r"/(?:chat/completions|completions|models)/?$")
_VERSIONED = re.compile(r"/v\d+\w*(?:/openai)?$")


def parse_name(name: str) -> tuple[list[str], str, str]:
    """URLs, model and revision ("" for none) of ``openai:URL[,URL…]#MODEL[@REVISION]``.

    A model's own name may hold an @ (``@cf/meta/llama``, ``claude@20240620``): the part behind the last one is taken
    for the revision here, and which of the two the endpoint knows is found out by asking it.
    """
    where, found, named = name.removeprefix(PREFIX).partition("#")
    model, at, revision = named.rpartition("@")
    if not (at and model and revision):
        model, revision = named, ""
    urls = [_ROUTE.sub("", url.strip().rstrip("/")) for url in where.split(",") if url.strip()]
    if not (found and model and urls):
        raise InputError(
            f"{hidden(name)!r} names no model of an endpoint",
            field="generator",
            hint="for example openai:http://127.0.0.1:8000/v1#model",
        )
    for place, url in enumerate(urls):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{hidden(url)!r} is no http address", field="generator")
        if parts.username or parts.password or (parts.query and not _VERSION_OF_API.fullmatch(parts.query)):
            raise InputError(
                "an endpoint's address holds no key, and no query but ?api-version=…",
                field="generator",
                hint=f"put the key into {' or '.join(KEY_VARIABLES)}",
            )
        if parts.query:
            urls[place] = f"{_ROUTE.sub('', url.partition('?')[0].rstrip('/'))}?{parts.query}"
    return urls, model, revision


def address(url: str, path: str) -> str:
    """The address of a route; a path that begins with ``//`` starts at the server's root and not at the API's."""
    base, asked, query = url.partition("?")
    where = base.removesuffix("/v1") + path[1:] if path.startswith("//") else base + path
    return where + asked + query


def with_version(url: str) -> str:
    """``url`` with the ``/v1`` that most servers have, or as it is where it names a version already."""
    base, asked, query = url.partition("?")
    return url if asked or _VERSIONED.search(base) else base + "/v1" + asked + query


def headers(url: str, body: Any) -> dict[str, str]:
    """The headers of a request. Azure takes its keys in a header of its own."""
    found = {"Accept-Encoding": ACCEPTED_CODING}
    if body is not None:
        found["Content-Type"] = "application/json"
    if key := api_key():
        found |= {"api-key": key} if "?api-version=" in url else {"Authorization": f"Bearer {key}"}
    return found


def hidden(text: str) -> str:
    """``text`` without what stands before an @ or after a question mark in an address."""
    return re.sub(r"//[^/@,#]*@", "//…@", re.sub(r"\?[^#,]*", "?…", text))
