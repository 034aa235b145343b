"""Can a generator tell what a passage states? ``python -m perf.verdicts transformers:MODEL [--sentences 40]``.

Curation cuts what the generator does not find stated. Here it is asked about sentences of which it is known: of the
passage itself, of another passage, and of the passage with a number changed or with "not" put in. The passages are
those of the sample. Curation asks only about sentences that no source has word for word, and cuts those with a number
of their own without asking, so the last two kinds are harder than what it meets.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.generation.engines import load_generator
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.sentences import split_sentences

_LENGTHS = range(8, 36)  # words of a sentence
_NUMBER = re.compile(r"\b\d{2,4}\b")
_VERB = re.compile(r" (was|is|are|were|had|has) ")
Pairs = list[tuple[str, Passage]]


def sentences_of(passage: Passage) -> list[str]:
    """The whole sentences of a passage that are neither very short nor very long."""
    return [sentence for sentence in split_sentences(passage.text)[:-1] if len(sentence.split()) in _LENGTHS]


def pairs(passages: list[Passage], count: int) -> dict[str, Pairs]:
    """So many sentences of each kind at most, each with the passage that is asked about it."""
    found: dict[str, Pairs] = {"of the passage": [], "of another passage": [], "a number changed": [], "negated": []}
    for passage, other in zip(passages, passages[len(passages) // 2 :] + passages[: len(passages) // 2], strict=True):
        for kind, sentence in _sentences(passage, other):
            if len(found[kind]) < count:
                found[kind].append((sentence, passage))
    return found


def _sentences(passage: Passage, other: Passage) -> Iterator[tuple[str, str]]:
    own = sentences_of(passage)
    yield from (("of the passage", sentence) for sentence in own[-1:])
    yield from (("of another passage", sentence) for sentence in sentences_of(other)[-1:])
    for sentence in own:
        if number := _NUMBER.search(sentence):
            yield "a number changed", _NUMBER.sub(str(int(number.group()) + 7), sentence, count=1)
            break
    for sentence in reversed(own):
        if _VERB.search(sentence):
            yield "negated", _VERB.sub(r" \1 not ", sentence, count=1)
            break


def main() -> None:
    """Read the arguments, ask, and print how many of each kind are found stated and contradicted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("generator", help="as for wbrag run --generator")
    parser.add_argument("--sentences", type=int, default=40, help="of each kind, at most")
    options = parser.parse_args()
    rows = Registry.load(BUILT_IN / "none").passages("sample").select("passage_id", "title", "text").iter_rows()
    generator = load_generator(options.generator)
    for kind, asked in pairs([Passage(*row) for row in rows], options.sentences).items():
        verdicts = generator.verify([claim for claim, _ in asked], [[passage] for _, passage in asked])
        stated, contradicted = (
            sum(value >= 0.5 for value in values)
            for values in ([v.supports for v in verdicts], [v.refutes for v in verdicts])
        )
        print(f"{kind:<20} {len(asked):>4} sentences: {stated:>4} stated, {contradicted:>4} contradicted", flush=True)


if __name__ == "__main__":
    main()
