"""A language model as a generator: prompts over an engine, with completions remembered and calls accounted for."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, Task
from wbrag_pipeline.generation import ensemble, prompts
from wbrag_pipeline.generation.completions import CompletionCache
from wbrag_pipeline.generation.distiller import TwoStepDistiller
from wbrag_pipeline.generation.engine_protocol import Completion, Engine, Message, Request, require
from wbrag_pipeline.generation.evidence_groups import evidence_groups, share_weights
from wbrag_pipeline.generation.fitting import Incidents, ask_fitting, say_dropped
from wbrag_pipeline.generation.generator import Answer, Assessment, Distillate, Passage, Usage, Verdict
from wbrag_pipeline.generation.recorded_engine import RecordedEngine
from wbrag_pipeline.generation.reflection import Reflection
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.storage import sha256_of_text

# Room for an answer: short phrases; the longest choice; a verdict; HyDE's passage.
_PHRASE_TOKENS, _CHOICE_TOKENS, _VERDICT_TOKENS, _PASSAGE_TOKENS = 32, 16, 4, 192
# Alternatives a verdict is read from: the most that common servers give.
_ALTERNATIVES = 20
_ENSEMBLES_AT_ONCE = 64


class LanguageModel:
    """Implements ``protocol.Generator``, and its ``Limited``, ``Imagines``, ``Judges``, ``Decides`` and ``LooksAhead``.

    Everything is greedy. ``incidents`` counts what went another way than asked; ``usage`` is in completions.
    """

    prompt_version = prompts.PROMPT_VERSION

    def __init__(self, engine: Engine, cache: CompletionCache | None = None) -> None:
        self.engine, self.cache = engine, cache
        self.usage, self.incidents = Usage(), Incidents()
        self._asker = RecordedEngine(engine, cache, self.usage)
        self._reflection = Reflection(self._asker)
        self._pieces: dict[int, str] = {}

    @property
    def name(self) -> str:
        """The setting's value."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """Hash of the engine's fingerprint and the wording."""
        return sha256_of_text("language model", self.engine.fingerprint, self.prompt_version)

    def require(self, abilities: Sequence[str]) -> None:
        """Raise InputError, with the methods named, for what the engine lacks; a server is asked for it once."""
        for ability in abilities:
            require(self.engine, ability)

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        """One answer a question. Choice tasks are held to their choices where the engine can do that."""
        return self._answers(questions, passages, [""] * len(questions), task, "answering")

    def look_ahead(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], so_far: Sequence[str], task: Task
    ) -> list[Answer]:
        """How each answer goes on. Raises InputError where the engine cannot (FLARE needs it)."""
        require(self.engine, "logprobs")
        if any(so_far):
            require(self.engine, "continues")
        return self._answers(questions, passages, so_far, task, "looking ahead")

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        """RePlug, exactly; see ``generation.ensemble``. A call is one passage's prompt, however many tokens it makes.

        Raises InputError where the engine gives no next-token distributions.
        """
        require(self.engine, "distributions")
        answers: list[Answer] = []
        with progress_bar("answering from each passage", len(questions)) as advance:
            for first in range(0, len(questions), _ENSEMBLES_AT_ONCE):
                some = slice(first, first + _ENSEMBLES_AT_ONCE)
                answers += self._ensembles(questions[some], passages[some], weights[some], task)
                advance(len(questions[some]))
        return answers

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        """Each verdict is P(yes) among yes and no, or read off the model's own reflection tokens where it has some.

        Raises InputError where the engine has no probabilities.
        """
        require(self.engine, "logprobs")
        if self._reflection.ids:
            return self._reflection.assess(questions, passages, answers, task)
        asked = [
            messages
            for question, passage, answer in zip(questions, passages, answers, strict=True)
            for messages in prompts.verdict_prompts(question, passage, answer, task)
        ]
        verdicts = self._verdicts(asked, "assessing")
        made = []
        for first in range(0, len(verdicts), 3):
            relevant, supported, useful = verdicts[first : first + 3]
            if relevant is None or supported is None or useful is None:
                made.append(Assessment(0.0, 0.0, 0.0, failed=True))
            else:
                made.append(Assessment(relevant, supported, useful))
        return made

    def wants_retrieval(self, questions: Sequence[str], task: Task) -> list[float | None]:
        """P(yes) to whether something must be looked up; P([Retrieval]) where the model has reflection tokens."""
        require(self.engine, "logprobs")
        if self._reflection.ids:
            return self._reflection.wants_retrieval(questions, task)
        return self._verdicts([prompts.retrieve_prompt(question, task) for question in questions], "deciding")

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        """P(yes) to whether the answer is right, by the passages and by what the model knows."""
        require(self.engine, "logprobs")
        completions = ask_fitting(
            self._asker,
            passages,
            lambda i, given: _yes_or_no(prompts.judge_prompt(questions[i], given, answers[i], task)),
            self.incidents,
            "judging",
        )
        return [self._yes(completion) for completion in completions]

    def imagine(self, questions: Sequence[str]) -> list[str]:
        """HyDE's hypothetical passage for each question; "" where the call failed."""
        requests = [Request(prompts.imagine_prompt(question), _PASSAGE_TOKENS) for question in questions]
        return [completion.text.strip() for completion in self._asker.ask(requests, "imagining")]

    def verify(self, claims: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Verdict]:
        """The word that the model chose, for certain: engines differ in what they tell of the others."""
        choices = FACT_VERIFICATION.choices
        asked = [(claim, row) for claim, row in zip(claims, passages, strict=True) if row]

        def build(index: int, given: Sequence[Passage]) -> Request:
            return Request(prompts.verify_prompt(asked[index][0], given, choices), _CHOICE_TOKENS, choices=choices)

        completions = iter(ask_fitting(self._asker, [row for _, row in asked], build, self.incidents, "verifying"))
        return [_verdict(next(completions)) if row else Verdict(0.0, 0.0, 1.0) for row in passages]

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """Two steps, validated; see ``generation.distiller``."""
        return TwoStepDistiller(self._asker, self.count_tokens, self.incidents).distill(questions, passages)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text in the model's vocabulary."""
        return self.engine.count_tokens(texts)

    def _answers(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        so_far: Sequence[str],
        task: Task,
        label: str,
    ) -> list[Answer]:
        def build(index: int, given: Sequence[Passage]) -> Request:
            return _answering(questions[index], given, so_far[index], task)

        return [_answer(c) for c in ask_fitting(self._asker, passages, build, self.incidents, label)]

    def _verdicts(self, asked: Sequence[tuple[Message, ...]], label: str) -> list[float | None]:
        require(self.engine, "logprobs")
        return [self._yes(c) for c in self._asker.ask([_yes_or_no(messages) for messages in asked], label)]

    def _yes(self, completion: Completion) -> float | None:
        if not completion.settled:
            return None
        probability = yes_probability(completion)
        if probability is None:
            self.incidents.verdicts_unread += 1
        return probability

    def _ensembles(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        rows = [
            [_answering(question, [passage], "", task) for passage in row] or [_answering(question, (), "", task)]
            for question, row in zip(questions, passages, strict=True)
        ]
        shares = [
            share_weights(row, evidence_groups(given)) or [1.0] for row, given in zip(weights, passages, strict=True)
        ]
        keys = [
            sha256_of_text(
                "ensemble", self.engine.fingerprint, json.dumps(share), row[0].sampling, *self.engine.render(row)
            )
            for row, share in zip(rows, shares, strict=True)
        ]
        known = self.cache.get_many(keys) if self.cache else {}
        places = {key: place for place, key in enumerate(keys) if key not in known}
        with self._asker.recorder() as record:
            found = sum(len(row) for row, key in zip(rows, keys, strict=True) if key in known)
            if found:
                record({}, Usage(calls=found, cached=found))
            going = [self._ensemble(rows[place], shares[place]) for place in places.values()]

            def finished(index: int) -> None:
                made, key = going[index], list(places)[index]
                calls, failed = max(1, len(made.prompts)), made.outcome == "failed"
                pieces = [[self._piece(token), probability] for token, probability in made.chosen]
                known[key] = [self.engine.decode(made.ids), pieces, made.outcome]
                spent = Usage(
                    calls=calls,
                    failed=calls * failed,
                    prompt_tokens=sum(len(prompt) for prompt in made.prompts),
                    completion_tokens=calls * len(pieces),
                )
                record({} if failed else {key: known[key]}, spent)

            ensemble.decode_ensembles(self.engine, going, finished)
        return [_ensemble_answer(*known[key]) for key in keys]

    def _ensemble(self, requests: Sequence[Request], shares: Sequence[float]) -> ensemble.Ensemble:
        """The prompts as token ids; one that does not fit goes, and the other weights sum to 1 again."""
        coded = self.engine.encode(requests)
        kept = [(ids, share) for ids, share in zip(coded, shares, strict=True) if ids]
        for _ in range(len(coded) - len(kept)):
            say_dropped(self._asker, self.incidents)
        total = math.fsum(share for _, share in kept)
        if not kept or total <= 0.0:
            return ensemble.Ensemble((), (), 0, outcome="failed")
        fits = [request for request, ids in zip(requests, coded, strict=True) if ids]
        made = ensemble.Ensemble([ids for ids, _ in kept], [share / total for _, share in kept], fits[0].max_tokens)
        if fits[0].choices:
            begun = [Request(fits[0].messages, 1, prefix=choice) for choice in fits[0].choices]
            start = len(kept[0][0])
            made.choices = tuple(ids[start:] for ids in self.engine.encode(begun))
        return made

    def _piece(self, token: int) -> str:
        if token not in self._pieces:
            self._pieces[token] = self.engine.decode([token])
        return self._pieces[token]


def _answering(question: str, passages: Sequence[Passage], so_far: str, task: Task) -> Request:
    room = _CHOICE_TOKENS if task.choices else _PHRASE_TOKENS
    messages = prompts.answer_prompt(question, passages, task)
    # Once an answer has begun, what is left of it is no choice any more.
    return Request(messages, room, prefix=so_far, choices=() if so_far else task.choices, logprobs=0)


def _yes_or_no(messages: tuple[Message, ...]) -> Request:
    return Request(messages, _VERDICT_TOKENS, choices=(prompts.YES, prompts.NO), logprobs=_ALTERNATIVES)


def _answer(completion: Completion) -> Answer:
    if not completion.settled:
        return Answer("", failed=True)
    pieces = tuple((token.text, math.exp(token.logprob)) for token in completion.tokens)
    whole = math.exp(math.fsum(token.logprob for token in completion.tokens)) if pieces else 0.0
    return Answer(_tidy(completion.text), whole, pieces, finished=completion.finish_reason == "stop")


def _verdict(completion: Completion) -> Verdict:
    if not completion.settled:
        return Verdict(0.0, 0.0, 1.0, failed=True)
    word = FACT_VERIFICATION.parse(completion.text)
    supports, refutes = float(word == "SUPPORTS"), float(word == "REFUTES")
    return Verdict(supports, refutes, 1.0 - supports - refutes)


def _ensemble_answer(text: str, pieces: Sequence[tuple[str, float]], outcome: str) -> Answer:
    if outcome == "failed":
        return Answer("", failed=True)
    whole = math.prod(probability for _, probability in pieces)
    return Answer(_tidy(text), whole, tuple((t, p) for t, p in pieces), finished=outcome == "stop")


def _tidy(text: str) -> str:
    """``text`` without blanks around it, or the half of a character at which an answer was cut."""
    return text.rstrip("\ufffd").strip()


def yes_probability(completion: Completion) -> float | None:
    """P(yes) / (P(yes) + P(no)) at the first token that is not blank; None where neither word is in sight.

    A word may come in pieces ("y", "es"), so beginnings count as the word; an engine held to the two choices shows
    no other tokens.
    """
    token = next((token for token in completion.tokens if token.text.strip()), None)
    if token is None:
        return None
    seen = token.top or ((token.text, token.logprob),)
    mass = dict.fromkeys((prompts.YES, prompts.NO), 0.0)
    for text, logprob in seen:
        piece = text.strip(" \n\t▁Ġ").lower()
        for word in mass:
            if piece and word.startswith(piece):
                mass[word] += math.exp(logprob)
    yes, no = mass[prompts.YES], mass[prompts.NO]
    if not token.top and yes + no > 0.0:  # only the chosen token is shown: the rest is the other word's, at most
        return yes if yes else 1.0 - no
    return yes / (yes + no) if yes + no > 0.0 else None
