"""Figures of a trained reader on the held-back passages: ``python -m reader_training.held_back --data DIR``."""

from __future__ import annotations

import argparse
import collections
import json
import re
import string
from pathlib import Path

from reader_training.examples import Record, held_back, mine, read_records
from wbrag_pipeline.generation.reader.network import VERDICT_LABELS, YES_NO_LABELS, ReaderNetwork, Reading


def normalise(text: str) -> str:
    """Answer normalisation of the SQuAD v1.1 evaluation script: case, punctuation, articles, blanks."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(predicted: str, gold: str) -> float:
    """Token-overlap F1 in [0, 1] of the SQuAD v1.1 evaluation script."""
    ours, theirs = normalise(predicted).split(), normalise(gold).split()
    common = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def windows(context: str, words: int = 110, stride: int = 55) -> list[str]:
    """Overlapping windows of at most ``words`` words: what retrieval cuts passages to."""
    found = [m.span() for m in re.finditer(r"\S+", context)]
    cuts = range(0, max(1, len(found) - words + stride), stride)
    return [context[found[at][0] : found[min(at + words, len(found)) - 1][1]] for at in cuts]


def margin(reading: Reading) -> float:
    """How much more the reader believes in its span than in "no answer here"."""
    return reading.score - reading.null_score


def best_of(reader: ReaderNetwork, questions: list[tuple[str, list[str]]]) -> list[Reading]:
    """For each question the reading of largest margin over its contexts."""
    pairs = [(question, context) for question, contexts in questions for context in contexts]
    readings = iter(reader.read("span", pairs))
    return [max((next(readings) for _ in contexts), key=margin) for _, contexts in questions]


def area_under_curve(positive: list[float], negative: list[float]) -> float:
    """Probability that a random positive scores above a random negative (ties count half)."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def evaluate(reader: ReaderNetwork, records: list[Record], mined: list[list[str]]) -> dict[str, float]:
    """All held-back figures: shares in [0, 1], counts under ``n_*``."""
    spans = [(r, near) for r, near in zip(records, mined, strict=True) if r["kind"] == "span"]
    figures: dict[str, float] = {}
    margins: dict[str, list[float]] = {}
    for source in ("squad", "zsre"):
        answered = [r for r, _ in spans if r["source"] == source and r["answer"]]
        empty = [r for r, _ in spans if r["source"] == source and not r["answer"]]
        best = best_of(reader, [(r["question"], windows(r["context"])) for r in answered])
        nulls = best_of(reader, [(r["question"], windows(r["context"])) for r in empty])
        golds = [r["answer"] for r in answered]
        figures[f"n_{source}"] = len(golds)
        figures[f"{source}_em"] = share(normalise(b.text) == normalise(g) for b, g in zip(best, golds, strict=True))
        figures[f"{source}_f1"] = share(f1(b.text, g) for b, g in zip(best, golds, strict=True))
        margins[source] = [margin(b) for b in best]
        figures[f"{source}_null_auc"] = area_under_curve(margins[source], [margin(n) for n in nulls])
        figures[f"{source}_null_accuracy"] = share([m > 0 for m in margins[source]] + [margin(n) <= 0 for n in nulls])
    choice = [(r, near[:4]) for r, near in spans if r["source"] == "squad" and r["answer"]][:400]
    best = best_of(
        reader, [(r["question"], [windows(c)[0] for c in near] + windows(r["context"])) for r, near in choice]
    )
    figures["choice_of_5_em"] = share(
        normalise(b.text) == normalise(r["answer"]) for b, (r, _) in zip(best, choice, strict=True)
    )
    yes_no = [r for r in records if r["kind"] == "yes_no"]
    read = reader.read("yes_no", [(r["question"], r["context"]) for r in yes_no])
    truth = [YES_NO_LABELS.index(r["answer"]) for r in yes_no]
    figures["n_yes_no"] = len(yes_no)
    figures["yes_no_accuracy"] = share(
        (x.probabilities[1] > x.probabilities[0]) == (t == 1) for x, t in zip(read, truth, strict=True)
    )
    figures["yes_no_majority"] = max(share(t == 1 for t in truth), share(t == 0 for t in truth))
    figures["yes_no_decided"] = share(x.probabilities[2] < 0.5 for x in read)
    wrong = [(r["question"], near[0]) for r, near in zip(records, mined, strict=True) if r["kind"] == "yes_no"]
    figures["yes_no_undecided_on_wrong"] = share(x.probabilities[2] >= 0.5 for x in reader.read("yes_no", wrong))
    claims = [r for r in records if r["kind"] == "verdict"]
    read = reader.read("verdict", [(r["question"], r["context"]) for r in claims])
    truth = [VERDICT_LABELS.index(r["verdict"]) for r in claims]
    guess = [max(range(3), key=x.probabilities.__getitem__) for x in read]
    figures["n_verdict"] = len(claims)
    figures["verdict_accuracy"] = share(g == t for g, t in zip(guess, truth, strict=True))
    per_label = []
    for label in range(3):
        hits = sum(g == t == label for g, t in zip(guess, truth, strict=True))
        per_label.append(2 * hits / max(1, guess.count(label) + truth.count(label)))
    figures["verdict_macro_f1"] = share(per_label)
    return figures


def share(values: object) -> float:
    """Mean of an iterable of numbers or truth values; 0 for none."""
    numbers = [float(v) for v in values]  # type: ignore[attr-defined]
    return sum(numbers) / len(numbers) if numbers else 0.0


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, default=None)
    options = parser.parse_args()
    records = [r for r in read_records(options.data) if held_back(r["context"])]
    figures = evaluate(ReaderNetwork.load(options.adapter), records, mine(records))
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
