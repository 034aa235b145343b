"""A language model as a generator: prompts over an engine, with completions remembered and calls accounted for."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, Task
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.accounts.recorded_engine import RecordedEngine
from wbrag_pipeline.generation.accounts.recorded_ensembles import EnsembleAnswer, RecordedEnsembles, count_unproved
from wbrag_pipeline.generation.engine_protocol import Completion, Engine, Message, Request, require
from wbrag_pipeline.generation.evidence_groups import evidence_groups, share_weights
from wbrag_pipeline.generation.fitting import ask_as_is, ask_fitting, count_unfit
from wbrag_pipeline.generation.generator import Answer, Assessment, Distillate, Passage, QuestionDraft, Usage, Verdict
from wbrag_pipeline.generation.reflection import Reflection, assessment_of
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.generation.writing.distiller import TwoStepDistiller
from wbrag_pipeline.generation.writing.question_writer import read_question_draft, request_for
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.storage import sha256_of_text

# Room for an answer: short phrases; the longest choice; a verdict; HyDE's passage.
_PHRASE_TOKENS, _CHOICE_TOKENS, _VERDICT_TOKENS, _PASSAGE_TOKENS = 32, 16, 4, 192
# Alternatives a verdict is read from: the most that common servers give.
_ALTERNATIVES = 20


class LanguageModel:
    """Implements ``generator.Generator``, and its ``Limited``, ``Imagines``, ``WritesQuestions``, ``Judges``,
    ``Decides`` and ``LooksAhead``.

    Everything is greedy. ``usage`` is in completions, and counts each incident that can happen here.
    """

    def __init__(self, engine: Engine, cache: CompletionCache | None = None, num_fewshot: int = 0) -> None:
        """``num_fewshot``: so many examples stand in each prompt that answers, and one in the distiller's."""
        self.engine, self.cache, self.num_fewshot = engine, cache, num_fewshot
        self.usage, self.language = Usage(), ENGLISH
        self._asker = RecordedEngine(engine, cache, self.usage)
        self._reflection, self._ensembles = Reflection(self._asker), RecordedEnsembles(self._asker)

    @property
    def name(self) -> str:
        """The setting's value."""
        return self.engine.name

    @property
    def prompt_version(self) -> str:
        """Version of the templates, the number of examples where there are any, and the language unless English."""
        examples = [f"{self.num_fewshot}shot"] if self.num_fewshot else []
        language = [self.language] if self.language != ENGLISH else []
        return "-".join([prompts.PROMPT_VERSION, *examples, *language])

    def in_language(self, language: str) -> LanguageModel:
        """See ``generator.SpeaksLanguages``: prompts for texts then say which language to write; answers are spans."""
        if language == self.language:
            return self
        spoken = copy.copy(self)
        spoken.language = language
        return spoken

    @property
    def fingerprint(self) -> str:
        """Hash of the engine's fingerprint and of the prompt templates' version."""
        return sha256_of_text("language model", self.engine.fingerprint, self.prompt_version)

    def require(self, abilities: Sequence[str]) -> None:
        """Raise InputError, with the methods named, for what the engine lacks; a server is asked for it once.

        With nothing to require, a server is still asked whether it serves the model.
        """
        _ = self.engine.capabilities
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
        rows = [
            [self._answering(question, [passage], "", task) for passage in row]
            or [self._answering(question, (), "", task)]
            for question, row in zip(questions, passages, strict=True)
        ]
        shares = [
            share_weights(row, evidence_groups(given)) or [1.0] for row, given in zip(weights, passages, strict=True)
        ]
        made = self._ensembles.answer(rows, shares)
        dropped = sum(one.dropped for one, row in zip(made, passages, strict=True) if row)
        count_unfit(self._asker, dropped, sum(one.outcome == "context" for one in made))
        count_unproved(self._asker, made)
        return self._counted([_ensemble_answer(one) for one in made], [""] * len(made), task)

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
        return [assessment_of(*verdicts[first : first + 3]) for first in range(0, len(verdicts), 3)]

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
            "judging",
        )
        return self._shares_of_yes(completions)

    def imagine(self, questions: Sequence[str]) -> list[str]:
        """HyDE's hypothetical passage for each question; "" where the call failed."""
        asked = [prompts.to_write_in(self.language, prompts.imagine_prompt(question)) for question in questions]
        requests = [Request(messages, _PASSAGE_TOKENS) for messages in asked]
        made = ask_as_is(self._asker, requests, "imagining")
        self._asker.count(Usage(answers_cut=sum(completion.finish_reason == "length" for completion in made)))
        return [completion.text.strip() for completion in made]

    @property
    def questions_version(self) -> str:
        """Version of the prompt that asks for questions."""
        return "-".join([prompts.QUESTIONS_VERSION, *([self.language] if self.language != ENGLISH else [])])

    def write_questions(self, passages: Sequence[Passage], each: int) -> list[QuestionDraft]:
        """Questions with answers about each passage; see ``question_writer`` for what is dropped."""
        requests = [request_for(passage, each, self.language) for passage in passages]
        made = ask_as_is(self._asker, requests, "writing questions")
        return [
            read_question_draft(completion, passage, each) for completion, passage in zip(made, passages, strict=True)
        ]

    def verify(self, claims: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Verdict]:
        """The word that the model chose, for certain: engines differ in what they tell of the others."""
        choices = FACT_VERIFICATION.choices
        asked = [(claim, row) for claim, row in zip(claims, passages, strict=True) if row]

        def build(index: int, given: Sequence[Passage]) -> Request:
            return Request(prompts.verify_prompt(asked[index][0], given, choices), _CHOICE_TOKENS, choices=choices)

        completions = ask_fitting(self._asker, [row for _, row in asked], build, "verifying")
        words = [FACT_VERIFICATION.parse(completion.text) if completion.final else None for completion in completions]
        self._asker.count(Usage(verdicts_unread=sum(word is not None and word not in choices for word in words)))
        said = iter(words)
        return [_verdict(next(said)) if row else Verdict(0.0, 0.0, 1.0) for row in passages]

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """Two steps, validated; see ``writing.distiller``."""
        distiller = TwoStepDistiller(self._asker, self.count_tokens, self.num_fewshot, self.language)
        return distiller.distill(questions, passages)

    def count_incidents(self, incidents: Usage) -> None:
        """See the protocol."""
        self._asker.count(incidents)

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
            return self._answering(questions[index], given, so_far[index], task)

        made = [_answer(completion) for completion in ask_fitting(self._asker, passages, build, label)]
        return self._counted(made, so_far, task)

    def _answering(self, question: str, passages: Sequence[Passage], so_far: str, task: Task) -> Request:
        room = _CHOICE_TOKENS if task.choices else _PHRASE_TOKENS
        messages = prompts.answer_prompt(question, passages, task, self.num_fewshot)
        # Once an answer has begun, what is left of it is no choice any more.
        return Request(messages, room, prefix=so_far, choices=() if so_far else task.choices, logprobs=0)

    def _counted(self, answers: list[Answer], so_far: Sequence[str], task: Task) -> list[Answer]:
        """The answers, once those are counted that were cut, or that name no choice where they are to name one.

        Of a task with choices only the choice matters, wherever it was cut; the end of a begun answer holds none.
        """
        there = [(answer, begun) for answer, begun in zip(answers, so_far, strict=True) if not answer.failed]
        if task.choices:
            unread = sum(not begun and task.parse(answer.text) not in task.choices for answer, begun in there)
            self._asker.count(Usage(choices_unread=unread))
        else:
            self._asker.count(Usage(answers_cut=sum(answer.cut for answer, _ in there)))
        return answers

    def _verdicts(self, asked: Sequence[tuple[Message, ...]], label: str) -> list[float | None]:
        require(self.engine, "logprobs")
        return self._shares_of_yes(ask_as_is(self._asker, [_yes_or_no(messages) for messages in asked], label))

    def _shares_of_yes(self, completions: Sequence[Completion]) -> list[float | None]:
        """P(yes) of each; None where the call failed, or answered with neither word, which is counted.

        A verdict that the token limit cut is no incident: its first word is all that is read.
        """
        shares = [yes_probability(completion) if completion.final else None for completion in completions]
        unread = sum(c.final and share is None for c, share in zip(completions, shares, strict=True))
        self._asker.count(Usage(verdicts_unread=unread))
        return shares


def _yes_or_no(messages: tuple[Message, ...]) -> Request:
    return Request(messages, _VERDICT_TOKENS, choices=(prompts.YES, prompts.NO), logprobs=_ALTERNATIVES)


def _answer(completion: Completion) -> Answer:
    if not completion.final:
        return Answer("", failed=True)
    # An engine without log-probabilities gives probability 0; methods that need one refuse it (``Method.needs``).
    pieces = tuple((token.text, math.exp(token.logprob)) for token in completion.tokens)
    whole = math.exp(math.fsum(token.logprob for token in completion.tokens)) if pieces else 0.0
    return Answer(_tidy(completion.text), whole, pieces, finished=completion.finish_reason == "stop")


def _verdict(word: str | None) -> Verdict:
    """The verdict in that word; None is a failed call, and a word of none of the choices leaves it undecided."""
    if word is None:
        return Verdict(0.0, 0.0, 1.0, failed=True)
    supports, refutes = float(word == "SUPPORTS"), float(word == "REFUTES")
    return Verdict(supports, refutes, 1.0 - supports - refutes)


def _ensemble_answer(made: EnsembleAnswer) -> Answer:
    if not made.final:
        return Answer("", failed=True)
    whole = math.prod(probability for _, probability in made.tokens)
    return Answer(_tidy(made.text), whole, tuple(made.tokens), finished=made.outcome == "stop")


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
