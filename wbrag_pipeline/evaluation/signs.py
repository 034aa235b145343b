"""What can be seen before training: do questions come back to the same subjects, and does retrieval miss answers?

From questions and hits to a few shares. No generator is asked, and nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wbrag_pipeline.datasets.metrics import score
from wbrag_pipeline.datasets.wording import words
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments.query_cache import hold_out, nearest
from wbrag_pipeline.retrieval.encoding.remembering_encoder import RememberingEncoder
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext

ALIKE = 0.7  # inner product from which on two questions count as alike


@dataclass(frozen=True)
class EarlySigns:
    """Shares lie in 0 to 1, of the later questions. None where answers are labels, or are not known.

    training, later: questions. likeness: median inner product of a later question and its most alike training question;
    alike: share from ALIKE on.
    returns: share whose best passage is of a page that is also the best of some training question.
    missed: share with no gold answer in the top K. deeper: share with none in the top K and one in the passages after
    it, as deep as was searched.
    spread: share with all words of a gold answer in the top K, but in no passage of it alone.
    reachable: share that returns and is missed: what units can change most.
    """

    training: int
    later: int
    likeness: float
    alike: float
    returns: float
    missed: float | None = None
    deeper: float | None = None
    spread: float | None = None
    reachable: float | None = None


def signs_of(
    later: pl.DataFrame,
    training_hits: pl.DataFrame,
    later_hits: pl.DataFrame,
    likeness: pl.Series,
    top_k: int,
    *,
    answers: bool,
) -> EarlySigns:
    """The signs of some later questions.

    later: SPLIT. training_hits, later_hits: ``KnowledgeBase.hits_with_text`` of the training questions (the first one
    of each is enough) and of ``later`` in its order. likeness: of each later question to the most alike training
    question. answers: whether ``later`` has gold answers that stand in passages, so no labels.
    """
    known = _pages(training_hits.filter(pl.col("rank") == 1)).unique()
    best = later_hits.filter(pl.col("rank") == 1)
    returning = best.select("query", _pages(best).is_in(known.implode()).alias("returns"))
    rows = pl.DataFrame({"query": pl.int_range(later.height, dtype=pl.Int32, eager=True)})
    rows = rows.join(returning, on="query", how="left", maintain_order="left").with_columns(
        pl.col("returns").fill_null(False)
    )
    near = likeness.fill_null(-1.0)
    common = {
        "training": training_hits["query"].n_unique(),
        "later": later.height,
        "likeness": _mean(near.median()),
        "alike": _mean((near >= ALIKE).mean()),
        "returns": _mean(rows["returns"].mean()),
    }
    if not answers:
        return EarlySigns(**common)  # type: ignore[arg-type]
    gold = later["golden_answers"]
    shallow, deep = (_held(later_hits.filter(pl.col("rank") <= depth), gold) for depth in (top_k, later_hits.height))
    together = _words_together(later_hits.filter(pl.col("rank") <= top_k), gold)
    return EarlySigns(
        **common,  # type: ignore[arg-type]
        missed=_mean((~shallow).mean()),
        deeper=_mean((~shallow & deep).mean()),
        spread=_mean((~shallow & together).mean()),
        reachable=_mean((~shallow & rows["returns"]).mean()),
    )


def signs_of_benchmark(context: StageContext) -> EarlySigns:
    """The signs of a benchmark or log: its test questions, or without any a fifth of the training questions.

    Reads wordings and, where answers are no labels, gold answers; no score. Raises InputError where there are no
    two parts to compare, NotBuiltError before the corpus was indexed.
    """
    asked = stages.questions(context).table
    train, later = stages.of_split(asked, "train"), stages.of_split(asked, "test")
    if later.is_empty():
        train, later = hold_out(pl.concat([train, stages.of_split(asked, "validation")]), context.settings.seed)
    if train.is_empty() or later.is_empty():
        raise InputError(f"{context.benchmark.name} has too few questions to compare", field="questions")
    encoder, base = RememberingEncoder(context.encoder), context.open_corpus()

    def search(questions: pl.Series, depth: int) -> pl.DataFrame:
        told = questions.to_list()
        return base.hits_with_text(base.search(told, depth, query_vectors=encoder.encode_queries(told)))

    first, found = search(train["question"], 1), search(later["question"], context.settings.search_depth)
    near = nearest(later, train, encoder)["likeness"]
    answered = not context.task.choices and bool((later["golden_answers"].list.len() > 0).all())
    return signs_of(later, first, found, near, context.settings.top_k, answers=answered)


def _pages(hits: pl.DataFrame) -> pl.Series:
    """The page of each hit: its title, or the passage itself where it has none."""
    titled = pl.when(pl.col("title").str.strip_chars() == "").then("passage_id").otherwise("title")
    return hits.select(titled.alias("page"))["page"]


def _texts(hits: pl.DataFrame, questions: int) -> pl.Series:
    """The texts of each question's passages, one after the other."""
    read = hits.group_by("query").agg(pl.concat_str("title", "text", separator="\n").str.join("\n").alias("seen"))
    every = pl.DataFrame({"query": pl.int_range(questions, dtype=pl.Int32, eager=True)})
    return every.join(read, on="query", how="left", maintain_order="left")["seen"].fill_null("")


def _held(hits: pl.DataFrame, gold: pl.Series) -> pl.Series:
    """Whether some passage of each question holds a gold answer."""
    found = score("accuracy_unicode", _texts(hits, len(gold)), gold)
    return found.fill_null(0.0) > 0


def _words_together(hits: pl.DataFrame, gold: pl.Series) -> pl.Series:
    """Whether the passages of each question together hold every word of some gold answer."""
    seen = words(_texts(hits, len(gold))).str.split(" ")
    rows = pl.DataFrame({"seen": seen, "gold": gold}).with_row_index("query")
    answers = rows.explode("gold", empty_as_null=False).drop_nulls("gold")
    answers = answers.with_columns(words(answers["gold"]).str.split(" ").alias("wanted"))
    held = answers.select(
        "query",
        ((pl.col("wanted").list.set_difference("seen").list.len() == 0) & (pl.col("wanted").list.first() != "")).alias(
            "all"
        ),
    )
    found = held.filter("all")["query"].unique()
    return rows["query"].is_in(found.implode())


def _mean(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
