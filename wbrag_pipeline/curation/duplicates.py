"""Units that say the same become one, which keeps the sources and questions of all.

Candidates are found by a hash, by MinHash over words and by the encoder's vectors; what decides is the words of
their sentences, and where those leave it open the generator, asked both ways. Nothing is merged across titles (two
things of one name) unless it comes of the same passages, nor across access labels, nor where a number, a date, a name
or what turns a meaning differs.

Not every pair is looked at. A sentence that is to be found in another unit has its details there too, so units are
put into buckets by title or sources and by the details of each sentence, and a unit is compared with those that share
its rarest sentence. Buckets are bounded (``MOST_ALIKE``): a thousand tickets from one template would otherwise be half
a million comparisons. What a bound leaves out is not merged, and no more: nothing is kept out for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from wbrag_pipeline.curation.details import Details, details_of, normalized
from wbrag_pipeline.curation.known_languages import words_of_language
from wbrag_pipeline.curation.neighbours import Neighbours
from wbrag_pipeline.curation.unit import MERGED, Unit
from wbrag_pipeline.generation.generator import Generator, Passage
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.sentences import split_sentences

# Share of words (Jaccard) two sentences have in common before a generator is asked whether they say the same.
_ALIKE = 0.5
# What the generator must give, both ways, as a probability. A language model says it for certain; the embedded reader,
# which takes "wrote the play" for "directed the play" at 0.95, hardly ever gets there.
LEAST_AGREEMENT = 0.995
# Of a bucket's units, those that a further one is compared with: the first, which say most. Its nearest neighbours by
# vectors come on top of them.
MOST_ALIKE = 64
# With how many of those that its words leave open the generator is asked: the ones with most words in common.
MOST_ASKED = 8


@dataclass(frozen=True)
class _Read:
    """A unit taken apart, once: its sentences with their details."""

    unit: Unit
    sentences: tuple[tuple[str, Details], ...]

    @classmethod
    def of(cls, unit: Unit) -> _Read:
        words = words_of_language(unit.language)
        sentences = split_sentences(unit.text, unit.language)
        return cls(unit, tuple((sentence, details_of(sentence, words)) for sentence in sentences))

    @cached_property
    def things(self) -> tuple[tuple[object, ...], ...]:
        """What it is about. Units with one in common are seen by the same readers, and have a title or all sources."""
        labels = self.unit.labels
        return (
            (labels, "title", normalized(self.unit.title)),
            (labels, "sources", frozenset(self.unit.sources.items())),
        )

    @cached_property
    def by_details(self) -> dict[tuple[object, ...], list[tuple[Details, str]]]:
        """Its sentences by what must not differ."""
        found: dict[tuple[object, ...], list[tuple[Details, str]]] = defaultdict(list)
        for wording, sentence in {wording: sentence for sentence, wording in self.sentences}.items():
            found[_must_agree(wording)].append((wording, sentence))
        return found

    @cached_property
    def wordings(self) -> frozenset[tuple[str, ...]]:
        """Its sentences as words."""
        return frozenset(wording.tokens for _, wording in self.sentences)


@dataclass(frozen=True)
class _Candidate:
    """A unit that may say all that another one says; ``open_sentences`` are those that words do not decide."""

    whole: int
    open_sentences: list[tuple[Passage, Passage]] = field(default_factory=list)
    likeness: float = 1.0


def merge_duplicates(units: Sequence[Unit], encoder: Encoder, generator: Generator) -> set[str]:
    """Merge, in place, the published ones of ``units`` that say no more than another one under the same labels.

    The survivor says more, or has more sources behind it, or has the lower id. A unit gives way only to one that it
    was itself compared with: likeness is not handed on along a chain.

    Gives the ids of units whose bucket was fuller than ``MOST_ALIKE``.
    """
    first: dict[tuple[str, ...], Unit] = {}
    merged: dict[str, list[Unit]] = defaultdict(list)
    for unit in sorted((unit for unit in units if unit.published), key=lambda unit: (-len(unit.sources), unit.unit_id)):
        survivor = first.setdefault((*unit.labels, "", normalized(unit.title), normalized(unit.text)), unit)
        if survivor is not unit:
            unit.leave(MERGED, f"says word for word what {survivor.unit_id} says", survivor.unit_id)
            merged[survivor.unit_id].append(unit)
    for survivor in first.values():
        _take_over(survivor, merged.pop(survivor.unit_id, []))
    # Sources after the merging above: what more passages state is the better survivor.
    read = sorted(
        map(_Read.of, first.values()), key=lambda r: (-len(r.sentences), -len(r.unit.sources), r.unit.unit_id)
    )
    candidates, in_part = _candidates(read, Neighbours([r.unit for r in read], encoder))
    covered = _covered(read, candidates, generator)
    for part, found in enumerate(covered):
        unit = read[part].unit
        survivor_read = next((read[whole] for whole in found if read[whole].unit.published), None)
        if survivor_read is not None:
            survivor = survivor_read.unit
            unit.leave(MERGED, f"says no more than {survivor.unit_id} does", survivor.unit_id)
            merged[survivor.unit_id].append(unit)
    for r in read:
        _take_over(r.unit, merged.get(r.unit.unit_id, []))
    return {read[place].unit.unit_id for place in in_part}


def _take_over(survivor: Unit, units: Sequence[Unit]) -> None:
    """Give the survivor the sources and questions of all that gave way to it; its own hashes stay."""
    if units:
        sources: dict[str, str] = {}
        for unit in (*reversed(units), survivor):
            sources.update(unit.sources)
        survivor.sources = sources
        questions = {question for unit in (survivor, *units) for question in unit.question_ids}
        survivor.question_ids = sorted(questions)


def _candidates(read: Sequence[_Read], near: Neighbours) -> tuple[list[list[_Candidate]], list[int]]:
    """For each unit those before it that may say all it says, in order; and whose buckets were not looked at whole."""
    buckets: dict[tuple[object, ...], list[int]] = defaultdict(list)
    merged: set[int] = set()  # whatever the generator says, and so nothing is merged with them
    undecided: set[int] = set()
    candidates: list[list[_Candidate]] = []
    in_part = []
    for part, it in enumerate(read):
        holders = _rarest(it, buckets)
        if any(len(bucket) > MOST_ALIKE for bucket in holders):
            in_part.append(part)
        compared = near.nearest[part].union(*(bucket[:MOST_ALIKE] for bucket in holders))
        found = []
        for whole in sorted(compared - merged):
            if (candidate := _compared(whole, read[whole], it, near, part)) is None:
                continue
            found.append(candidate)
            if not candidate.open_sentences and whole not in undecided:
                break  # if to none before, it gives way to this one
        candidates.append(_closest(found))
        if found and not found[0].open_sentences and found[0].whole not in undecided:
            merged.add(part)
            continue
        if found:
            undecided.add(part)
        for key in dict.fromkeys(key for _, wording in it.sentences for key in _keys(it, wording)):
            buckets[key].append(part)
    return candidates, in_part


def _compared(whole: int, one: _Read, it: _Read, near: Neighbours, part: int) -> _Candidate | None:
    if not {*one.things} & {*it.things} or not near.alike(whole, part):
        return None
    unmatched = _unmatched(one, it)
    if unmatched is None:
        return None
    shares = [share for share, *_ in unmatched]
    return _Candidate(whole, [(part, other) for _, part, other in unmatched], min(shares, default=1.0))


def _rarest(it: _Read, buckets: dict[tuple[object, ...], list[int]]) -> list[list[int]]:
    """The buckets of that of its sentences which fewest units may have."""
    holders = [[buckets[key] for key in _keys(it, wording) if key in buckets] for _, wording in it.sentences]
    return min(holders, key=lambda found: sum(map(len, found)), default=[])


def _keys(it: _Read, wording: Details) -> Iterator[tuple[object, ...]]:
    for thing in it.things:
        yield (*thing, wording.tokens)
        yield (*thing, _must_agree(wording))


def _must_agree(wording: Details) -> tuple[object, ...]:
    return wording.numbers, wording.names, wording.turns


def _closest(found: Sequence[_Candidate]) -> list[_Candidate]:
    """``found`` without those that the generator would have to be asked about beyond the most alike ones."""
    asked = [candidate for candidate in found if candidate.open_sentences]
    kept = {c.whole for c in sorted(asked, key=lambda c: (-c.likeness, c.whole))[:MOST_ASKED]}
    return [candidate for candidate in found if not candidate.open_sentences or candidate.whole in kept]


def _covered(
    read: Sequence[_Read], candidates: Sequence[Sequence[_Candidate]], generator: Generator
) -> list[list[int]]:
    """Of each unit's candidates those of which each of its sentences is one.

    Sentences are one when their words are, or when nothing that must not differ does and the generator takes each to
    follow from the other.
    """
    asked = [
        couple
        for found in candidates
        for candidate in found
        for one, other in candidate.open_sentences
        for couple in ((one, other), (other, one))
    ]
    verdicts = iter(generator.verify([claim.text for claim, _ in asked], [[source] for _, source in asked]))

    def agreed(candidate: _Candidate) -> bool:
        both_ways = list(islice(verdicts, 2 * len(candidate.open_sentences)))
        return all(not verdict.failed and verdict.supports >= LEAST_AGREEMENT for verdict in both_ways)

    return [[candidate.whole for candidate in found if agreed(candidate)] for found in candidates]


def _unmatched(whole: _Read, part: _Read) -> list[tuple[float, Passage, Passage]] | None:
    """The sentences of ``part`` that are not found by their words in ``whole``, each with the one it may be there.

    With the share of words that they have in common. None where one of them can be no sentence of ``whole``.
    """
    found = []
    for sentence, wording in part.sentences:
        if wording.tokens in whole.wordings:
            continue
        alike = [
            (_share(wording.tokens, other.tokens), text)
            for other, text in whole.by_details.get(_must_agree(wording), ())
            if wording.agrees(other)
        ]
        if not alike or max(alike)[0] < _ALIKE:
            return None
        share, text = max(alike)
        one, other = part.unit, whole.unit
        found.append((share, Passage(one.unit_id, one.title, sentence), Passage(other.unit_id, other.title, text)))
    return found


def _share(left: Iterable[str], right: Iterable[str]) -> float:
    a, b = set(left), set(right)
    return len(a & b) / max(1, len(a | b))
