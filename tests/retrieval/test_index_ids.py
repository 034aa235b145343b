from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.access import LabelSets
from wbrag_pipeline.retrieval.index import build_index, open_index, read_manifest
from wbrag_pipeline.retrieval.index_ids import IndexIds, open_ids
from wbrag_pipeline.retrieval.index_removal import without_ids
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.storage import sha256_of_file

LABELS = pl.List(pl.String)
# Whatever UTF-8 holds: letters whose bytes sort in another order than UTF-16 and locales have it, and no text at all.
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(st.dictionaries(names, st.lists(st.sampled_from("abc"), unique=True), max_size=40), st.lists(names, max_size=20))
def test_what_is_looked_up_in_the_file_is_what_was_written(known: dict[str, list[str]], others: list[str]) -> None:
    ids, labels = pl.Series(list(known), dtype=pl.String), pl.Series(list(known.values()), dtype=LABELS)
    with tempfile.TemporaryDirectory() as folder:
        IndexIds.of(ids, labels).write(Path(folder) / "ids.arrow")
        stored = open_ids(Path(folder) / "ids.arrow")
        assert len(stored) == len(known) and stored.all().to_list() == list(known)
        assert stored.label_sets.lists().to_list() == [sorted(told) for told in known.values()]
        backwards = np.arange(len(known))[::-1].astype(np.int64)
        assert stored.at(backwards).to_list() == list(known)[::-1]
        place = {name: position for position, name in enumerate(known)}
        for asked in (list(known), others, [*others, *list(known)[:3]]):
            found = stored.positions_of(pl.Series(asked, dtype=pl.String))
            assert found.tolist() == [place.get(name, -1) for name in asked]


def test_an_id_that_is_null_is_nowhere() -> None:
    ids = IndexIds.of(pl.Series(["a"]), pl.Series([[]], dtype=LABELS))
    assert ids.positions_of(pl.Series([None, "a"], dtype=pl.String)).tolist() == [-1, 0]


def as_format_2(folder: Path, ids: list[str], labels: list[list[str]]) -> None:
    """Give an index the file of ids that an earlier version wrote."""
    (folder / "ids.arrow").unlink()
    pl.DataFrame({"passage_id": ids, "labels": labels}, schema_overrides={"labels": LABELS}).write_parquet(
        folder / "ids.parquet"
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"format": 2, "ids_sha256": sha256_of_file(folder / "ids.parquet")}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_an_index_of_an_earlier_version_is_read(tmp_path: Path, compass: Any) -> None:
    ids, labels = ["b", "a", "c"], [["x"], [], []]
    marked = pl.Series(labels, dtype=LABELS)
    build_index(compass.encode_queries(["0", "60", "90"]), ids, tmp_path / "old", compass, labels=marked)
    new = open_index(tmp_path / "old", compass)
    as_format_2(tmp_path / "old", ids, labels)
    old = open_index(tmp_path / "old", compass)
    assert old.ids.to_list() == ids and old.labels.to_list() == labels
    for reader in (frozenset[str](), frozenset({"x"})):
        for found, expected in zip(
            old.search(compass.encode_queries(["5"]), 2, reader),
            new.search(compass.encode_queries(["5"]), 2, reader),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)
    # What is made of it is of this version.
    assert (
        without_ids(tmp_path / "old", ["c"], tmp_path / "less").format == read_manifest(tmp_path / "less").format == 3
    )
    assert open_index(tmp_path / "less", compass).labels.to_list() == [["x"], []]


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"no file of Arrow's, but long enough for one"])
def test_another_kind_of_file_is_no_ids(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ids.arrow").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"ids\.arrow"):
        open_ids(tmp_path / "ids.arrow")


def test_other_columns_are_no_ids(tmp_path: Path) -> None:
    pl.DataFrame({"passage_id": ["a"]}).write_ipc(tmp_path / "ids.arrow")
    with pytest.raises(IntegrityError, match="not ids"):
        open_ids(tmp_path / "ids.arrow")


def test_nothing_is_read_whole_to_open_and_search(
    tmp_path: Path, compass: Any, make_passages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is asked for comes into memory: no list of all ids, none of all labels, no other texts."""
    count = 40_000
    ids = pl.Series([f"passage {number}" for number in range(count)])
    labels = pl.Series([["x"] if number % 3 else [] for number in range(count)], dtype=LABELS)
    vectors = compass.encode_queries([str(number % 90) for number in range(count)])
    build_index(vectors, ids, tmp_path / "index", compass, labels=labels)
    make_passages(dict.fromkeys(ids, 0.0)).write_parquet(tmp_path / "passages.parquet", row_group_size=1000)

    def refused(*_: object) -> None:
        raise AssertionError("read whole")

    for owner, method in ((IndexIds, "all"), (IndexIds, "of"), (LabelSets, "lists")):
        monkeypatch.setattr(owner, method, refused)
    monkeypatch.setattr(pl, "read_parquet", refused)
    before = pa.total_allocated_bytes()
    base = KnowledgeBase(compass, open_index(tmp_path / "index", compass), tmp_path / "passages.parquet")
    hits = base.search(["7"], 3, labels=["x"])
    assert hits["passage_id"].to_list() == ["passage 7", "passage 97", "passage 187"]
    assert base.hits_with_text(hits).height == 3 and base.for_reader(["x"]).hit("corpus", "passage 187").height == 1
    assert base.for_reader([]).hit("corpus", "passage 187").is_empty()
    assert pa.total_allocated_bytes() - before < (tmp_path / "index" / "ids.arrow").stat().st_size / 10
