"""Questions without people: ``python -m training.cloze --home DIR --corpus NAME --data DIR --out cloze.jsonl.gz``.

A sentence of a passage loses a few words that another passage says as well; what is left, with a question word in the
gap, is the question, and the other passage holds the answer. (After the recurring spans of Ram et al. 2021, "Few-Shot
Question Answering by Pretraining Span Selection", section 3, and the span selection of Glass et al. 2020, section 3.)

The corpus must have been indexed in the home: neighbours are looked for among its vectors. No passage is used that
shares eight words in a row with a held-back context.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch

from training.examples import held_back, read_records
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.encoder import load_encoder
from wbrag_pipeline.retrieval.index import open_index
from wbrag_pipeline.settings import Settings

NEAREST, DUPLICATE = 10, 0.95  # passages looked at beside one, itself included; cosine from which one is a copy
A_PASSAGE = 3  # questions at most
SENTENCE_WORDS, ANSWER_WORDS, ANSWER_CHARACTERS = range(7, 46), 7, 80
DULL, RARE = 150, 300  # so many of the commonest words answer nothing; a word in so few passages says something
_WORD = re.compile(r"[\w'’\-.]*\w")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")

Word = tuple[str, int, int]  # in lower case, with its first and last character + 1


@dataclass(frozen=True)
class Gap:
    """Words ``first`` to ``first + length`` of a sentence, and where passage ``other`` says them (characters)."""

    likeness: float
    other: int
    first: int
    length: int
    begin: int
    end: int


class Corpus:
    """Passages with their words and neighbours.

    near: for each passage its nearest ones with their cosines. barred: passages that must not be used.
    """

    def __init__(self, titles: list[str], texts: list[str], vectors: torch.Tensor, barred_runs: set[tuple[str, ...]]):
        self.titles, self.texts = titles, texts
        self.words: list[list[Word]] = [
            [(m.group().lower(), m.start(), m.end()) for m in _WORD.finditer(text)] for text in texts
        ]
        self.barred = [not barred_runs.isdisjoint(eights(words)) for words in self.words]
        self.frequency = Counter(word for words in self.words for word in {w[0] for w in words})
        self.dull = {word for word, _ in self.frequency.most_common(DULL)}
        self.near: list[list[tuple[int, float]]] = []
        for first in range(0, len(texts), 1024):
            scores, places = (vectors[first : first + 1024] @ vectors.T).topk(min(NEAREST, len(texts)))
            self.near += [
                list(zip(row, alike, strict=True)) for row, alike in zip(places.tolist(), scores.tolist(), strict=True)
            ]

    def sentences(self, place: int) -> list[tuple[int, int]]:
        """Character ranges of a passage's sentences."""
        text = self.texts[place]
        cuts = [m.span() for m in _SENTENCE_END.finditer(text)]
        return list(zip([0, *(end for _, end in cuts)], [*(begin for begin, _ in cuts), len(text)], strict=True))

    def best_gap(self, place: int, begin: int, end: int, sentence: list[Word], rng: random.Random) -> Gap | None:
        """The words of a sentence that a neighbour, or the rest of the passage, says in the most similar company."""
        content = {word for word, _, _ in sentence} - self.dull
        title = self.titles[place].lower()
        found = []
        for other, cosine in self.near[place]:
            same = other == place
            if not same and (self.barred[other] or cosine > DUPLICATE):
                continue
            words = self.words[other]
            if same:
                words = [w for w in words if w[2] <= begin or w[1] >= end]
            for first, (length, starts) in runs_in_common(sentence, words).items():
                while length and sentence[first][0] in self.dull:
                    first, length, starts = first + 1, length - 1, [at + 1 for at in starts]
                while length and sentence[first + length - 1][0] in self.dull:
                    length -= 1
                if not 0 < length <= ANSWER_WORDS:
                    continue
                answer = self.texts[place][sentence[first][1] : sentence[first + length - 1][2]]
                proper = (answer[0].isupper() and first > 0) or answer[0].isdigit()
                rarest = min(self.frequency[word] for word, _, _ in sentence[first : first + length])
                if not proper and length < 2 and rarest > RARE:
                    continue
                rest = content - {word for word, _, _ in sentence[first : first + length]}
                company, back = max(
                    (len(rest & {w[0] for w in words[max(0, at - 15) : at + length + 15]}), -at) for at in starts
                )
                at = -back
                if company < 2 or words[at + length - 1][2] - words[at][1] > ANSWER_CHARACTERS:
                    continue
                worth = company + (1.5 if proper else 0) + rng.random() * 2 - (2 if answer.lower() in title else 0)
                found.append((worth, other, first, length, words[at][1], words[at + length - 1][2]))
        return Gap(*max(found)) if found else None


def eights(words: list[Word]) -> Iterator[tuple[str, ...]]:
    """Every eight words in a row."""
    return (tuple(word for word, _, _ in words[at : at + 8]) for at in range(len(words) - 7))


def runs_in_common(sentence: list[Word], words: list[Word]) -> dict[int, tuple[int, list[int]]]:
    """Longest runs of words of a sentence that ``words`` has too: first word to length and places in ``words``."""
    places = defaultdict(list)
    for at, (word, _, _) in enumerate(words):
        places[word].append(at)
    runs: dict[int, tuple[int, list[int]]] = {}
    first = 0
    while first < len(sentence):
        longest, starts = 0, []
        for at in places.get(sentence[first][0], ()):
            length = 0
            while (
                first + length < len(sentence)
                and at + length < len(words)
                and sentence[first + length][0] == words[at + length][0]
            ):
                length += 1
            if length > longest:
                longest, starts = length, [at]
            elif length == longest:
                starts.append(at)
        if longest:
            runs[first] = longest, starts
        first += longest or 1
    return runs


def question_word(answer: str, rng: random.Random) -> str:
    """What asks for such an answer, going by its looks."""
    if re.fullmatch(r"(1[0-9]|20)\d\d", answer):
        return rng.choice(["when", "what year", "in what year"])
    if re.match(r"^[\d,.]+", answer):
        return rng.choice(["how many", "how much", "what number", "what"])
    if answer[:1].isupper():
        return rng.choice(["who", "what", "which", "where", "what"])
    return rng.choice(["what", "what", "what", "which", "how"])


def ask(text: str, sentence: list[Word], gap: Gap, rng: random.Random) -> str:
    """The sentence around its gap, up to twelve words on each side, with the question word in the gap or in front."""
    before, after = rng.randint(3, 12), rng.randint(3, 12)
    first, end = gap.first, gap.first + gap.length
    left = text[sentence[max(0, first - before)][1] : sentence[first][1]] if first else ""
    right = text[sentence[end - 1][2] : sentence[min(len(sentence) - 1, end - 1 + after)][2]]
    word = question_word(text[sentence[first][1] : sentence[end - 1][2]], rng)
    in_place = rng.random() < 0.5
    question = left + word + right if in_place else f"{word}{right}{' ' if left else ''}{left.strip()}"
    return re.sub(r"\s+", " ", question).strip(" ,.;") + "?"


def questions_of(corpus: Corpus, place: int, rng: random.Random) -> list[dict[str, Any]]:
    """At most ``A_PASSAGE`` questions made of a passage's sentences, as rows of the file."""
    text, found = corpus.texts[place], []
    for begin, end in corpus.sentences(place):
        sentence = [w for w in corpus.words[place] if begin <= w[1] and w[2] <= end]
        if len(sentence) in SENTENCE_WORDS and (gap := corpus.best_gap(place, begin, end, sentence, rng)):
            found.append((gap, sentence, begin, end))
    rng.shuffle(found)
    rows = []
    for gap, sentence, begin, end in found[:A_PASSAGE]:
        answer = text[sentence[gap.first][1] : sentence[gap.first + gap.length - 1][2]]
        question = ask(text, sentence, gap, rng)
        context, moved = corpus.texts[gap.other], 0
        if gap.other == place:
            context, moved = text[:begin] + text[end:], 0 if gap.end <= begin else end - begin
        start, stop = gap.begin - moved, gap.end - moved
        if _letters(context[start:stop]) != _letters(answer):  # across the seam where the sentence was
            continue
        head = corpus.titles[gap.other] + "\n" if rng.random() < 0.5 else ""
        near = [
            other
            for other, cosine in corpus.near[place]
            if other != place and cosine < DUPLICATE and not corpus.barred[other]
        ]
        without = (corpus.texts[n] for n in near if context[start:stop].lower() not in corpus.texts[n].lower())
        rows.append(
            {
                "question": question,
                "context": head + context,
                "start": start + len(head),
                "end": stop + len(head),
                "without": next(without, None),
            }
        )
    return rows


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text.lower())


def main() -> None:
    """Write one JSON object a line: question, context, start and end of the answer, and a passage ``without`` it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--data", type=Path, required=True, help="the training data, for what is held back")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = Settings(home=options.home)
    state = current_state(settings, options.corpus)
    if state is None:
        raise SystemExit(f"{options.corpus} has no index in {options.home}: materialize corpus_index first")
    index = open_index(state.folder, load_encoder(settings.encoder))
    passages = pl.read_parquet(state.passages)
    rows = pl.DataFrame({"passage_id": index.ids}).join(passages, on="passage_id", how="left", maintain_order="left")
    contexts = (r["context"] for r in read_records(options.data) if held_back(r["context"]))
    barred = {run for c in contexts for run in eights([(m.group().lower(), 0, 0) for m in _WORD.finditer(c)])}
    vectors = torch.tensor(index.vectors())
    corpus = Corpus(rows["title"].to_list(), rows["text"].to_list(), vectors, barred)
    rng, made = random.Random(options.seed), []
    with progress_bar("Making questions", len(corpus.texts), unit="passage") as advance:
        for place in range(len(corpus.texts)):
            made += [] if corpus.barred[place] else questions_of(corpus, place, rng)
            advance(1)
    rng.shuffle(made)
    with gzip.open(options.out, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in made)
    print(f"{len(made)} questions, {sum(corpus.barred)} passages left out")


if __name__ == "__main__":
    main()
