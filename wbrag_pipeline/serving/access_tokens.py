"""Bearer tokens: who asks, and so which access labels the reader has.

The file holds one JSON object a line. A token itself is in no file: only its SHA-256 is, and a token of 256 random bits
cannot be guessed from that::

    {"name": "support bot", "sha256": "9f86d0…", "labels": ["staff", "hr"]}
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.access_labels import LABELS_HINT, BadLabels, read_labels
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.storage import locked, write_text
from wbrag_pipeline.terminal import on_one_line

_log = logging.getLogger("wbrag.serving")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"name", "sha256", "labels"}
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="wbrag"'}


@dataclass(frozen=True)
class TokenReader:
    """Whoever a token stands for. name: for the log, "" for a reader without a token. labels: what he may see."""

    name: str
    labels: frozenset[str]


# Sees what is for everybody.
ANONYMOUS = TokenReader("", frozenset())


class AccessTokens:
    """The tokens of a file, read again whenever its content changes. While there is no such file there are no tokens.

    A file that can no longer be read lets no token in until it can: a token that was meant to be withdrawn must not
    serve on because of a slip of the pen.

    Raises InputError, with file, line and field, for a file that cannot be read at the start.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._content = file, _content(file)
        self._readers: dict[bytes, TokenReader] | None = read_tokens(file, self._content)

    def reader(self, authorization: str | None) -> TokenReader:
        """Who sent a request with this ``Authorization`` header; None is no header.

        Raises RefusedRequest: 401 for a header that is no known token, 503 while the file cannot be read.
        """
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            problem = "the Authorization header must be 'Bearer TOKEN'; leave it out to see what is for everybody"
            raise RefusedRequest(401, "bad_authorization", problem, headers=_CHALLENGE)
        readers = self._present()
        if readers is None:
            problem = "the server's token file cannot be read, so no token is accepted; the server's log says why"
            raise RefusedRequest(503, "tokens_unreadable", problem)
        digest = hashlib.sha256(token.strip().encode("utf-8", errors="surrogateescape")).digest()
        found = None
        for known, reader in readers.items():
            if hmac.compare_digest(known, digest):
                found = reader  # and the others are compared too, so that the time taken tells nothing
        if found is None:
            problem = "this token is not known here; ask whoever runs the server for another (wbrag token)"
            raise RefusedRequest(401, "unknown_token", problem, headers=_CHALLENGE)
        return found

    def _present(self) -> dict[bytes, TokenReader] | None:
        # The content and not its times, which cannot tell two changes within one tick of the clock.
        try:
            content = _content(self._file)
            if content == self._content and self._readers is not None:
                return self._readers
            self._readers, self._content = read_tokens(self._file, content), content
        except InputError as error:
            if self._readers is not None:
                _log.error("%s; no token is accepted until it can be read", error)
            self._readers = None
        return self._readers


def read_tokens(file: Path, content: bytes) -> dict[bytes, TokenReader]:
    """Readers by the SHA-256 of their tokens.

    Raises InputError, with line and field, for what is no token; it never repeats what stands there.
    """
    readers: dict[bytes, TokenReader] = {}
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", file=file, hint="write it with: wbrag token") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = json_value(line)
        except BadJson as bad:
            raise InputError(bad.problem, file=file, line=number, hint=_LINE) from None
        digest, reader = _entry(fields, file, number)
        if digest in readers:
            raise InputError("stands twice", file=file, line=number, field="sha256", hint="keep one of the lines")
        readers[digest] = reader
    return readers


def new_token(file: Path, labels: Collection[str], name: str) -> str:
    """Make a token for a reader with these labels, and add its hash to the file; the token is stored nowhere.

    Raises InputError for labels that are none, and for a file that cannot be read.
    """
    try:
        tidy = read_labels(list(labels))
    except BadLabels as bad:
        raise InputError(bad.problem, field="label", hint="a label is text, such as hr") from None
    if name != on_one_line(name):
        raise InputError("must be on one line, and print", field="name")
    token = f"wbrag_{secrets.token_urlsafe(32)}"
    entry = {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "labels": tidy}
    with locked(file.absolute().parent):  # two that add at once keep both
        content = _content(file)
        read_tokens(file, content)
        before = content.decode("utf-8-sig").rstrip()
        write_text(file, "\n".join(filter(None, (before, json.dumps(entry, ensure_ascii=False)))) + "\n")
    return token


_LINE = 'a line is {"name": "…", "sha256": "…", "labels": ["…"]}; wbrag token writes it'


def _entry(fields: Any, file: Path, line: int) -> tuple[bytes, TokenReader]:
    def error(problem: str, field: str | None = None, hint: str = _LINE) -> InputError:
        return InputError(problem, file=file, line=line, field=field, hint=hint)

    if not isinstance(fields, dict):
        raise error("is no JSON object")
    for field in fields.keys() - _FIELDS:
        raise error("is not known", str(field))
    for field in sorted(_FIELDS - fields.keys() - {"name"}):
        raise error("is missing", field)
    digest, name = fields["sha256"], fields.get("name", "")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest.lower()):
        raise error("is no SHA-256 in 64 hexadecimal digits", "sha256")
    if not isinstance(name, str) or name != on_one_line(name):
        raise error("must be text on one line that prints", "name")
    try:
        labels = read_labels(fields["labels"])
    except BadLabels as bad:
        raise error(bad.problem, "labels", LABELS_HINT) from None
    return bytes.fromhex(digest), TokenReader(name, frozenset(labels))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        problem = f"cannot be read: {(error.strerror or 'unknown').lower()}"
        raise InputError(problem, file=file, field="tokens") from None
