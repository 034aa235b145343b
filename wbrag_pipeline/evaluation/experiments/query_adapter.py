"""The retriever tuned on the same labels, as far as a CPU can: one matrix for the questions' vectors.

The encoder itself stays as it is, and so do the vectors of all passages; tuning the encoder would mean encoding the
corpus again. The loss is the usual one of tuned encoders, MultipleNegativesRankingLoss: a question's gated passage
against those of the other questions of the batch.
"""

from __future__ import annotations

import numpy as np

from wbrag_pipeline.retrieval.protocols import Vectors

SCALE = 20.0  # of the inner products, as sentence-transformers has it
BATCH = 64
MOST_EPOCHS = 40
LEARNING_RATES = (1e-3, 1e-4, 1e-5)


def trained_adapter(
    queries: Vectors, passages: Vectors, same: np.ndarray, held_out: np.ndarray, *, seed: int = 0
) -> Vectors:
    """The matrix [dimension, dimension] that a question's vector is multiplied by; it begins as the identity.

    queries, passages: vectors [pairs, dimension], each row a question and a passage that the gates retained for it.
    same: [pairs] a number a passage: a batch's other pairs with the same passage are no negatives.
    held_out: [pairs] whether a pair is kept from training; the learning rate and epoch with the least loss on these
        are taken, the identity among them.
    """
    import torch

    dimension = queries.shape[1]
    identity = np.eye(dimension, dtype=np.float32)
    train, check = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if len(train) < 2 or len(check) < 2:
        return identity
    q, p, ids = torch.tensor(queries), torch.tensor(passages), torch.tensor(same)

    def loss(weights: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        at = torch.tensor(rows)
        ours = torch.nn.functional.normalize(q[at] @ weights, dim=1)
        scores = SCALE * ours @ p[at].T
        twins = (ids[at][:, None] == ids[at][None, :]) & ~torch.eye(len(rows), dtype=torch.bool)
        return torch.nn.functional.cross_entropy(scores.masked_fill(twins, -torch.inf), torch.arange(len(rows)))

    def checked(weights: torch.Tensor) -> float:
        with torch.no_grad():
            parts = [loss(weights, check[start : start + BATCH]).item() for start in range(0, len(check), BATCH)]
        return float(np.mean(parts))

    best, least = identity, checked(torch.eye(dimension))
    for rate in LEARNING_RATES:
        weights = torch.eye(dimension, requires_grad=True)
        optimizer, draws = torch.optim.Adam([weights], lr=rate), np.random.default_rng(seed)
        for _ in range(MOST_EPOCHS):
            order = draws.permutation(train)
            for start in range(0, len(order), BATCH):
                optimizer.zero_grad()
                loss(weights, order[start : start + BATCH]).backward()
                optimizer.step()
            if (now := checked(weights)) < least:
                best, least = weights.detach().numpy().copy(), now
    return best


def adapted(vectors: Vectors, adapter: Vectors) -> Vectors:
    """Question vectors [n, dimension] through the adapter, of length 1."""
    moved = vectors @ adapter
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: Vectors = (moved / np.where(lengths == 0, 1.0, lengths)).astype(np.float32)
    return unit
