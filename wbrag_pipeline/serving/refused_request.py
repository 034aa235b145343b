"""Why a request is not answered, in words for whoever sent it.

The JSON is the error object of OpenAI's API, which its client shows as a message::

    {"error": {"message": "…", "type": "invalid_request_error", "param": "topk", "code": "too_many_passages"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RefusedRequest(Exception):
    """A request that is refused, or that could not be answered.

    status: of HTTP. code: one of a few fixed words, for programs and for counting. param: the field that is wrong.
    problem: what is wrong and what to do. It never repeats a passage, and is not logged.
    """

    def __init__(
        self,
        status: int,
        code: str,
        problem: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.problem, self.param = status, code, problem, param
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The error object."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.problem, "type": kind, "param": self.param, "code": self.code}}
