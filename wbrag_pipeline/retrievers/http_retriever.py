"""A retriever behind an address: asked in batches, several requests at a time, each tried until it is answered.

It is sent with what language models' endpoints are sent with (``generation.endpoints.replicas``): time limits, tries
with growing pauses, Retry-After, replies read up to a size, no redirect. The token is read from its variable when it is
sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError, RetrieverError
from wbrag_pipeline.generation.endpoints.api_key import api_key, key_from
from wbrag_pipeline.generation.endpoints.refusals import KeyRefused, Refused, Unanswered
from wbrag_pipeline.generation.endpoints.replicas import Replicas, RetryPolicy
from wbrag_pipeline.retrieval.access import Principal
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrievers.reply_shapes import REPLY_SHAPES

# A search takes milliseconds, so what has not come in a minute does not come.
PATIENCE = RetryPolicy(in_flight=8, tries=4, timeout=60.0, first_wait=0.5, most_wait=8.0, longest_retry_after=60.0)


class HttpRetriever:
    """Implements ``retrieval.protocols.Retriever`` over HTTP. Whose passages it shows, its server decides by the token.

    policy: time limits and tries; transport: httpx' own in the place of the network, for tests.
    """

    def __init__(self, entry: RetrieverEntry, policy: RetryPolicy = PATIENCE, transport: Any = None) -> None:
        self.entry, self._policy, self._transport = entry, policy, transport
        self._shape = REPLY_SHAPES[entry.format]

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        """See the protocol. The reader is not told to the server: what he may not see is left out here.

        Raises InputError for a token that is missing or refused and for a ``top_k`` that the format does not know,
        RetrieverError where the server does not answer, refuses, or answers what cannot be used.
        """
        most = self._shape.top_k
        if most is not None and top_k > most:
            hint = f"--rescue-depth {most} looks less deep, and --top-k {most} is the most"
            raise InputError(f"an OpenAI vector store gives at most {most} passages, not {top_k}", hint=hint)
        size = self._shape.queries
        parts = [queries[start : start + size] for start in range(0, len(queries), size)]
        found: list[list[list[PassageHit]]] = [[] for _ in parts]
        lost: list[Exception] = []

        def arrived(place: int, outcome: list[list[PassageHit]] | Refused | Unanswered) -> None:
            if isinstance(outcome, Refused | Unanswered):
                lost.append(outcome)
            else:
                found[place] = outcome

        with key_from(*([self.entry.token_env] if self.entry.token_env else [])):
            self._check_token()
            try:
                Replicas([self.entry.url], self._policy, self._transport).send(
                    len(parts),
                    lambda place: ("", self._shape.body(parts[place], top_k)),
                    lambda place, reply: self._shape.read(reply, len(parts[place])),
                    arrived,
                )
            except KeyRefused as refused:
                hint = (
                    f"set {self.entry.token_env} to a token that may search"
                    if self.entry.token_env
                    else "name the variable of the environment that holds a token: wbrag add retriever … --token-env"
                )
                raise InputError(f"{self.entry.url} refuses the token (HTTP {refused.status})", hint=hint) from None
        if lost:
            raise RetrieverError(self.entry.url, f"{len(lost)} of {len(parts)} requests failed; the first: {lost[0]}")
        return [hits for part in found for hits in part]

    def _check_token(self) -> None:
        # A name that the environment does not have may be a token that was given in its place: it is not repeated.
        if self.entry.token_env and not api_key():
            hint = "the entry's token_env names a variable; set it to the token"
            raise InputError("the environment has no such variable, or it is empty", field="token_env", hint=hint)
