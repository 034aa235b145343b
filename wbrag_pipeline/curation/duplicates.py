"""Units that say the same become one, which keeps the sources and questions of all.

Candidates are found by a hash, by MinHash over words and by the encoder's vectors; what decides is the words of
their sentences, and where those leave it open the generator, asked both ways. Nothing is merged across titles (two
things of one name) unless it comes of the same passages, nor across access labels, nor where a number, a date, a name
or what turns a meaning differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wbrag_pipeline.curation.details import details_of, normalized
from wbrag_pipeline.curation.neighbours import near_pairs
from wbrag_pipeline.curation.unit import MERGED, Unit
from wbrag_pipeline.generation.generator import Generator, Passage
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.sentences import split_sentences

# Share of words (Jaccard) two sentences have in common before a generator is asked whether they say the same.
_ALIKE = 0.5
# What the generator must give, both ways, as a probability. A language model says it for certain; the embedded reader,
# which takes "wrote the play" for "directed the play" at 0.95, hardly ever gets there.
LEAST_AGREEMENT = 0.995


def merge_duplicates(units: Sequence[Unit], encoder: Encoder, generator: Generator) -> None:
    """Merge, in place, the published ones of ``units`` that say no more than another one under the same labels.

    The survivor says more, or has more sources behind it, or has the lower id. A unit gives way only to one that it
    was itself compared with: likeness is not handed on along a chain.
    """
    first: dict[tuple[str, ...], Unit] = {}
    for unit in sorted((unit for unit in units if unit.published), key=lambda unit: (-len(unit.sources), unit.unit_id)):
        survivor = first.setdefault((*unit.labels, "", normalized(unit.title), normalized(unit.text)), unit)
        if survivor is not unit:
            merge(unit, survivor, f"says word for word what {survivor.unit_id} says")
    # Sources after the merging above: what more passages state is the better survivor.
    left = sorted(first.values(), key=lambda u: (-len(split_sentences(u.text)), -len(u.sources), u.unit_id))
    pairs = [(left[i], left[j]) for i, j in near_pairs(left, encoder) if _of_one_thing(left[i], left[j])]
    for (survivor, unit), covered in zip(pairs, says_no_more(pairs, generator), strict=True):
        if covered and survivor.published and unit.published:
            merge(unit, survivor, f"says no more than {survivor.unit_id} does")


def _of_one_thing(one: Unit, other: Unit) -> bool:
    """Whether nobody sees one who may not see the other, and both are under one title or of the same passages."""
    alike = normalized(one.title) == normalized(other.title) or one.sources == other.sources
    return one.labels == other.labels and alike


def merge(unit: Unit, survivor: Unit, reason: str) -> None:
    """Let ``unit`` give way to ``survivor``, which takes over its sources and questions."""
    unit.leave(MERGED, reason, survivor.unit_id)
    survivor.sources = {**unit.sources, **survivor.sources}
    survivor.question_ids = sorted({*survivor.question_ids, *unit.question_ids})


def says_no_more(pairs: Sequence[tuple[Unit, Unit]], generator: Generator) -> list[bool]:
    """Whether the second unit of each pair says no more than the first: each sentence of it is one of the first's.

    Sentences are one when their words are, or when nothing that must not differ does and the generator takes each to
    follow from the other.
    """
    open_pairs: dict[int, list[tuple[Passage, Passage]]] = {}
    for place, (whole, part) in enumerate(pairs):
        open_sentences = _unmatched(whole, part)
        if open_sentences is not None:
            open_pairs[place] = open_sentences
    asked = [
        couple for couples in open_pairs.values() for one, other in couples for couple in ((one, other), (other, one))
    ]
    verdicts = generator.verify([claim.text for claim, _ in asked], [[source] for _, source in asked])
    same = dict.fromkeys(open_pairs, True)
    of_pair = [place for place, couples in open_pairs.items() for _ in range(2 * len(couples))]
    for place, verdict in zip(of_pair, verdicts, strict=True):
        same[place] &= not verdict.failed and verdict.supports >= LEAST_AGREEMENT
    return [same.get(place, False) for place in range(len(pairs))]


def _unmatched(whole: Unit, part: Unit) -> list[tuple[Passage, Passage]] | None:
    """The sentences of ``part`` that are not found by their words in ``whole``, each with the one it may be there.

    None where one of them can be no sentence of ``whole``.
    """
    there = {details_of(sentence): sentence for sentence in split_sentences(whole.text)}
    held = {wording.tokens for wording in there}
    found = []
    for sentence in split_sentences(part.text):
        wording = details_of(sentence)
        if wording.tokens in held:
            continue
        alike = [(_share(wording.tokens, other.tokens), text) for other, text in there.items() if wording.agrees(other)]
        if not alike or max(alike)[0] < _ALIKE:
            return None
        found.append((Passage(part.unit_id, part.title, sentence), Passage(whole.unit_id, whole.title, max(alike)[1])))
    return found


def _share(left: Iterable[str], right: Iterable[str]) -> float:
    a, b = set(left), set(right)
    return len(a & b) / max(1, len(a | b))
