"""From readings of single passages to one answer.

The reader sees one passage at a time, so what a language model does inside one prompt happens here: say which
passage is to be believed. The constants were chosen on training questions; ``reader_training/README.md`` says how.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence

from wbrag_pipeline.datasets.metrics import accuracy_words
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Passage
from wbrag_pipeline.generation.reader.network import VERDICT_LABELS, YES_NO_LABELS, Reading

# Logits a unit of retrieval score is worth when passages compete for the answer.
COSINE_WEIGHT = 20.0
# Difference in retrieval score that makes a passage count e times as much for a label.
LABEL_TEMPERATURE = 0.1
_POLAR = re.compile(r"^(is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b", re.IGNORECASE)


def is_polar(question: str) -> bool:
    """Whether a free-text question wants yes or no ("Were both …?"), and offers no alternatives ("… or …?")."""
    return bool(_POLAR.match(question.strip())) and " or " not in question.lower()


def answerability(reading: Reading) -> float:
    """Probability that the passage answers the question: spans by score against null, labels by 1 - undecided."""
    if reading.probabilities:
        return 1.0 - reading.probabilities[2]
    return 1.0 / (1.0 + math.exp(min(60.0, reading.null_score - reading.score)))


def choose_span(readings: Sequence[Reading], passages: Sequence[Passage]) -> Answer:
    """The span of the passage with the best margin over "no answer" plus weighted retrieval score."""
    if not passages:
        return Answer("")
    margins = [r.score - r.null_score + COSINE_WEIGHT * p.score for r, p in zip(readings, passages, strict=True)]
    best = max(range(len(margins)), key=lambda i: (margins[i], -i))
    return Answer(readings[best].text, answerability(readings[best]))


def label_weights(passages: Sequence[Passage]) -> list[float]:
    """Weight of each passage for a label: the best-scored one counts 1, the others less; one weight with none."""
    best = max((passage.score for passage in passages), default=0.0)
    return [math.exp((passage.score - best) / LABEL_TEMPERATURE) for passage in passages] or [1.0]


def choose_label(readings: Sequence[Reading], weights: Sequence[float], task: Task) -> Answer:
    """Mixture of the passages' label probabilities, each passage weighted by ``weights`` and by how sure it is.

    A passage about something else says "undecided" and so takes little part in True against False; NOT ENOUGH
    INFO wins only where no passage decides the claim.
    """
    decided = [weight * (1.0 - reading.probabilities[2]) for weight, reading in zip(weights, readings, strict=True)]
    undecided = min((reading.probabilities[2] for reading in readings), default=1.0)
    mass = sum(decided)
    mixed = [
        sum(
            w * r.probabilities[label] / max(1e-9, 1.0 - r.probabilities[2])
            for w, r in zip(decided, readings, strict=True)
        )
        / max(1e-9, mass)
        for label in (0, 1)
    ]
    if task.kind == "verdict":
        scores = [*((1.0 - undecided) * value for value in mixed), undecided]
        names: tuple[str, ...] = VERDICT_LABELS
    else:
        scores, names = mixed, YES_NO_LABELS[:2]
    best = max(range(len(scores)), key=lambda i: scores[i])
    return Answer(names[best], scores[best], tuple(zip(names, scores, strict=True)))


def vote(readings: Sequence[Reading], weights: Sequence[float], of: Sequence[int]) -> Answer:
    """RePlug over spans: each passage gives its weight times its answerability to the answer it found.

    An evidence group (``of``, see ``generation.evidence_groups``) that gives an answer twice counts by its surest vote.
    """
    votes: dict[tuple[str, int], float] = {}
    written: dict[str, str] = {}
    for reading, weight, group in zip(readings, weights, of, strict=True):
        key = " ".join(re.findall(r"\w+", reading.text.lower()))
        votes[key, group] = max(votes.get((key, group), 0.0), weight * answerability(reading))
        written.setdefault(key, reading.text)
    if not votes:
        return Answer("")
    sums: dict[str, float] = defaultdict(float)
    for (key, _), value in votes.items():
        sums[key] += value
    best = max(sums, key=lambda key: sums[key])
    return Answer(written[best], sums[best])


def answer_agreement(readings: Sequence[Reading], answer: str) -> float:
    """How far passages, each read alone, bear an answer out: the share of their votes it has, times its best voter's.

    A vote counts as much as its passage is sure to answer the question. So an answer that one sure passage gives and
    no other contradicts scores high; one that is outvoted, or that only doubtful passages give, scores low.
    """
    votes = [(answerability(reading), _agree(reading.text, answer)) for reading in readings]
    agreeing = [vote for vote, same in votes if same]
    everything = math.fsum(vote for vote, _ in votes)
    return max(agreeing) * math.fsum(agreeing) / everything if agreeing and everything > 0.0 else 0.0


def _agree(left: str, right: str) -> bool:
    """Whether one answer holds the other ("Obama", "Barack Obama"), word by word."""
    if not (left.strip() and right.strip()):
        return False
    return max(accuracy_words(left, [right]), accuracy_words(right, [left])) > 0.0
