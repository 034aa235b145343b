"""A run's stages gone through without the generator, in one scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from wbrag_pipeline.curation import curate
from wbrag_pipeline.estimation.rehearsal import RehearsalCache, made_up_unit
from wbrag_pipeline.estimation.scenarios import AT_MOST, CERTAIN, Scenario, happens, learned
from wbrag_pipeline.generation.generator import Generator, Passage, Usage
from wbrag_pipeline.rag.policy import Retrieve
from wbrag_pipeline.releases.store import build_release
from wbrag_pipeline.settings import DEFAULT_GENERATOR
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import Figure, StageContext
from wbrag_pipeline.training.rescue import below, rescuers, rescues
from wbrag_pipeline.training.scoring import Scores, passages_of, score_passages, select_passages

AnswerKind = Literal["unread", "read", "alone"]
# Of so many sentences one, where units are extractive.
_OF_EXTRACTIVE = 5


@dataclass
class RehearsedScorer:
    """Scores what the cache knows as it is, and what it does not know as ``scenario`` supposes.

    same: what was supposed before, by all that was asked for it: the same prompts have one score.
    supposed: ids of questions with a score that is only supposed.
    """

    scorer: Scores
    cache: RehearsalCache
    scenario: Scenario
    same: dict[tuple[str, frozenset[str]], float | None]
    supposed: set[str]

    def score(
        self,
        questions: pl.DataFrame,
        passages: Sequence[Sequence[Passage]] | None,
        retrieve: Retrieve | None = None,
    ) -> tuple[list[str | None], list[float | None]]:
        """See ``scoring.Scorer``; question by question, to see which answers the cache gave."""
        kind: AnswerKind = "unread" if passages is None else "alone" if retrieve is None else "read"
        texts: list[str | None] = []
        scores: list[float | None] = []
        unknown: dict[int, frozenset[str]] = {}
        for place in range(questions.height):
            before = self.cache.made_up
            self.cache.asked.clear()
            given = None if passages is None else [passages[place]]
            text, score = self.scorer.score(questions[place : place + 1], given, retrieve)
            texts, scores = texts + text, scores + score
            if self.cache.made_up != before:
                unknown[place] = frozenset(self.cache.asked)
        self._suppose(questions["question_id"].to_list(), kind, scores, unknown)
        return texts, scores

    def _suppose(
        self, ids: Sequence[str], kind: AnswerKind, scores: list[float | None], unknown: Mapping[int, frozenset[str]]
    ) -> None:
        scenario = self.scenario
        share = {"unread": scenario.right_unread, "read": scenario.right_read, "alone": scenario.right_alone}[kind]
        if share is not None and scenario not in (CERTAIN, AT_MOST):
            share = learned(share, [s for place, s in enumerate(scores) if place not in unknown and s is not None])
        for place, asked in unknown.items():
            right = share is not None and happens(share, kind, ids[place], str(place))
            # A single passage was read before by a reader that reads each alone, and may answer otherwise all the same.
            key = (ids[place] if kind != "alone" else f"{ids[place]} {place}", asked)
            scores[place] = self.same.setdefault(key, None if share is None else float(right))
            self.supposed.add(ids[place])


@dataclass(frozen=True, kw_only=True)
class RehearsedContext(StageContext):
    """A stage's context whose generator asks nobody: the stages run as ever, in ``scenario``, and are counted.

    cache: the generator's. sampled: the corpus is not indexed yet, so that passages are some of it and not those that
    would be found. spent: what was asked, by stage. same, supposed: as a ``RehearsedScorer`` has them.
    """

    cache: RehearsalCache
    scenario: Scenario
    sampled: bool
    spent: dict[str, Usage] = field(default_factory=dict)
    same: dict[tuple[str, frozenset[str]], float | None] = field(default_factory=dict)
    supposed: set[str] = field(default_factory=set)

    def gate_scorer(self, retrievals: pl.DataFrame, passages: pl.DataFrame) -> Scores:
        """That of a run, where the cache knows the answer; else a score that is supposed."""
        scorer = super().gate_scorer(retrievals, passages)
        return RehearsedScorer(scorer, self.cache, self.scenario, self.same, self.supposed)

    def search_again(self) -> Retrieve:
        """Searches as a run does; in ``AT_MOST`` whatever is found is something new."""
        search = super().search_again()
        return search if self.scenario is not AT_MOST else _finding_others(search)

    @contextmanager
    def counted(self, stage: str, generator: Generator | None = None) -> Iterator[dict[str, Figure]]:
        """Adds what the block asks to what the stage has spent; the ledger hears nothing of it."""
        usage = self.generator.usage
        before = replace(usage)
        yield {}
        self.spent[stage] = self.spent.get(stage, Usage()).add(usage.since(before))


def rehearse(context: RehearsedContext, questions: pl.DataFrame, passages: pl.LazyFrame) -> dict[str, Usage]:
    """What each stage of a run asks of the generator for these QUESTIONS."""
    found = stages.retrievals(context, questions).table
    scores = stages.utility_scores(context, questions, found, passages).table
    supposed = list(context.supposed)
    docs = stages.gated_docs(context, questions, found, scores, passages).table
    kept = stages.kept_questions(context, scores)
    _read_doubtful(context, questions, found, passages, kept.filter(pl.col("question_id").is_in(supposed)))
    units = stages.knowledge_units(context, docs, passages).table
    published: pl.DataFrame | None = None
    if not context.cache.made_up and not context.sampled:  # all is known so far, so these are the units
        published = curate.published(stages.curated_units(context, units, docs, passages).table)
    elif context.settings.curate:
        with context.counted("curated_units"):
            _curate(context, docs, passages)
    context.spent.setdefault("curated_units", Usage())  # nothing, where units are not curated
    with context.counted("release"):
        _compare(context, stages.of_split(questions, "validation"), published)
    if context.benchmark.test:
        with context.counted("evaluation"):
            _compare(context, stages.of_split(questions, "test"), published)
    return context.spent


def _read_doubtful(
    context: RehearsedContext,
    questions: pl.DataFrame,
    found: pl.DataFrame,
    passages: pl.LazyFrame,
    doubtful: pl.DataFrame,
) -> None:
    """Kept questions that might as well be lost and would then cost more: in ``AT_MOST`` both are counted.

    A question is either read alone with its top K or with the deeper passages that hold an answer.
    """
    top_k = context.settings.top_k
    if context.scenario is not AT_MOST or not rescues(context.settings, context.task):
        return
    train, deep = stages.training_questions(context, questions), below(found, doubtful, top_k)
    texts = select_passages(passages, deep)
    if not context.sampled:  # else nobody knows yet which passages hold an answer
        deep = rescuers(train, deep, texts).filter(pl.len().over("question_id") > top_k)
    with context.counted("gated_docs"):
        score_passages(train, deep, texts, context.gate_scorer(deep, texts))


def _curate(context: RehearsedContext, docs: pl.DataFrame, passages: pl.LazyFrame) -> None:
    retained = docs.filter("retained")
    keys = retained["question_id"].unique(maintain_order=True).to_list()
    sources = passages_of(retained, select_passages(passages, retained), keys)
    if not context.task.choices:
        asked_of = dict(retained.select("question_id", "question").iter_rows())
        context.generator.answer([asked_of[key] for key in keys], sources, context.task)
    # The sentences of extractive units stand in their sources: only a merge or a clash is asked about.
    extractive = context.generator.name == DEFAULT_GENERATOR
    claims = range(context.scenario.claims // _OF_EXTRACTIVE if extractive else context.scenario.claims)
    asked = [
        (f"Sentence {n} of a unit about {key}.", row) for key, row in zip(keys, sources, strict=True) for n in claims
    ]
    context.generator.verify([claim for claim, _ in asked], [row for _, row in asked])


def _compare(context: RehearsedContext, questions: pl.DataFrame, units: pl.DataFrame | None) -> None:
    """Both sides of a comparison: over the corpus, and with the units, or one in the place of the last passage."""
    system, task, method = context.system(), context.task, context.method
    asked, ids = questions["question"].to_list(), questions["question_id"].to_list()
    if not asked:
        return
    rows = system.passages(system.base.hits_with_text(system.retrieve(asked)), len(asked))
    search = context.search_again()
    method.answer(context.generator, asked, rows, task, search)
    if units is not None:
        with TemporaryDirectory() as folder:
            release = build_release(units, system.base.encoder, Path(folder) / "release", {})
            system.with_release(release).answer(asked)
        return
    met = [place for place, key in enumerate(ids) if rows[place] and happens(context.scenario.meets_unit, "unit", key)]
    beside = [[*rows[place][:-1], made_up_unit(rows[place], ids[place])] for place in met]
    method.answer(context.generator, [asked[place] for place in met], beside, task, search)


def _finding_others(search: Retrieve) -> Retrieve:
    turns = iter(range(1 << 62))

    def found(queries: Sequence[str]) -> list[list[Passage]]:
        return [
            [replace(p, passage_id=f"{p.passage_id}/{turn}", text=f"{p.text} {turn}") for p in row]
            for row, turn in zip(search(queries), turns, strict=False)
        ]

    return found
