"""Exports: read back as the other tools read them, and without what not everybody may see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.publishing.conftest import DIMENSION, Releases, unit_id
from tests.publishing.stores import ODD
from tests.publishing.test_publish import wbrag
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.publishing.export import EXPORT_FORMATS, Exported, export
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.retrieval.corpus import open_knowledge_base

TEXTS = {"one": "The first unit says so.", "odd": ODD, "three": "Only the staff may read this third one."}
LABELS = {"three": ["staff"]}


def out(releases: Releases, form: str, folder: Path, **options: Any) -> Exported:
    return export(releases.settings, "b", "c", form, folder, **options)


def whole(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


@pytest.fixture
def trained(releases: Releases) -> Releases:
    releases.index({**TEXTS, "four": "Nothing was made of the fourth passage."}, LABELS)
    releases.release(TEXTS, LABELS, title='A "title"\u2028of two lines')
    return releases


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_what_has_labels_is_left_out_and_counted(trained: Releases, tmp_path: Path, form: str) -> None:
    code, output = wbrag("export", "b", "--format", form, "--out", str(tmp_path / "out"))
    assert code == 0, output
    passages = "1 passages and " if form == "flashrag" else ""
    assert f"left out: {passages}1 units with access labels" in output and "2 units of b r000001" in output
    assert b"staff" not in whole(tmp_path / "out") and unit_id("three").encode() not in whole(tmp_path / "out")
    code, output = wbrag("export", "b", "--format", form, "--out", str(tmp_path / "all"), "--with-labels")
    assert code == 0 and "left out" not in output and "3 units" in output
    if form in ("jsonl", "langchain", "llamaindex", "flashrag"):
        assert b"staff may read" in whole(tmp_path / "all")


def test_units_as_jsonl_and_parquet(trained: Releases, tmp_path: Path) -> None:
    out(trained, "jsonl", tmp_path / "j", with_labels=True)
    rows = [json.loads(line) for line in (tmp_path / "j" / "units.jsonl").read_text("utf-8").split("\n") if line]
    assert {row["id"]: row["text"] for row in rows} == {unit_id(name): text for name, text in TEXTS.items()}
    assert {tuple(row["labels"]) for row in rows} == {(), ("staff",)}
    assert all(row["release"] == "r000001" and row["benchmark"] == "b" for row in rows)
    out(trained, "parquet", tmp_path / "p", with_labels=True)
    table = pl.read_parquet(tmp_path / "p" / "units.parquet")
    index = current(trained.settings.releases("b")).index(trained.encoder)
    assert table["id"].to_list() == index.ids.to_list()
    assert np.array_equal(np.array(table["vector"].to_list(), dtype=np.float32), index.vectors())
    assert table.drop("vector").to_dicts() == rows


def test_questions_are_in_no_export(trained: Releases, tmp_path: Path) -> None:
    for form in EXPORT_FORMATS:
        out(trained, form, tmp_path / form, with_labels=True)
        assert b"question_id" not in whole(tmp_path / form)


def test_documents_of_langchain_and_nodes_of_llamaindex(trained: Releases, tmp_path: Path) -> None:
    out(trained, "langchain", tmp_path / "l")
    documents = json.loads((tmp_path / "l" / "documents.json").read_text("utf-8"))
    assert {d["id"] for d in documents} == {unit_id("one"), unit_id("odd")}
    assert all(set(d) == {"id", "page_content", "metadata", "type"} and d["type"] == "Document" for d in documents)
    assert documents[0]["metadata"].keys() == documents[1]["metadata"].keys()
    assert any(d["page_content"].endswith(ODD) for d in documents)
    out(trained, "llamaindex", tmp_path / "n")
    nodes = json.loads((tmp_path / "n" / "nodes.json").read_text("utf-8"))
    assert {n["id_"]: n["text"] for n in nodes} == {unit_id(name): TEXTS[name] for name in ("one", "odd")}
    assert {n["metadata"]["wbrag_release"] for n in nodes} == {"r000001"}


def test_flashrags_corpus_and_index_give_what_is_served(trained: Releases, tmp_path: Path) -> None:
    done = out(trained, "flashrag", tmp_path / "f", with_labels=True)
    assert (done.passages, done.units) == (4, 3)
    lines = [json.loads(line) for line in (tmp_path / "f" / "corpus.jsonl").read_text("utf-8").split("\n") if line]
    settings = yaml.safe_load((tmp_path / "f" / "flashrag.yaml").read_text("utf-8"))
    index = faiss.read_index(str(tmp_path / "f" / settings["index_path"]))
    assert settings["index_path"] == "hash-8_Flat.index" and (index.ntotal, index.d) == (len(lines), DIMENSION)
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert all(set(line) == {"id", "contents"} and line["contents"].startswith('"') for line in lines)
    # FlashRAG splits at the first line end: what follows is the text.
    texts = {line["id"]: line["contents"].partition("\n")[2] for line in lines}
    assert texts == {**TEXTS, "four": texts["four"]} | {unit_id(name): text for name, text in TEXTS.items()}
    release = current(trained.settings.releases("b"))
    base = open_knowledge_base(trained.settings, "c", trained.encoder)
    served = base.with_writeback(release.units(), release.index(trained.encoder)).unrestricted()
    for question in ("first unit", "the staff", "fourth passage"):
        scores, places = index.search(trained.encoder.encode_queries([question]), 3)
        found = served.search([question], 3)
        assert np.allclose(scores[0], found["score"].to_numpy(), atol=1e-6)
        assert trained.encoder.encode_queries([question]).shape == (1, DIMENSION) and (places >= 0).all()


def test_rows_of_the_flashrag_index_are_those_of_the_lines(trained: Releases, tmp_path: Path) -> None:
    out(trained, "flashrag", tmp_path / "f")
    lines = [json.loads(line) for line in (tmp_path / "f" / "corpus.jsonl").read_text("utf-8").split("\n") if line]
    index = faiss.read_index(str(tmp_path / "f" / "hash-8_Flat.index"))
    told = {line["id"]: index.reconstruct(place) for place, line in enumerate(lines)}
    passages = {name: trained.encoder.encode_passages([""], [TEXTS[name]])[0] for name in ("one", "odd")}
    release = current(trained.settings.releases("b")).index(trained.encoder)
    units = dict(zip(release.ids, release.vectors(), strict=True))  # type: ignore[arg-type]
    for name, vector in passages.items():
        assert np.array_equal(told[name], vector)
        assert np.array_equal(told[unit_id(name)], units[unit_id(name)])


def test_a_dataset_folder_has_a_card_that_the_hub_reads(trained: Releases, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    out(trained, "huggingface", tmp_path / "h")
    card = DatasetCard.load(tmp_path / "h" / "README.md")
    (configuration,) = card.data.to_dict()["configs"]
    file = tmp_path / "h" / configuration["data_files"][0]["path"]
    assert pl.read_parquet(file).height == 2
    assert card.data.to_dict()["size_categories"] == ["n<1K"]
    assert "1 units with access labels were left out" in card.text and "`hash-8` (8 dimensions)" in card.text


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_an_empty_release_is_exported(releases: Releases, tmp_path: Path, form: str) -> None:
    releases.index(TEXTS)
    releases.release({})
    done = out(releases, form, tmp_path / "out")
    assert done.units == 0 and done.files


def test_a_folder_that_holds_something_is_refused_and_left(trained: Releases, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(InputError, match="is there already"):
        out(trained, "jsonl", tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    assert out(trained, "jsonl", tmp_path / "empty").files == ("units.jsonl",)
    with pytest.raises(InputError, match="inside the home"):
        out(trained, "jsonl", trained.settings.home / "x")
    code, output = wbrag("export", "b", "--format", "csv", "--out", str(tmp_path / "csv"))
    assert code == 2 and "flashrag, jsonl" in output and not (tmp_path / "csv").exists()


def test_nothing_is_there_where_an_export_fails(
    trained: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wbrag_pipeline.publishing.flashrag_corpus._write_settings", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        out(trained, "flashrag", tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir() if "out" in file.name] == []


def test_corpus_and_units_of_different_encoders_are_not_merged(
    trained: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained.encoder, "fingerprint", "another")
    trained.release({"one": TEXTS["one"]})
    with pytest.raises(InputError, match="by other weights"):
        out(trained, "flashrag", tmp_path / "out")


@given(title=st.text(max_size=20), text=st.text(max_size=40))
def test_any_title_and_text_is_one_line_whose_first_line_is_the_title(title: str, text: str) -> None:
    from wbrag_pipeline.publishing.flashrag_corpus import _contents

    told = pl.DataFrame({"title": [title], "text": [text]}).select(_contents()).item()
    first, _, rest = told.partition("\n")
    assert rest == text and first.startswith('"') and first.endswith('"')
    assert json.loads(pl.DataFrame({"contents": [told]}).write_ndjson()) == {"contents": told}
