"""Whether write-back is likely to pay, told before training: a rule of two borders, and how often it is right.

The borders come from benchmarks whose gain was measured. These are few, so the rule fits nothing else: where no
measured benchmark is near, it says that it does not know.
"""

from __future__ import annotations

import importlib.resources
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.evaluation.signs import EarlySigns
from wbrag_pipeline.storage import stored_json, write_text

# With fewer questions whose answer is missing, there is nothing that units could bring. Set by hand, not fitted.
LEAST_MISSED = 0.1
NO_GAIN = 1.0  # points; a gain that is surely smaller is none to train for
FEW_LATER_QUESTIONS = 50  # later questions under which shares say little

Outlook = Literal["likely", "unlikely", "open"]


@dataclass(frozen=True)
class Point:
    """A benchmark whose gain was measured. gain, low, high: points, with the 95 % interval."""

    benchmark: str
    generator: str
    method: str
    returns: float
    missed: float | None
    gain: float
    low: float
    high: float

    @property
    def pays(self) -> bool | None:
        """True where the whole interval is above zero, False where it is below a point; None leaves it open."""
        return True if self.low > 0 else False if self.high < NO_GAIN else None

    @property
    def has_room(self) -> bool:
        """Whether answers are missing that units could bring; unknown for labels, which counts as yes."""
        return self.missed is None or self.missed >= LEAST_MISSED


@dataclass(frozen=True)
class Borders:
    """Of the share of questions that return: up to ``unlikely`` no benchmark gained, from ``likely`` on each did.

    Where the two kinds overlap, ``unlikely`` is below all that gained and ``likely`` above all that did not.
    """

    unlikely: float
    likely: float


def borders_of(points: Sequence[Point]) -> Borders:
    """The borders that these points leave."""
    paid = [point.returns for point in points if point.has_room and point.pays]
    lost = [point.returns for point in points if point.has_room and point.pays is False]
    least, most = min(paid, default=math.inf), max(lost, default=-math.inf)
    if most < least:
        return Borders(most, least)
    return Borders(
        max((r for r in lost if r < least), default=-math.inf), min((r for r in paid if r > most), default=math.inf)
    )


def outlook(returns: float, missed: float | None, borders: Borders) -> Outlook:
    """What the rule says of such shares."""
    if missed is not None and missed < LEAST_MISSED:
        return "unlikely"
    if returns >= borders.likely:
        return "likely"
    return "unlikely" if returns <= borders.unlikely else "open"


def left_out(points: Sequence[Point]) -> list[tuple[Point, Outlook, bool | None]]:
    """Each point, what the rule says of it with borders from the others, and whether that is right.

    None where the rule does not know, or the measured gain does not tell.
    """
    found: list[tuple[Point, Outlook, bool | None]] = []
    for at, point in enumerate(points):
        said = outlook(point.returns, point.missed, borders_of([*points[:at], *points[at + 1 :]]))
        found.append((point, said, None if said == "open" or point.pays is None else (said == "likely") == point.pays))
    return found


def shipped_points() -> list[Point]:
    """The measured benchmarks that come with the package."""
    file = importlib.resources.files("wbrag_pipeline.evaluation") / "calibration.json"
    return _points(json.loads(file.read_text("utf-8")))


def points_of(file: Path) -> list[Point]:
    """The points of this home where it has its own, else the package's. Raises IntegrityError for a damaged file."""
    if not file.is_file():
        return shipped_points()
    try:
        return _points(stored_json(file))
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(file, "is damaged; make it again with: wbrag advise --calibrate") from error


def keep_points(file: Path, points: Sequence[Point]) -> None:
    """Store the points that later advice goes by."""
    write_text(file, json.dumps([asdict(point) for point in points], indent=1, sort_keys=True) + "\n")


def _points(rows: Any) -> list[Point]:
    names = {field.name for field in fields(Point)}
    if not isinstance(rows, list) or any(set(row) != names for row in rows):
        raise ValueError("these are no points")
    return [Point(**row) for row in rows]


def advice_lines(benchmark: str, signs: EarlySigns, points: Sequence[Point], search: str = "dense") -> list[str]:
    """The advice as lines: what was seen, what it means, and how often the rule was right.

    search: the setting that the signs were seen under.
    """
    said = outlook(signs.returns, signs.missed, borders_of(points))
    lines = [
        f"{benchmark}: {signs.later:,} later questions beside {signs.training:,} that would train",
        f"  subjects return: {signs.returns:.0%} of the later questions have their best passage on a page that a "
        "training question has its best one on",
        f"  likeness: {signs.alike:.0%} have a training question that is alike (0.7 or more; median "
        f"{signs.likeness:.2f})",
    ]
    if signs.missed is None:
        lines.append("  answers are labels or not known, so what retrieval misses cannot be seen")
    else:
        lines += [
            f"  retrieval: {signs.missed:.0%} have no answer in their top K; {signs.deeper:.0%} have it deeper down",
            f"  spread answers: {signs.spread:.1%} have all words of the answer in the top K, in no one passage",
            f"  both: {signs.reachable:.0%} return and miss their answer; these are what units can help most",
        ]
    lines.append(f"Write-back is {_MEANINGS[said]}")
    if search == "dense" and signs.missed is not None and signs.missed >= LEAST_MISSED:
        lines.append(
            "Try --search hybrid first: vectors alone miss many answers here. Where questions share words with "
            "passages, searching by words too may bring more than write-back; wbrag experiment rivals measures it."
        )
    if signs.later < FEW_LATER_QUESTIONS:
        lines.append(f"These are few questions: shares of {signs.later} say little.")
    judged = [(said, truth) for point, said, truth in left_out(points) if point.pays is not None]
    right, wrong = (sum(truth is value for _, truth in judged) for value in (True, False))
    lines.append(
        f"This rule is from {len(judged)} benchmarks with a clear gain or none. With each of them left out in turn it "
        f"was right {right} times, wrong {wrong} times, and did not know {len(judged) - right - wrong} times."
    )
    return lines


_MEANINGS: dict[Outlook, str] = {
    "likely": "likely to pay here: measured benchmarks whose questions return this often gained.",
    "unlikely": "unlikely to pay here: no measured benchmark like this gained beyond chance.",
    "open": "neither likely nor unlikely to pay: no measured benchmark is near. Try wbrag run; it validates before it "
    "serves.",
}
