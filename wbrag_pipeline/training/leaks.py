"""Did a gold answer reach the distiller? The one place beside scoring that looks at both units and answers."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.metrics import answers_held


def leaked_answers(units: pl.DataFrame, sources: pl.DataFrame, questions: pl.DataFrame) -> int:
    """Units that hold a gold answer of their question which neither their sources nor the question hold.

    KNOWLEDGE_UNITS, PASSAGES (the sources) and SPLIT (train) to a count. Answers compare as
    ``accuracy_unicode`` does; labels such as True and SUPPORTS are left out, since units do not speak in labels.
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
    given = joined.select(pl.concat_str("question", "source_text", separator=" ", ignore_nulls=True)).to_series()
    said = joined.select(pl.concat_str("title", "text", separator=" ", ignore_nulls=True)).to_series()
    pairs = pl.DataFrame({"said": said, "given": given, "answer": joined["golden_answers"]}).with_row_index("unit")
    pairs = pairs.explode("answer", empty_as_null=True).drop_nulls("answer")
    alone = pairs.select(pl.concat_list("answer"))["answer"]
    leaked = answers_held(pairs["said"], alone) & ~answers_held(pairs["given"], alone)
    return pairs.filter(leaked)["unit"].n_unique()
