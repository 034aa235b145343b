"""A sample of whole subjects: few questions that still ask about what others have taught, for slow language models.

Questions that are drawn one by one from a large benchmark have hardly a subject in common. What is learned from some
then helps none of the others, and the sample cannot show a gain or a loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.hash_draws import drawn_questions, first_by_hash
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.storage import replacing_directory
from wbrag_pipeline.tables import GOLD, SPLIT


@dataclass(frozen=True)
class SubjectSample:
    """Questions to train on and to test, as SPLIT, and the subjects that all of them belong to."""

    train: pl.DataFrame
    test: pl.DataFrame
    subjects: list[str]


def draw_subjects(
    train: pl.DataFrame, test: pl.DataFrame, base: KnowledgeBase, *, train_limit: int, test_limit: int
) -> SubjectSample:
    """Subjects in the order of the SHA-256 of their titles, until they have ``test_limit`` test questions.

    train, test: LABELLED; only what has a gold answer is drawn. A question's subject is the title of the passage that
    is nearest to it. Of the questions of the chosen subjects at most ``train_limit`` and ``test_limit`` are taken,
    those first by the SHA-256 of the id. So the sample follows from questions and corpus alone, and is fixed before
    anything is answered.

    Raises InputError where no training question belongs to a chosen subject.
    """
    titles = pl.scan_parquet(base.passages).select("passage_id", subject="title")
    asked, tested = (_with_subject(split.filter(label=GOLD), base, titles) for split in (train, test))
    counts = tested.group_by("subject").len()
    ordered = counts[first_by_hash(counts["subject"], counts.height)]
    before = pl.col("len").cum_sum().shift(fill_value=0)
    chosen = ordered.filter(before < test_limit)["subject"]
    drawn = [
        drawn_questions(questions.filter(pl.col("subject").is_in(chosen.implode())).select(list(SPLIT.schema)), limit)
        for questions, limit in ((asked, train_limit), (tested, test_limit))
    ]
    if drawn[0].is_empty():
        raise InputError(
            f"no training question is about one of the {len(chosen)} subjects that were drawn",
            field="--test",
            hint="draw more test questions; wbrag advise says how often subjects recur",
        )
    return SubjectSample(drawn[0], drawn[1], chosen.to_list())


def write_sample(sample: SubjectSample, folder: Path) -> None:
    """Write ``train.jsonl`` and ``test.jsonl`` in FlashRAG's form into a new folder.

    Raises InputError for a folder that holds something already.
    """
    folder = folder.absolute()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} is there already", field="--out", hint="name a new folder")
    if folder.is_dir():
        folder.rmdir()
    with replacing_directory(folder) as new:
        for name, split in (("train", sample.train), ("test", sample.test)):
            split.rename({"question_id": "id"}).write_ndjson(new / f"{name}.jsonl")


def _with_subject(questions: pl.DataFrame, base: KnowledgeBase, titles: pl.LazyFrame) -> pl.DataFrame:
    hits = base.search(questions["question"].to_list(), 1).select("query", "passage_id")
    known = titles.join(hits.lazy(), on="passage_id", how="semi").collect(engine="streaming")
    nearest = hits.join(known, on="passage_id", how="left")
    rows = questions.with_row_index("query").cast({"query": pl.Int32})
    found = rows.join(nearest, on="query", how="left", maintain_order="left").drop("query", "passage_id")
    return found.with_columns(pl.col("subject").fill_null(""))
