"""Whatever text, ids and labels a unit has: it arrives as it is, it alone is replaced and removed, others stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.publishing.conftest import DIMENSION, KINDS, MakeStore
from wbrag_pipeline.publishing.published_rows import HOME, RELEASE, UnitRows, row_id
from wbrag_pipeline.publishing.target_address import parse_target
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.publishing.unit_target import opened_target

# Postgres stores no NUL, which publishing says of a unit that has one.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["'", '"', "\\", "%s", "{}", "$1", "null", "a'; --", "\n", "\u2028", "é", "e\u0301", "\U0001f600", "<b>", "\x1b[2J"]
)
UNIT = st.fixed_dictionaries(
    {"unit_id": TEXT.filter(bool), "title": TEXT, "text": TEXT, "sources": st.lists(TEXT), "labels": st.lists(TEXT)}
)
UNITS = st.lists(UNIT, max_size=4, unique_by=lambda unit: unit["unit_id"])


def rows_of(units: list[dict[str, Any]], release: str, home: str = "home") -> UnitRows:
    schema = {"row_id": pl.String, "unit_id": pl.String, "title": pl.String, "text": pl.String}
    lists = {"sources": pl.List(pl.String), "labels": pl.List(pl.String)}
    rows = [{"row_id": row_id(home, "b", release, unit["unit_id"]), **unit} for unit in units]
    vectors = np.ones((len(units), DIMENSION), dtype=np.float32) / np.sqrt(DIMENSION)
    return UnitRows(home, "b", release, "hash-8", pl.DataFrame(rows, schema={**schema, **lists}), vectors.astype("f4"))


def told(units: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (u["unit_id"], f"{u['title']}\n{u['text']}" if u["title"].strip() else u["text"], u["sources"], u["labels"])
        for u in units
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=max(8, settings.default.max_examples // 10),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=UNITS, after=UNITS)
def test_any_unit_arrives_as_it_is_and_nothing_else_changes(
    make_store: MakeStore, tmp_path_factory: pytest.TempPathFactory, kind: str, before: Any, after: Any
) -> None:
    folder = tmp_path_factory.mktemp(kind)
    store = make_store(kind, **({} if kind == "pgvector" else {"folder": folder}))
    foreign = store.foreign()
    old, new, other = rows_of(before, "r000001"), rows_of(after, "r000002"), rows_of(before, "r000001", "other home")
    with opened_target(parse_target(store.address), TargetColumns()) as target:
        if target.lacks(old):
            target.make(old)
        for rows in (old, other, new, new):
            target.write(rows)
        held = target.held("b")
        assert held.height == 2 * len(before) + len(after)
        target.remove(held.filter((pl.col(HOME) == "home") & (pl.col(RELEASE) == "r000001")))
    assert store.foreign() == foreign
    for home, units in (("home", after), ("other home", before)):
        found = [row for row in store.ours() if row[HOME] == home]
        rows = [
            (row["wbrag_unit"], row["text"], list(row["wbrag_sources"]), list(row["wbrag_labels"])) for row in found
        ]
        assert sorted(rows) == told(units)
