import gzip
import json
import re
from pathlib import Path
from unicodedata import normalize

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wbrag_pipeline.datasets.gold_answers import is_missing
from wbrag_pipeline.datasets.question_files import read_questions, shared_questions
from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA, YES_NO
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import SPLIT

FLASHRAG = (
    '{"id": "train_0", "question": "who?", "golden_answers": ["Ada", "Ada Lovelace"], "metadata": {"a": 1}}\n'
    '\n{"id": "train_1", "question": "when?", "golden_answers": ["1843"]}\n'
)

CSV_BY_OTHER_NAMES = b"question,answers,id\nwho?,Ada|Ada Lovelace,train_0\nwhen?,1843,train_1\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("train.jsonl", FLASHRAG.encode()),
        ("train.jsonl.gz", gzip.compress(FLASHRAG.encode(), mtime=0)),
        ("train.jsonl.zst", zstandard.compress(FLASHRAG.encode())),
        ("train.csv", b"id,question,golden_answers\ntrain_0,who?,Ada| Ada Lovelace |\ntrain_1,when?,1843\n"),
        ("train.csv.gz", gzip.compress(CSV_BY_OTHER_NAMES, mtime=0)),
    ],
)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    frame = read_questions(tmp_path / name)
    assert dict(frame.schema) == dict(SPLIT.schema)
    assert frame.rows() == [("train_0", "who?", ["Ada", "Ada Lovelace"]), ("train_1", "when?", ["1843"])]
    frame.write_parquet(tmp_path / "again.parquet")
    renamed = pl.read_parquet(tmp_path / "again.parquet").rename({"question_id": "id"})
    renamed.write_parquet(tmp_path / "again.parquet")
    assert read_questions(tmp_path / "again.parquet").equals(frame)


def test_plain_forms_and_ids_by_row(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(
        '{"question": "a?", "answer": "one|two"}\n\n{"question": "b?", "answers": ["x", " y "]}\n'
        '{"question": "c?", "answer": ["z"]}\n'
    )
    assert read_questions(file).rows() == [
        ("mine_1", "a?", ["one|two"]),  # only CSV splits at the bar
        ("mine_2", "b?", ["x", "y"]),
        ("mine_3", "c?", ["z"]),
    ]
    pl.DataFrame({"question": ["a?"], "answer": ["one"]}).write_parquet(tmp_path / "p.parquet")
    assert read_questions(tmp_path / "p.parquet").rows() == [("p_1", "a?", ["one"])]


clean = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).map(str.strip)
clean = clean.filter(lambda text: not is_missing(text) and text[0] not in "[({")


@given(rows=st.lists(st.tuples(clean, st.lists(clean, min_size=1, max_size=3)), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read(tmp_path: Path, rows: list[tuple[str, list[str]]]) -> None:
    file = tmp_path / "split.jsonl"
    file.write_text("\n".join(json.dumps({"question": q, "golden_answers": a}) for q, a in rows))
    frame = read_questions(file)
    nfc = [(normalize("NFC", q), [normalize("NFC", answer) for answer in a]) for q, a in rows]
    assert frame.select("question", "golden_answers").rows() == nfc
    frame.rename({"question_id": "id"}).write_parquet(tmp_path / "split.parquet")
    assert read_questions(tmp_path / "split.parquet").equals(frame)
    flat = frame.filter(~pl.col("golden_answers").list.eval(pl.element().str.contains("|", literal=True)).list.any())
    if flat.height:
        flat.select("question_id", "question", pl.col("golden_answers").list.join("|")).rename(
            {"question_id": "id"}
        ).write_csv(tmp_path / "split.csv")
        assert read_questions(tmp_path / "split.csv").equals(flat)


GOOD = '{"id": "1", "question": "a?", "answer": "x"}\n'
BAD = {
    "broken": (GOOD + "{", "line 2: broken JSON"),
    "no question": ('{"answer": "x"}', "line 1, field 'question': is missing (fields on this line 1: answer; name"),
    "empty question": ('{"question": " ", "answer": "x"}', "line 1, field 'question': is empty"),
    "number as question": ('{"question": 5, "answer": "x"}', "line 1, field 'question': must be text, not a number"),
    "no answer": (
        '{"question": "a?"}',
        "line 1, field 'golden_answers': is missing (golden_answers, answers, answer; fields on this",
    ),
    "object": (
        '{"question": "a?", "answer": {"a": 1}}',
        "line 1, field 'answer': must be text or a list of text, not an object",
    ),
    "null": (
        '{"question": "a?", "answers": null}',
        "line 1, field 'answers': holds no answer: the value is missing (fill it in, take the row out, or give the",
    ),
    "a float": (
        GOOD + '{"id": "2", "question": "b?", "golden_answers": ["x", 1969.0]}',
        "line 2, field 'golden_answers': holds 1969.0, which may be meant as a whole number (pandas makes",
    ),
    "a list inside": (
        '{"question": "a?", "answers": [["x"]]}',
        "line 1, field 'answers': holds a list inside a list",
    ),
    "no answers": ('{"question": "a?", "answers": []}', "line 1, field 'answers': holds no answer (fill it in, take"),
    "empty answer": ('{"question": "a?", "answer": ""}', "line 1, field 'answer': holds no answer"),
    "an empty answer of two": ('{"question": "a?", "answers": ["a", " "]}', "field 'answers': holds an empty answer"),
    "half a character": ('{"question": "a?", "answer": "\\ud83d"}', "field 'answer': holds half of a surrogate pair"),
    "same id": (GOOD + GOOD, "line 2, field 'id': the id '1' was already used on line 1"),
    "lost id": (GOOD + '{"id": null, "question": "b?", "answer": "x"}', "line 2, field 'id': is missing"),
    "made-up id taken": (
        '{"id": "bad_2", "question": "a?", "answer": "x"}\n{"question": "b?", "answer": "x"}',
        "line 2, field 'id': the id 'bad_2' was already used on line 1",
    ),
    "empty": ("\n", "holds no rows"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_questions(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_questions(file)
    assert str(caught.value).startswith(str(file))


def test_bad_csv_answers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\na?, | \n")
    with pytest.raises(InputError, match=r"a\.csv, line 2, field 'answer': holds no answer"):
        read_questions(tmp_path / "a.csv")


def test_paths_that_are_no_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="is not a file"):
        read_questions(tmp_path)


def test_gold_answers_take_the_tasks_canonical_form(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"question": "a?", "answer": "yes"}\n{"question": "b?", "answer": "FALSE"}\n')
    assert read_questions(file, YES_NO)["golden_answers"].to_list() == [["True"], ["False"]]
    assert read_questions(file, FACT_VERIFICATION)["golden_answers"].to_list() == [["SUPPORTS"], ["REFUTES"]]
    assert read_questions(file, OPEN_QA)["golden_answers"].to_list() == [["yes"], ["FALSE"]]
    file.write_text('{"question": "a?", "answer": "maybe"}\n')
    message = r"line 1, field 'answer': 'maybe' is no answer to a yes_no question \(one of True, False\)"
    with pytest.raises(InputError, match=message):
        read_questions(file, YES_NO)


def _questions(*texts: str, prefix: str) -> pl.DataFrame:
    rows = [(f"{prefix}{i}", text, ["x"]) for i, text in enumerate(texts)]
    return pl.DataFrame(rows, schema=SPLIT.schema, orient="row")


def test_shared_questions() -> None:
    train = _questions("Who is the king?", "new", "who is king", "???", "¿", prefix="train_")
    test = _questions("WHO IS A KING", "Who is king!", "!!", "¿", prefix="test_")
    assert shared_questions(train, test).rows() == [
        ("train_0", "test_0", "Who is the king?"),
        ("train_2", "test_0", "who is king"),
        ("train_4", "test_3", "¿"),
    ]
    assert shared_questions(train, test.clear()).is_empty()
