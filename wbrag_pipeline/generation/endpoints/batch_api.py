"""A hosted batch API in OpenAI's shape: requests go as a file, answers come back as one, within a day and for less.

::

    POST /files                 the requests, a line of JSON each
    POST /batches               names the file, and is answered with the batch
    GET  /batches/ID            how far it is, and the files of its answers and errors when it has ended
    GET  /files/ID/content      one of these files
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from wbrag_pipeline.generation.endpoints.endpoint_address import address, headers
from wbrag_pipeline.generation.endpoints.refusals import KeyRefused, Refused, Unanswered, is_too_long
from wbrag_pipeline.generation.endpoints.replicas import RETRIED, RetryPolicy
from wbrag_pipeline.generation.endpoints.reply_body import (
    MOST_BYTES,
    Malformed,
    in_words,
    json_in_words,
    raises_malformed,
    read_json,
)
from wbrag_pipeline.generation.valid_values import valid_text

if TYPE_CHECKING:
    import httpx

Parsed = TypeVar("Parsed")
# Where a batch stands when nothing more will come of it. What ends otherwise than "completed" may have a part done.
Ended = Literal["completed", "failed", "expired", "cancelled"]
ENDED: tuple[Ended, ...] = ("completed", "failed", "expired", "cancelled")
_ROUTE_OF_ANSWERS = "/v1/chat/completions"
_WINDOW = "24h"
# Batches looked through for one whose id was lost.
_LOOKED_THROUGH = 100


@dataclass(frozen=True)
class HostedBatch:
    """A batch as the service tells of it. Files are "" where there are none; ``words`` is why it failed."""

    batch_id: str
    status: str
    input_file: str
    output_file: str = ""
    error_file: str = ""
    answered: int = 0
    words: str = ""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in ENDED


@dataclass(frozen=True)
class LineOutcome:
    """What came of one request: status and body of its reply. Status 0 stands for none, and ``words`` says why."""

    custom_id: str
    status: int
    body: Any = None
    words: str = ""

    @property
    def again(self) -> bool:
        """Whether it may be answered when it is sent once more."""
        return self.status == 0 or (self.status in RETRIED and not is_too_long(self.status, self.words))


@dataclass(frozen=True)
class BatchApi:
    """The routes at one address. Calls are tried as ``policy`` has it; they raise KeyRefused, Refused, Unanswered."""

    url: str
    policy: RetryPolicy

    def upload(self, lines: bytes) -> str:
        """The id of a new file of requests."""
        files, purpose = {"file": ("requests.jsonl", lines, "application/jsonl")}, {"purpose": "batch"}

        def send(client: httpx.Client) -> httpx.Response:
            return client.post(self._at("/files"), files=files, data=purpose, headers=headers(self.url, None))

        return self._tried(send, lambda reply: valid_text(reply["id"]))

    def create(self, input_file: str) -> HostedBatch:
        """A new batch of the requests in a file. Where the answer is lost, it is looked for before a second try."""
        body = {"input_file_id": input_file, "endpoint": _ROUTE_OF_ANSWERS, "completion_window": _WINDOW}

        def send(client: httpx.Client) -> httpx.Response:
            return client.post(self._at("/batches"), json=body, headers=headers(self.url, body))

        for tried in range(1, self.policy.tries):
            try:
                return self._tried(send, _batch, tries=1)
            except Unanswered:
                if (made := self.find(input_file)) is not None:
                    return made
                time.sleep(self.policy.wait(tried))
        return self._tried(send, _batch, tries=1)

    def find(self, input_file: str) -> HostedBatch | None:
        """The batch that was made of a file, among the latest ones."""
        where = self._at("/batches")
        where += f"{'&' if '?' in where else '?'}limit={_LOOKED_THROUGH}"
        listed = self._tried(
            lambda client: client.get(where, headers=headers(self.url, None)),
            lambda reply: [_batch(item) for item in reply["data"]],
        )
        return next((batch for batch in listed if batch.input_file == input_file), None)

    def look(self, batch_id: str) -> HostedBatch:
        """How a batch stands."""
        where = self._at(f"/batches/{batch_id}")
        return self._tried(lambda client: client.get(where, headers=headers(self.url, None)), _batch)

    def outcomes(self, file: str, most: int) -> list[LineOutcome]:
        """What the lines of a file of answers or errors say; lines beyond ``most``, and broken ones, are left out."""
        found = []
        for line in self._tried_lines(file, most):
            try:
                found.append(_outcome(read_json(line)))
            except Malformed:
                continue
        return found

    def delete(self, file: str) -> None:
        """Take a file away, since it holds passages; a service that does not is left alone."""
        import httpx

        try:
            with httpx.Client(timeout=self.policy.timeout) as client:
                client.delete(self._at(f"/files/{file}"), headers=headers(self.url, None))
        except httpx.HTTPError:
            return

    def _at(self, path: str) -> str:
        return address(self.url, path)

    def _tried(
        self,
        send: Callable[[httpx.Client], httpx.Response],
        read: Callable[[Any], Parsed],
        tries: int | None = None,
    ) -> Parsed:
        """What ``read`` makes of a reply's JSON."""
        parsed = raises_malformed(read)
        return self._repeated(lambda client: parsed(read_json(_accepted(self.url, send(client)).content)), tries)

    def _tried_lines(self, file: str, most: int) -> list[bytes]:
        def read(client: httpx.Client) -> list[bytes]:
            where = self._at(f"/files/{file}/content")
            with client.stream("GET", where, headers=headers(self.url, None)) as response:
                if response.status_code != 200:
                    response.read()
                    _accepted(self.url, response)
                return list(_lines(response.iter_bytes(), most))

        return self._repeated(read, None)

    def _repeated(self, call: Callable[[httpx.Client], Parsed], tries: int | None) -> Parsed:
        import httpx

        last = tries or self.policy.tries
        for tried in range(1, last + 1):
            try:
                with httpx.Client(timeout=self.policy.timeout) as client:
                    return call(client)
            except httpx.HTTPError as error:
                trouble = Unanswered(f"no answer from {self.url} ({type(error).__name__})")
            except Malformed as error:
                trouble = Unanswered(f"{self.url} answered what cannot be used ({error})", 200)
            except Unanswered as error:
                trouble = error
            if tried < last:
                time.sleep(self.policy.wait(tried))
        raise trouble


def request_line(custom_id: str, body: Mapping[str, Any]) -> bytes:
    """One line of a file of requests."""
    asked = {"custom_id": custom_id, "method": "POST", "url": _ROUTE_OF_ANSWERS, "body": body}
    return json.dumps(asked).encode() + b"\n"


def _accepted(url: str, response: httpx.Response) -> httpx.Response:
    """The response, where it is one of status 200."""
    status = response.status_code
    if status == 200:
        return response
    said = in_words(response.content[:MOST_BYTES])
    if status in (401, 403):
        raise KeyRefused(url, status, said)
    if status in RETRIED:
        raise Unanswered(f"{url} answered HTTP {status}: {said[:300]}", status, said)
    raise Refused(status, said)


def _lines(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The lines of a body, ``most`` of them and none longer than a reply may be; a longer one is left out."""
    rest, count, long = b"", 0, False
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip() and not long:
                count += 1
                if count > most:
                    return
                yield line
            long = False
        if len(rest) > MOST_BYTES:
            rest, long = b"", True
    if rest.strip() and not long and count < most:
        yield rest


def _batch(reply: Any) -> HostedBatch:
    def text(name: str) -> str:
        value = reply.get(name)
        return valid_text(value) if value is not None else ""

    counts = reply.get("request_counts")
    answered = counts.get("completed") if isinstance(counts, dict) else 0
    errors = reply.get("errors")
    return HostedBatch(
        valid_text(reply["id"]),
        valid_text(reply["status"]),
        text("input_file_id"),
        text("output_file_id"),
        text("error_file_id"),
        answered if isinstance(answered, int) else 0,
        json_in_words(errors) if errors else "",
    )


@raises_malformed
def _outcome(line: Any) -> LineOutcome:
    custom_id, response = valid_text(line["custom_id"]), line.get("response")
    if not isinstance(response, dict):
        return LineOutcome(custom_id, 0, words=json_in_words(line.get("error")))
    status, body = response["status_code"], response.get("body")
    if not isinstance(status, int) or isinstance(status, bool):
        raise ValueError("a status that is none")
    return LineOutcome(custom_id, status, body, "" if status == 200 else json_in_words(body))
