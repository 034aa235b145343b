"""Files as the tools of the field write them: each shape is read, or refused in a sentence that says what to do."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.files import json_documents
from wbrag_pipeline.datasets.question_files import read_questions
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.errors import InputError

ROW = {"id": "q1", "question": "who?", "answer": "Ada"}
SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "Engine",
            "paragraphs": [
                {"context": "Ada wrote.", "qas": [{"id": "q1", "question": "who?", "answers": [{"text": "Ada"}]}]},
                {"context": "In 1843.", "qas": [{"id": "q2", "question": "when?", "answers": [{"text": "1843"}]}]},
            ],
        }
    ],
}
QUESTIONS: dict[str, dict[str, Any]] = {
    "golden_answers as one text": {"id": "q1", "question": "who?", "golden_answers": "Ada"},
    "answers as an object (SQuAD on Hugging Face)": {
        "id": "q1",
        "title": "Engine",
        "context": "c",
        "question": "who?",
        "answers": {"text": ["Ada"], "answer_start": [0]},
    },
    "KILT": {"id": "q1", "input": "who?", "output": [{"answer": "Ada"}, {"provenance": [{"title": "T"}]}]},
    "AutoRAG": {"qid": "q1", "query": "who?", "retrieval_gt": [["1"]], "generation_gt": ["Ada"]},
    "Ragas": {"id": "q1", "user_input": "who?", "reference": "Ada", "response": "a system's answer"},
    "Ragas 0.1": {"id": "q1", "question": "who?", "answer": "a system's answer", "ground_truth": "Ada"},
    "Ragas 0.0": {"id": "q1", "question": "who?", "answer": "a system's answer", "ground_truths": ["Ada"]},
    "DPR": {"id": "q1", "question": "who?", "answers": ["Ada"], "positive_ctxs": [{"text": "x"}]},
    "MS MARCO": {"query_id": "q1", "query": "who?", "answers": ["Ada"]},
    "HotpotQA": {"_id": "q1", "question": "who?", "answer": "Ada", "supporting_facts": [["x", 0]]},
    "TriviaQA": {"question_id": "q1", "question": "who?", "answer": {"value": "Ada", "aliases": ["Ada"]}},
    "capital names": {"ID": "q1", "Question": "who?", "Answer": "Ada"},
}


@pytest.mark.parametrize("row", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("form", ["lines", "array", "pretty array", "pretty rows", "data", "parquet"])
def test_questions_of_every_tool_are_read(tmp_path: Path, row: dict[str, Any], form: str) -> None:
    second = dict(row)
    second[next(key for key in row if key.lower().strip("_") in ("id", "qid", "query_id", "question_id"))] = "q2"
    file = tmp_path / ("a.parquet" if form == "parquet" else "a.json")
    if form == "parquet":
        pl.DataFrame([row, second], strict=False).write_parquet(file)
    else:
        rows = [row, second]
        texts = {
            "lines": "".join(json.dumps(one) + "\n" for one in rows),
            "array": json.dumps(rows),
            "pretty array": json.dumps(rows, indent=2),
            "pretty rows": "\n".join(json.dumps(one, indent=2) for one in rows),
            "data": json.dumps({"version": "1", "data": rows, "more": [1]}),
        }
        file.write_text(texts[form])
    assert read_questions(file, OPEN_QA).rows() == [("q1", "who?", ["Ada"]), ("q2", "who?", ["Ada"])]


def test_squads_nested_json_is_read_as_questions_and_as_passages(tmp_path: Path) -> None:
    file = tmp_path / "squad.json"
    for indent in (None, 1):
        file.write_text(json.dumps(SQUAD, indent=indent))
        assert read_questions(file).rows() == [("q1", "who?", ["Ada"]), ("q2", "when?", ["1843"])]
        corpus = read_corpus(file).select("passage_id", "title", "text").rows()
        assert corpus == [("Engine#1", "Engine", "Ada wrote."), ("Engine#2", "Engine", "In 1843.")]


PASSAGES: dict[str, tuple[dict[str, Any], tuple[str, str, str, list[str], str]]] = {
    "BEIR": ({"_id": "7", "title": "T", "text": "x", "metadata": {}}, ("7", "T", "x", [], "T")),
    "BEIR with labels": (
        {"_id": "7", "title": "T", "text": "x", "metadata": {"labels": ["hr"]}},
        ("7", "T", "x", ["hr"], "T"),
    ),
    "AutoRAG": (
        {"doc_id": "7", "contents": "a\nb", "metadata": {"last_modified_datetime": "x"}},
        ("7", "", "a\nb", [], "7"),
    ),
    "LangChain": (
        {"id": None, "metadata": {"source": "a.md", "labels": ["hr"]}, "page_content": "x", "type": "Document"},
        ("a.md#1", "", "x", ["hr"], "a.md"),
    ),
    "LangChain with an id": ({"id": "7", "metadata": {}, "page_content": "x"}, ("7", "", "x", [], "7")),
    "LangChain serialised": (
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "document", "Document"],
            "kwargs": {"page_content": "x", "metadata": {"source": "a.md", "access_labels": ["hr"]}},
        },
        ("a.md#1", "", "x", ["hr"], "a.md"),
    ),
    "Haystack": ({"id": "7", "content": "x", "meta": {"title": "T", "labels": ["hr"]}}, ("7", "T", "x", ["hr"], "T")),
    "capital names": ({"ID": 7, "Title": "T", "Text": "x", "Labels": ["hr"]}, ("7", "T", "x", ["hr"], "T")),
    "LlamaIndex": ({"id_": "7", "text": "x"}, ("7", "", "x", [], "7")),
}


@pytest.mark.parametrize(("row", "expected"), PASSAGES.values(), ids=PASSAGES)
def test_passages_of_every_tool_are_read(tmp_path: Path, row: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([row], indent=1))
    frames = [read_corpus(tmp_path / "a.json")]
    if row.get("metadata") != {}:  # which Parquet cannot store
        pl.DataFrame([row], strict=False).write_parquet(tmp_path / "a.parquet")
        frames.append(read_corpus(tmp_path / "a.parquet"))
    for frame in frames:
        assert frame.select("passage_id", "title", "text", "labels", "source").row(0) == expected


def test_a_document_without_questions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"data": [{"title": "T", "paragraphs": []}]}')
    with pytest.raises(InputError, match=r"a\.json: holds no questions"):
        read_questions(tmp_path / "a.json")


def test_documents_without_ids_are_numbered_within_their_source(tmp_path: Path) -> None:
    rows = [{"page_content": "x", "metadata": {"source": name}} for name in ("a.md", "b.md", "a.md")]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    assert read_corpus(tmp_path / "a.json")["passage_id"].to_list() == ["a.md#1", "b.md#1", "a.md#2"]


LOST_LABELS: dict[str, dict[str, Any]] = {
    "labels in the row and in its metadata": {
        "_id": "1",
        "text": "x",
        "labels": [],
        "metadata": {"Labels": ["hr"]},
    },
    "labels deeper in metadata": {"page_content": "x", "metadata": {"a": {"labels": ["hr"]}}},
    "another word for labels in metadata": {"page_content": "x", "metadata": {"acl": ["hr"]}},
    "labels in metadata of a plain row": {"id": "1", "text": "x", "metadata": {"labels": ["hr"]}},
    "labels in metadata that is text": {"id": "1", "text": "x", "metadata": "{'labels': ['hr']}"},
    "metadata that is text": {"page_content": "x", "metadata": "{}"},
    "labels beside kwargs and in them": {
        "lc": 1,
        "labels": ["a"],
        "kwargs": {"page_content": "x", "labels": []},
    },
    "labels as text": {"_id": "1", "text": "x", "Labels": "hr"},
    "null": {"doc_id": "1", "contents": "x", "metadata": {"labels": None}},
    "both spellings": {"ID": "1", "text": "x", "labels": [], "Labels": ["hr"]},
}


@pytest.mark.parametrize("row", LOST_LABELS.values(), ids=LOST_LABELS)
def test_no_shape_loses_labels(tmp_path: Path, row: dict[str, Any]) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=r"a\.jsonl, line 1"):
        read_corpus(tmp_path / "a.jsonl")


def test_labels_beside_the_rows_of_a_document_are_refused(tmp_path: Path) -> None:
    for head, tail in (('{"data": [', '], "labels": ["hr"]}'), ('{"labels": ["hr"],\n "data": [', "]}")):
        (tmp_path / "a.json").write_text("{\n" + head[1:] + '{"id": "1", "text": "x"}' + tail)
        with pytest.raises(InputError, match="'labels' stands beside the rows and looks like access labels"):
            read_corpus(tmp_path / "a.json", BadDocuments(skip=True))


REFUSED = {
    "a comma at the end of lines": (
        '{"id": "1", "text": "x"},\n',
        r"line 1: broken JSON.*without a comma after it; or all of them between \[ and \]",
    ),
    "a comma at the end of an array": ('[\n{"id": "1", "text": "x"},\n]', "line 3, column 1: a comma with nothing"),
    "a comma at the end of a row": ('[\n{"id": "1",\n "text": "x",}\n]', "broken JSON at line 3, column"),
    "two commas": ('[{"id": "1", "text": "x"},, {}]', "line 1, column 27: a comma with nothing after it"),
    "no comma": ('[{"id": "1", "text": "x"} {}]', "line 1, column 27: there should be , or ] here, not '{'"),
    "no end": ('[{"id": "1", "text": "x"}', "line 1, column 26: there should be , or ] here, but the file ends"),
    "an end inside a row": ('[{"id": "1", "te', "broken JSON at line 1, column 14: Unterminated string"),
    "more after the end": ('[{"id": "1", "text": "x"}] x', "line 1, column 28: 'x' where a row should begin"),
    "a list of numbers": (
        "[1, 2]",
        r"row 1: holds a number, not a JSON object \(write one JSON object a row: df\.to_j",
    ),
    "split orientation": (
        '{"data": [["x", 1]], "columns": ["text", "id"]}',
        r"row 1: holds a list, not a JSON object \(write one JSON object a row: df\.to_json",
    ),
    "a key twice": ('[{"id": "1", "id": "2", "text": "x"}]', "the key 'id' stands twice"),
    "NaN": ('[{"id": NaN, "text": "x"}]', "NaN is no number"),
    "an id that is a float": (
        '[{"id": 1.0, "text": "x"}]',
        r"row 1, field 'id': is 1\.0.*pandas makes floats of whole",
    ),
    "a missing id": ('[{"id": null, "text": "x"}]', "row 1, field 'id': is missing"),
    "a page of KILT": (
        '{"_id": "1", "wikipedia_id": "1", "wikipedia_title": "T", "text": ["a", "b"]}',
        "looks like KILT's knowledge source: a row is a whole page .cut the pages",
    ),
    "text that is missing": ('{"id": "1", "text": "nan"}', "field 'text': holds 'nan', which stands for a missing"),
    "other names": ('{"key": "1", "body": "x"}', "name another column with --map id=…"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_known_shape_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_corpus(file)
    assert str(caught.value).startswith(str(file)) and "\n" not in str(caught.value)


def test_judgements_and_passages_are_no_questions(tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\t2\t1\n")
    with pytest.raises(InputError, match=r"judgements .qrels.: they hold neither .*add the file with the questions"):
        read_questions(tmp_path / "qrels.tsv")
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "title": "", "text": "x"}')
    with pytest.raises(InputError, match=r"these are passages, not questions .add it with wbrag add corpus"):
        read_questions(tmp_path / "corpus.jsonl")
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "who?", "metadata": {}}')
    with pytest.raises(InputError, match=r"BEIR's queries have no answers.*--unlabelled"):
        read_questions(tmp_path / "queries.jsonl")
    assert read_questions(tmp_path / "queries.jsonl", answers=False).rows() == [("1", "who?", [])]


def test_truth_values_are_answers_to_yes_no_questions_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "is it?", "answer": true}\n{"question": "and?", "answer": false}\n')
    assert read_questions(tmp_path / "a.jsonl", YES_NO)["golden_answers"].to_list() == [["True"], ["False"]]
    with pytest.raises(InputError, match=r"line 1, field 'answer': is true or false.*--task yes_no"):
        read_questions(tmp_path / "a.jsonl", OPEN_QA)


def test_numbers_are_ids_and_answers(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": 0, "question": "?", "answer": 42}\n{"id": 1, "question": "!", "answer": 3.5}'
    )
    assert read_questions(tmp_path / "a.jsonl")["golden_answers"].to_list() == [["42"], ["3.5"]]


TABLES = {
    "semicolons": 'id;text;labels\n1;a, b;"hr; finance"\n',
    "semicolons that Excel states": 'sep=;\nid;text;labels\n1;a, b;"hr; finance"\n',
    "tabs": "id\ttext\tlabels\n1\ta, b\thr; finance\n",
    "empty columns and rows": 'id,text,labels,,\n1,"a, b",hr; finance,,\n,,,,\n\n',
    "capital names": 'ID,Text,LABELS\n1,"a, b",hr; finance\n',
    "an index without a name": ',id,text,labels\n0,1,"a, b",hr; finance\n',
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_as_spreadsheets_write_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8-sig")
    (row,) = read_corpus(tmp_path / "a.csv").select("passage_id", "text", "labels").rows()
    assert row == ("1", "a, b", ["finance", "hr"])


def test_labels_that_a_separator_cuts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;text;labels;;\n1;x;hr;finance;\n")
    with pytest.raises(InputError, match=r"line 2: has 5 cells where the header has 3.*semicolon"):
        read_corpus(tmp_path / "a.csv")


def test_a_table_of_tabs_is_named_tsv(tmp_path: Path) -> None:
    (tmp_path / "psgs_w100.tsv").write_text('id\ttext\ttitle\n1\t"says ""x"""\tT\n')
    assert read_corpus(tmp_path / "psgs_w100.tsv").row(0)[:3] == ("1", "T", 'says "x"')


def test_a_cell_may_be_longer_than_pythons_own_limit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"id,text\n1,{'word ' * 40_000}\n")
    assert len(read_corpus(tmp_path / "a.csv")["text"][0]) == 199_999


def test_a_line_of_a_table_is_named_whatever_stands_before(tmp_path: Path) -> None:
    for before in ("", "sep=;\n", "\n\n", "\nsep=;\n"):
        (tmp_path / "a.csv").write_text(f"{before}id;text\n1;x\n1;\n")
        with pytest.raises(InputError, match=f"line {3 + before.count(chr(10))}, field 'text': is empty"):
            read_corpus(tmp_path / "a.csv")


@pytest.mark.parametrize("ids", [["1.0", "2.0"], ["1.0", "nan"]])
def test_ids_that_became_floats_are_told(tmp_path: Path, ids: list[str]) -> None:
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f"{name},x\n" for name in ids))
    with pytest.raises(InputError, match=r"field 'id': all ids are like '1\.0' .*pandas makes floats"):
        read_corpus(tmp_path / "a.csv")
    (tmp_path / "sections.csv").write_text("id,text\n1.0,x\n1.1,y\n")
    assert read_corpus(tmp_path / "sections.csv")["passage_id"].to_list() == ["1.0", "1.1"]


def test_an_array_takes_the_memory_of_its_rows_one_by_one(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("w") as stream:
        stream.write("[" + ",".join(json.dumps({"n": n, "text": "x" * 10_000}) for n in range(3_000)) + "]")
    tracemalloc.start()
    count = sum(1 for _ in json_documents.rows_of_document(tmp_path / "a.json", ""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_000 and peak < 8 << 20  # the file has 30 MB


def test_a_row_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_documents, "LONGEST_LINE", 100_000)
    columns = {"question": {str(n): "who?" for n in range(9_000)}, "answer": {str(n): "Ada" for n in range(9_000)}}
    (tmp_path / "a.json").write_text(json.dumps(columns, indent=0))
    with pytest.raises(InputError, match=r"a row is too long .*orient='records', lines=True"):
        read_questions(tmp_path / "a.json")


@pytest.mark.parametrize("size", range(1, 40))
def test_where_a_file_is_cut_into_pieces_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    rows = [{"a": 12345, "b": 'é„"', "c": [1.5, None, True]}, {"data": "x"}, {"data": 12}]
    (tmp_path / "a.json").write_text(
        "\ufeff" + "\n".join(json.dumps(row, indent=1, ensure_ascii=False) for row in rows)
    )
    monkeypatch.setattr("wbrag_pipeline.datasets.files.text_lines._AT_ONCE", size)
    assert json_documents.is_document(tmp_path / "a.json", "")
    assert list(json_documents.rows_of_document(tmp_path / "a.json", "")) == rows


def test_columns_are_named_by_hand_and_stay_so(tmp_path: Path) -> None:
    home, corpus = tmp_path / "home", tmp_path / "c.jsonl"
    rows = [{"key": n, "body": f"text {n}", "groups": ["hr"] if n else []} for n in range(2)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    add_corpus(home, "c", corpus, columns="id=key, text=body,labels=groups")
    assert Registry.load(home).passages("c").select("passage_id", "text", "labels").rows() == [
        ("0", "text 0", []),
        ("1", "text 1", ["hr"]),
    ]
    for name, question in (("train", "who?"), ("test", "when?")):
        row = {"inputs": {"q, long": question}, "expected_output": "Ada"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    result = CliRunner().invoke(
        app,
        [
            *("add", "benchmark", "b", "--corpus", "c", "--home", str(home)),
            *("--train", str(tmp_path / "train.jsonl"), "--test", str(tmp_path / "test.jsonl")),
            *("--map", '"question=inputs.q, long",answer=expected_output'),
        ],
    )
    assert result.exit_code == 0, result.output
    splits = Registry.load(home).splits("b")
    assert splits.train.rows() == [("train_1", "who?", ["Ada"], "gold")] and splits.test.rows() == [
        ("test_1", "when?", ["Ada"], "gold")
    ]
    assert "map: " in (home / "corpora" / "c.yaml").read_text()


BAD_MAPS = {
    "no pair": ("question", "'question' is no pair of names"),
    "unknown": ("frage=q", "'frage' cannot be named .*one of id, question, answers, answer"),
    "twice": ("answer=a,answers=b", "answers is named twice"),
    "labels under another name": ("question=labels", "'labels' is a column of access labels"),
    "labels inside": ("question=metadata.acl", "'metadata.acl' is a column of access labels"),
}


@pytest.mark.parametrize(("text", "said"), BAD_MAPS.values(), ids=BAD_MAPS)
def test_a_map_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    home = tmp_path / "home"
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "x"}')
    add_corpus(home, "c", tmp_path / "c.jsonl")
    (tmp_path / "q.jsonl").write_text(json.dumps(ROW))
    with pytest.raises(InputError, match=f"field 'map': {said}"):
        add_benchmark(home, "b", task="open_qa", corpus="c", train=tmp_path / "q.jsonl", columns=text)
    assert not (home / "benchmarks" / "b.yaml").exists()


def test_a_named_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    # A slip in the name of the labels would show every passage to everybody.
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "x", "groups": ["hr"]}')
    with pytest.raises(
        InputError, match=r"line 1, field 'group': is missing .--map names it; fields here: id, text, gr"
    ):
        add_corpus(tmp_path / "home", "c", tmp_path / "c.jsonl", columns="labels=group")
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "x", "groups": ["hr"], "labels": []}')
    with pytest.raises(InputError, match="stands twice"):
        add_corpus(tmp_path / "home", "c", tmp_path / "c.jsonl", columns="labels=groups")
    with pytest.raises(InputError, match="a folder has no columns to name"):
        add_corpus(tmp_path / "home", "c", tmp_path, columns="text=body")
