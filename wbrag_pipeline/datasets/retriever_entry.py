"""A retriever of the user's own as the registry names it: where it is asked, and in which shape.

It stands in the place of a corpus' files: what is known of the corpus is what the retriever shows. No password and no
token is ever part of an entry; one names the variable of the environment that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.storage import sha256_of_text

RetrieverFormat = Literal["search-r1", "openai"]
# What a passage's id is: as the retriever gives it, or that with a hash of the text, where it names a whole document.
PassageIds = Literal["given", "text"]
RETRIEVER_FORMATS: tuple[RetrieverFormat, ...] = get_args(RetrieverFormat)
# The keys of an entry that names a retriever, one of the first two.
RETRIEVER_KEYS = ("url", "entry_point", "format", "token_env", "ids")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class RetrieverEntry:
    """Where a retriever is asked. Either ``url`` with ``format``, or ``entry_point`` (``package.module:callable``).

    token_env: the variable of the environment that holds the bearer token, "" for none.
    ids: see PassageIds. An OpenAI vector store names files, not passages, so its ids are always made of both.
    """

    url: str = ""
    format: RetrieverFormat = "search-r1"
    token_env: str = ""
    entry_point: str = ""
    ids: PassageIds = "given"

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> RetrieverEntry:
        """The retriever that the keys RETRIEVER_KEYS describe; an empty one is left out.

        Raises InputError, naming the field, for an address that is none or holds a password, query or fragment, an
        unknown format, and a variable's or a callable's name that is none. What may be a token is never repeated.
        """
        url, entry_point = fields.get("url", ""), fields.get("entry_point", "")
        if bool(url) == bool(entry_point):
            raise InputError("a retriever has either a url or an entry point", field="url", hint="give one of the two")
        kind, ids = fields.get("format") or "search-r1", fields.get("ids") or "given"
        if kind not in RETRIEVER_FORMATS:
            raise InputError(
                f"there is no format {kind!r}", field="format", hint=f"one of {', '.join(RETRIEVER_FORMATS)}"
            )
        if ids not in ("given", "text"):
            raise InputError(f"{ids!r} is no kind of ids", field="ids", hint="given or text")
        token_env = fields.get("token_env", "")
        if token_env and not _VARIABLE.fullmatch(token_env):
            hint = "give the name, for example SUPPORT_TOKEN, and put the token into that variable"
            raise InputError("is no name of an environment variable", field="token_env", hint=hint)
        if entry_point:
            _check_entry_point(entry_point, fields)
        else:
            _check_url(url)
        made: PassageIds = "text" if ids == "text" or (url and kind == "openai") else "given"
        return cls(url, kind, token_env, entry_point, made)

    @property
    def fields(self) -> dict[str, str]:
        """The keys of its entry in the registry."""
        found = {"url": self.url, "format": self.format if self.url else "", "token_env": self.token_env}
        return {**found, "entry_point": self.entry_point, "ids": "" if self.ids == "given" else self.ids}

    @property
    def address(self) -> str:
        """Where it is asked, for people; nothing secret is in it."""
        return self.url or self.entry_point

    @property
    def fingerprint(self) -> str:
        """Hash of what is asked and how what it shows is read."""
        return sha256_of_text("retriever", *map(str, asdict(self).values()))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable():
        raise InputError("is no http address", field="url", hint="for example http://localhost:8000/retrieve")
    if parts.username or parts.password or parts.query or parts.fragment or "@" in url or " " in url:
        hint = "put a token into a variable of the environment and name it: --token-env NAME"
        raise InputError("an address holds no password, query or fragment", field="url", hint=hint)


def _check_entry_point(entry_point: str, fields: Mapping[str, str]) -> None:
    if not _ENTRY_POINT.fullmatch(entry_point):
        hint = "for example my_package.retrieval:make_retriever"
        raise InputError(f"{entry_point!r} is no entry point", field="entry_point", hint=hint)
    if alone := next((name for name in ("format", "token_env") if fields.get(name)), None):
        raise InputError("is of a url alone", field=alone, hint="what an entry point needs it reads by itself")
