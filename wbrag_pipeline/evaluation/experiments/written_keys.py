"""Rivals that let the generator ask about the corpus: what a passage answers is written down and leads to it.

HyPE: each question's vector is a further key of its passage. doc2query--: the questions stand in the passage's text
when words are searched, those alone that the generator answers from it. Questions are written about as many passages
as write-back makes calls, or about the whole corpus where it is smaller, so writing costs no more calls.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from wbrag_pipeline.datasets.written_questions import WRITTEN_QUESTIONS
from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.built_retriever import BuiltRetriever, gated_by, megabytes
from wbrag_pipeline.evaluation.experiments.construction import usage_of
from wbrag_pipeline.evaluation.experiments.second_keys import found_with_keys
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.retrieval.knowledge_base import CORPUS
from wbrag_pipeline.retrieval.lexical_index import lexical_index_of
from wbrag_pipeline.retrieval.word_search import BM25
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.question_writing import WrittenSet, drawn_passages, round_trip, write_questions

EACH = 3  # questions that are wanted of a passage


def questions_about(bench: Workbench, trial: Trial, passages: pl.DataFrame) -> Artifact:
    """WRITTEN_QUESTIONS about these PASSAGES, by the trial's generator; not asked back."""
    model, registry = bench.context(trial).generator, bench.registry
    version = getattr(model, "questions_version", "")
    parts = (sha256_of_text(passages.write_json()), model.fingerprint, version, str(EACH))

    def write() -> pl.DataFrame:
        return write_questions(model, passages, EACH, registry.forgotten).questions

    return bench.keep(trial, "written_questions", WRITTEN_QUESTIONS, parts, write)


def asked_back(bench: Workbench, trial: Trial, passages: pl.DataFrame) -> Artifact:
    """Those that find their passage, are answered from it, and are not answered without it."""
    made, s = questions_about(bench, trial, passages), trial.settings
    benchmark, encoder = bench.benchmark(trial), bench.encoder(s).fingerprint
    parts = (
        made.content,
        encoder,
        s.store,
        s.index,
        s.search,
        str(s.top_k),
        s.method,
        benchmark.task,
        benchmark.metric,
    )

    def ask() -> pl.DataFrame:
        return round_trip(bench.context(trial), WrittenSet(made.read()), passages).questions

    return bench.keep(trial, "questions_asked_back", WRITTEN_QUESTIONS, parts, ask)


def passages_asked_about(bench: Workbench, trial: Trial, number: int) -> pl.DataFrame:
    """So many PASSAGES of the trial's corpus, drawn by their ids."""
    return drawn_passages(bench.passages(trial), number, trial.settings.seed)


def hype(bench: Workbench, trial: Trial) -> BuiltRetriever:
    """Questions as keys of their passages, beside the passages' own."""
    made = questions_about(bench, trial, passages_asked_about(bench, trial, _calls_of_write_back(bench, trial)))
    asked = made.read()
    keys = bench.encoder(trial.settings).encode_queries(asked["question"].to_list())
    entries = asked.select(pl.lit(CORPUS).alias("origin"), "passage_id")

    def find(asked_now: pl.DataFrame, units: pl.DataFrame | None) -> pl.DataFrame:
        return found_with_keys(bench.system(trial, units), asked_now["question"].to_list(), keys, entries)

    return BuiltRetriever(
        find,
        megabytes(bench, trial, len(keys)),
        made=(made,),
        entries=asked.height,
        tokens=_tokens(bench, trial, asked),
    )


def doc2query(bench: Workbench, trial: Trial) -> BuiltRetriever:
    """Search by words in passages and the questions about them that were asked back."""
    passages = passages_asked_about(bench, trial, _calls_of_write_back(bench, trial))
    made = (questions_about(bench, trial, passages), asked_back(bench, trial, passages))
    asked = made[-1].read()
    told = asked.group_by("passage_id", maintain_order=True).agg(pl.col("question").str.join("\n"))
    texts = bench.passages(trial).join(told.lazy(), on="passage_id", how="left", maintain_order="left")
    both = pl.concat_str("text", "question", separator="\n", ignore_nulls=True)
    words = lexical_index_of(texts.with_columns(text=both))

    def find(asked_now: pl.DataFrame, units: pl.DataFrame | None) -> pl.DataFrame:
        system = bench.system(trial, units)
        by_words = replace(system, base=system.base.searching(BM25, words))
        return by_words.retrieve(asked_now["question"].to_list())

    return BuiltRetriever(
        find, words.nbytes / 1e6, made=made, entries=asked.height, tokens=_tokens(bench, trial, asked)
    )


def _tokens(bench: Workbench, trial: Trial, asked: pl.DataFrame) -> int:
    return sum(bench.context(trial).generator.count_tokens(asked["question"].to_list()))


def _calls_of_write_back(bench: Workbench, trial: Trial) -> int:
    """What training asked of the generator, from scores to curation; 1 at least."""
    made = (*gated_by(bench, trial), bench.units(trial), bench.curated(trial))
    return max(1, usage_of(made, costs(trial.settings.layout.completions, partition=trial.benchmark)).calls)
