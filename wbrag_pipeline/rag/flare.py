"""FLARE: look ahead, and where the look-ahead is unsure, search with it and write that sentence anew.

Jiang et al., "Active Retrieval Augmented Generation" (2023), section 3.2 (FLARE-direct with masked queries). As there,
the first look-ahead reads the passages that the question itself found. Two things are otherwise here, because answers
are short: the question stands in every query (a masked short answer may be two words), and what the generator wrote
after the sentence that was made anew serves as the next look-ahead, so a round is one call and not two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Answer, Generator, LooksAhead, Passage, Usage, language_of
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.rag import method_options
from wbrag_pipeline.sentences import split_sentences

if TYPE_CHECKING:
    from wbrag_pipeline.rag.policy import Retrieve


@dataclass(frozen=True)
class Flare:
    """Retrieves again where it is unsure of what it is about to say.

    theta: a sentence with a token less likely than this is searched for and written anew; 0.8 in the paper.
    beta: tokens less likely than this are left out of the query; 0.4 in the paper.
    rounds: at most so many searches a question; the paper has no bound.
    """

    theta: float = 0.8
    beta: float = 0.4
    rounds: int = 3

    def __post_init__(self) -> None:
        method_options.require_share("theta", self.theta)
        method_options.require_share("beta", self.beta)
        if self.rounds < 1:
            raise InputError(f"must be at least 1, not {self.rounds}", field="rounds")

    @property
    def name(self) -> str:
        """``flare``, with its options where changed."""
        return method_options.spell("flare", self)

    @property
    def needs(self) -> tuple[str, ...]:
        """To see where it is unsure, and to go on from what is written."""
        return ("logprobs", "continues")

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """Answers, a round of all unsure questions at a time; without ``retrieve`` it is naive RAG.

        Answers that are unsure of a sentence when the rounds are used up stay as they are, and are counted.
        """
        drafts = [_Draft(question, row) for question, row in zip(questions, passages, strict=True)]
        _look_ahead(generator, drafts, task)
        for _ in range(self.rounds if retrieve else 0):
            unsure = [draft for draft in drafts if draft.is_unsure(self.theta)]
            if not unsure or retrieve is None:
                break
            found = retrieve([draft.query(self.beta) for draft in unsure])
            for draft, row in zip(unsure, found, strict=True):
                draft.passages = row
            _look_ahead(generator, unsure, task)
            for draft in unsure:
                draft.accept()
        if retrieve is not None:
            left = sum(draft.is_unsure(self.theta) for draft in drafts)
            generator.count_incidents(Usage(flare_rounds_exhausted=left))
        return [draft.answer() for draft in drafts]


@dataclass(frozen=True)
class DraftSentence:
    """A sentence of a look-ahead, with its tokens and their probabilities."""

    text: str
    tokens: tuple[tuple[str, float], ...]

    @property
    def least(self) -> float:
        """Probability of the least likely token; nothing at all is as unsure as can be."""
        return min((probability for _, probability in self.tokens), default=0.0)


@dataclass
class _Draft:
    """One answer in the making: what is written for good, and the look-ahead beyond it."""

    question: str
    passages: Sequence[Passage]
    written: list[DraftSentence] = field(default_factory=list)
    ahead: list[DraftSentence] = field(default_factory=list)
    finished: bool = True
    failed: bool = False

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.written if sentence.text)

    def accept(self) -> None:
        """Keep the next sentence, however sure it is."""
        if not self.failed:
            self.written.append(self.ahead.pop(0))

    def is_unsure(self, theta: float) -> bool:
        """Keep what is sure; whether a sentence that is not comes then."""
        while self.ahead and not self.failed and self.ahead[0].least >= theta:
            self.accept()
        return bool(self.ahead) and not self.failed

    def query(self, beta: float) -> str:
        """The question and the unsure sentence without its least likely tokens."""
        kept = "".join(token if probability >= beta else " " for token, probability in self.ahead[0].tokens)
        return " ".join(f"{self.question} {kept}".split())

    def answer(self) -> Answer:
        if self.failed:
            return Answer("", failed=True)
        self.written += self.ahead
        tokens = tuple(token for sentence in self.written for token in sentence.tokens)
        return Answer(self.text, math.prod(p for _, p in tokens), tokens, finished=self.finished)


def _look_ahead(generator: Generator, drafts: Sequence[_Draft], task: Task) -> None:
    questions, passages = [draft.question for draft in drafts], [draft.passages for draft in drafts]
    if isinstance(generator, LooksAhead):
        found = generator.look_ahead(questions, passages, [draft.text for draft in drafts], task)
        ahead = [draft_sentences(answer, language_of(generator)) for answer in found]
    else:
        # No probabilities of tokens, so the answer is one token as likely as it is. A trait of the generator (the
        # embedded reader) and no incident: it is so for every answer.
        found = generator.answer(questions, passages, task)
        ahead = [[DraftSentence(answer.text, ((answer.text, answer.probability),))] for answer in found]
    for draft, answer, sentences in zip(drafts, found, ahead, strict=True):
        draft.ahead, draft.failed = sentences, answer.failed
        draft.finished = not answer.cut


def draft_sentences(answer: Answer, language: str = ENGLISH) -> list[DraftSentence]:
    """The sentences of the answer's first line with their tokens; one without tokens where there is no text."""
    line = next(iter(answer.text.strip().splitlines()), "")
    texts = split_sentences(line, language)
    tokens = answer.token_probabilities
    start = "".join(token for token, _ in tokens).find(line)
    if not texts or start < 0:
        # Pieces of characters do not add up to the text: one token, as likely as the whole. Not counted: the line is
        # searched for all the same, if anything more readily, since the whole is no likelier than any of its tokens.
        return [DraftSentence(line, ((line, answer.probability),) if line else ())]
    # Sentences have their blanks squeezed, so places are counted in characters that are not blank.
    ends = [sum(len("".join(text.split())) for text in texts[: n + 1]) for n in range(len(texts))]
    grouped: list[list[tuple[str, float]]] = [[] for _ in texts]
    seen, place = 0, 0
    for token, probability in tokens:
        # Blanks before the line and an end mark after it are no part of it.
        if place + len(token) > start and seen < ends[-1] and token.strip():
            grouped[next(n for n, end in enumerate(ends) if seen < end)].append((token, probability))
            seen += len("".join(token.split()))
        place += len(token)
    return [DraftSentence(text, tuple(group)) for text, group in zip(texts, grouped, strict=True)]
