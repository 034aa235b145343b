"""A run of a benchmark gone through without the generator, stage by stage, in one scenario."""

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
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.rescue import below, gated, rescuers, rescues, to_read_alone, within
from wbrag_pipeline.training.scoring import Scores, passages_of, score_passages, score_utility, select_passages

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
    supposed: set[str] = field(default_factory=set)

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


@dataclass(frozen=True)
class RehearsedRun:
    """The stages of a run in ``scenario``, over ``generator``, whose cache is ``cache``.

    sampled: the corpus is not indexed yet, so that passages are some of it and not those that would be found.
    """

    context: StageContext
    generator: Generator
    cache: RehearsalCache
    scenario: Scenario
    sampled: bool
    spent: dict[str, Usage] = field(default_factory=dict)
    same: dict[tuple[str, frozenset[str]], float | None] = field(default_factory=dict)

    def go_through(self, questions: pl.DataFrame, passages: pl.LazyFrame, *, tested: bool) -> dict[str, Usage]:
        """What each stage asks of the generator for these QUESTIONS. tested: there are test questions."""
        context, settings = self.context, self.context.settings
        train = stages.training_questions(context, questions)
        with self._stage("retrievals"):
            found = stages.retrievals(context, questions).table
        hits = within(found, settings.top_k)
        texts = select_passages(passages, hits)
        with self._stage("utility_scores"):
            scorer = self._scorer(hits, texts)
            scores = score_utility(train, hits, texts, scorer, again=self._search_again())
        kept, lost = stages.kept_questions(context, scores), stages.questions_to_rescue(context, scores)
        with self._stage("gated_docs"):
            doubtful = self._doubtful(train, found, passages, kept, scorer.supposed)
            own, asked, texts = to_read_alone(
                train, found, passages, kept, pl.concat([lost, doubtful], how="diagonal"), settings.top_k
            )
            if self.sampled and self.scenario is AT_MOST:  # nobody knows yet which passages hold an answer
                asked = pl.concat([own, below(found, doubtful, settings.top_k)])
                texts = select_passages(passages, asked)
            alone = self._scorer(own, texts)
            scored = score_passages(train, asked, texts, alone)
        # Of the doubtful ones too, units are made of what the method reads.
        deep_too = pl.col("question_id").is_in(lost["question_id"].to_list())
        docs = gated(kept, lost, scored.filter((pl.col("rank") <= settings.top_k) | deep_too), settings)
        with self._stage("knowledge_units"):
            units = stages.knowledge_units(context, docs, passages).table
        published: pl.DataFrame | None = None
        with self._stage("curated_units"):
            if not self.cache.made_up and not self.sampled:  # all is known so far, so these are the units
                published = curate.published(stages.curated_units(context, units, docs, passages).table)
            elif settings.curate:
                self._curate(docs, passages)
        with self._stage("release"):
            self._compare(stages.of_split(questions, "validation"), published)
        if tested:
            with self._stage("evaluation"):
                self._compare(stages.of_split(questions, "test"), published)
        return self.spent

    def _scorer(self, hits: pl.DataFrame, texts: pl.DataFrame) -> RehearsedScorer:
        return RehearsedScorer(self.context.gate_scorer(hits, texts), self.cache, self.scenario, self.same)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        before = replace(self.generator.usage)
        yield
        self.spent[name] = self.generator.usage.since(before)

    def _doubtful(
        self, train: pl.DataFrame, found: pl.DataFrame, passages: pl.LazyFrame, kept: pl.DataFrame, supposed: set[str]
    ) -> pl.DataFrame:
        """Kept questions that might as well be lost and would then cost more: in ``AT_MOST`` both are counted.

        A question is either read alone with its top K or with the deeper passages that hold an answer.
        """
        context, top_k = self.context, self.context.settings.top_k
        if self.scenario is not AT_MOST or not rescues(context.settings, context.task):
            return kept.clear()
        open_still = kept.filter(pl.col("question_id").is_in(list(supposed)))
        if self.sampled:
            return open_still
        deep = below(found, open_still, top_k)
        holding = rescuers(train, deep, select_passages(passages, deep))
        many = holding.group_by("question_id").len().filter(pl.col("len") > top_k)
        return open_still.join(many, on="question_id", how="semi")

    def _curate(self, docs: pl.DataFrame, passages: pl.LazyFrame) -> None:
        retained = docs.filter("retained")
        keys = retained["question_id"].unique(maintain_order=True).to_list()
        sources = passages_of(retained, select_passages(passages, retained), keys)
        if not self.context.task.choices:
            asked_of = dict(retained.select("question_id", "question").iter_rows())
            self.generator.answer([asked_of[key] for key in keys], sources, self.context.task)
        # The sentences of extractive units stand in their sources: only a merge or a clash is asked about.
        extractive = self.generator.name == DEFAULT_GENERATOR
        claims = range(self.scenario.claims // _OF_EXTRACTIVE if extractive else self.scenario.claims)
        asked = [
            (f"Sentence {n} of a unit about {key}.", row)
            for key, row in zip(keys, sources, strict=True)
            for n in claims
        ]
        self.generator.verify([claim for claim, _ in asked], [row for _, row in asked])

    def _compare(self, questions: pl.DataFrame, units: pl.DataFrame | None) -> None:
        """Both sides of a comparison: over the corpus, and with the units, or one in the place of the last passage."""
        system, task, method = self.context.system(), self.context.task, self.context.method
        asked, ids = questions["question"].to_list(), questions["question_id"].to_list()
        if not asked:
            return
        rows = system.passages(system.base.hits_with_text(system.retrieve(asked)), len(asked))
        search = self._search_again()
        method.answer(self.generator, asked, rows, task, search)
        if units is not None:
            with TemporaryDirectory() as folder:
                release = build_release(units, system.base.encoder, Path(folder) / "release", {})
                system.with_release(release).answer(asked)
            return
        met = [place for place, key in enumerate(ids) if rows[place] and happens(self.scenario.meets_unit, "unit", key)]
        beside = [[*rows[place][:-1], made_up_unit(rows[place], ids[place])] for place in met]
        method.answer(self.generator, [asked[place] for place in met], beside, task, search)

    def _search_again(self) -> Retrieve:
        """Searches as a run does; in ``AT_MOST`` whatever is found is something new."""
        search = self.context.search_again()
        return search if self.scenario is not AT_MOST else _finding_others(search)


def _finding_others(search: Retrieve) -> Retrieve:
    turns = iter(range(1 << 62))

    def found(queries: Sequence[str]) -> list[list[Passage]]:
        return [
            [replace(p, passage_id=f"{p.passage_id}/{turn}", text=f"{p.text} {turn}") for p in row]
            for row, turn in zip(search(queries), turns, strict=False)
        ]

    return found
