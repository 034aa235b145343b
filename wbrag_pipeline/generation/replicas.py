"""Posting JSON to the replicas of a server, many at a time, until every request has an outcome.

httpx and not the ``openai`` library: that one brings a retry policy of its own that knows neither replicas nor cut
bodies, and validates each reply into model classes, for an API of which one route is needed here.

A reply is read up to a size, and no redirect is followed: where requests and the key go is what the setting says.
"""

from __future__ import annotations

import asyncio
import email.utils
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.api_key import KEY_VARIABLES, api_key
from wbrag_pipeline.generation.reply_body import (
    ACCEPTED_CODING,
    MOST_BYTES,
    MOST_BYTES_OF_DISTRIBUTION,
    Malformed,
    read_body,
    read_json,
    read_refusal,
)

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")

_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 529}


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


class Refused(Exception):
    """The server understood and will not: asking again is of no use. ``status`` and what it said."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(f"HTTP {status}: {message}")


class Unanswered(Exception):
    """No usable reply after all tries; the message is that of the last one."""


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
        self._replicas = [Replica(url.rstrip("/")) for url in self.urls]
        self._turn = itertools.count(1)
        self._lost = 0

    def send(
        self,
        count: int,
        job: Callable[[int], tuple[str, Any]],
        parse: Callable[[int, Any], Result],
        arrived: Callable[[int, Result | Refused | Unanswered], None],
    ) -> None:
        """Send requests 0 … count-1; ``arrived(index, outcome)`` is called for each as it comes, in any order.

        ``job(index)`` is (path, JSON body), a body of None meaning GET; a path that begins with ``//`` starts at the
        server's root and not at the API's. ``parse`` turns a reply's JSON into a result and raises Malformed for
        what it cannot use. Raises InputError where the server wants another key.
        """
        _run(lambda: self._send_all(count, job, parse, arrived))

    async def _send_all(
        self,
        count: int,
        job: Callable[[int], tuple[str, Any]],
        parse: Callable[[int, Any], Result],
        arrived: Callable[[int, Result | Refused | Unanswered], None],
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
                        outcome = await self._send_one(client, path, body, lambda reply, i=index: parse(i, reply))  # type: ignore[misc]
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
        self, client: httpx.AsyncClient, path: str, body: Any, parse: Callable[[Any], Result]
    ) -> Result:
        """One request, tried until it is answered. Raises Refused or Unanswered."""
        if self._lost >= 3 * self.policy.in_flight:
            raise Unanswered("not sent: nothing was answered for too long")
        problem, dead = "", set[str]()
        for tried in range(1, self.policy.tries + 1):
            replica = await self._free_replica(dead)
            pause, problem, result = await self._try(client, replica, path, body, parse)
            if problem == "":
                return result  # type: ignore[return-value]
            if pause > self.policy.longest_retry_after:
                raise Unanswered(f"{problem}; it asks for a pause of {pause:.0f} s")
            if replica.refused:
                dead.add(replica.url)
            if tried < self.policy.tries:
                await asyncio.sleep(max(pause, self.policy.wait(tried)))
        raise Unanswered(problem)

    async def _try(
        self, client: httpx.AsyncClient, replica: Replica, path: str, body: Any, parse: Callable[[Any], Result]
    ) -> tuple[float, str, Result | None]:
        """One send: the pause that the server asks for, the problem ("" for none), the result."""
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
                    _address(replica.url, path),
                    content=None if body is None else json.dumps(body).encode(),
                    headers=_headers(body),
                ) as response,
            ):
                replica.refused = 0
                if response.status_code == 200:
                    return 0.0, "", parse(read_json(await read_body(response, _most_bytes(path))))
                said = await read_refusal(response)
        except httpx.ConnectError:
            replica.refused += 1
            replica.rests_until = time.monotonic() + self.policy.wait(replica.refused)
            return 0.0, f"no connection to {replica.url}", None
        except (httpx.TimeoutException, TimeoutError):
            return 0.0, f"{replica.url} did not answer within {self.policy.timeout:g} s", None
        except httpx.HTTPError as error:
            return 0.0, f"{replica.url} broke off ({type(error).__name__})", None
        except Malformed as error:
            return 0.0, f"{replica.url} answered what cannot be used ({error})", None
        finally:
            replica.in_flight -= 1
        status = response.status_code
        if status in (401, 403):
            raise InputError(
                f"{replica.url} refuses the key (HTTP {status})",
                hint=f"set {' or '.join(KEY_VARIABLES)} to a valid one",
            )
        if 300 <= status < 400:
            raise Refused(status, "it redirects, which is not followed; give the address that it redirects to")
        if status not in _RETRIED:
            raise Refused(status, said)
        pause = _retry_after(response.headers.get("retry-after"))
        if pause and pause <= self.policy.longest_retry_after:
            # What it asks of one request it asks of all: the next ones go elsewhere or wait.
            replica.rests_until = max(replica.rests_until, time.monotonic() + pause)
        return pause, f"{replica.url} answered HTTP {status}: {said}", None

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

    thread = threading.Thread(target=body, name="wbrag-endpoint")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _address(url: str, path: str) -> str:
    if path.startswith("//"):
        return url.removesuffix("/v1") + path[1:]
    return url + path


def _headers(body: Any) -> dict[str, str]:
    headers = {"Accept-Encoding": ACCEPTED_CODING}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if key := api_key():
        headers["Authorization"] = f"Bearer {key}"
    return headers


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
