"""What is supposed of answers that nobody has yet.

How many calls a run makes depends on the answers: a question that is answered without retrieval is asked once, one
that retrieval helps is asked again with each passage alone, and so on. An estimate goes through the stages three times,
each time supposing otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbrag_pipeline.datasets.hash_draws import share_by_hash

# So many answers weigh as much as a share that is only supposed.
_WEIGHT = 10


@dataclass(frozen=True)
class Scenario:
    """Shares in [0, 1] of what is not known.

    right_unread, right_read, right_alone: answers that are right without retrieval, with all passages, from one alone.
        None: neither right nor wrong, so that nothing follows from them.
    retrieves: questions for which a method that may do without retrieval retrieves.
    unsure: answers that a method which looks ahead is unsure of.
    repaired: units that are written a second time.
    meets_unit: questions of validation and test that find a unit among their passages.
    claims: sentences of a unit that curation asks the generator about.
    """

    name: str
    right_unread: float
    right_read: float | None
    right_alone: float
    retrieves: float
    unsure: float
    repaired: float
    meets_unit: float
    claims: int


# What is asked whatever the answers are; what may be expected; and what is asked where every answer costs most.
CERTAIN = Scenario("certain", 1.0, None, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
EXPECTED = Scenario("expected", 0.3, 0.4, 0.3, 0.9, 0.5, 0.2, 0.5, 2)
AT_MOST = Scenario("at most", 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10)
SCENARIOS = (CERTAIN, EXPECTED, AT_MOST)


def happens(share: float, *what: str) -> bool:
    """Whether something that happens in this share of cases happens in this one: always the same, by a hash."""
    return share_by_hash("world", *what) < share


def learned(share: float, known: Sequence[float]) -> float:
    """A share that was supposed, moved towards the mean of what is known."""
    return (_WEIGHT * share + sum(known)) / (_WEIGHT + len(known))
