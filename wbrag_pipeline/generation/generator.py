"""What every generator can do, as the RAG methods and gates see it: no prompt string, no tensor.

All calls take and return batches, in order. The distiller's call has no place for a gold answer: that is how
the paper's rule (section 3.4) is kept by the types and not by care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, Protocol, runtime_checkable

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.languages import ENGLISH

# Who wrote a knowledge unit. "generator": the generator that was asked, at the first try; so is every unit of the
# embedded reader, whose way of writing is to select sentences. "generator_repaired": the same, at the second try, after
# it was told what was wrong with the first. "extractive_fallback": neither try could be used, so sentences of the
# passages were selected in its place.
WrittenBy = Literal["generator", "generator_repaired", "extractive_fallback"]
# Which index a passage was found in. An id tells it apart from others of its own origin only.
Origin = Literal["corpus", "writeback"]


@dataclass(frozen=True)
class Passage:
    """A passage as a generator reads it.

    score: the retriever's inner product with the question.
    sources: ids of the passages that a knowledge unit was distilled from; () for a passage of the corpus. A generator
        does not read them: they say which passages are one evidence group (``evidence_groups``).
    origin: a passage of the corpus and a unit may bear the same id; they are two things all the same.
    """

    passage_id: str
    title: str
    text: str
    score: float = 0.0
    sources: tuple[str, ...] = ()
    origin: Origin = "corpus"


@dataclass(frozen=True)
class Answer:
    """An answer. ``probability`` of the whole, and of each token where the generator has them.

    failed: the call failed for good; the row is recorded and left out of the gates.
    finished: the generator ended the answer itself and was not cut at its token limit.
    """

    text: str
    probability: float = 0.0
    token_probabilities: tuple[tuple[str, float], ...] = ()
    failed: bool = False
    finished: bool = True

    @property
    def cut(self) -> bool:
        """Whether the token limit cut its first line: what follows that is no answer any more (``Task.parse``)."""
        return not (self.failed or self.finished) and len(self.text.strip().splitlines()) <= 1


@dataclass(frozen=True)
class Assessment:
    """Self-RAG's three verdicts on an answer from one passage, each a probability (Asai et al., section 3).

    failed: a verdict could not be had; the numbers say nothing.
    """

    relevant: float
    supported: float
    useful: float
    failed: bool = False


@dataclass(frozen=True)
class Verdict:
    """What passages say of a claim: each a probability, the three sum to 1.

    failed: the call failed for good; the numbers say nothing.
    """

    supports: float
    refutes: float
    undecided: float
    failed: bool = False


@dataclass(frozen=True)
class Distillate:
    """A knowledge unit's text: a title line and one paragraph.

    failed: the calls failed for good; there is no text, ``written_by`` says nothing, and a rerun tries again.
    """

    title: str
    text: str
    written_by: WrittenBy = "generator"
    failed: bool = False


def _incident(meaning: str) -> int:
    """A field of ``Usage`` that counts incidents of one kind; people are shown ``meaning``."""
    return field(default=0, metadata={"meaning": meaning})


@dataclass
class Usage:
    """What was asked of a generator, and the incidents: results that did not come about as they were asked for.

    calls: completions wanted, equal ones in a batch counted once; of them ``cached`` were not sent.
    failed: calls that failed for good, after all tries.
    attempts: requests really made: repeated tries, probes and RePlug's single steps included.
    prompt_tokens, completion_tokens: of the calls that were sent, as the engine counts them; 0 where it does not.
    seconds: wall time spent waiting for the engine.
    reasoning_tokens: of the completion tokens, those that a reasoning model thought before it answered.

    The other fields are incidents, see ``INCIDENTS``. They count results as a process uses them, whether a call was
    sent or the cache answered: a second run that sends nothing counts its incidents again, so they are to be compared
    with ``calls`` and not with ``sent``. Of equal rows in a batch each counts.
    """

    calls: int = 0
    cached: int = 0
    failed: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    reasoning_tokens: int = 0
    passages_dropped: int = _incident("passages left out of a prompt, lowest ranked first, since it did not fit")
    prompts_too_long: int = _incident("prompts that did not fit even without passages; they count as failed calls")
    inputs_cut: int = _incident("questions or passages too long for the embedded reader; it read only their beginning")
    answers_cut: int = _incident("answers, HyDE passages and evidence cut off by the token limit or a server's filter")
    choices_unread: int = _incident("answers that name none of the task's choices; they score nothing")
    verdicts_unread: int = _incident("verdicts with none of the words asked for; taken for failed or undecided")
    evidence_rejected: int = _incident("lines of evidence that stand in no passage word for word; left out")
    evidence_selected: int = _incident("units whose evidence was selected, since the model copied none")
    evidence_left_out: int = _incident("drafts without the sentence of the evidence that is nearest to the question")
    units_repaired: int = _incident("units that could be used only at the second try")
    units_extractive: int = _incident("units written by the extractive fallback, since neither try could be used")
    prompts_repeated: int = _incident("drafts or units that repeat the prompt or the question")
    titles_lent: int = _incident("units whose draft was a paragraph alone; they have the title of a source")
    titles_unfit: int = _incident("drafts or units whose title is a sentence, a question or as long as a text")
    passages_spoken_of: int = _incident("drafts or units that speak of their passages and not only of their topic")
    sources_not_met: int = _incident("drafts or units without any content word of their sources")
    writing_declined: int = _incident("drafts or units that decline to say anything")
    words_repeated: int = _incident("drafts or units that say the same over and over")
    answers_added: int = _incident("units that got the sentence with what their question asked from a source")
    units_compared_in_part: int = _incident("units that curation compared with only some of the many like them")
    hyde_passages_empty: int = _incident("questions searched without HyDE, since no passage was made up for them")
    entries_damaged: int = _incident("stored answers that were damaged or cannot be; asked for again")
    tokens_unproved: int = _incident("tokens of RePlug's answers that may not be the likeliest, see the warnings")
    flare_rounds_exhausted: int = _incident("answers still unsure of a sentence when FLARE's rounds were used up")

    @property
    def sent(self) -> int:
        """Calls that the generator really answered, or failed to."""
        return self.calls - self.cached

    @property
    def incidents(self) -> dict[str, int]:
        """Counts of incidents by the field's name; only of those that happened."""
        return {name: count for name in INCIDENTS if (count := getattr(self, name))}

    def since(self, earlier: Usage) -> Usage:
        """The difference to an earlier copy."""
        return Usage(*(getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)))

    def add(self, *others: Usage) -> Usage:
        """Count ``others`` in, in place; gives itself."""
        for f in fields(self):
            setattr(self, f.name, sum((getattr(other, f.name) for other in others), getattr(self, f.name)))
        return self


# Fields of ``Usage`` that count incidents, each with what it means.
INCIDENTS: dict[str, str] = {f.name: f.metadata["meaning"] for f in fields(Usage) if "meaning" in f.metadata}


def usage_figures(usage: Usage) -> dict[str, int]:
    """A stage's figures, under the names that assets and experiments show.

    Always the calls; tokens, failed calls and incidents (under their fields' names) only where there are any.
    """
    figures = {"generator_calls": usage.calls, "generator_calls_sent": usage.sent}
    if usage.prompt_tokens:
        figures |= {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    if usage.reasoning_tokens:
        figures["reasoning_tokens"] = usage.reasoning_tokens
    if usage.failed:
        figures["generator_calls_failed"] = usage.failed
    return figures | usage.incidents


class Generator(Protocol):
    """See the module's docstring. ``passages[i]`` belongs to ``questions[i]``, best ranked first, and may be empty."""

    @property
    def name(self) -> str:
        """The setting's value, for example ``reader`` or ``vllm:meta-llama/Llama-3.1-8B-Instruct``."""

    @property
    def fingerprint(self) -> str:
        """Hash of whatever decides the output: weights, revision, sampling. Part of the cache's key."""

    @property
    def prompt_version(self) -> str:
        """Version of the prompt templates in use, recorded with every unit."""

    @property
    def usage(self) -> Usage:
        """Calls so far in this process, how many of them a cache answered, and the incidents."""

    def count_incidents(self, incidents: Usage) -> None:
        """Add what a RAG method met, and no call shows, to ``usage`` and to the current stage's account."""

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        """One answer a question, from all its passages, or from none where there are none."""

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        """RePlug: one prompt a passage, next-token distributions mixed with ``weights`` (each row sums to 1).

        Passages with a source in common are one evidence group and count once: see ``evidence_groups``.
        """

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        """Self-RAG: the verdicts on each answer, given one passage each."""

    def verify(self, claims: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Verdict]:
        """What each claim's passages say of it, by themselves and not by what the generator knows."""

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One knowledge unit a question, from its passages."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text in this generator's own vocabulary."""


@runtime_checkable
class Limited(Protocol):
    """A generator that may lack what a method needs, depending on what runs it."""

    def require(self, abilities: Sequence[str]) -> None:
        """Raise InputError for the first of ``abilities`` (``engine_protocol.Capabilities``) that cannot be had."""


@dataclass(frozen=True)
class WrittenQuestion:
    """A question about a passage, and its answer in the passage's own words."""

    question: str
    answer: str


@dataclass(frozen=True)
class QuestionDraft:
    """What came back where questions about a passage were asked for.

    kept: those that can be used as far as one sees without asking them. dropped: for each other one, why, in words
    that follow "it". failed: the call failed for good.
    """

    kept: tuple[WrittenQuestion, ...] = ()
    dropped: tuple[str, ...] = ()
    failed: bool = False


# What only some generators can do. A method that wants it asks with isinstance, and says so where it is not there.


@runtime_checkable
class Imagines(Protocol):
    """HyDE's half of a generator."""

    def imagine(self, questions: Sequence[str]) -> list[str]:
        """A made-up passage that answers each question; "" where the call failed for good."""


@runtime_checkable
class WritesQuestions(Protocol):
    """A generator that can ask: for training without a log."""

    @property
    def questions_version(self) -> str:
        """Version of the prompt in use."""

    def write_questions(self, passages: Sequence[Passage], each: int) -> list[QuestionDraft]:
        """Up to ``each`` questions about each passage, that it answers."""


@runtime_checkable
class Judges(Protocol):
    """Scoring without a gold answer."""

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        """Probability that each answer is right; None where the call failed, which is neither right nor wrong."""


@runtime_checkable
class Decides(Protocol):
    """Self-RAG's first decision."""

    def wants_retrieval(self, questions: Sequence[str], task: Task) -> list[float | None]:
        """Probability that each question needs retrieval; None where the call failed."""


@runtime_checkable
class LooksAhead(Protocol):
    """FLARE's half of a generator."""

    def look_ahead(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], so_far: Sequence[str], task: Task
    ) -> list[Answer]:
        """How each answer that begins with ``so_far`` goes on, with every token's probability; the beginning is not
        repeated. ``finished`` says whether the answer ends there."""


@runtime_checkable
class SpeaksLanguages(Protocol):
    """A generator that goes by the language of the texts; another one is asked the same whatever it is."""

    @property
    def language(self) -> str:
        """Code of the language (``languages``)."""

    def in_language(self, language: str) -> Generator:
        """The same generator, with the same engine, cache and account, for texts in that language."""


def in_language(generator: Generator, language: str) -> Generator:
    """The generator for texts in that language, where it goes by one."""
    return generator.in_language(language) if isinstance(generator, SpeaksLanguages) else generator


def language_of(generator: Generator) -> str:
    """The language that the generator goes by; English where it knows of none."""
    return generator.language if isinstance(generator, SpeaksLanguages) else ENGLISH
