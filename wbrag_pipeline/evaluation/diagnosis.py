"""What is suspicious about a run's result, the likeliest cause, and what to look at: pure functions over its tables.

A table of zeros with exit code 0 says that all went well. It mostly did not: the answers are written in another form
than the generator gives them, or the corpus is not the one that the questions are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from wbrag_pipeline.curation.unit import PUBLISHED
from wbrag_pipeline.datasets.metrics import answers_held
from wbrag_pipeline.evaluation.promotion import FEW_QUESTIONS
from wbrag_pipeline.evaluation.statistics import WRITEBACK_TAG
from wbrag_pipeline.training.context import Figure
from wbrag_pipeline.training.scoring import FAILED, NOT_ASKED, unscored

_MOSTLY, _OFTEN = 0.5, 0.2
_EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """What is suspicious, what is the likeliest cause, and what to look at: each the part of a sentence."""

    what: str
    cause: str
    look_at: str

    def __str__(self) -> str:
        return f"{self.what}. Likeliest cause: {self.cause}. Look at {self.look_at}."


def diagnose_training(
    questions: pl.DataFrame, utility_scores: pl.DataFrame, gated_docs: pl.DataFrame, curated_units: pl.DataFrame
) -> list[Finding]:
    """What is suspicious in QUESTIONS, UTILITY_SCORES, GATED_DOCS and CURATED_UNITS of one benchmark."""
    found = [*_few(questions.filter(split="train").height, "training"), *_contradicting(questions)]
    found += _unanswered(utility_scores)
    if gated_docs.is_empty():
        found.append(_nothing_kept(utility_scores))
    elif curated_units.is_empty():
        found.append(
            Finding(
                "No knowledge unit was made, though questions passed the gate",
                "what they were answered from was forgotten, or its readers differ",
                "the table gated_docs, and wbrag lineage on one of its passages",
            )
        )
    elif _share(curated_units, pl.col("written_by") == "extractive_fallback") > _MOSTLY:
        found.append(
            Finding(
                "Most units are sentences of their sources, because the generator's own drafts could not be used",
                "the model is too small to write them, or does not follow the form that it is asked for",
                "the figures of knowledge_units (what was wrong with the drafts), and a larger model",
            )
        )
    elif curated_units.filter(state=PUBLISHED).is_empty():
        states = ", ".join(f"{count} {state}" for state, count in curated_units["state"].value_counts(sort=True).rows())
        found.append(
            Finding(
                f"No knowledge unit was published ({states})",
                "the generator's drafts do not say what their sources say, or the filters are too strict for them",
                "the column reason of the table curated_units",
            )
        )
    return found


def diagnose_evaluation(evaluation: pl.DataFrame, recall: Figure | None) -> list[Finding]:
    """What is suspicious in one EVALUATION.

    recall: share of questions with an answer in some retrieved passage, in [0, 1]; None where answers are labels.
    """
    found = [*_few(evaluation.height, "test")]
    empty = _share(evaluation, (pl.col("answer_with") == "") & (pl.col("answer_without") == ""))
    failed = _share(evaluation, (pl.col("status_with") == FAILED) | (pl.col("status_without") == FAILED))
    if failed > _MOSTLY:
        found.append(
            Finding(
                f"{failed:.0%} of the test questions got no answer, because calls failed",
                "the generator's endpoint is down or refuses the requests",
                "wbrag doctor, and the warnings of the run",
            )
        )
    elif empty > _MOSTLY:
        found.append(
            Finding(
                f"{empty:.0%} of the answers are empty",
                "the generator gives no answer in the form that the task asks for",
                "the columns answer_without and answer_with of the table evaluation, and wbrag ask on one question",
            )
        )
    found += [*_one_answer_to_all(evaluation), *_sentences(evaluation)]
    if recall == 0:
        found.append(
            Finding(
                "No answer stands in any passage that was retrieved",
                "the corpus is not the one that the questions are about, or writes its answers otherwise",
                "a test question with wbrag ask, and its golden_answers",
            )
        )
    if evaluation.height and evaluation.select((pl.col("score_without") + pl.col("score_with")).sum()).item() == 0:
        found.append(
            Finding(
                "Every test question scored 0, without and with write-back",
                "the generator's answers are worded otherwise than golden_answers"
                if empty <= _MOSTLY and recall != 0
                else "what is said above",
                "answer_with beside golden_answers in the table evaluation, and whether the metric suits the task",
            )
        )
    tagged = evaluation["passages_with"].explode(empty_as_null=True).drop_nulls()
    if evaluation.height and not tagged.str.starts_with(WRITEBACK_TAG).any():
        found.append(
            Finding(
                "No test question was shown a knowledge unit",
                "no unit was published, or the test questions are about other things than the training questions",
                "wbrag release show, and the report's list of units",
            )
        )
    return found


def _few(count: int, split: str) -> Iterator[Finding]:
    if count < FEW_QUESTIONS:
        yield Finding(
            f"Only {count} {split} question{'' if count == 1 else 's'}",
            "the file holds no more, or limit is set",
            "the intervals before the gains: with so few questions several points are chance"
            if split == "test"
            else "how many units there are: each comes from a question that retrieval helps with",
        )


def _one_answer_to_all(evaluation: pl.DataFrame) -> Iterator[Finding]:
    given = evaluation["answer_with"].drop_nulls().unique().to_list()
    if evaluation.height >= FEW_QUESTIONS and len(given) == 1 and given[0] and _right_answers(evaluation) > 1:
        yield Finding(
            f"Every test question is answered with {given[0]!r}",
            "the model is too small for this task, or does not follow the instruction",
            "wbrag ask on one question, the setting num_fewshot, and a larger model",
        )


def _right_answers(evaluation: pl.DataFrame) -> int:
    return evaluation["golden_answers"].list.first().n_unique()


def _sentences(evaluation: pl.DataFrame) -> Iterator[Finding]:
    """Answers that hold a right one and score nothing: by exact match, a sentence is wrong."""
    held = answers_held(evaluation["answer_with"], evaluation["golden_answers"].to_list())
    share = _share(evaluation, held & (pl.col("score_with") == 0))
    if share > _OFTEN:
        yield Finding(
            f"{share:.0%} of the answers hold a right answer and score 0",
            "the model answers in sentences, and the metric wants the phrase alone",
            "the settings reduce_answers and num_fewshot, and whether the metric suits the task",
        )


def _contradicting(questions: pl.DataFrame) -> Iterator[Finding]:
    """The same question more than once in a split, with answers that have nothing in common."""
    asked = (
        questions.filter(pl.col("golden_answers").list.len() > 0)
        .with_columns(
            pl.col("question").str.to_lowercase().str.replace_all(r"\W+", " ").str.strip_chars().alias("asked")
        )
        .group_by("split", "asked", maintain_order=True)
        .agg(
            "question_id",
            pl.len().alias("times"),
            # An answer that all of them give is counted as often as the question is asked.
            pl.col("golden_answers")
            .list.unique()
            .explode()
            .str.to_lowercase()
            .value_counts()
            .struct.field("count")
            .max(),
        )
        .filter((pl.col("times") > 1) & (pl.col("count") < pl.col("times")))
    )
    if asked.height:
        ids = ", ".join(", ".join(ids) for ids in asked["question_id"].head(_EXAMPLES))
        more = " …" if asked.height > _EXAMPLES else ""
        are = "question is" if asked.height == 1 else "questions are"
        yield Finding(
            f"{asked.height} {are} asked several times, with different answers ({ids}{more})",
            "the log was labelled by several people, or the right answer depends on who asks or when",
            "these rows: each of them counts as wrong for whoever answers the other",
        )


def _unanswered(scores: pl.DataFrame) -> Iterator[Finding]:
    failed = unscored(scores).height / max(1, scores.height)
    asked = scores.filter(pl.col("status_rag") != NOT_ASKED)
    empty = _share(asked, pl.col("answer_rag") == "")
    if failed > _MOSTLY:
        yield Finding(
            f"{failed:.0%} of the training questions have no score, because calls failed",
            "the generator's endpoint is down or refuses the requests",
            "wbrag doctor, and the warnings of the run",
        )
    elif empty > _MOSTLY:
        yield Finding(
            f"{empty:.0%} of the answers to training questions are empty",
            "the generator gives no answer in the form that the task asks for",
            "the column answer_rag of the table utility_scores",
        )


def _nothing_kept(scores: pl.DataFrame) -> Finding:
    known = scores.filter(pl.col("score_no_retrieval") >= 1).height
    helped = scores.filter(pl.col("score_rag") > 0).height
    if scores.height and known == scores.height:
        cause, look = "the generator knows all answers without retrieval", "questions that it cannot know"
    elif helped == 0:
        cause = "golden_answers are written otherwise than the generator answers, or the corpus does not hold them"
        look = "answer_rag in the table utility_scores beside golden_answers in the table questions"
    else:
        cause = f"retrieval changed no score by more than the thresholds ({helped} questions are answered with it)"
        look = "score_no_retrieval and score_rag in the table utility_scores, and the settings tau_s and tau_delta"
    return Finding("No training question passed the gates, so there are no knowledge units", cause, look)


def _share(frame: pl.DataFrame, condition: pl.Expr) -> float:
    return frame.filter(condition).height / max(1, frame.height)
