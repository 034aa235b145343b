"""The page on the shapes of files, from ``datasets.question_shapes``, ``datasets.passage_shapes`` and the readers."""

from __future__ import annotations

from collections.abc import Iterable

from docs_reference.markdown import code, table
from wbrag_pipeline.datasets.files.column_map import PASSAGE_NAMES, QUESTION_NAMES
from wbrag_pipeline.datasets.files.records import COMPRESSIONS, FORMATS
from wbrag_pipeline.datasets.files.row_shapes import Shape
from wbrag_pipeline.datasets.gold_answers import MISSING
from wbrag_pipeline.datasets.passage_shapes import PASSAGE_SHAPES
from wbrag_pipeline.datasets.question_shapes import QUESTION_SHAPES

_PAGE = """# Shapes of files

`wbrag add` reads the files of many tools as they are. The fields of a row tell which shape it has; the first row of the
table that fits is taken. Names of fields may be in capital letters. Anything else is refused with what to do, or read
with `--map`.

## File formats

A file ends in {suffixes}; JSON and CSV also in {compressions}.

- JSON may be one object a line, one array of objects, an object with the rows in an array under `data`, or objects
  written over many lines. The beginning of the file tells which, not its name.
- In CSV the cells are separated by commas, semicolons or tabs, whichever gives the header the most columns, or as a
  first line `sep=;` says. Columns without a name and empty rows at the end are left out.

## Questions

{questions}
## Passages

`id`, `title`, `text` and `source` have these names where no other is given. Access labels and `date` are read in every
shape, see [Labels, source and date](../how-to/your-data.md#labels-source-and-date-of-a-passage). Of `metadata` only
`title`, `source` and access labels are read.

{passages}
## Answers

An answer is text or a number; several are a list. Also read are objects with `text` (SQuAD), `answer` (KILT) or `value`
and `aliases` (TriviaQA), and in CSV a cell with `|` between the answers. A text that holds a list, as JSON, Python or
NumPy write it (`['Paris', 'City of Paris']`), is that list. `true` and `false` are answers to tasks with such choices.

An empty text and these stand for a missing answer, which is an error: {missing}. If such a word is the answer, write it
in a list in JSON: `["None"]`. There every text is taken as it is.

## Other names

`--map` says which columns are meant, for example `--map question=input,answer=expected_output`. It is kept in the
registry, so a refresh reads the file in the same way. A column inside objects is named with dots: `question=inputs.q`.
A pair with a comma in it stands in double quotes. Every row must have the columns that are named.

- of questions: {question_names}
- of passages: {passage_names}

A column that looks like access labels can only be named as `labels`.
"""


def page() -> str:
    """The page as Markdown."""
    return _PAGE.format(
        suffixes=_codes(FORMATS),
        compressions=_codes(COMPRESSIONS),
        questions=_table(QUESTION_SHAPES, ("id", "question", "answers")),
        passages=_table(PASSAGE_SHAPES, ("id", "text")),
        missing=_codes(sorted(MISSING)),
        question_names=_codes(QUESTION_NAMES),
        passage_names=_codes(PASSAGE_NAMES),
    )


def _table(shapes: tuple[Shape, ...], names: tuple[str, ...]) -> str:
    rows = []
    for shape in shapes:
        read = [] if shape.refused else [_codes(_fields(shape, name), " or ") for name in names]
        told = _codes(sorted(shape.told_by))
        rows.append((shape.name, told, *(read or [""] * len(names)), _note(shape)))
    return table(("shape", "told by", *names, "remarks"), rows)


def _fields(shape: Shape, name: str) -> tuple[str, ...]:
    """The fields that hold what is called ``name``; none where such rows have nothing of the kind."""
    if name == "answers" and name not in shape.columns:
        return ()
    usual = "contents" if name == "text" and "contents" in shape.told_by else name
    return tuple(shape.columns.get(name, (usual,)))


def _note(shape: Shape) -> str:
    return f"refused: {shape.refused[0]}; {shape.refused[1]}" if shape.refused else shape.note


def _codes(names: Iterable[str], between: str = ", ") -> str:
    return between.join(code(name) for name in names)
