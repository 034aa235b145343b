"""Write-back and its rivals at equal K, generator and method: does it beat remembering, copying, and chance?

Each rival is built from the training questions alone and then answers the test questions. What it answers is compared
with the corpus alone, question by question.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.evaluation.evaluate import join_sides
from wbrag_pipeline.evaluation.experiments.built_retriever import gated_by, megabytes, scored
from wbrag_pipeline.evaluation.experiments.built_rival import (
    Rival,
    of_evidence,
    plain_hits,
    second_index,
    written_entries,
)
from wbrag_pipeline.evaluation.experiments.construction import usage_of
from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.query_cache import (
    best_threshold,
    given_answers,
    hold_out,
    in_front,
    nearest,
    remembered,
)
from wbrag_pipeline.evaluation.experiments.retrievers import (
    ENCODER_ALONE,
    RETRIEVER_MEANINGS,
    answered_by,
    build_retriever,
    retrievers_for,
)
from wbrag_pipeline.evaluation.experiments.rival_entries import (
    JoinsPassages,
    TakesSentences,
    evidence_of_subjects,
    random_kept_sets,
    random_passages,
)
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.experiments.unit_keys import units_as_keys, units_with_two_keys
from wbrag_pipeline.evaluation.statistics import summarise
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.plugins import RIVALS_GROUP, ExtensionPoint
from wbrag_pipeline.training.scoring import select_passages

PLAIN, PAPER, OURS = "plain", "write-back, paper", "write-back"
# Each rival, and what it is.
RIVAL_MEANINGS = {
    PLAIN: "the corpus alone",
    PAPER: "units in the paper's form: no rescue, no curation",
    OURS: "units under the present settings",
    "query cache, answers": "the gold answer of the most alike training question, where it is alike enough; else plain",
    "query cache, passages": "the gated passages of the most alike kept question in front of the plain ones, where it "
    "is alike enough",
    "gated passages": "the gated passages of each kept question, joined and not distilled, in the second index",
    "units as keys": "from small to big: a unit's vector finds the passages that it was made of, which are read in its "
    "place",
    "units with two keys": "units, found by their own vectors and by those of the questions that they were written for",
    "units of one subject": "units of what all kept questions about one subject retained, fused",
    "random sentences": "as many entries as there are units, each about as long, of sentences from anywhere in the "
    "corpus",
    "random kept sets": "units of as many training questions drawn at random, from their top passages: no gates",
    **{name: meaning for name, meaning in RETRIEVER_MEANINGS.items() if name != ENCODER_ALONE},
}


def row(bench: Workbench, trial: Trial, name: str) -> dict[str, Any]:
    """Build the rival and let it answer the test questions: a row of ``results.RIVALS``."""
    rival = build(bench, trial, name)
    test, plain = bench.questions(trial, "test"), bench.answers(trial).read()
    answered, ours = rival.answer(test), bench.answers(trial, bench.published(trial)).read()
    evaluation = join_sides(test, plain, answered)
    summary = summarise(evaluation, seed=trial.settings.seed)
    ahead = summarise(join_sides(test, answered, ours), seed=trial.settings.seed)
    foreign = evaluation["passages_with"].list.set_difference(evaluation["passages_without"]).list.len()
    other = evaluation["passages_with"] != evaluation["passages_without"]
    benchmark, spent = bench.benchmark(trial), costs(trial.settings.layout.completions, partition=trial.benchmark)
    return {
        **who(trial),
        "rival": name,
        "metric": benchmark.metric,
        "top_k": trial.settings.top_k,
        "questions": summary.questions,
        **gain_columns(summary),
        "ahead": ahead.gain,
        "ahead_low": ahead.ci_low,
        "ahead_high": ahead.ci_high,
        "entries": rival.entries,
        "tokens": rival.tokens,
        "calls": usage_of(rival.made, spent).calls,
        "entries_in_top_k": float(foreign.sum()) / max(1, evaluation.height),
        "changed_share": float(other.sum()) / max(1, evaluation.height),
        "threshold": rival.threshold,
        "megabytes": rival.megabytes,
        "train_seconds": rival.train_seconds,
        "calls_a_question": rival.calls_a_question,
        # A table of earlier calls is read in no time, which says nothing about the calls.
        "search_ms": None if rival.calls_a_question else _milliseconds(rival, test),
    }


def rivals_for(generator: str) -> list[str]:
    """The rivals that can be built with the generator of that setting, and those of plug-ins."""
    there = retrievers_for(generator)
    return [name for name in ALL_RIVALS if name not in RETRIEVER_MEANINGS or name in there]


def meanings_of_rivals() -> dict[str, str]:
    """Each rival that there is, and what it is; of a plug-in's, where it is from."""
    others = [(name, plugin) for name in ALL_RIVALS if (plugin := ALL_RIVALS.plugin(name))]
    return RIVAL_MEANINGS | {name: f"a plug-in's, of {p.distribution} {p.version}" for name, p in others}


def build(bench: Workbench, trial: Trial, name: str) -> Rival:
    """The rival of that name, of ALL_RIVALS, from everything but the test questions.

    Raises InputError for a plug-in's that cannot be built.
    """
    builder, plugin = ALL_RIVALS[name], ALL_RIVALS.plugin(name)
    if plugin is None:
        return builder(bench, trial)
    built = plugin.call(builder, bench, trial)
    if not isinstance(built, Rival):
        raise plugin.error(f"gives a {type(built).__name__} and not a Rival")
    return built


def _milliseconds(rival: Rival, asked: pl.DataFrame) -> float:
    """Wall time a question of a second search of all, when every vector is known: encoding is the same for all."""
    rival.find(asked)
    began = time.perf_counter()
    rival.find(asked)
    return (time.perf_counter() - began) * 1000 / max(1, asked.height)


def _plain(bench: Workbench, trial: Trial) -> Rival:
    return Rival(lambda asked: bench.answered(trial, asked).read(), lambda asked: plain_hits(bench, trial, asked))


def _retriever(bench: Workbench, trial: Trial, *, name: str) -> Rival:
    built = build_retriever(bench, trial, name)

    return Rival(
        lambda asked: answered_by(bench, trial, name, built.find, asked).read(),
        lambda asked: built.find(asked, None),
        entries=built.entries,
        tokens=built.tokens,
        megabytes=built.megabytes,
        made=built.made,
        threshold=built.chosen,
        train_seconds=built.train_seconds,
        calls_a_question=built.calls_a_question,
    )


def _write_back(bench: Workbench, trial: Trial, *, paper: bool = False) -> Rival:
    made_by = trial.with_(rescue_depth=0, curate=False) if paper else trial
    made = (*gated_by(bench, made_by), bench.units(made_by), bench.curated(made_by))
    return second_index(bench, trial, bench.published(made_by), made)


def _cached_answers(bench: Workbench, trial: Trial) -> Rival:
    train, encoder, context = bench.questions(trial, "train"), bench.encoder(trial.settings), bench.context(trial)
    known, held_out = hold_out(train, trial.settings.seed)
    plainly = bench.answered(trial, held_out)

    def answer(asked: pl.DataFrame, plain: pl.DataFrame, cache: pl.DataFrame, threshold: float) -> pl.DataFrame:
        near = nearest(asked, cache, encoder)
        return given_answers(asked, near, cache, plain, threshold, context.task, context.benchmark.metric)

    plain = plainly.read()
    threshold = best_threshold(
        nearest(held_out, known, encoder)["likeness"], _gains(answer(held_out, plain, known, -1.0), plain)
    )
    told = train.select(pl.format("{}\n{}", "question", pl.col("golden_answers").list.first().fill_null("")))

    def find(asked: pl.DataFrame) -> pl.DataFrame:
        nearest(asked, train, encoder)
        return plain_hits(bench, trial, asked)

    return Rival(
        lambda asked: answer(asked, bench.answered(trial, asked).read(), train, threshold),
        find,
        train.height,
        sum(context.generator.count_tokens(told.to_series().to_list())),
        megabytes(bench, trial, train.height),
        (bench.retrievals(trial), plainly),
        threshold,
    )


def _cached_passages(bench: Workbench, trial: Trial) -> Rival:
    encoder = bench.encoder(trial.settings)
    retained = bench.gated_docs(trial).read().filter("retained").sort("question_id", "rank")
    kept = retained.select("question_id", "question").unique(maintain_order=True)
    known, held_out = hold_out(bench.questions(trial, "train"), trial.settings.seed)

    def hits(asked: pl.DataFrame, cache: pl.DataFrame, threshold: float) -> pl.DataFrame:
        front = remembered(nearest(asked, cache, encoder), retained, threshold)
        in_place = scored(bench, trial, asked, front)
        return in_front(plain_hits(bench, trial, asked), in_place, trial.settings.top_k)

    # A held-out question is not in the cache that it chooses the threshold of.
    others = kept.join(known, on="question_id", how="semi", maintain_order="left")
    plainly = bench.answered(trial, held_out)
    always = bench.answered(trial, held_out, hits=hits(held_out, others, -1.0))
    likeness = nearest(held_out, others, encoder)["likeness"]
    threshold = best_threshold(likeness, _gains(always.read(), plainly.read()))
    texts = select_passages(bench.passages(trial), retained)
    told = [*kept["question"], *texts.select(pl.format("{}\n{}", "title", "text")).to_series()]
    return Rival(
        lambda asked: bench.answered(trial, asked, hits=hits(asked, kept, threshold)).read(),
        lambda asked: hits(asked, kept, threshold),
        kept.height,
        sum(bench.context(trial).generator.count_tokens(told)),
        megabytes(bench, trial, kept.height),
        (*gated_by(bench, trial), plainly, always),
        threshold,
    )


def _gated_passages(bench: Workbench, trial: Trial) -> Rival:
    joined = written_entries(
        bench, trial, bench.gated_docs(trial).read(), JoinsPassages(bench.context(trial).generator)
    )
    # Two questions with the same evidence would fill the top K with one entry twice.
    return second_index(bench, trial, joined.unique(["title", "text"], maintain_order=True), gated_by(bench, trial))


def _units_of_one_subject(bench: Workbench, trial: Trial) -> Rival:
    gated, most = bench.gated_docs(trial), trial.settings.top_k

    def fuse() -> pl.DataFrame:
        evidence = gated.read()
        return evidence_of_subjects(evidence, select_passages(bench.passages(trial), evidence), most)

    fused = bench.keep(trial, "evidence_of_subjects", tables.GATED_DOCS, (gated.content, str(most)), fuse)
    return of_evidence(bench, trial, fused, gated_by(bench, trial))


def _random_sentences(bench: Workbench, trial: Trial) -> Rival:
    units = bench.published(trial).sort("unit_id")
    words = dict(units.select("question", pl.col("text").str.split(" ").list.len()).iter_rows())
    ids = bench.passages(trial).select("passage_id").collect()["passage_id"]
    evidence = random_passages(units, ids, trial.settings.seed)
    return second_index(
        bench, trial, written_entries(bench, trial, evidence, TakesSentences(bench.context(trial).generator, words)), ()
    )


def _random_kept_sets(bench: Workbench, trial: Trial) -> Rival:
    found, gated, s = bench.retrievals(trial), bench.gated_docs(trial), trial.settings
    parts = (found.content, gated.content, str(s.top_k), str(s.seed))

    def draw() -> pl.DataFrame:
        return random_kept_sets(found.read(), gated.read(), s.top_k, s.seed)

    drawn = bench.keep(trial, "random_kept_sets", tables.GATED_DOCS, parts, draw)
    return of_evidence(bench, trial, drawn, (found,))


_BUILT_IN: dict[str, Callable[[Workbench, Trial], Rival]] = {
    PLAIN: _plain,
    PAPER: partial(_write_back, paper=True),
    OURS: _write_back,
    "query cache, answers": _cached_answers,
    "query cache, passages": _cached_passages,
    "gated passages": _gated_passages,
    "units as keys": units_as_keys,
    "units with two keys": units_with_two_keys,
    "units of one subject": _units_of_one_subject,
    "random sentences": _random_sentences,
    "random kept sets": _random_kept_sets,
    **{name: partial(_retriever, name=name) for name in RETRIEVER_MEANINGS if name != ENCODER_ALONE},
}


# The built-in rivals in the order of RIVAL_MEANINGS, and those of plug-ins: functions of a workbench and a trial.
ALL_RIVALS: ExtensionPoint[Callable[[Workbench, Trial], Rival]] = ExtensionPoint(
    RIVALS_GROUP, "rival", {name: _BUILT_IN[name] for name in RIVAL_MEANINGS}
)


def _gains(ours: pl.DataFrame, plain: pl.DataFrame) -> pl.Series:
    """What each question scored more; a failed answer scores 0."""
    return ours["score"].fill_null(0.0) - plain["score"].fill_null(0.0)
