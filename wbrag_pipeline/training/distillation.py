"""Distillation (paper, section 3.4): the retained passages of a kept question become one knowledge unit.

No gold answer is in reach here: GATED_DOCS and PASSAGES carry none, and the distiller's call has no place for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, islice
from typing import Protocol

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tombstones import NOTHING_FORGOTTEN, Tombstones, evidence_hashes, text_hashes
from wbrag_pipeline.generation.generator import Distillate, Passage
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.scoring import passages_of


class WritesUnits(Protocol):
    """What distilling needs of a generator."""

    @property
    def name(self) -> str:
        """Recorded with every unit."""

    @property
    def prompt_version(self) -> str:
        """Recorded with every unit."""

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One unit a question, from its passages."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""


def distil(
    gated_docs: pl.DataFrame,
    passages: pl.DataFrame,
    generator: WritesUnits,
    *,
    benchmark: str,
    fuse_labels: bool = False,
    forgotten: Tombstones = NOTHING_FORGOTTEN,
) -> pl.DataFrame:
    """GATED_DOCS and PASSAGES to KNOWLEDGE_UNITS: one unit a kept question, in the order of question ids.

    ``unit_id`` is a hash of the question, the sources' contents and the wording, so the same evidence gives the
    same unit, whatever its labels: these are the union of the sources' labels. A distiller that returns no text gives
    no unit.

    fuse_labels: make a unit of passages with different access labels too; see ``of_one_label_set``.
    forgotten: of evidence in it no unit is made again, and no unit with a text in it.
    """
    retained = gated_docs.filter("retained")
    if not fuse_labels:
        retained = of_one_label_set(retained, passages)
    kept = (
        retained.group_by("question_id", "question", "gate", "fallback")
        .agg(pl.col("passage_id").sort_by("rank").alias("source_passage_ids"))
        .sort("question_id")
    )
    sources = passages_of(retained, passages, kept["question_id"].to_list())
    hashes = dict(
        passages.select("passage_id", "content_hash")
        .join(retained.select("passage_id").unique(), on="passage_id", how="semi")
        .iter_rows()
    )
    source_hashes = [[hashes[p.passage_id] for p in row] for row in sources]
    if forgotten.evidence:
        allowed = _not_forgotten(kept, sources, source_hashes, benchmark, forgotten)
        kept = kept.filter(pl.Series(allowed, dtype=pl.Boolean))
        sources, source_hashes = list(compress(sources, allowed)), list(compress(source_hashes, allowed))
    made = generator.distill(kept["question"].to_list(), sources)
    labels = (
        retained.join(passages.select("passage_id", "labels"), on="passage_id", how="left")
        .group_by("question_id")
        .agg(pl.col("labels").list.explode(keep_nulls=False, empty_as_null=False).unique().sort())
    )
    # Counted as a unit is, or one that is all of its source would be a token longer than it.
    tokens = iter(generator.count_tokens([f"{p.title}\n{p.text}" for row in sources for p in row]))
    columns = {
        "unit_id": [
            "u_" + sha256_of_text(benchmark, question_id, *row, unit.title, unit.text)[:16]
            for question_id, row, unit in zip(kept["question_id"], source_hashes, made, strict=True)
        ],
        "title": [unit.title for unit in made],
        "text": [unit.text for unit in made],
        "source_hashes": source_hashes,
        "source_tokens": [sum(islice(tokens, len(row))) for row in sources],
        "unit_tokens": generator.count_tokens([f"{unit.title}\n{unit.text}" for unit in made]),
        "written_by": [unit.written_by for unit in made],
        "distiller": ["extractive" if unit.written_by == "extractive_fallback" else generator.name for unit in made],
    }
    schema = tables.KNOWLEDGE_UNITS.schema
    units = (
        kept.join(labels, on="question_id", how="left", maintain_order="left")
        .hstack(pl.DataFrame(columns, schema={name: schema[name] for name in columns}))
        .with_columns(benchmark=pl.lit(benchmark), prompt_version=pl.lit(generator.prompt_version))
        .filter(pl.col("text").str.strip_chars() != "")
        .select(list(schema))
    )
    return forgotten.without_forgotten_units(tables.KNOWLEDGE_UNITS.check(units))


def _not_forgotten(
    kept: pl.DataFrame,
    sources: Sequence[Sequence[Passage]],
    source_hashes: Sequence[Sequence[str]],
    benchmark: str,
    forgotten: Tombstones,
) -> list[bool]:
    """Of each kept question whether a unit may be made of its evidence."""
    texts = [text_hashes(pl.Series([p.text for p in row], dtype=pl.String)) for row in sources]
    asked = kept.select("question", "question_id").iter_rows()
    return [
        forgotten.evidence.isdisjoint(evidence_hashes(benchmark, question, contents, told, question_id))
        for (question, question_id), contents, told in zip(asked, source_hashes, texts, strict=True)
    ]


def of_one_label_set(retained: pl.DataFrame, passages: pl.DataFrame) -> pl.DataFrame:
    """The rows of GATED_DOCS to distil from so that no unit mixes what different readers may see.

    Of each question the passages with one set of labels: the set that most of its retained passages have, and of two
    that as many have the one with the best-ranked passage. Rows keep their order.
    """
    marked = retained.join(passages.select("passage_id", "labels"), on="passage_id", how="left", maintain_order="left")
    marked = marked.with_columns(pl.col("labels").list.join(";"))
    chosen = (
        marked.group_by("question_id", "labels")
        .agg(pl.len().alias("count"), pl.col("rank").min().alias("best"))
        .sort("question_id", "count", "best", descending=[False, True, False])
        .unique("question_id", keep="first", maintain_order=True)
    )
    keys = ["question_id", "labels"]
    return marked.join(chosen, on=keys, how="semi", maintain_order="left").drop("labels")
