"""Shapes of rows that hold passages, each told by its fields; the first that fits is taken.

Labels stand in a field of the row in every shape. Where a shape has a field for metadata, those in it count as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wbrag_pipeline.datasets.files.row_shapes import BadShape, Fields, Shape, beside
from wbrag_pipeline.datasets.label_keys import label_key
from wbrag_pipeline.datasets.question_shapes import objects_in

_FROM_METADATA = ("title", "source")


def with_metadata(name: str) -> Callable[[Fields], Iterator[Fields]]:
    """Lays title, source and labels of the object in field ``name`` beside the row's own fields."""

    def unfold(fields: Fields) -> Iterator[Fields]:
        metadata = fields.get(name)
        if metadata is None:
            yield fields
            return
        if not isinstance(metadata, dict):
            raise BadShape("must be an object: it may hold access labels", name, "write the file as JSONL or Parquet")
        lifted = {key: value for key, value in metadata.items() if key in _FROM_METADATA or label_key(key)}
        rest = {key: value for key, value in metadata.items() if key not in lifted}
        yield beside({**fields, name: rest}, lifted)

    return unfold


def _serialised(fields: Fields) -> Iterator[Fields]:
    """A document as ``langchain_core.load.dumps`` writes it: all that it says is in ``kwargs``."""
    inner = fields.get("kwargs")
    if not isinstance(inner, dict):
        raise BadShape("must be an object", "kwargs")
    outer = {key: value for key, value in fields.items() if key not in ("kwargs", "id")}
    yield from with_metadata("metadata")(beside(outer, inner))


def squad_contexts(article: Fields) -> Iterator[Fields]:
    """The paragraphs of an article, each with its title and a number."""
    outer = {key: value for key, value in article.items() if key != "paragraphs"}
    for number, paragraph in enumerate(objects_in(article, "paragraphs"), start=1):
        row = beside(outer, {key: value for key, value in paragraph.items() if key != "qas"})
        yield {**row, "id": f"{article.get('title') or 'article'}#{number}"}


def _names(*fields: str) -> frozenset[str]:
    return frozenset(fields)


USUAL_PASSAGES = Shape(
    "title and text",
    _names("id", "text"),
    {"id": ("id", "_id", "id_"), "contents": ("contents",)},
    note="DPR's `psgs_w100.tsv`, own files",
)

PASSAGE_SHAPES = (
    Shape("FlashRAG", _names("id", "contents"), note="the title in double quotes on the first line of `contents`"),
    USUAL_PASSAGES,
    Shape(
        "AutoRAG, the corpus",
        _names("doc_id", "contents"),
        {"id": ("doc_id",), "text": ("contents",), "source": ("source", "path")},
        unfold=with_metadata("metadata"),
        note="`contents` is all text, without a title",
    ),
    Shape(
        "LangChain documents",
        _names("page_content"),
        {"text": ("page_content",)},
        unfold=with_metadata("metadata"),
        numbered=True,
        note="without an `id`, it is the source and a number in it",
    ),
    Shape(
        "LangChain documents, serialised",
        _names("lc", "kwargs"),
        {"text": ("page_content",)},
        unfold=_serialised,
        numbered=True,
        note="as `langchain_core.load.dumps` writes them",
    ),
    Shape(
        "Haystack documents",
        _names("content", "meta"),
        {"text": ("content",)},
        unfold=with_metadata("meta"),
    ),
    Shape(
        "SQuAD's JSON",
        _names("paragraphs"),
        {"text": ("context",)},
        unfold=squad_contexts,
        note="each paragraph is a passage; its id is the article's title and a number",
    ),
    Shape(
        "KILT's knowledge source",
        _names("wikipedia_id", "wikipedia_title", "text"),
        refused=("a row is a whole page", "cut the pages into passages: id, title, text, about 100 words each"),
    ),
    Shape(
        "BEIR",
        _names("_id", "text"),
        {"id": ("_id",)},
        unfold=with_metadata("metadata"),
    ),
    Shape(
        "relevance judgements (qrels)",
        _names("query-id", "corpus-id"),
        refused=("they hold no text", "add the file with the passages"),
    ),
)
OTHER_FIELDS = ("id", "title", "source", "date", "metadata", "meta")
