"""Shapes of rows that hold questions, each told by its fields; the first that fits is taken."""

from __future__ import annotations

from collections.abc import Iterator

from wbrag_pipeline.datasets.files.row_shapes import BadShape, Fields, Shape

_IDS = ("id", "_id", "qid", "question_id", "query_id")


def squad_questions(article: Fields) -> Iterator[Fields]:
    """The questions of an article, which stand in ``paragraphs``, and there in ``qas``."""
    for paragraph in objects_in(article, "paragraphs"):
        yield from objects_in(paragraph, "qas")


def objects_in(fields: Fields, name: str) -> Iterator[Fields]:
    """The objects of a list in a field. Raises BadShape where it is none."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadShape("must be a list of objects", name, "see the format of SQuAD's JSON files")
    yield from value


def _names(*fields: str) -> frozenset[str]:
    return frozenset(fields)


USUAL_QUESTIONS = Shape(
    "question and answer",
    _names("question"),
    {"id": _IDS, "question": ("question",), "answers": ("golden_answers", "answers", "answer")},
    note="DPR, Natural Questions, TriviaQA, BoolQ, SQuAD's rows on Hugging Face, own files",
)

QUESTION_SHAPES = (
    Shape(
        "FlashRAG",
        _names("question", "golden_answers"),
        {"id": _IDS, "question": ("question",), "answers": ("golden_answers",)},
        note="`golden_answers` may be one text",
    ),
    Shape(
        "AutoRAG, the questions",
        _names("query", "generation_gt"),
        {"id": ("qid",), "question": ("query",), "answers": ("generation_gt",)},
        note="`retrieval_gt` is not read",
    ),
    Shape(
        "Ragas",
        _names("user_input", "reference"),
        {"id": _IDS, "question": ("user_input",), "answers": ("reference",)},
        note="a `response` is a system's answer and is not read",
    ),
    Shape(
        "Ragas before 0.2",
        _names("question", "ground_truth"),
        {"id": _IDS, "question": ("question",), "answers": ("ground_truth",)},
        note="an `answer` beside it is a system's answer and is not read",
    ),
    Shape(
        "Ragas before 0.1",
        _names("question", "ground_truths"),
        {"id": _IDS, "question": ("question",), "answers": ("ground_truths",)},
        note="an `answer` beside it is a system's answer and is not read",
    ),
    USUAL_QUESTIONS,
    Shape(
        "KILT",
        _names("input", "output"),
        {"id": _IDS, "question": ("input",), "answers": ("output",)},
        note="the `answer` of each object in `output`",
    ),
    Shape(
        "SQuAD's JSON",
        _names("paragraphs"),
        {"id": _IDS, "question": ("question",), "answers": ("answers",)},
        unfold=squad_questions,
        note="the questions of all paragraphs; those without an answer (SQuAD 2.0) are refused",
    ),
    Shape(
        "MS MARCO's rows on Hugging Face",
        _names("query", "answers"),
        {"id": _IDS, "question": ("query",), "answers": ("answers",)},
    ),
    Shape(
        "relevance judgements (qrels)",
        _names("query-id", "corpus-id"),
        refused=("they hold neither questions nor answers", "add the file with the questions"),
    ),
    Shape(
        "BEIR's corpus",
        _names("_id", "title", "text"),
        refused=("these are passages, not questions", "add it with wbrag add corpus"),
    ),
    Shape(
        "LangChain documents",
        _names("page_content"),
        refused=("these are passages, not questions", "add it with wbrag add corpus"),
    ),
    Shape(
        "BEIR's queries",
        _names("_id", "text"),
        {"id": ("_id",), "question": ("text",)},
        note="they have no answers: for `--unlabelled`",
    ),
)
