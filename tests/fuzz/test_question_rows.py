"""Question files with anything in them: a reading gives a table of the schema, or an InputError that names the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutating import mutated
from wbrag_pipeline.datasets.files.column_map import QUESTION_NAMES, ColumnMap
from wbrag_pipeline.datasets.question_files import read_questions
from wbrag_pipeline.datasets.question_shapes import QUESTION_SHAPES
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import SPLIT

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

ROWS = b"".join(
    json.dumps({"question": f"Is it {n}?", "golden_answers": ["yes", "no"]}).encode() + b"\n" for n in range(3)
)
ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
FIELDS = st.dictionaries(
    st.sampled_from(sorted({"data", *(name for shape in QUESTION_SHAPES for name in shape.names)})),
    ANSWERS | st.sampled_from(["yes", "['yes']"]) | st.dictionaries(st.sampled_from(["text", "answer"]), ANSWERS),
    max_size=4,
)


VALID = {
    "jsonl": ROWS,
    "json": json.dumps(
        {
            "data": [
                {"title": "T", "paragraphs": [{"qas": [{"id": 1, "question": "a?", "answers": [{"text": "yes"}]}]}]}
            ]
        },
        indent=1,
    ).encode(),
    "csv": b'id,question,answer\n1,"who, me?","[\'Ada\', nan]"\n2,when?,1843|yes\n',
    "tsv": b"sep=;\nID;Question;Answer;\n1;who?;yes;\n",
}


@pytest.mark.parametrize("suffix", VALID)
@in_one_folder
@given(data=st.data())
def test_questions(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    rows = st.lists(FIELDS, max_size=3).map(lambda found: b"\n".join(json.dumps(row).encode() for row in found))
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(data.draw(st.binary(max_size=200) | mutated(VALID[suffix]) | rows))
    task = data.draw(st.sampled_from([None, *TASKS.values()]))
    try:
        columns = data.draw(st.sampled_from(["", "answer=answer", "question=data.question,id=id"]))
        given_map = ColumnMap.parse(columns, QUESTION_NAMES)
        frame = read_questions(file, task, answers=data.draw(st.booleans()), columns=given_map)
    except InputError as error:
        assert str(error).startswith(str(file))
        str(error).encode()
    else:
        assert dict(frame.schema) == dict(SPLIT.schema) and frame.height
