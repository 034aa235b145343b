"""An encoder whose work is done by the machines of a Ray cluster: ``--workers ray:ADDRESS``.

Texts go out in shares of like length and about equal work, vectors come back in order. A vector does not depend on
what was encoded with it, so they are those of one machine, byte for byte. The embedding store takes them as it takes
any others, and what it has is not sent.

A share is a plain Ray task. The process that runs it keeps the encoder, and Ray gives it the next share. What a lost
machine had is run again elsewhere, and a machine that joins gets its shares: with actors of our own that would be ours
to do. A Ray dataset would start its processes, and load the model, anew at each call, of which training makes many;
and it would want the corpus on the cluster, where here only a few thousand passages are on their way.

Not sent are models: the package, and a plug-in or folder that the encoder's name means, are on every machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.ray_cluster import cluster_address, join_cluster
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Advance, Encoder, Vectors
from wbrag_pipeline.settings import Settings

# Texts in a share: about a second of a core or of a GPU, beside which sending it is nothing.
_TEXTS = {"CPU": 128, "GPU": 4096}
# Times that Ray runs a share again whose machine or process was lost.
_RETRIES = 3

# A share on its way: where its texts stand in the call, and Ray's reference to the result.
_Sent = list[tuple[npt.NDArray[np.int64], Any]]


def deployed_encoder(settings: Settings) -> Encoder:
    """The settings' encoder: in this process, or over the cluster that they name. Raises as either does."""
    address = cluster_address(settings.workers)
    return load_encoder(settings.encoder) if address is None else _joined(settings.encoder, address)


class ClusterEncoder:
    """An ``Encoder`` that ``EncodesParts``; ``deployed_encoder`` makes it. The model is not loaded in this process.

    Raises InputError where the workers cannot load the encoder, WbragError where the cluster cannot be asked.
    """

    def __init__(self, name: str, address: str) -> None:
        self._ray = join_cluster(address)
        there = self._ray.cluster_resources()
        kind = "GPU" if there.get("GPU", 0) >= 1 else "CPU"
        self.workers = max(1, int(there.get(kind, 0)))
        self._texts = _TEXTS[kind]
        # Ray ends a process after one task on a GPU, unless it is told that there is no such limit.
        options = {"num_gpus": 1, "max_calls": 0} if kind == "GPU" else {"num_cpus": 1}
        self._task = self._ray.remote(max_retries=_RETRIES, **options)(encode_share)
        self.name = name
        self._whose, nothing = self._got(self._task.remote(name, "encode_queries", [[]]))
        self.fingerprint, self.arithmetic = self._whose
        self.dimension = int(nothing.shape[1])

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n passages, in order and of length 1; ``progress`` is told of finished ones."""
        return next(self.encode_parts([(titles, texts)], progress))

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n questions, in order and of length 1; ``progress`` is told of finished ones."""
        return next(self._in_order("encode_queries", [[questions]], progress))

    def encode_parts(
        self, parts: Iterable[tuple[Sequence[str], Sequence[str]]], progress: Advance | None = None
    ) -> Iterator[Vectors]:
        """As ``EncodesParts``: a part is sent while those before it are worked on."""
        return self._in_order("encode_passages", (list(part) for part in parts), progress)

    def _in_order(
        self, method: str, parts: Iterable[Sequence[Sequence[str]]], progress: Advance | None
    ) -> Iterator[Vectors]:
        ahead: deque[_Sent] = deque()
        try:
            for columns in parts:
                ahead.append(self._sent(method, columns))
                # One part more than keeps every worker busy, with its next share waiting.
                while len(ahead) > 1 and sum(map(len, ahead)) - len(ahead[0]) > 2 * self.workers:
                    found = self._collected(ahead[0], progress)
                    ahead.popleft()
                    yield found
            while ahead:
                found = self._collected(ahead[0], progress)
                ahead.popleft()
                yield found
        finally:  # after a failure or Ctrl-C nobody waits for the rest
            for _, reference in (share for part in ahead for share in part):
                self._ray.cancel(reference)

    def _sent(self, method: str, columns: Sequence[Sequence[str]]) -> _Sent:
        lengths = np.array([sum(map(len, row)) for row in zip(*columns, strict=True)], dtype=np.int64)
        return [
            (share, self._task.remote(self.name, method, [[column[place] for place in share] for column in columns]))
            for share in shares(lengths, -(-len(lengths) // self._texts))
        ]

    def _collected(self, part: _Sent, progress: Advance | None) -> Vectors:
        vectors = np.zeros((sum(len(share) for share, _ in part), self.dimension), dtype=np.float32)
        for share, reference in part:
            whose, found = self._got(reference)
            if whose != self._whose:
                raise WbragError(
                    f"the workers at hand encode differently ({whose[1]}, model {whose[0][:12]}, and "
                    f"{self.arithmetic}, model {self.fingerprint[:12]}); give them the same model, and "
                    "WBRAG_CPU_ARITHMETIC=fp32 where only some multiply bf16"
                )
            vectors[share] = found
            if progress:
                progress(len(share))
        return vectors

    def _got(self, reference: Any) -> tuple[tuple[str, str], Vectors]:
        try:
            whose, vectors = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, WbragError):
                raise cause from None
            reason = (str(cause or error).strip().splitlines() or [type(error).__name__])[-1]
            raise WbragError(f"the cluster did not encode with {self.name!r}: {reason}") from error
        return whose, vectors


def shares(lengths: npt.NDArray[np.int64], count: int) -> list[npt.NDArray[np.int64]]:
    """Positions of texts with these lengths in at most ``count`` shares: the longest texts first, and so that the
    shares are of about equal length in all.

    lengths: in characters, which follow tokens closely enough and need no tokenizer here; a worker batches by tokens.
    """
    if not len(lengths):
        return []
    order = np.argsort(-lengths, kind="stable")
    before = np.cumsum(lengths[order] + 1) - lengths[order] - 1
    share = before * count // int(lengths.sum() + len(lengths))
    return np.split(order, np.flatnonzero(np.diff(share)) + 1)


def encode_share(name: str, method: str, columns: list[list[str]]) -> tuple[tuple[str, str], Vectors]:
    """On a worker: fingerprint and arithmetic of its encoder, and the vectors of the share in order."""
    encoder = load_encoder(name)
    return (encoder.fingerprint, encoder.arithmetic), getattr(encoder, method)(*columns)


@cache
def _joined(name: str, address: str) -> ClusterEncoder:
    return ClusterEncoder(name, address)
