"""One setting tried: from training questions to units, and test questions answered with any units or none.

The functions are those that the Dagster assets call; here every table goes to the artifact cache instead of to
``wbrag run``'s places, so that a trial overwrites nothing and moves no release.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import curate, published, uncurated
from wbrag_pipeline.datasets.registry import Benchmark, Registry
from wbrag_pipeline.datasets.tasks import Task, task_named
from wbrag_pipeline.datasets.validation_split import split_validation
from wbrag_pipeline.errors import TooManyFailedError
from wbrag_pipeline.evaluation.evaluate import ANSWERED, answer_questions, join_sides
from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact, ArtifactCache
from wbrag_pipeline.generation.generator import Generator, Passage, Usage
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.searching import Search, TransformsQueries
from wbrag_pipeline.releases.store import build_release
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.remembering_encoder import RememberingEncoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text
from wbrag_pipeline.training.distillation import distil
from wbrag_pipeline.training.gates import utility_gate
from wbrag_pipeline.training.judging import JudgingScorer
from wbrag_pipeline.training.rescue import gated, lost_questions, rescues, to_read_alone, within
from wbrag_pipeline.training.scoring import Scorer, Scores, retrieve, score_passages, score_utility, select_passages

# Settings that a stage's key names one by one; what else the settings hold counts for units and answers as a whole.
_NAMED = {
    "home",
    "encoder",
    "generator",
    "method",
    "scorer",
    "top_k",
    "gates",
    "limit",
    "seed",
    "failure_share",
    "validation_share",
    "rescue_depth",
}

PASSAGE_SCORES = tables.Table(
    "passage_scores",
    pl.Schema({**tables.RETRIEVALS.schema, "standalone_score": pl.Float64()}),
    tables.RETRIEVALS.key,
)


@dataclass(frozen=True)
class Trial:
    """A benchmark under some settings."""

    benchmark: str
    settings: Settings


@dataclass
class Workbench:
    """Tries settings. Corpora, engines and vectors stay open between trials.

    settings: the deployment's; a trial's settings differ from them in method, generator, thresholds or K.
    load_encoder, load_generator: the engines, loaded when they are first needed.

    Raises what the stages raise: InputError for bad data, NotBuiltError before the corpus was indexed.
    """

    settings: Settings
    registry: Registry
    load_encoder: Callable[[str], Encoder]
    load_generator: Callable[[Settings], Generator]
    _bases: dict[tuple[str, str], KnowledgeBase] = field(default_factory=dict)
    _questions: dict[tuple[str, str, int | None, float], pl.DataFrame] = field(default_factory=dict)
    _encoders: dict[str, Encoder] = field(default_factory=dict)
    _corpora: dict[str, str] = field(default_factory=dict)

    @cached_property
    def cache(self) -> ArtifactCache:
        """Where the tables of all trials are kept."""
        return ArtifactCache(self.settings.experiments / "stages")

    def retrievals(self, trial: Trial) -> Artifact:
        """RETRIEVALS: top K of each training question."""
        s, method = trial.settings, self._method(trial)
        parts = [
            self._corpus(trial),
            self.encoder(s).fingerprint,
            str(s.search_depth),
            self._train(trial, answers=False),
        ]
        transforms = isinstance(method, TransformsQueries)
        if transforms:
            parts += [method.name, self._generator(s).fingerprint]

        def make() -> pl.DataFrame:
            model = self._generator(s) if transforms else None
            return retrieve(self.questions(trial, "train"), self.base(trial), s.search_depth, method, model)

        return self.keep(trial, "retrievals", tables.RETRIEVALS, tuple(parts), make)

    def utility_scores(self, trial: Trial) -> Artifact:
        """UTILITY_SCORES of all training questions; thresholds do not matter to it."""
        retrievals = self.retrievals(trial)
        parts = (retrievals.content, str(trial.settings.top_k), self._train(trial), *self._reading(trial))

        def make() -> pl.DataFrame:
            hits = within(retrievals.read(), trial.settings.top_k)
            texts = select_passages(self.passages(trial), hits)
            again = Search(self.base(trial), trial.settings.top_k)
            return score_utility(
                self.questions(trial, "train"), hits, texts, self._gate_scorer(trial, hits, texts), again=again
            )

        return self.keep(trial, "utility_scores", tables.UTILITY_SCORES, parts, make)

    def passage_scores(self, trial: Trial) -> Artifact:
        """PASSAGE_SCORES: the kept questions' passages one by one, and those that may rescue a lost question.

        Thresholds that keep and lose the same questions share it.
        """
        retrievals, top_k = self.retrievals(trial), trial.settings.top_k
        kept, lost = (
            frame.select("question_id").sort("question_id") for frame in (self._kept(trial), self._lost(trial))
        )
        decided = (str(top_k), kept.write_json(), lost.write_json())
        parts = (retrievals.content, self._train(trial), *decided, *self._reading(trial))

        def make() -> pl.DataFrame:
            questions = self.questions(trial, "train")
            found, passages = retrievals.read(), self.passages(trial)
            hits, asked, texts = to_read_alone(questions, found, passages, kept, lost, top_k)
            return score_passages(questions, asked, texts, self._gate_scorer(trial, hits, texts))

        return self.keep(trial, "passage_scores", PASSAGE_SCORES, parts, make)

    def gated_docs(self, trial: Trial) -> Artifact:
        """GATED_DOCS under the trial's thresholds: a decision, which asks the generator nothing."""
        scored, gates = self.passage_scores(trial), trial.settings.gates
        parts = (scored.content, self.utility_scores(trial).content, json.dumps(asdict(gates)))
        return self.keep(
            trial,
            "gated_docs",
            tables.GATED_DOCS,
            parts,
            lambda: gated(self._kept(trial), self._lost(trial), scored.read(), gates),
        )

    def units(self, trial: Trial) -> Artifact:
        """KNOWLEDGE_UNITS as they were distilled."""
        gated, model = self.gated_docs(trial), self._generator(trial.settings)
        made_by = (model.fingerprint, model.prompt_version, self._rest(trial))
        parts = (gated.content, self._corpus(trial), trial.benchmark, *made_by)

        def make() -> pl.DataFrame:
            frame = gated.read()
            texts = select_passages(self.passages(trial), frame)
            fused = trial.settings.fuse_labels
            return distil(frame, texts, model, benchmark=trial.benchmark, fuse_labels=fused)

        return self.keep(trial, "knowledge_units", tables.KNOWLEDGE_UNITS, parts, make)

    def curated(self, trial: Trial) -> Artifact:
        """CURATED_UNITS: every unit with what became of it, where the settings curate."""
        s, units, gated = trial.settings, self.units(trial), self.gated_docs(trial)
        model, encoder = self._generator(s), self.encoder(s)
        made_by = (model.fingerprint, encoder.fingerprint, s.curate, s.private, self._rest(trial))
        parts = (units.content, gated.content, self._corpus(trial), *made_by)

        def make() -> pl.DataFrame:
            if s.curate == "off":
                return uncurated(units.read())
            texts = select_passages(self.passages(trial), gated.read())
            return curate(units.read(), texts, encoder, model, private=s.private)

        return self.keep(trial, "curated_units", tables.CURATED_UNITS, parts, make)

    def published(self, trial: Trial) -> pl.DataFrame:
        """KNOWLEDGE_UNITS that the trial would publish."""
        return published(self.curated(trial).read())

    def answers(self, trial: Trial, units: pl.DataFrame | None = None) -> Artifact:
        """ANSWERED: the test questions under the trial's method, over the corpus and these units, or the corpus alone.

        units: KNOWLEDGE_UNITS, made by whatever trial, or a part of them.
        """
        s = trial.settings
        content = "" if units is None else sha256_of_text(units.sort("unit_id").write_json())
        test = sha256_of_text(self.questions(trial, "test").write_json())
        parts = (self._corpus(trial), self.encoder(s).fingerprint, str(s.top_k), test, content, self._rest(trial))

        def make() -> pl.DataFrame:
            base, questions = self.base(trial), self.questions(trial, "test")
            if units is None:
                return answer_questions(questions, base, self._scorer(trial), top_k=s.top_k)
            with tempfile.TemporaryDirectory() as folder:
                release = build_release(units, self.encoder(s), Path(folder) / "release", {})
                base = base.with_writeback(release.units(), release.index(self.encoder(s)))
                return answer_questions(questions, base, self._scorer(trial), top_k=s.top_k)

        return self.keep(trial, "answers", ANSWERED, (*parts, *self._reading(trial)), make)

    def evaluation(self, trial: Trial, units: pl.DataFrame | None) -> pl.DataFrame:
        """EVALUATION of these units under the trial's method; with None both sides are the corpus alone."""
        sides = (self.answers(trial).read(), self.answers(trial, units).read())
        return join_sides(self.questions(trial, "test"), *sides)

    def benchmark(self, trial: Trial) -> Benchmark:
        """The registry's entry."""
        return self.registry.benchmark(trial.benchmark)

    def questions(self, trial: Trial, split: str) -> pl.DataFrame:
        """QUESTIONS of ``train`` (without its validation part) or ``test``, as many as the limit allows."""
        s = trial.settings
        where = (trial.benchmark, split, s.limit, s.validation_share)
        if where not in self._questions:
            if split == "test":
                frame = self.registry.questions(trial.benchmark, "test", limit=s.limit)
            else:
                whole = self.registry.questions(trial.benchmark, "train", limit=s.limit)
                frame, _ = split_validation(whole, s.validation_share)
            self._questions[where] = frame
        return self._questions[where]

    def passages(self, trial: Trial) -> pl.LazyFrame:
        """PASSAGES of the trial's corpus."""
        return tables.PASSAGES.scan(self.settings.table("passages", self.benchmark(trial).corpus))

    def score_alone(self, trial: Trial, questions: pl.DataFrame, passages: Sequence[Sequence[Passage]]) -> list[float]:
        """Scores of test questions answered from exactly these passages; a failed answer scores 0."""
        _, scores = self._scorer(trial).score(questions, passages)
        return [score or 0.0 for score in scores]

    def keep(
        self, trial: Trial, stage: str, kind: tables.Table, parts: tuple[str, ...], make: Callable[[], pl.DataFrame]
    ) -> Artifact:
        """A table of the trial from the cache, or made and put there.

        Raises TooManyFailedError where more of its generator calls failed for good than the settings allow.
        """
        usage = self._generator(trial.settings).usage if stage != "retrievals" else Usage()
        before = replace(usage)

        def checked() -> pl.DataFrame:
            frame = make()
            spent = usage.since(before)
            if spent.failed > trial.settings.failure_share * spent.calls:
                where = f"{stage} of {trial.benchmark}"
                raise TooManyFailedError(where, spent.failed, spent.calls, trial.settings.failure_share)
            return frame

        return self.cache.table(stage, kind, parts, trial.benchmark, checked, lambda: usage.failed)

    def _kept(self, trial: Trial) -> pl.DataFrame:
        return utility_gate(self.utility_scores(trial).read(), trial.settings.gates).filter("kept")

    def _lost(self, trial: Trial) -> pl.DataFrame:
        scores = self.utility_scores(trial).read()
        looked_into = rescues(trial.settings, self._task(trial))
        return lost_questions(scores, trial.settings.gates) if looked_into else scores.clear()

    def _method(self, trial: Trial) -> Method:
        return method_named(trial.settings.method)

    def _task(self, trial: Trial) -> Task:
        return task_named(self.benchmark(trial).task)

    def _scorer(self, trial: Trial) -> Scorer:
        model = self._generator(trial.settings)
        return Scorer(model, self._method(trial), self._task(trial), self.benchmark(trial).metric)

    def _gate_scorer(self, trial: Trial, hits: pl.DataFrame, texts: pl.DataFrame) -> Scores:
        if trial.settings.scorer == "gold":
            return self._scorer(trial)
        model = self._generator(trial.settings)
        return JudgingScorer.over(hits, texts, model, self._method(trial), self._task(trial))

    def _generator(self, settings: Settings) -> Generator:
        return self.load_generator(settings)

    def encoder(self, settings: Settings) -> Encoder:
        """The settings' encoder, which encodes no text twice."""
        if settings.encoder not in self._encoders:
            self._encoders[settings.encoder] = RememberingEncoder(self.load_encoder(settings.encoder))
        return self._encoders[settings.encoder]

    def base(self, trial: Trial) -> KnowledgeBase:
        """The trial's corpus, with no units."""
        corpus, s = self.benchmark(trial).corpus, trial.settings
        if (corpus, s.encoder) not in self._bases:
            base = open_knowledge_base(s, corpus, self.encoder(s), for_training=True)
            self._bases[corpus, s.encoder] = base.unrestricted()
        return self._bases[corpus, s.encoder]

    # What decides a table, as text for its key.

    def _reading(self, trial: Trial) -> tuple[str, ...]:
        """Who answers how, and what counts as right."""
        s, benchmark = trial.settings, self.benchmark(trial)
        model = self._generator(s)
        return (model.fingerprint, model.prompt_version, s.method, s.scorer, benchmark.task, benchmark.metric)

    def _train(self, trial: Trial, *, answers: bool = True) -> str:
        frame = self.questions(trial, "train")
        return sha256_of_text((frame if answers else frame.drop("golden_answers")).write_json())

    def _corpus(self, trial: Trial) -> str:
        name = self.benchmark(trial).corpus
        if name not in self._corpora:
            self._corpora[name] = sha256_of_file(self.settings.table("passages", name))
        return self._corpora[name]

    @staticmethod
    def _rest(trial: Trial) -> str:
        return json.dumps(
            {k: v for k, v in asdict(trial.settings).items() if k not in _NAMED}, sort_keys=True, default=str
        )
