"""How much one client may ask for, and how much the server takes on at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceLimits:
    """What a request may not exceed; a request that does is refused and says which limit it was.

    body: bytes of a request's body. queries: of one request. top_k: passages a query.
    seconds: from a request's first byte to its body's last, and then from there to the answer.
    threads: requests that are worked on at once. waiting: further ones that wait for a thread.
    """

    body: int = 1024 * 1024
    queries: int = 512
    top_k: int = 100
    seconds: float = 30.0
    threads: int = 16
    waiting: int = 128
