"""The validation part of the training questions: kept from training, so that releases can be compared by it.

The test set is for the report alone. What decides which release is served must not be what the report then praises.
"""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.metrics import normalize_answer
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import GOLD

# With fewer training questions the part would be too small to show anything, and too dear.
LEAST_TRAINING = 300
_BUCKETS = 10_000


def split_validation(train: pl.DataFrame, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """LABELLED into (training part, validation part), the latter about ``share`` of all; both keep their order.

    Only gold answers decide about a release, so other questions always train.

    A question's part follows from its normalised wording alone: it stays where it is when others come or go, and twins
    under two ids are never parted. The validation part is empty for a share of 0 or under ``LEAST_TRAINING`` gold ones.
    """
    gold = train["label"] == GOLD
    if share <= 0 or gold.sum() < LEAST_TRAINING:
        return train, train.clear()
    border = share * _BUCKETS
    apart = pl.Series([_bucket(question) < border for question in train["question"]], dtype=pl.Boolean)
    apart &= gold
    return train.filter(~apart), train.filter(apart)


def _bucket(question: str) -> int:
    return int(sha256_of_text("validation", normalize_answer(question) or question.strip())[:12], 16) % _BUCKETS
