"""Training questions without a log: a language model writes them from passages, and each is asked before it may train.

Round-trip consistency: a question finds its passage in the top K, the generator answers it from that passage as stated,
and does not answer it without. What fails is dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.hash_draws import first_by_hash
from wbrag_pipeline.datasets.private_data import DETECTORS, private_data
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import Tombstones
from wbrag_pipeline.datasets.wording import same_question
from wbrag_pipeline.datasets.written_questions import WRITTEN_QUESTIONS
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engines import writes_text
from wbrag_pipeline.generation.generator import Generator, Passage, QuestionDraft, WritesQuestions, language_of
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES, SPLIT
from wbrag_pipeline.training.context import StageContext

FAILED_CALL = "was not written: the call failed"


@dataclass(frozen=True)
class WrittenSet:
    """WRITTEN_QUESTIONS, and for what else was written how often it was dropped, by reason, in words after "it"."""

    questions: pl.DataFrame
    dropped: dict[str, int] = field(default_factory=dict)

    def only(self, kept: pl.Series, otherwise: str) -> WrittenSet:
        """The questions of a mask; the others are dropped for this reason."""
        left = self.questions.filter(kept)
        lost = self.questions.height - left.height
        return WrittenSet(left, {**self.dropped, **({otherwise: lost} if lost else {})})


@dataclass(frozen=True)
class WrittenQuestions:
    """What became of asking a model for questions: the passages that it was asked about, and ``found`` in the end.

    written_by: generator, version of the prompt and which passages, for the record.
    """

    found: WrittenSet
    passages: int
    written_by: str

    def lines(self) -> list[str]:
        """For people."""
        dropped = sorted(self.found.dropped.items(), key=lambda item: -item[1])
        left = self.found.questions
        return [
            f"{self.passages:,} passages asked about, {left['passage_id'].n_unique():,} of them gave "
            f"{left.height:,} questions",
            *(f"dropped: {count:,} times it {reason}" for reason, count in dropped),
        ]


def written_for(settings: Settings, planned: Benchmark, *, number: int, each: int, draw: int) -> WrittenQuestions:
    """Draw passages of a benchmark's corpus, let the generator write questions, and ask each of them back.

    planned: need not be registered yet. The corpus must be indexed. Raises NotBuiltError where it is not, InputError
    for a generator that cannot write, TooManyFailedError.
    """
    registry = Registry.load(settings.home)
    context = StageContext.of(
        settings, planned.name, registry=replace(registry, benchmarks={**registry.benchmarks, planned.name: planned})
    )
    passages = drawn_passages(PASSAGES.load_lazily(settings, planned.corpus), number, draw)
    with context.counted("written_questions", context.generator):
        written = write_questions(context.generator, passages, each, registry.forgotten)
        found = round_trip(context, written, passages)
    version = getattr(context.generator, "questions_version", "")
    by = f"written by {settings.generator} ({version}) from {passages.height:,} passages, {each} each, draw {draw}"
    return WrittenQuestions(found, passages.height, by)


def require_writer(name: str) -> None:
    """Raise InputError for a generator that can write no text, by its setting; nothing is loaded."""
    if not writes_text(name):
        raise InputError(
            f"{name} selects spans and cannot write questions",
            field="generator",
            hint="name a language model: --generator transformers:MODEL, openai:URL#MODEL or vllm:MODEL",
        )


def drawn_passages(passages: pl.LazyFrame, number: int, seed: int) -> pl.DataFrame:
    """So many PASSAGES, in an order drawn by a hash of their ids: of one seed, fewer are always among more."""
    ids = passages.select("passage_id").collect(engine="streaming")["passage_id"]
    order = ids.gather(first_by_hash(ids, number, f"{seed} ")).to_frame().with_row_index("place")
    found = passages.join(order.lazy(), on="passage_id").collect(engine="streaming")
    return found.sort("place").drop("place")


def write_questions(model: Generator, passages: pl.DataFrame, each: int, forgotten: Tombstones) -> WrittenSet:
    """PASSAGES to questions that have the form of one, hold no personal data, were not forgotten, and ask anew.

    each: the most that are asked for about a passage. Raises InputError for a generator that cannot write.
    """
    if not isinstance(model, WritesQuestions):
        require_writer("reader")
        raise InputError(f"{model.name} cannot write questions", field="generator", hint="name a language model")
    drafts = model.write_questions(_as_read(passages), each)
    reasons = Counter(reason for draft in drafts for reason in draft.dropped)
    reasons[FAILED_CALL] = sum(draft.failed for draft in drafts)
    found = WrittenSet(_as_table(passages, drafts), {reason: count for reason, count in reasons.items() if count})
    asked = found.questions
    found = found.only(same_question(asked["question"]).is_first_distinct(), "asks what another one asks")
    known = forgotten.without_forgotten_questions(found.questions)["question_id"]
    found = found.only(found.questions["question_id"].is_in(known.implode()), "was forgotten")
    told = found.questions.select(pl.concat_str("question", pl.col("golden_answers").list.first(), separator=" "))
    private = [private_data(text, tuple(DETECTORS), language_of(model)) is not None for text in told.to_series()]
    return found.only(~pl.Series(private, dtype=pl.Boolean), "holds personal data")


def round_trip(context: StageContext, written: WrittenSet, passages: pl.DataFrame) -> WrittenSet:
    """The questions that find their passage, are answered from it as stated, and are not answered without it.

    context: of the benchmark to be, for its retriever, method, generator and metric. passages: PASSAGES that the
    questions were written from.
    """
    alone = {passage.passage_id: passage for passage in _as_read(passages)}
    found = _finding_their_passage(context, written)
    found = _answered_from_it(context, found, alone)
    return _not_answered_without_it(context, found)


def _finding_their_passage(context: StageContext, written: WrittenSet) -> WrittenSet:
    rows = written.questions.with_row_index("query").cast({"query": pl.Int32})
    hits = context.system().retrieve(rows["question"].to_list())
    at_home = hits.join(rows.select("query", "passage_id"), on=["query", "passage_id"], how="semi")["query"]
    reason = f"does not find its passage among the first {context.settings.top_k}"
    return written.only(rows["query"].is_in(at_home.implode()), reason)


def _answered_from_it(context: StageContext, written: WrittenSet, alone: Mapping[str, Passage]) -> WrittenSet:
    given = [[alone[passage_id]] for passage_id in written.questions["passage_id"]]
    known, right = _right(context, written, given)
    return known.only(right, "is answered otherwise from its passage than it was written")


def _not_answered_without_it(context: StageContext, written: WrittenSet) -> WrittenSet:
    known, right = _right(context, written, None)
    return known.only(~right, "is answered without its passage too")


def _right(
    context: StageContext, written: WrittenSet, given: Sequence[Sequence[Passage]] | None
) -> tuple[WrittenSet, pl.Series]:
    """The questions whose call did not fail, and whether each of them was answered rightly."""
    asked = written.questions.select(list(SPLIT.schema))
    _, scores = context.scorer().score(asked, given) if asked.height else ([], [])
    told = pl.Series(scores, dtype=pl.Float64)
    return written.only(told.is_not_null(), "could not be asked: the call failed"), told.drop_nulls() >= 1.0


def _as_read(passages: pl.DataFrame) -> list[Passage]:
    return [Passage(*row) for row in passages.select("passage_id", "title", "text").iter_rows()]


def _as_table(passages: pl.DataFrame, drafts: Sequence[QuestionDraft]) -> pl.DataFrame:
    rows = [
        (_id(passage_id, pair.question), pair.question, [pair.answer], passage_id, labels)
        for (passage_id, labels), draft in zip(passages.select("passage_id", "labels").iter_rows(), drafts, strict=True)
        for pair in draft.kept
    ]
    return WRITTEN_QUESTIONS.check(pl.DataFrame(rows, schema=WRITTEN_QUESTIONS.schema, orient="row"))


def _id(passage_id: str, question: str) -> str:
    return f"q_{sha256_of_text(passage_id, question)[:16]}"
