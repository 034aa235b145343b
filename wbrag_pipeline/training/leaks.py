"""Did a gold answer reach the distiller? The one place beside scoring that looks at both units and answers."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.metrics import normalize_answer


def leaked_answers(units: pl.DataFrame, sources: pl.DataFrame, questions: pl.DataFrame) -> int:
    """Units that hold a gold answer of their question which neither their sources nor the question hold.

    KNOWLEDGE_UNITS, PASSAGES (the sources) and SPLIT (train) to a count. Answers compare as whole words
    after normalisation; labels such as True and SUPPORTS are left out, since units do not speak in labels.
    """
    texts = sources.select("passage_id", pl.concat_str("title", "text", separator=" ").alias("source_text"))
    joined = (
        units.select("unit_id", "question_id", "question", "title", "text", "source_passage_ids")
        .explode("source_passage_ids")
        .join(texts, left_on="source_passage_ids", right_on="passage_id", how="left")
        .group_by("unit_id", "question_id", "question", "title", "text")
        .agg(pl.col("source_text").str.join(" "))
        .join(questions.select("question_id", "golden_answers"), on="question_id", how="inner")
    )
    return sum(
        any(
            _holds(f"{row['title']} {row['text']}", answer) and not _holds(row["given"], answer)
            for answer in row["golden_answers"]
        )
        for row in joined.with_columns(
            pl.concat_str("question", "source_text", separator=" ").alias("given")
        ).iter_rows(named=True)
    )


def _holds(text: str, answer: str) -> bool:
    wanted = normalize_answer(answer)
    return bool(wanted) and f" {wanted} " in f" {normalize_answer(text)} "
