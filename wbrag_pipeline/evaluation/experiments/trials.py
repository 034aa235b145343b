"""One setting tried: from training questions to units, and test questions answered with any units or none.

The stages are those of ``training.stages``; here every table goes to the artifact cache instead of to ``wbrag run``'s
places, so that a trial overwrites nothing and moves no release.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import published
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.metrics import metric_fingerprint
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.evaluate import ANSWERED, answer_questions, join_sides
from wbrag_pipeline.evaluation.experiments.artifact_cache import ACCOUNT, Artifact, ArtifactCache
from wbrag_pipeline.evaluation.experiments.sampling import resplit
from wbrag_pipeline.generation.generator import Generator, Passage
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.rag.methods import plugin_fingerprint
from wbrag_pipeline.rag.searching import TransformsQueries
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.releases.store import build_release
from wbrag_pipeline.retrieval.encoding.remembering_encoder import RememberingEncoder
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.lexical_index import LexicalIndex, lexical_index_of
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.word_search import DENSE
from wbrag_pipeline.retrievers.opened_base import open_base
from wbrag_pipeline.settings import Settings, all_settings
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.stages import StageResult, of_split

Make = Callable[[StageContext], StageResult]


@dataclass(frozen=True)
class Trial:
    """A benchmark under some settings.

    split: 0 for the parts that its files have, n for the n-th drawn ones. instead: QUESTIONS that are asked in the
    place of all these, see ``Workbench.asking``.
    """

    benchmark: str
    settings: Settings
    split: int = 0
    instead: Artifact | None = None

    def with_(self, **change: Any) -> Trial:
        """The same questions under other settings."""
        return replace(self, settings=self.settings.with_(**change))


@dataclass
class Workbench:
    """Tries settings. Corpora, engines, questions and vectors stay open between trials.

    settings: the deployment's; a trial's settings differ from them in method, generator, thresholds or K.
    load_encoder, load_generator: the engines, loaded when they are first needed.

    Raises what the stages raise: InputError for bad data, NotBuiltError before the corpus was indexed.
    """

    settings: Settings
    registry: Registry
    load_encoder: Callable[[Settings], Encoder]
    load_generator: Callable[[Settings], Generator]
    _bases: dict[tuple[str, str], KnowledgeBase] = field(default_factory=dict)
    _questions: dict[tuple[str, str, int, int], Artifact] = field(default_factory=dict)
    _encoders: dict[str, Encoder] = field(default_factory=dict)
    _corpora: dict[str, str] = field(default_factory=dict)
    _words: dict[str, LexicalIndex] = field(default_factory=dict)

    @cached_property
    def cache(self) -> ArtifactCache:
        """Where the tables of all trials are kept."""
        return ArtifactCache(self.settings.layout.experiments / "stages")

    def asked(self, trial: Trial) -> Artifact:
        """QUESTIONS, read from the benchmark's files once in a workbench's life."""
        if trial.instead is not None:
            return trial.instead
        where = (trial.benchmark, _own(trial, "questions"), trial.split, trial.settings.seed if trial.split else 0)
        if where not in self._questions:
            if trial.split:
                asked = resplit(self.asked(replace(trial, split=0)).read(), trial.split, trial.settings.seed)
            else:
                asked = stages.questions(self.context(trial)).table
            self._questions[where] = self.stored(trial, "questions", tables.QUESTIONS, asked)
        return self._questions[where]

    def asking(self, trial: Trial, questions: pl.DataFrame) -> Trial:
        """The trial with these QUESTIONS in the place of its benchmark's."""
        return replace(trial, instead=self.stored(trial, "questions", tables.QUESTIONS, questions))

    def retrievals(self, trial: Trial) -> Artifact:
        """RETRIEVALS of the training questions."""
        train = self.questions(trial, "train").drop("golden_answers").write_json()
        s = trial.settings
        space = (self.encoder(s).fingerprint, s.store, s.index, s.search)
        parts = [self._corpus(trial), *space, str(s.search_depth), train]
        if isinstance(self.context(trial).method, TransformsQueries):
            method = (s.method, plugin_fingerprint(s.method))
            parts += [*method, str(s.top_k), self.context(trial).generator.fingerprint]
        asked = self.asked(trial)
        return self._keep(
            trial,
            "retrievals",
            tables.RETRIEVALS,
            tuple(parts),
            lambda context: stages.retrievals(context, asked.read()),
        )

    def utility_scores(self, trial: Trial) -> Artifact:
        """UTILITY_SCORES of all training questions; thresholds do not matter to it."""
        asked, found = self.asked(trial), self.retrievals(trial)
        parts = (found.content, self._train(trial), *self._reading(trial))

        def make(context: StageContext) -> StageResult:
            return stages.utility_scores(context, asked.read(), found.read(), self.passages(trial))

        return self._keep(trial, "utility_scores", tables.UTILITY_SCORES, parts, make)

    def passage_scores(self, trial: Trial) -> Artifact:
        """PASSAGE_SCORES; thresholds that keep and lose the same questions share it."""
        asked, found = self.asked(trial), self.retrievals(trial)
        scores = self.utility_scores(trial)
        context, scored = self.context(trial), scores.read()
        kept, lost = stages.kept_questions(context, scored), stages.questions_to_rescue(context, scored)
        decided = [frame.select("question_id").sort("question_id").write_json() for frame in (kept, lost)]
        parts = (found.content, self._train(trial), *decided, *self._reading(trial))

        def make(context: StageContext) -> StageResult:
            return stages.passage_scores(context, asked.read(), found.read(), scored, self.passages(trial))

        return self._keep(trial, "passage_scores", tables.PASSAGE_SCORES, parts, make)

    def gated_docs(self, trial: Trial) -> Artifact:
        """GATED_DOCS under the trial's thresholds: a decision, which asks the generator nothing."""
        scores, alone = self.utility_scores(trial), self.passage_scores(trial)
        parts = (alone.content, scores.content, _own(trial, "gated_docs"))
        return self._keep(
            trial,
            "gated_docs",
            tables.GATED_DOCS,
            parts,
            lambda context: stages.decide(context, scores.read(), alone.read()),
        )

    def units(self, trial: Trial, evidence: Artifact | None = None) -> Artifact:
        """KNOWLEDGE_UNITS as distilled from what passed the gates, or from other ``evidence`` (GATED_DOCS)."""
        gated, model = evidence or self.gated_docs(trial), self.context(trial).generator
        made_by = (model.fingerprint, model.prompt_version, _own(trial, "knowledge_units"), self._forgotten())
        return self._keep(
            trial,
            "knowledge_units",
            tables.KNOWLEDGE_UNITS,
            (gated.content, self._corpus(trial), trial.benchmark, *made_by),
            lambda context: stages.knowledge_units(context, gated.read(), self.passages(trial)),
        )

    def curated(self, trial: Trial, evidence: Artifact | None = None) -> Artifact:
        """CURATED_UNITS: every unit with what became of it, where the settings curate; evidence as for ``units``."""
        gated = evidence or self.gated_docs(trial)
        units, context = self.units(trial, gated), self.context(trial)
        model, encoder = context.generator.fingerprint, context.encoder.fingerprint
        spoken = () if context.language == ENGLISH else (context.language,)  # whose words curation goes by
        made_by = (model, encoder, _own(trial, "curated_units"), self._forgotten(), *spoken)

        def make(context: StageContext) -> StageResult:
            return stages.curated_units(context, units.read(), gated.read(), self.passages(trial))

        parts = (units.content, gated.content, self._corpus(trial), *made_by)
        return self._keep(trial, "curated_units", tables.CURATED_UNITS, parts, make)

    def published(self, trial: Trial, evidence: Artifact | None = None) -> pl.DataFrame:
        """KNOWLEDGE_UNITS that the trial would publish; ``evidence`` as for ``units``."""
        return published(self.curated(trial, evidence).read())

    def answers(self, trial: Trial, units: pl.DataFrame | None = None) -> Artifact:
        """ANSWERED: the test questions, see ``answered``."""
        return self.answered(trial, self.questions(trial, "test"), units=units)

    def answered(
        self,
        trial: Trial,
        questions: pl.DataFrame,
        *,
        units: pl.DataFrame | None = None,
        hits: pl.DataFrame | None = None,
    ) -> Artifact:
        """ANSWERED: a SPLIT under the trial's method, over the corpus and these units, or the corpus alone.

        units: KNOWLEDGE_UNITS, made by whatever trial, or a part of them.
        hits: ``knowledge_base.HITS`` to answer from, where something else than the search has chosen the passages.
        """
        metric = self.benchmark(trial).metric
        content = "" if units is None else sha256_of_text(units.sort("unit_id").write_json())
        chosen = () if hits is None else (sha256_of_text(hits.write_json()),)
        fingerprint = self.encoder(trial.settings).fingerprint
        s = trial.settings
        # The last: what only a search with units goes by.
        searched = (s.store, s.index, s.search, _own(trial, "evaluation"))
        parts = (self._corpus(trial), fingerprint, questions.write_json(), content, *searched, *chosen)

        def make(context: StageContext) -> StageResult:
            with context.counted("answers", context.generator) as calls:
                frame = answer_questions(questions, self.system(trial, units), metric, hits)
            return StageResult(frame, calls)

        return self._keep(trial, "answers", ANSWERED, (*parts, *self._reading(trial)), make)

    def evaluation(self, trial: Trial, units: pl.DataFrame | None) -> pl.DataFrame:
        """EVALUATION of these units under the trial's method; with None both sides are the corpus alone."""
        sides = (self.answers(trial).read(), self.answers(trial, units).read())
        return join_sides(self.questions(trial, "test"), *sides)

    def system(self, trial: Trial, units: pl.DataFrame | None = None) -> RagSystem:
        """The trial's RAG system over the corpus and these units (KNOWLEDGE_UNITS), or the corpus alone."""
        system = self.context(trial).system()
        return _with_units(replace(system, base=system.base.merging(trial.settings.merge)), units)

    def benchmark(self, trial: Trial) -> Benchmark:
        """The registry's entry."""
        return self.registry.benchmark(trial.benchmark)

    def questions(self, trial: Trial, split: str) -> pl.DataFrame:
        """SPLIT: the questions of ``train`` (without its validation part), ``validation`` or ``test``."""
        return of_split(self.asked(trial).read(), split)

    def data_fingerprint(self, trial: Trial) -> str:
        """16 hex digits of what its benchmark's own questions and its corpus hold."""
        asked = self.asked(replace(trial, split=0, instead=None)).read()
        return sha256_of_text(asked.write_json(), self._corpus(trial))[:16]

    def passages(self, trial: Trial) -> pl.LazyFrame:
        """PASSAGES of the trial's corpus."""
        return tables.PASSAGES.load_lazily(self.settings, self.benchmark(trial).corpus)

    def score_alone(self, trial: Trial, questions: pl.DataFrame, passages: Sequence[Sequence[Passage]]) -> list[float]:
        """Scores of test questions answered from exactly these passages; a failed answer scores 0."""
        _, scores = self.context(trial).scorer().score(questions, passages)
        return [score or 0.0 for score in scores]

    def keep(
        self, trial: Trial, stage: str, kind: tables.Table, parts: tuple[str, ...], make: Callable[[], pl.DataFrame]
    ) -> Artifact:
        """A further table of the trial from the cache, or made and put there, its calls counted."""

        def counted(context: StageContext) -> StageResult:
            with context.counted(stage, context.generator) as calls:
                frame = make()
            return StageResult(frame, calls)

        return self._keep(trial, stage, kind, parts, counted)

    def stored(self, trial: Trial, stage: str, kind: tables.Table, frame: pl.DataFrame) -> Artifact:
        """A table that was made without asking the generator, in the cache under what it holds."""
        return self._keep(trial, stage, kind, (sha256_of_text(frame.write_json()),), lambda _: StageResult(frame))

    def encoder(self, settings: Settings) -> Encoder:
        """The settings' encoder, which encodes no text twice."""
        if settings.encoder not in self._encoders:
            self._encoders[settings.encoder] = RememberingEncoder(self.load_encoder(settings))
        return self._encoders[settings.encoder]

    def base(self, trial: Trial) -> KnowledgeBase:
        """The trial's corpus, with no units. It need not be indexed for another search than the deployment's."""
        corpus, s = self.benchmark(trial).corpus, trial.settings
        if (corpus, s.search_space) not in self._bases:
            indexed = s.with_(search=self.settings.search)
            base = open_base(indexed, corpus, self.encoder(s), for_training=True)
            if s.search != indexed.search:
                base = base.searching(s.search, None if s.search == DENSE else self.words(trial))
            self._bases[corpus, s.search_space] = base.unrestricted()
        return self._bases[corpus, s.search_space]

    def words(self, trial: Trial) -> LexicalIndex:
        """The words of the trial's corpus, counted once in a workbench's life."""
        corpus = self.benchmark(trial).corpus
        if corpus not in self._words:
            self._words[corpus] = lexical_index_of(self.passages(trial))
        return self._words[corpus]

    def context(self, trial: Trial) -> StageContext:
        """What the stages work with."""
        base = lambda: self.base(trial)  # noqa: E731 - a name for what is opened when it is needed
        return StageContext(
            trial.settings, self.registry, self.benchmark(trial), self.encoder, self.load_generator, base
        )

    def _keep(self, trial: Trial, stage: str, kind: tables.Table, parts: tuple[str, ...], make: Make) -> Artifact:
        context = replace(self.context(trial), account=ACCOUNT)
        return self.cache.table(stage, kind, parts, lambda key: make(replace(context, run=key)))

    # What decides a table, as text for its key.

    def _reading(self, trial: Trial) -> tuple[str, ...]:
        """Who answers how, and what counts as right."""
        benchmark, model = self.benchmark(trial), self.context(trial).generator
        method = (_own(trial, "utility_scores"), plugin_fingerprint(trial.settings.method))
        scored = (benchmark.task, benchmark.metric, *filter(None, [metric_fingerprint(benchmark.metric)]))
        return (model.fingerprint, model.prompt_version, *method, *scored)

    def _train(self, trial: Trial) -> str:
        return sha256_of_text(self.questions(trial, "train").write_json())

    def _forgotten(self) -> str:
        """What no unit may be made of or say."""
        forgotten = self.registry.forgotten
        return json.dumps([sorted(forgotten.evidence), sorted(forgotten.units)])

    def _corpus(self, trial: Trial) -> str:
        name = self.benchmark(trial).corpus
        if name not in self._corpora:
            # Of a retriever also which passages it showed for which question.
            files = [self.settings.table(table, name) for table in ("passages", "shown")]
            self._corpora[name] = sha256_of_text(*(sha256_of_file(file) for file in files if file.is_file()))
        return self._corpora[name]


def _own(trial: Trial, table: str) -> str:
    """The settings whose first table this is; those of earlier tables show in the contents of its inputs."""
    own = {s.name: getattr(trial.settings, s.name) for s in all_settings() if s.changes == table}
    return json.dumps(own, sort_keys=True)


def _with_units(system: RagSystem, units: pl.DataFrame | None) -> RagSystem:
    if units is None:
        return system
    with tempfile.TemporaryDirectory() as folder:
        return system.with_release(build_release(units, system.base.encoder, Path(folder) / "release", {}))
