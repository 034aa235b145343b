"""Posting JSON to the replicas of a server, many at a time, until every request has an outcome.

httpx and not the ``openai`` library: that one brings a retry policy of its own that knows neither replicas nor cut
bodies, and validates each reply into model classes, for an API of which one route is needed here.

A reply is read up to a size, and no redirect is followed: where requests and the key go is what the setting says.
"""

from __future__ import annotations

import asyncio
import contextvars
import email.utils
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from wbrag_pipeline.generation.endpoints.endpoint_address import address, headers
from wbrag_pipeline.generation.endpoints.event_stream import read_events
from wbrag_pipeline.generation.endpoints.refusals import KeyRefused, Refused, Unanswered, is_too_long, wants_other_turns
from wbrag_pipeline.generation.endpoints.reply_body import (
    MOST_BYTES,
    MOST_BYTES_OF_DISTRIBUTION,
    Malformed,
    error_in,
    read_body,
    read_json,
    read_refusal,
    shortened,
)

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")

RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 529}


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is tried.

    in_flight: requests under way at a time, over all replicas. tries: sends a request gets at most.
    timeout: seconds for one try. first_wait, most_wait: seconds before the second try and between any two; the wait
    doubles each time, and a random half of it is taken off so that clients do not come back all at once.
    longest_retry_after: a server that asks for a longer pause (seconds) has in effect refused.
    """

    in_flight: int = 64
    tries: int = 6
    timeout: float = 300.0
    first_wait: float = 0.5
    most_wait: float = 30.0
    longest_retry_after: float = 600.0

    def wait(self, tried: int) -> float:
        """Seconds before the next try, after ``tried`` of them."""
        full = min(self.most_wait, self.first_wait * 2.0 ** (tried - 1))
        return full * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class _Trouble:
    """Why one send brought no result; ``pause``: the seconds that the server asks for."""

    problem: str
    status: int = 0
    words: str = ""
    pause: float = 0.0


@dataclass
class Replica:
    """One server. ``rests_until`` is on the monotonic clock: before it, the others are preferred.

    refused: connections in a row that could not be made; each doubles the rest.
    """

    url: str
    in_flight: int = 0
    last_used: int = 0
    rests_until: float = 0.0
    refused: int = 0


@dataclass
class Replicas:
    """Servers of the same model. ``attempts`` counts the requests sent, every try of each.

    transport: an httpx transport in place of the network, for tests.
    """

    urls: Sequence[str]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    transport: httpx.AsyncBaseTransport | None = None
    attempts: int = 0

    def __post_init__(self) -> None:
        self.move([url.rstrip("/") for url in self.urls])
        self._turn = itertools.count(1)
        self._lost = 0

    def move(self, urls: Sequence[str]) -> None:
        """Go on with these addresses in place of the present ones."""
        self.urls = urls
        self._replicas = [Replica(url) for url in urls]

    def send(
        self,
        count: int,
        job: Callable[[int], tuple[str, Any]],
        parse: Callable[[int, Any], Result],
        arrived: Callable[[int, Result | Refused | Unanswered], None],
        tries: int | None = None,
    ) -> None:
        """Send requests 0 … count-1; ``arrived(index, outcome)`` is called for each as it comes, in any order.

        ``job(index)`` is (path, JSON body), a body of None meaning GET; a path that begins with ``//`` starts at the
        server's root and not at the API's. ``parse`` turns a reply's JSON into a result and raises Malformed for
        what it cannot use. ``tries``: of each request, where not those of the policy. Raises KeyRefused where the
        server wants another key.
        """
        _run(lambda: self._send_all(count, job, parse, arrived, tries or self.policy.tries))

    async def _send_all(
        self,
        count: int,
        job: Callable[[int], tuple[str, Any]],
        parse: Callable[[int, Any], Result],
        arrived: Callable[[int, Result | Refused | Unanswered], None],
        tries: int,
    ) -> None:
        import httpx

        self._lost = 0
        indices = iter(range(count))
        trusted = httpx.create_ssl_context()

        async def work() -> None:
            # A client each: one client's pool looks through all its connections at every request.
            async with httpx.AsyncClient(
                timeout=self.policy.timeout, verify=trusted, transport=self.transport
            ) as client:
                # All workers draw from one iterator; none awaits between drawing and sending.
                for index in indices:
                    path, body = job(index)
                    outcome: Result | Refused | Unanswered
                    try:
                        outcome = await self._send_one(client, path, body, partial(parse, index), tries)
                        self._lost = 0
                    except Refused as refusal:
                        outcome = refusal
                    except Unanswered as loss:
                        self._lost += 1
                        outcome = loss
                    arrived(index, outcome)

        workers = [asyncio.ensure_future(work()) for _ in range(min(count, self.policy.in_flight))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _send_one(
        self, client: httpx.AsyncClient, path: str, body: Any, parse: Callable[[Any], Result], tries: int
    ) -> Result:
        """One request, tried until it is answered. Raises Refused or Unanswered."""
        if self._lost >= 3 * self.policy.in_flight:
            raise Unanswered("not sent: nothing was answered for too long")
        trouble, dead = _Trouble(""), set[str]()
        for tried in range(1, tries + 1):
            replica = await self._free_replica(dead)
            outcome = await self._try(client, replica, path, body, parse)
            if not isinstance(outcome, _Trouble):
                return outcome
            trouble = outcome
            if trouble.pause > self.policy.longest_retry_after:
                raise Unanswered(f"{trouble.problem}; it asks for a pause of {trouble.pause:.0f} s", trouble.status)
            if replica.refused:
                dead.add(replica.url)
            if tried < tries:
                await asyncio.sleep(max(trouble.pause, self.policy.wait(tried)))
        raise Unanswered(trouble.problem, trouble.status, trouble.words)

    async def _try(
        self, client: httpx.AsyncClient, replica: Replica, path: str, body: Any, parse: Callable[[Any], Result]
    ) -> Result | _Trouble:
        """One send. Raises Refused where a further one is of no use."""
        import httpx

        replica.in_flight += 1
        replica.last_used = next(self._turn)
        self.attempts += 1
        try:
            # httpx' own limit is one for each chunk.
            async with (
                asyncio.timeout(self.policy.timeout),
                client.stream(
                    "GET" if body is None else "POST",
                    address(replica.url, path),
                    content=None if body is None else json.dumps(body).encode(),
                    headers=headers(replica.url, body),
                ) as response,
            ):
                replica.refused = 0
                status, given = response.status_code, "answered HTTP {}: {}"
                if status == 200:
                    read = read_events if isinstance(body, dict) and body.get("stream") else read_json
                    reply = read(await read_body(response, _most_bytes(path)))
                    error = error_in(reply)
                    if error is None:
                        return parse(reply)
                    (status, said), given = error, "answered what cannot be used (an error in place of an answer: {1})"
                else:
                    said = await read_refusal(response)
        except httpx.ConnectError:
            replica.refused += 1
            replica.rests_until = time.monotonic() + self.policy.wait(replica.refused)
            return _Trouble(f"no connection to {replica.url}")
        except (httpx.TimeoutException, TimeoutError):
            return _Trouble(f"{replica.url} did not answer within {self.policy.timeout:g} s")
        except httpx.HTTPError as broken:
            return _Trouble(f"{replica.url} broke off ({type(broken).__name__})")
        except Malformed as wrong:
            return _Trouble(f"{replica.url} answered what cannot be used ({wrong})", 200)
        finally:
            replica.in_flight -= 1
        if status in (401, 403):
            raise KeyRefused(replica.url, status, said)
        if 300 <= status < 400:
            raise Refused(status, "it redirects, which is not followed; give the address that it redirects to")
        if status not in RETRIED or is_too_long(status, said) or (status == 500 and wants_other_turns(said)):
            raise Refused(status, said)
        pause = _retry_after(response.headers.get("retry-after"))
        if pause and pause <= self.policy.longest_retry_after:
            # What it asks of one request it asks of all: the next ones go elsewhere or wait.
            replica.rests_until = max(replica.rests_until, time.monotonic() + pause)
        return _Trouble(f"{replica.url} {given.format(status, shortened(said))}", status, said, pause)

    async def _free_replica(self, dead: Collection[str]) -> Replica:
        """The least loaded replica that is not at rest, rather not one of ``dead``; waits where all are at rest."""
        while True:
            now = time.monotonic()
            awake = [replica for replica in self._replicas if replica.rests_until <= now]
            if awake:
                return min(awake, key=lambda replica: (replica.url in dead, replica.in_flight, replica.last_used))
            await asyncio.sleep(min(replica.rests_until for replica in self._replicas) - now)


def _run(make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run to the end, also where the calling thread has a running loop already (a notebook, an async server)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(make())
        return
    failures: list[BaseException] = []

    def body() -> None:
        try:
            asyncio.run(make())
        except BaseException as error:
            failures.append(error)

    # The context says whose key it is.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(body,), name="wbrag-endpoint")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _most_bytes(path: str) -> int:
    return MOST_BYTES_OF_DISTRIBUTION if path == "/completions" else MOST_BYTES


def _retry_after(value: str | None) -> float:
    """Seconds that a Retry-After header asks for, given as seconds or as a date; 0 where it says nothing."""
    if not value:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, LookupError, OverflowError, OSError):
        return 0.0
