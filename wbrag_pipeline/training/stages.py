"""Every stage of training, put together once: tables in, a table and its figures out.

::

    questions ─▶ retrievals ─▶ utility_scores ─▶ gated_docs ─▶ knowledge_units ─▶ curated_units ─▶ candidate release

The Dagster assets, ``wbrag experiment``, ``wbrag judge``, the Python API, the tests and the speed measurements all call
these functions, so there is one pipeline. Tables are those of ``tables``; gold answers come in with QUESTIONS alone,
which ``knowledge_units`` and what follows it do not get (paper, section 3.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import curate, published, uncurated, unfit
from wbrag_pipeline.curation.unit import PUBLISHED, STATES
from wbrag_pipeline.datasets.hash_draws import drawn_questions
from wbrag_pipeline.datasets.validation_split import split_validation
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.plugins import plugins_of
from wbrag_pipeline.rag.searching import TransformsQueries
from wbrag_pipeline.releases.pointer import served_name
from wbrag_pipeline.releases.store import Release, build_release
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.context import Figure, StageContext
from wbrag_pipeline.training.distillation import distil, of_one_label_set
from wbrag_pipeline.training.gates import utility_gate
from wbrag_pipeline.training.judging import JudgingScorer
from wbrag_pipeline.training.rescue import gated, lost_questions, rescues, to_read_alone, within
from wbrag_pipeline.training.scoring import NOT_ASKED, mean, score_passages, score_utility, select_passages, unscored


@dataclass(frozen=True)
class StageResult:
    """A stage's table, and the figures that say how it came about."""

    table: pl.DataFrame
    figures: dict[str, Figure] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Generator calls that failed for good: a rerun asks for them again."""
        return int(self.figures.get("generator_calls_failed", 0))


def questions(context: StageContext) -> StageResult:
    """The benchmark's files to QUESTIONS: parsed, without what was forgotten, limited, and split.

    Read here and nowhere else, so that files which are edited during a run change nothing before the next one.
    """
    settings, splits = context.settings, context.registry.splits(context.benchmark.name)
    train, validation = split_validation(drawn_questions(splits.train, settings.limit), settings.validation_share)
    weak, synthetic, unlabelled = (
        train.filter(label=label).height for label in (tables.WEAK, tables.SYNTHETIC, tables.UNLABELLED)
    )
    parts = {"train": train, "validation": validation, "test": drawn_questions(splits.test, settings.limit)}
    frame = pl.concat([part.with_columns(split=pl.lit(name)) for name, part in parts.items()])
    frame = tables.QUESTIONS.check(frame.select(list(tables.QUESTIONS.schema)))
    counts: dict[str, Figure] = {name: part.height for name, part in parts.items()}
    fingerprint = sha256_of_text(frame.write_json())
    counts |= {"train_weak": weak, "train_synthetic": synthetic, "train_unlabelled": unlabelled}
    return StageResult(frame, {**counts, "left_out_as_test_questions": splits.dropped, "fingerprint": fingerprint})


def of_split(questions: pl.DataFrame, split: str) -> pl.DataFrame:
    """QUESTIONS to the LABELLED questions of that split: train, validation or test."""
    return questions.filter(pl.col("split") == split).select(list(tables.LABELLED.schema))


def training_questions(context: StageContext, questions: pl.DataFrame) -> pl.DataFrame:
    """QUESTIONS to the LABELLED ones that train: those with an answer, or all where the generator's verdict decides.

    The label says what they are scored by, so it is "none" under a verdict. Raises InputError where none has an answer.
    """
    train = of_split(questions, "train")
    if context.settings.scorer == "judge":
        return train.with_columns(label=pl.lit(tables.UNLABELLED))
    answered = train.filter(pl.col("label") != tables.UNLABELLED)
    if answered.is_empty() and not train.is_empty():
        context.benchmark.refuse_unanswered()
    return answered


def retrievals(context: StageContext, questions: pl.DataFrame) -> StageResult:
    """QUESTIONS to RETRIEVALS of the training questions: the method's top K, and deeper where questions are rescued."""
    train, settings = of_split(questions, "train").drop("golden_answers"), context.settings
    # Only a method that changes queries needs the generator here, and loading one can take minutes.
    model = context.generator if isinstance(context.method, TransformsQueries) else None
    with context.counted("retrievals", model) as calls:
        hits = context.system().retrieve(train["question"].to_list(), top_k=settings.search_depth)
    rows = train.with_row_index("query").cast({"query": pl.Int32})
    frame = hits.join(rows, on="query", how="left", maintain_order="left").select(list(tables.RETRIEVALS.schema))
    best = mean(frame.filter(pl.col("rank") == 1)["score"])
    return StageResult(tables.RETRIEVALS.check(frame), {"questions": train.height, "top_1_score": best, **calls})


def utility_scores(
    context: StageContext, questions: pl.DataFrame, retrievals: pl.DataFrame, passages: pl.LazyFrame
) -> StageResult:
    """Scores s_nr and s_rag of each training question (section 3.2). No thresholds: those are applied downstream."""
    hits = within(retrievals, context.settings.top_k)
    texts = select_passages(passages, hits)
    scorer = context.gate_scorer(hits, texts)
    with context.counted("utility_scores", context.generator) as calls:
        train = training_questions(context, questions)
        frame = score_utility(train, hits, texts, scorer, again=context.search_again())
    lost = unscored(frame).height
    figures: dict[str, Figure] = {
        "score_no_retrieval": mean(frame["score_no_retrieval"]),
        "score_rag_where_asked": mean(frame["score_rag"].drop_nulls()),
        "scored_on_weak_labels": frame.filter(label=tables.WEAK).height,
        "rag_calls_spared": frame.filter(pl.col("status_rag") == NOT_ASKED).height,
        **({"questions_unscored": lost} if lost else {}),
        **_judged(scorer),
    }
    return StageResult(frame, {**figures, **calls})


def passage_scores(
    context: StageContext,
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    utility_scores: pl.DataFrame,
    passages: pl.LazyFrame,
) -> StageResult:
    """PASSAGE_SCORES: each passage of a kept question alone, and those that may rescue a lost one (section 3.3)."""
    train = training_questions(context, questions)
    kept, lost = kept_questions(context, utility_scores), questions_to_rescue(context, utility_scores)
    hits, asked, texts = to_read_alone(train, retrievals, passages, kept, lost, context.settings.top_k)
    scorer = context.gate_scorer(hits, texts)
    with context.counted("gated_docs", context.generator) as calls:
        frame = score_passages(train, asked, texts, scorer)
    return StageResult(tables.PASSAGE_SCORES.check(frame), {**_judged(scorer), **calls})


def decide(context: StageContext, utility_scores: pl.DataFrame, passage_scores: pl.DataFrame) -> StageResult:
    """The decisions of both gates from scores alone, as GATED_DOCS; the generator is asked nothing."""
    kept, lost = kept_questions(context, utility_scores), questions_to_rescue(context, utility_scores)
    frame = gated(kept, lost, passage_scores, context.settings)
    by_question = frame.group_by("question_id").agg(
        pl.col("retained").sum(), pl.col("fallback").first(), pl.col("gate").first(), pl.col("label").first()
    )
    figures: dict[str, Figure] = {
        "kept": kept.height,
        "kept_share": kept.height / max(1, utility_scores.height),
        "taught_by_weak_labels": by_question.filter(label=tables.WEAK).height,
        "taught_by_synthetic_questions": by_question.filter(label=tables.SYNTHETIC).height,
        "rescued": by_question.filter(pl.col("gate") == "rescue").height,
        "fallback_rate": mean(by_question["fallback"]),
        "retained_passages": mean(by_question["retained"]),
    }
    return StageResult(frame, figures)


def gated_docs(
    context: StageContext,
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    utility_scores: pl.DataFrame,
    passages: pl.LazyFrame,
) -> StageResult:
    """Both gates: ``passage_scores``, then ``decide``."""
    scored = passage_scores(context, questions, retrievals, utility_scores, passages)
    made = decide(context, utility_scores, scored.table)
    return StageResult(made.table, {**made.figures, **scored.figures})


def knowledge_units(context: StageContext, gated_docs: pl.DataFrame, passages: pl.LazyFrame) -> StageResult:
    """GATED_DOCS to KNOWLEDGE_UNITS: the retained evidence of each question, distilled (section 3.4)."""
    settings, sources = context.settings, select_passages(passages, gated_docs)
    with context.counted("knowledge_units", context.generator) as calls:
        frame = distil(
            gated_docs,
            sources,
            context.generator,
            benchmark=context.benchmark.name,
            fuse_labels=settings.fuse_labels,
            forgotten=context.registry.forgotten,
        )
    retained = gated_docs.filter("retained")
    source_tokens, unit_tokens = mean(frame["source_tokens"]), mean(frame["unit_tokens"])
    extractive = frame.filter(pl.col("written_by") == "extractive_fallback").height
    figures: dict[str, Figure] = {
        "source_tokens": source_tokens,
        "unit_tokens": unit_tokens,
        "compression": source_tokens / unit_tokens if unit_tokens else 0.0,
        "fallback_rate": mean(frame["fallback"]),
        "extractive_share": extractive / max(1, frame.height),
        # Passages that were not fused with others because different readers may see them.
        "kept_apart_by_labels": retained.height - of_one_label_set(retained, sources).height,
    }
    return StageResult(frame, {**figures, **calls})


def curated_units(
    context: StageContext,
    knowledge_units: pl.DataFrame,
    gated_docs: pl.DataFrame,
    passages: pl.LazyFrame,
    known_from: Mapping[str, datetime] | None = None,
) -> StageResult:
    """KNOWLEDGE_UNITS to CURATED_UNITS: every unit with what became of it.

    known_from: when each unit was first recorded, by id; it is noted and decides nothing.
    """
    if not context.settings.curate:
        return StageResult(frame := uncurated(knowledge_units), _curation_figures(frame, []))
    # All that was retrieved, not the sources alone: it is what may contradict a unit.
    retrieved = select_passages(passages, gated_docs)
    model, private = context.generator, context.settings.private
    with context.counted("curated_units", model) as calls:
        frame = curate(
            knowledge_units,
            retrieved,
            context.encoder,
            model,
            context.task,
            private=private,
            known_from=known_from,
            language=context.language,
        )
        # A sentence that was cut may have left what was forgotten.
        frame = context.registry.forgotten.without_forgotten_units(frame)
        bad = unfit(frame, retrieved, model, private, context.language)
    spoken: dict[str, Figure] = {} if context.language == ENGLISH else {"language": context.language}
    return StageResult(frame, {**_curation_figures(frame, bad), **spoken, **calls})


def candidate_release(context: StageContext, curated_units: pl.DataFrame) -> Release:
    """The published units of CURATED_UNITS as a release, with all that decided them. Nobody is served it yet."""
    settings, benchmark = context.settings, context.benchmark
    folder, encoder = settings.releases(benchmark.name), context.encoder
    state = current_state(settings, benchmark.corpus)
    made: dict[str, Any] = {
        "variant": settings.variant,
        "benchmark": benchmark.name,
        "run": context.run,
        "corpus": benchmark.corpus,
        "language": context.language,
        "training_answers": benchmark.answers if benchmark.log is None else "log",
        "corpus_state": state.name if state else "",
        "corpus_index_sha256": read_manifest(state.folder).index_sha256 if state else "",
        "parent": served_name(folder),
        "encoder_fingerprint": encoder.fingerprint,
        "generator_fingerprint": context.generator.fingerprint,
        "plugins": plugins_of(
            {name: getattr(settings, name) for name in ("encoder", "generator", "method")}
            | {"metric": benchmark.metric}
        ),
        "settings": settings.record(),
    }
    return build_release(published(curated_units), encoder, folder, made, Collections.of(settings))


def kept_questions(context: StageContext, utility_scores: pl.DataFrame) -> pl.DataFrame:
    """The rows of UTILITY_SCORES that the utility gate keeps."""
    return utility_gate(utility_scores, context.settings).filter("kept")


def questions_to_rescue(context: StageContext, utility_scores: pl.DataFrame) -> pl.DataFrame:
    """The rows of UTILITY_SCORES that retrieval does not answer, where the settings look into those."""
    looked_into = rescues(context.settings, context.task)
    return lost_questions(utility_scores, context.settings) if looked_into else utility_scores.clear()


def _judged(scorer: object) -> dict[str, Figure]:
    return {"judge_failed": scorer.judged.failed} if isinstance(scorer, JudgingScorer) else {}


def _curation_figures(frame: pl.DataFrame, unfit_units: list[str]) -> dict[str, Figure]:
    counts = dict(frame.group_by("state").len().iter_rows())
    cut = frame.filter(pl.col("cut_sentences").list.len() > 0).height
    shares = {f"{state}_share": counts.get(state, 0) / max(1, frame.height) for state in STATES}
    return {
        **{state: counts.get(state, 0) for state in STATES},
        **shares,
        "shortened": cut,
        "unsupported_share": (cut + counts.get("rejected", 0)) / max(1, frame.height),
        "published_but_unfit": ", ".join(unfit_units),
    }


def decided_against(curated_units: pl.DataFrame) -> pl.DataFrame:
    """The rows of CURATED_UNITS that curation kept out or cut."""
    return curated_units.filter((pl.col("state") != PUBLISHED) | (pl.col("cut_sentences").list.len() > 0))
