"""What a run of a benchmark will ask of the generator: certainly, as may be expected, and at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.hash_draws import drawn_questions
from wbrag_pipeline.estimation.probe import NO_PROBE, QUESTIONS, Probe, probe
from wbrag_pipeline.estimation.rehearsal import RehearsalCache, rehearsing
from wbrag_pipeline.estimation.rehearsed_run import RehearsedContext, rehearse
from wbrag_pipeline.estimation.sampled_corpus import sampled_corpus
from wbrag_pipeline.estimation.scenarios import EXPECTED, SCENARIOS, Scenario
from wbrag_pipeline.estimation.token_rule import TokenRule
from wbrag_pipeline.generation.generator import Generator, Usage
from wbrag_pipeline.refresh.corpus_stages import is_fresh
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext

Loaded = TypeVar("Loaded")

# Questions of each split that are gone through; of more, so many stand for all.
MOST_QUESTIONS = 200
_SPLITS_OF_STAGE = {"release": "validation", "evaluation": "test"}


@dataclass(frozen=True)
class Estimate:
    """What a run asks, by scenario and stage; only calls that are really sent.

    known: answers that the completion cache has already. sampled: passages are some of the corpus, not those found.
    questions: how many each split has, and gone_through how many of them were looked at.
    """

    benchmark: str
    spent: dict[str, dict[str, Usage]]
    known: int
    sampled: bool
    questions: dict[str, int]
    gone_through: dict[str, int]
    probe: Probe = NO_PROBE

    def total(self, scenario: Scenario) -> Usage:
        """What the whole run asks in that scenario."""
        return Usage().add(*self.spent[scenario.name].values())


def estimate(context: StageContext, *, probing: bool = False) -> Estimate:
    """The estimate of a run of the context's benchmark. Nothing is stored but what a probe was answered.

    probing: send a handful of the benchmark's prompts first, see ``probe``; without it tokens are a rule of thumb and
    nothing is known of time.
    """
    questions = stages.questions(context).table
    part = _some(questions)
    settings, real = context.settings, context.generator
    with _corpus(context) as (base, passages, sampled):
        measured = NO_PROBE
        if probing:
            measured = _probed(replace(context, open_corpus=lambda: base), part, settings)
        spent: dict[str, dict[str, Usage]] = {}
        known = 0
        for scenario in SCENARIOS:
            cache = RehearsalCache(settings.layout.completions)
            generator = rehearsing(real, cache, scenario, measured.rule)
            rehearsed = RehearsedContext(
                settings,
                context.registry,
                context.benchmark,
                _always(base.encoder),
                _always(generator),
                lambda: base,
                cache=cache,
                scenario=scenario,
                sampled=sampled,
            )
            spent[scenario.name] = _for_all(rehearse(rehearsed, part, passages), questions, part)
            known = len(cache.known) if scenario is EXPECTED else known
    counts = [{name: stages.of_split(frame, name).height for name in _NAMES} for frame in (questions, part)]
    return Estimate(context.benchmark.name, spent, known, sampled, counts[0], counts[1], measured)


_NAMES = ("train", "validation", "test")


def _some(questions: pl.DataFrame) -> pl.DataFrame:
    """QUESTIONS with at most so many of each split; in their order."""
    return pl.concat([drawn_questions(questions.filter(split=name), MOST_QUESTIONS) for name in _NAMES])


def _for_all(gone: dict[str, Usage], questions: pl.DataFrame, part: pl.DataFrame) -> dict[str, Usage]:
    """What all questions would ask, where some were gone through."""
    found = {}
    for stage, usage in gone.items():
        split = _SPLITS_OF_STAGE.get(stage, "train")
        many, few = (stages.of_split(frame, split).height for frame in (questions, part))
        times = many / few if few else 1.0
        found[stage] = Usage(*(type(value)(value * times) for value in (getattr(usage, f.name) for f in fields(Usage))))
    return found


@contextmanager
def _corpus(context: StageContext) -> Iterator[tuple[KnowledgeBase, pl.LazyFrame, bool]]:
    """The corpus as it will be searched, its PASSAGES, and whether they are only some of it."""
    settings, name = context.settings, context.benchmark.corpus
    if is_fresh(settings, context.registry, name):
        yield context.open_corpus(), tables.PASSAGES.load_lazily(settings, name), False
        return
    with sampled_corpus(context.registry, name) as (base, passages):
        yield base, passages, True


def _probed(context: StageContext, part: pl.DataFrame, settings: Settings) -> Probe:
    train = stages.of_split(part, "train").head(4 * QUESTIONS)
    asked = train["question"].to_list()
    if not asked:
        return NO_PROBE
    base = context.open_corpus()
    system = context.system()
    hits = base.hits_with_text(base.search(asked, settings.top_k))
    rows = system.passages(hits, len(asked))
    real = context.generator

    def rehearsed() -> Generator:
        return rehearsing(real, RehearsalCache(settings.layout.completions), EXPECTED, TokenRule())

    return probe(real, rehearsed, asked, rows, context.task, partition=context.benchmark.name)


def _always(value: Loaded) -> Callable[[Settings], Loaded]:
    return lambda settings: value
