"""The embedded reader as a generator: it answers by pointing into passages and distils by selecting sentences."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, Task
from wbrag_pipeline.generation.accounts.completions import CompletionCache, complete, count
from wbrag_pipeline.generation.evidence_groups import evidence_groups
from wbrag_pipeline.generation.generator import Answer, Assessment, Distillate, Passage, Usage, Verdict
from wbrag_pipeline.generation.reader import choosing, extraction
from wbrag_pipeline.generation.reader.network import HeadKind, ReaderNetwork, Reading
from wbrag_pipeline.generation.valid_values import valid_count, valid_list, valid_number, valid_probability, valid_text
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.minilm import load_tokenizer
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.settings import DEFAULT_ENCODER
from wbrag_pipeline.storage import sha256_of_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# A batch is what a kill can cost, and how often the bar moves: on an old machine 64 pairs are some six seconds.
_PAIRS_A_BATCH = 64
_UNITS_A_BATCH = 8
# What a sentence gains when the reader found its own answer in it; cosines lie about 0.3 to 0.8.
_EVIDENCE_BONUS = 0.3


class Reader:
    """Implements ``generation.generator.Generator`` on a CPU, with no network and no other weights.

    A call in the cache's sense is one (question, passage) pair: an answer from five passages is five pairs, and
    the document gate's standalone scores find theirs already read.
    """

    name = "reader"
    language = ENGLISH

    def __init__(self, cache: CompletionCache | None = None, network: ReaderNetwork | None = None) -> None:
        self._network = network or ReaderNetwork.load()
        self._cache = cache
        self._tokenizer: Tokenizer | None = None
        self.usage = Usage()

    @property
    def prompt_version(self) -> str:
        """Version of how units are selected, and the language by whose sentences, where it is not English."""
        return "extractive-1" if self.language == ENGLISH else f"extractive-1-{self.language}"

    def in_language(self, language: str) -> Reader:
        """See ``generator.SpeaksLanguages``; it changes where sentences end, and the network stays an English one."""
        if language == self.language:
            return self
        spoken = copy.copy(self)
        spoken.language = language
        return spoken

    @property
    def fingerprint(self) -> str:
        """Hash of base weights, adapter and precision."""
        return self._network.fingerprint

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        """One answer a question from all its passages; with none, what the label heads say unread, or ""."""
        answers = []
        for question, given, readings in zip(
            questions, passages, self._read_all(questions, passages, task), strict=True
        ):
            if _kind(question, task) == "span":
                answers.append(choosing.choose_span(readings, given))
            else:
                answers.append(_label(question, readings, choosing.label_weights(given), task))
        return answers

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        """RePlug's mixture: over label probabilities, or over the answers' texts where answers are spans.

        An evidence group counts once where texts are voted on; a mean over labels gains nothing from it.
        """
        answers = []
        for question, given, row, readings in zip(
            questions, passages, weights, self._read_all(questions, passages, task), strict=True
        ):
            if _kind(question, task) == "span":
                answers.append(choosing.vote(readings[: len(row)], row, evidence_groups(given)))
            else:
                answers.append(_label(question, readings, row or [1.0], task))
        return answers

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        """Relevant: the passage answers the question. Supported: it gives this answer. Useful: both at once."""
        alone = [[passage] for passage in passages]
        again = self.answer(questions, alone, task)
        verdicts = []
        for readings, found, answer in zip(self._read_all(questions, alone, task), again, answers, strict=True):
            relevant = choosing.answerability(readings[0])
            supported = found.probability if found.text.strip().lower() == answer.strip().lower() else 0.0
            verdicts.append(Assessment(relevant, supported, relevant * supported))
        return verdicts

    def wants_retrieval(self, questions: Sequence[str], task: Task) -> list[float | None]:
        """1 - the surer of the two decided labels, unread; 1 where answers are spans, which nothing unread can give."""
        needs: list[float | None] = []
        for question, readings in zip(questions, self._read_all(questions, [()] * len(questions), task), strict=True):
            span = _kind(question, task) == "span"
            needs.append(1.0 if span else 1.0 - max(readings[0].probabilities[:2]))
        return needs

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        """Labels: the passages' mixture at this label. Spans: ``choosing.answer_agreement``.

        None where there is no passage: this reader knows nothing by itself that an answer could be held against.
        """
        judged: list[float | None] = []
        everything = self._read_all(questions, passages, task)
        for question, given, readings, answer in zip(questions, passages, everything, answers, strict=True):
            if not given:
                judged.append(None)
            elif _kind(question, task) == "span":
                judged.append(choosing.answer_agreement(readings, answer))
            else:
                shares = dict(choosing.choose_label(readings, [1.0] * len(readings), task).token_probabilities)
                word = {"yes": "True", "no": "False"}.get(answer.strip().lower(), answer)
                judged.append(shares.get(word, 0.0))
        return judged

    def verify(self, claims: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Verdict]:
        """The verdict head's mixture over the passages; without any, nothing is decided."""
        verdicts = []
        for given, readings in zip(passages, self._read_all(claims, passages, FACT_VERIFICATION), strict=True):
            chosen = choosing.choose_label(readings, [1.0] * len(readings), FACT_VERIFICATION)
            shares = dict(chosen.token_probabilities)
            supports, refutes, undecided = (shares[label] for label in FACT_VERIFICATION.choices)
            verdicts.append(Verdict(supports, refutes, undecided) if given else Verdict(0.0, 0.0, 1.0))
        return verdicts

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One unit a question, of its passages' sentences (``extraction.compose``): its way of writing, no fallback."""
        requests = list(zip(questions, (tuple(row) for row in passages), strict=True))
        with progress_bar("distilling", len(requests)) as advance:
            units = complete(
                requests,
                lambda request: sha256_of_text(
                    "distill", self.fingerprint, self.prompt_version, request[0], *_texts(request[1])
                ),
                self._distill,
                cache=self._cache,
                usage=self.usage,
                batch=_UNITS_A_BATCH,
                read=lambda value: [valid_text(text) for text in valid_list(value, 2)],
                advance=advance,
            )
        return [Distillate(title, text) for title, text in units]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without special tokens."""
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer()
        return [len(coded.ids) for coded in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def count_incidents(self, incidents: Usage) -> None:
        """See the protocol."""
        count(incidents, cache=self._cache, usage=self.usage, engine=self.name)

    def _read_all(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task
    ) -> list[list[Reading]]:
        """Readings of each question's passages. Label tasks without a passage read the question alone."""
        requests: list[tuple[HeadKind, str, str]] = []
        sizes = []
        for question, given in zip(questions, passages, strict=True):
            kind = _kind(question, task)
            contexts = [f"{p.title}\n{p.text}" for p in given] or ([""] if kind != "span" else [])
            requests += [(kind, question, context) for context in contexts]
            sizes.append(len(contexts))
        readings = iter(self._read(requests))
        return [[next(readings) for _ in range(size)] for size in sizes]

    def _read(self, requests: Sequence[tuple[HeadKind, str, str]]) -> list[Reading]:
        with progress_bar("reading", len(requests)) as advance:
            readings = complete(
                requests,
                lambda request: sha256_of_text("read", self.fingerprint, *request),
                self._read_batch,
                cache=self._cache,
                usage=self.usage,
                batch=_PAIRS_A_BATCH,
                read=_reading,
                advance=advance,
            )
        self.count_incidents(Usage(inputs_cut=sum(reading.cut for reading in readings)))
        return readings

    def _read_batch(self, requests: list[tuple[HeadKind, str, str]]) -> list[list[Any]]:
        values: list[list[Any]] = [[] for _ in requests]
        for kind in ("span", "yes_no", "verdict"):
            places = [i for i, request in enumerate(requests) if request[0] == kind]
            pairs = [requests[i][1:] for i in places]
            for i, r in zip(places, self._network.read(kind, pairs) if pairs else [], strict=True):
                values[i] = [r.text, r.score, r.null_score, list(r.probabilities), r.start, r.end, r.cut]
        return values

    def _distill(self, requests: list[tuple[str, tuple[Passage, ...]]]) -> list[list[str]]:
        encoder = load_encoder(DEFAULT_ENCODER)
        sentences = [extraction.sentences_of(passages, self.language) for _, passages in requests]
        flat = [
            (passages[s.passage].title, s.text)
            for (_, passages), found in zip(requests, sentences, strict=True)
            for s in found
        ]
        vectors = iter(encoder.encode_passages([title for title, _ in flat], [text for _, text in flat]))
        asked = encoder.encode_queries([question for question, _ in requests])
        pairs: list[tuple[HeadKind, str, str]] = [
            ("span", question, f"{p.title}\n{p.text}") for question, passages in requests for p in passages
        ]
        readings = iter(self._read(pairs))
        texts = sorted({text for pair in flat for text in pair} | {p.title for _, row in requests for p in row})
        tokens = dict(zip(texts, self.count_tokens(texts), strict=True))
        units = []
        for (_, passages), found, query in zip(requests, sentences, asked, strict=True):
            read = [next(readings) for _ in passages]
            relevance = [
                float(next(vectors) @ query) + _EVIDENCE_BONUS * _holds(read[sentence.passage], sentence)
                for sentence in found
            ]
            unit = extraction.compose(passages, found, relevance, tokens.__getitem__)
            units.append([unit.title, unit.text])
        return units


def _reading(value: Any) -> Reading:
    """The reading in a stored value. Raises ValueError for what cannot be one.

    Earlier versions did not store whether a pair was cut; theirs count as whole.
    """
    text, score, null, shares, start, end, cut = valid_list([*valid_list(value), False][:7], 7)
    probabilities = tuple(valid_probability(share) for share in valid_list(shares))
    if len(probabilities) not in (0, 3):
        raise ValueError("as many probabilities as no head has")
    scores, places = (valid_number(score), valid_number(null)), (valid_count(start), valid_count(end))
    return Reading(valid_text(text), *scores, probabilities, *places, bool(cut))


def _holds(reading: Reading, sentence: extraction.SourceSentence) -> float:
    """How sure the reader is that its answer stands in this sentence, in [0, 1]."""
    if not reading.text or " ".join(reading.text.split()) not in sentence.text:
        return 0.0
    return choosing.answerability(reading)


def _kind(question: str, task: Task) -> HeadKind:
    return "yes_no" if task.kind == "span" and choosing.is_polar(question) else task.kind


def _label(question: str, readings: Sequence[Reading], weights: Sequence[float], task: Task) -> Answer:
    answer = choosing.choose_label(readings, weights, task)
    if task.kind == "span":  # a yes/no question among free-text ones is answered in its own words
        return Answer({"True": "yes", "False": "no"}[answer.text], answer.probability)
    return answer


def _texts(passages: Sequence[Passage]) -> list[str]:
    return [text for passage in passages for text in (passage.title, passage.text)]
