from __future__ import annotations

from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.retrieval.conftest import passages_of
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval import passage_changes
from wbrag_pipeline.retrieval.passage_changes import changes_between, refuse_mass_deletion
from wbrag_pipeline.table_files import write_parquet

# A corpus in some order: what each passage says, and its label.
said = st.tuples(st.integers(0, 3), st.sampled_from(["", "hr"]))
corpora = st.dictionaries(st.integers(0, 30), said, max_size=25).flatmap(
    lambda found: st.permutations(list(found.items()))
)


def table(corpus: list[tuple[int, tuple[int, str]]]) -> pl.DataFrame:
    labels = pl.Series([[label] if label else [] for _, (_, label) in corpus], dtype=pl.List(pl.String))
    return passages_of({str(name): float(text) for name, (text, _) in corpus}).with_columns(labels=labels)


@given(corpora, corpora, st.integers(1, 9))
def test_what_is_read_side_by_side_is_what_differs(
    before: list[tuple[int, tuple[int, str]]], after: list[tuple[int, tuple[int, str]]], at_once: int
) -> None:
    old, new = dict(before), dict(after)
    expected = []
    for name, (text, label) in after:
        if name not in old:
            expected.append((str(name), "added"))
        elif old[name][0] != text:
            expected.append((str(name), "updated"))
        elif old[name][1] != label:
            expected.append((str(name), "relabelled"))
    expected += [(str(name), "deleted") for name, _ in before if name not in new]
    with mock.patch.object(passage_changes, "_COMPARED_AT_ONCE", at_once):
        found = changes_between(table(before).lazy(), table(after).lazy())
    assert found.select("passage_id", "change").rows() == expected


def test_what_is_the_same_is_let_go_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tables of 600 passages in one order, of which a few changed: never more than two parts of each are held."""
    before = {f"p{number}": float(number) for number in range(600)}
    after = {"first": 1.0, **before, "p7": 8.0, "p500": 9.0}
    del after["p300"]
    for name, corpus in (("before", before), ("after", after)):
        write_parquet(passages_of(corpus), tmp_path / name)
    monkeypatch.setattr(passage_changes, "_COMPARED_AT_ONCE", 20)
    held, concat = list[int](), pl.concat

    def counting(frames: list[pl.DataFrame]) -> pl.DataFrame:
        held.append(concat(frames).height)
        return concat(frames)

    monkeypatch.setattr(pl, "concat", counting)
    found = changes_between(pl.scan_parquet(tmp_path / "before"), pl.scan_parquet(tmp_path / "after"))
    assert found["passage_id"].to_list() == ["first", "p7", "p500", "p300"]
    assert len(held) == 60 and max(held) <= 26


def test_a_passage_that_keeps_its_id_or_its_text_is_not_deleted(tmp_path: Path) -> None:
    stored = tmp_path / "stored.parquet"

    def saying(corpus: dict[str, float]) -> pl.DataFrame:
        return passages_of(corpus).with_columns(content_hash=pl.col("text"))  # whatever the title

    write_parquet(saying({"a": 1.0, "b": 1.0, "c": 2.0, "d": 3.0}), stored)  # a and b say the same
    for left in ({"b": 1.0}, {"x": 1.0}, {"a": 5.0, "b": 6.0}, {"x": 2.0, "y": 3.0}):
        refuse_mass_deletion(stored, saying(left).lazy(), "c")
    for left, gone in (({"c": 2.0}, 3), ({"x": 9.0}, 4), ({"d": 3.0}, 3)):
        with pytest.raises(InputError, match=f"{gone} of the 4 passages"):
            refuse_mass_deletion(stored, saying(left).lazy(), "c")
    refuse_mass_deletion(tmp_path / "none.parquet", saying({"a": 1.0}).lazy(), "c")
