"""Blocking work in a few threads, and a bounded queue in front of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.service_limits import ServiceLimits

Done = TypeVar("Done")


class WorkerPool:
    """Runs functions in ``limits.threads`` threads; at most ``limits.waiting`` more wait for one."""

    def __init__(self, limits: ServiceLimits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="wbrag-serve")
        self._counting = threading.Lock()
        self._taken_on = 0

    @property
    def taken_on(self) -> int:
        """Requests that are worked on or wait for a thread."""
        return self._taken_on

    async def run(self, work: Callable[[], Done]) -> Done:
        """What ``work()`` gives.

        Work that takes longer than it may is given up, but keeps its thread until it ends: threads cannot be stopped,
        and so many are never busy at once as to exceed the limit.

        Raises RefusedRequest (429) where too many wait, and (408) for work that takes longer than it may.
        """
        with self._counting:
            if self._taken_on >= self._limits.threads + self._limits.waiting:
                problem = f"{self._taken_on} requests are being worked on already; try again in a second"
                raise RefusedRequest(429, "too_many_requests", problem, headers={"Retry-After": "1"})
            self._taken_on += 1
        try:
            future = self._threads.submit(work)
        except RuntimeError:
            self._done(None)
            raise RefusedRequest(503, "stopping", "the server is stopping; ask another one") from None
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._limits.seconds)
        except TimeoutError:
            problem = (
                f"was not answered within {self._limits.seconds:g} seconds; send fewer queries, or try again later"
            )
            raise RefusedRequest(408, "took_too_long", problem) from None

    def close(self) -> None:
        """Take on no more work; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: Future[Done] | None) -> None:
        with self._counting:
            self._taken_on -= 1
