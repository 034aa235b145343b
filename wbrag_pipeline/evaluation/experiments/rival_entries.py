"""Rivals that fill the second index with something else than units: what they are made of, and how they are written.

Evidence is GATED_DOCS, so that ``training.distillation`` makes the entries as it makes units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wbrag_pipeline.generation.generator import Distillate, Generator, Passage, language_of
from wbrag_pipeline.sentences import split_sentences
from wbrag_pipeline.tables import GATED_DOCS

# What stands in GATED_DOCS for the gate that let a question in.
AT_RANDOM, OF_ONE_SUBJECT = "random", "subject"
_DRAWN = 3  # passages that the sentences of one random entry are taken from


@dataclass(frozen=True)
class JoinsPassages:
    """Writes the passages themselves, one after the other; the first one's title is the entry's."""

    model: Generator
    name: str = "gated passages"
    prompt_version: str = ""

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One entry a question."""
        return [
            Distillate(first.title, "\n".join([first.text, *(f"{p.title}\n{p.text}" for p in others)]))
            for first, *others in passages
        ]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in the generator's vocabulary."""
        return self.model.count_tokens(texts)


@dataclass(frozen=True)
class TakesSentences:
    """Writes as many sentences of its passages, from the first on, as come nearest to a number of words.

    words: of each entry, by question.
    """

    model: Generator
    words: dict[str, int]
    name: str = "random sentences"
    prompt_version: str = ""

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One entry a question."""
        return [
            Distillate(row[0].title, " ".join(of_about(_sentences(row, language_of(self.model)), self.words[question])))
            for question, row in zip(questions, passages, strict=True)
        ]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in the generator's vocabulary."""
        return self.model.count_tokens(texts)


def of_about(sentences: Sequence[str], words: int) -> list[str]:
    """The first sentences, at least one, that together come nearest to so many words."""
    lengths = np.cumsum([len(sentence.split()) for sentence in sentences])
    return list(sentences[: int(np.abs(lengths - words).argmin()) + 1]) if len(sentences) else []


def random_passages(questions: pl.DataFrame, passage_ids: pl.Series, seed: int) -> pl.DataFrame:
    """GATED_DOCS: for each row of question_id and question, some passages of the whole corpus, drawn with a seed."""
    draws = np.random.default_rng(seed)
    each = min(_DRAWN, len(passage_ids))
    drawn = [passage_ids.gather(draws.choice(len(passage_ids), each, replace=False)) for _ in range(questions.height)]
    rows = (
        questions.select("question_id", "question", pl.Series("passage_id", drawn, pl.List(pl.String)))
        .explode("passage_id", empty_as_null=False)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("question_id"))
    )
    return evidence_of(rows.with_columns(retained=pl.lit(True), score=pl.lit(None)), AT_RANDOM)


def random_kept_sets(retrievals: pl.DataFrame, gated: pl.DataFrame, top_k: int, seed: int) -> pl.DataFrame:
    """GATED_DOCS with the gates off: as many questions as trained, drawn with a seed, and their top passages.

    Each drawn question has as many passages as one of those that trained had retained.
    """
    sizes = gated.filter("retained").group_by("question_id").len("size").sort("question_id")["size"]
    asked = retrievals["question_id"].unique().sort()
    drawn = np.random.default_rng(seed).permutation(len(asked))[: len(sizes)]
    chosen = pl.DataFrame({"question_id": asked.gather(drawn), "size": sizes.head(len(drawn))})
    rows = retrievals.filter(pl.col("rank") <= top_k).join(chosen, on="question_id", maintain_order="left")
    return evidence_of(rows.with_columns(retained=pl.col("rank") <= pl.col("size")), AT_RANDOM)


def evidence_of_subjects(gated: pl.DataFrame, titles: pl.DataFrame, most: int) -> pl.DataFrame:
    """GATED_DOCS that fuse what several questions about one subject retained, which the paper leaves for later.

    titles: passage_id and title. A question's subject is the title of its first retained passage, or that passage where
    it has none. The passages of a subject's questions, each once, those first that most of its questions retained, make
    one entry for every ``most`` of them. Its question is those of the questions that its passages were retained for,
    one after the other.
    """
    retained = gated.filter("retained").join(titles, on="passage_id", how="left").sort("question_id", "rank")
    named = pl.when(pl.col("title") == "").then(pl.format("passage {}", "passage_id")).otherwise("title")
    retained = retained.with_columns(subject=named.first().over("question_id"))
    passages = (
        retained.group_by("subject", "passage_id")
        .agg(pl.len().alias("votes"), pl.col("rank").min().alias("best"), pl.col("score").max())
        .sort("subject", "votes", "best", "passage_id", descending=[False, True, False, False])
        .with_columns(place=pl.int_range(pl.len()).over("subject"))
        .with_columns(part=pl.col("place") // most, rank=(pl.col("place") % most + 1).cast(pl.Int32))
    )
    asked = (
        retained.join(passages.select("subject", "passage_id", "part"), on=["subject", "passage_id"])
        .unique(["subject", "part", "question_id"])
        .sort("question_id")
        .group_by("subject", "part", maintain_order=True)
        .agg(pl.col("question_id").first(), pl.col("question").str.join(" "))
        .with_columns(question_id=pl.format("{}/{}", "question_id", "part"))
    )
    rows = passages.join(asked, on=["subject", "part"]).with_columns(retained=pl.lit(True))
    return evidence_of(rows, OF_ONE_SUBJECT)


def _sentences(passages: Sequence[Passage], language: str) -> list[str]:
    return [sentence for passage in passages for sentence in split_sentences(passage.text, language)]


def evidence_of(rows: pl.DataFrame, gate: str) -> pl.DataFrame:
    """Rows with question_id, question, rank, passage_id, score and retained as GATED_DOCS.

    gate: a name for what chose them, which stands in the column ``gate``.
    """
    known = rows.select("question_id", "question", "rank", "passage_id", "score", "retained")
    decided = {"gate": pl.lit(gate), "fallback": pl.lit(False)}
    missing = {name: pl.lit(None) for name in GATED_DOCS.schema if name not in known.columns and name not in decided}
    frame = known.with_columns(**decided, **missing).select(list(GATED_DOCS.schema)).cast(GATED_DOCS.schema)
    return GATED_DOCS.check(frame.sort("question_id", "rank"))
