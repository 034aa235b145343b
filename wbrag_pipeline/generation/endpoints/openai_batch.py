"""Any OpenAI-compatible service with a batch API as an engine, for half of the price and an answer within a day.

``openai-batch:URL#MODEL``: many requests at once, which is what the stages of training have, go as a batch. What needs
a few answers now, such as ``wbrag ask`` and the probes, uses the endpoint as ``openai:`` does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from wbrag_pipeline.errors import EndpointError, InputError, WbragError
from wbrag_pipeline.generation.endpoints.batch_api import BatchApi, HostedBatch, LineOutcome, request_line
from wbrag_pipeline.generation.endpoints.batch_records import BatchRecord, BatchRecords
from wbrag_pipeline.generation.endpoints.endpoint_address import PREFIX
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.endpoints.openai_format import chat_body, parse_chat
from wbrag_pipeline.generation.endpoints.refusals import Refused, Unanswered
from wbrag_pipeline.generation.endpoints.reply_body import Malformed
from wbrag_pipeline.generation.engine_protocol import Completion, Request
from wbrag_pipeline.storage import sha256_of_text

BATCH_PREFIX = "openai-batch:"
# OpenAI's limits: requests of a batch, bytes of its file.
_MOST_REQUESTS, _MOST_BYTES = 50_000, 180 << 20
# Lines that a file of outcomes may have beside one a request.
_MORE_LINES = 16
_DIGITS = 32


@dataclass(frozen=True)
class Batching:
    """batch_from: so many requests at once go as a batch, fewer one by one. poll: seconds between two looks at it.

    rounds: batches that a request may be in: those that expired, or were answered with what cannot be used, go again.
    """

    batch_from: int = 20
    poll: float = 30.0
    rounds: int = 3


@dataclass
class _Round:
    """Requests that are on their way: the places of each in the call, by its id."""

    requests: Sequence[Request]
    places: dict[str, list[int]]
    arrived: Callable[[int, Completion], None]
    last: bool
    again: list[int] = field(default_factory=list)

    def take(self, custom_id: str, completion: Completion) -> None:
        """Hand an outcome over."""
        for place in self.places.pop(custom_id):
            self.arrived(place, completion)

    def repeat(self, custom_id: str) -> None:
        """Put a request off to the next round."""
        self.again += self.places.pop(custom_id)


class OpenAIBatch(OpenAIEndpoint):
    """See the module. ``batches`` is the folder in which it is written down what is on its way."""

    batches: Path | None = None
    batching = Batching()
    _in_batches = 0

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Any]) -> Self:
        """As ``OpenAIEndpoint.named``; ``arguments`` may be fields of ``Batching`` as well. One address only."""
        own = {item.name for item in fields(Batching)}
        made = super().named(
            PREFIX + name.removeprefix(BATCH_PREFIX), {k: v for k, v in arguments.items() if k not in own}
        )
        made.name = BATCH_PREFIX + made.name.removeprefix(PREFIX)
        made.batching = Batching(**{k: v for k, v in arguments.items() if k in own})
        if len(made._replicas.urls) > 1:
            raise InputError("a batch goes to one address", field="generator", hint="name one, or use openai:")
        return made

    @property
    def attempts(self) -> int:
        """Requests sent so far, those in batches included."""
        return super().attempts + self._in_batches

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """See the protocol. Batches that an earlier run has sent, and that hold some of these requests, are waited for.

        Raises EndpointError where the service cannot be reached, WbragError where a batch was cancelled, InputError
        where the service refuses it; what it answered has arrived by then.
        """
        waiting, before = list(range(len(requests))), None
        for number in range(1, self.batching.rounds + 1):
            dialect = self._dialect
            # A round in which the service said how it wants to be asked is none.
            last = number == self.batching.rounds and dialect == before
            before = dialect
            waiting = self._complete_in_batches(requests, waiting, arrived, last)
            if not waiting:
                return
        self._complete_in_batches(requests, waiting, arrived, True)

    def _complete_in_batches(
        self, requests: Sequence[Request], asked: Sequence[int], arrived: Callable[[int, Completion], None], last: bool
    ) -> list[int]:
        """Complete the requests at these places; gives those that are to be sent again."""
        dialect, places, lines = replace(self._dialect, stream=False), dict[str, list[int]](), dict[str, bytes]()
        for place in asked:
            body = chat_body(self._model, requests[place], dialect, self._extra)
            custom_id = sha256_of_text(json.dumps(body, sort_keys=True))[:_DIGITS]
            places.setdefault(custom_id, []).append(place)
            lines[custom_id] = request_line(custom_id, body)
        going, api, records = _Round(requests, places, arrived, last), self._api, BatchRecords(self.batches)
        try:
            under_way = records.of(api.url, places)
            covered = {custom_id for record in under_way for custom_id in record.ids}
            new = {custom_id: line for custom_id, line in lines.items() if custom_id not in covered}
            if len(new) < self.batching.batch_from:
                self._complete_now([place for custom_id in new for place in going.places.pop(custom_id)], going)
            else:
                under_way += [self._send(some, lines) for some in _in_files(new)]
            for record in under_way:
                self._collect(record, going)
        except (Refused, Unanswered) as error:
            raise EndpointError(
                f"{self.name}: {error}; what was answered is kept, and a rerun goes on from here"
            ) from None
        for custom_id in list(going.places):  # in a batch that the service does not know any more, say
            self._put_off(custom_id, going)
        return going.again

    def _complete_now(self, asked: Sequence[int], going: _Round) -> None:
        """Complete the requests at these places one by one, as an endpoint does."""
        if asked:
            some = [going.requests[place] for place in asked]
            super().complete(some, lambda index, completion: going.arrived(asked[index], completion))

    @property
    def _api(self) -> BatchApi:
        _ = self._dialect  # finds the address out, where a part of it was left out
        return BatchApi(self._replicas.urls[0], self._replicas.policy)

    def _send(self, ids: Sequence[str], lines: Mapping[str, bytes]) -> BatchRecord:
        """A new batch of these requests. It is written down before and after it is made."""
        api, records = self._api, BatchRecords(self.batches)
        record = BatchRecord(api.url, api.upload(b"".join(lines[custom_id] for custom_id in ids)), "", tuple(ids))
        records.keep(record)
        record = replace(record, batch_id=api.create(record.input_file).batch_id)
        records.keep(record)
        self._in_batches += len(ids)
        self._say(f"{self.name}: {len(ids):,} requests are in batch {record.batch_id}", key=record.batch_id)
        return record

    def _collect(self, record: BatchRecord, going: _Round) -> None:
        """Wait for a batch and hand its outcomes over; what nobody wanted stays written down."""
        api, records = self._api, BatchRecords(self.batches)
        batch = self._ended(record)
        if batch is None:
            records.drop(record)
            return
        taken = set[str]()
        for file in filter(None, (batch.output_file, batch.error_file)):
            for outcome in api.outcomes(file, len(record.ids) + len(going.requests) + _MORE_LINES):
                if outcome.custom_id in going.places and outcome.custom_id not in taken:
                    taken.add(outcome.custom_id)
                    self._take(outcome, going)
        left = tuple(custom_id for custom_id in record.ids if custom_id not in taken and custom_id not in going.places)
        if left and batch.status != "failed":
            records.keep(replace(record, batch_id=batch.batch_id, ids=left))
        else:
            records.drop(record)
            for file in filter(None, (batch.output_file, batch.error_file, batch.input_file)):
                api.delete(file)
        if batch.status == "failed":
            raise InputError(f"{self.name} refuses the batch {batch.batch_id}: {batch.words}", field="generator")
        if batch.status == "cancelled":
            raise WbragError(
                f"{self.name}: batch {batch.batch_id} was cancelled; {len(taken):,} of {len(record.ids):,} requests "
                "were answered, and a rerun sends the others"
            )
        for custom_id in record.ids:  # those that expired, and those that no line tells of
            if custom_id in going.places and custom_id not in taken:
                self._put_off(custom_id, going)

    def _ended(self, record: BatchRecord) -> HostedBatch | None:
        """The batch when it has ended; None where the service knows of none."""
        api = self._api
        try:
            batch = api.look(record.batch_id) if record.batch_id else api.find(record.input_file)
            if batch is None:  # the run was killed before there was one
                batch = api.create(record.input_file)
            while not batch.ended:
                time.sleep(self.batching.poll)
                batch = api.look(batch.batch_id)
        except Refused as refusal:
            if refusal.status in (400, 404, 410):
                self._say(f"{self.name} does not know the batch {record.batch_id or record.input_file} any more")
                return None
            raise
        return batch

    def _take(self, outcome: LineOutcome, going: _Round) -> None:
        """Hand one outcome over, or put its request off."""
        custom_id, dialect = outcome.custom_id, self._dialect
        request = going.requests[going.places[custom_id][0]]
        if outcome.status == 200:
            try:
                going.take(custom_id, parse_chat(outcome.body, request, dialect))
            except Malformed as wrong:
                self._put_off(custom_id, going, f"what cannot be used ({wrong})")
        elif outcome.again:
            self._put_off(custom_id, going, outcome.words)
        else:
            refusal = Refused(outcome.status, outcome.words)
            if not going.last and self._learns_from(refusal, dialect):
                going.repeat(custom_id)
            else:
                going.take(custom_id, self._not_had(refusal))

    def _put_off(self, custom_id: str, going: _Round, words: str = "it had no answer when the batch ended") -> None:
        if going.last:
            going.take(custom_id, self._not_had(Unanswered(words)))
        else:
            going.repeat(custom_id)


def _in_files(lines: Mapping[str, bytes]) -> list[list[str]]:
    """The ids in parts, each within what a file may hold."""
    parts: list[list[str]] = []
    size = 0
    for custom_id, line in lines.items():
        if not parts or len(parts[-1]) >= _MOST_REQUESTS or size + len(line) > _MOST_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(custom_id)
        size += len(line)
    return parts
