from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.encoding.minilm_encoder import MiniLmEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import HITS, KnowledgeBase, merge_by_score
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.table_files import write_parquet

CORPUS = {"a": 0.0, "b": 60.0, "c": 90.0}
UNITS = {"u": 30.0, "v": 60.0}
MakeIndex = Callable[[str, dict[str, float]], Index]
MakeTable = Callable[[dict[str, float]], pl.DataFrame]


@pytest.fixture
def base(tmp_path: Path, compass: Any, make_index: MakeIndex, make_passages: MakeTable) -> KnowledgeBase:
    make_passages(CORPUS).write_parquet(tmp_path / "passages.parquet")
    return KnowledgeBase(compass, make_index("corpus", CORPUS), tmp_path / "passages.parquet")


@pytest.fixture
def both(base: KnowledgeBase, make_index: MakeIndex, make_units: MakeTable) -> KnowledgeBase:
    return base.with_writeback(make_units(UNITS), make_index("units", UNITS))


def listed(hits: pl.DataFrame, query: int = 0) -> list[tuple[int, str, str]]:
    return hits.filter(query=query).select("rank", "origin", "passage_id").rows()


def test_the_corpus_alone(base: KnowledgeBase) -> None:
    hits = base.search(["0", "90"], 2)
    assert hits.schema == HITS
    assert listed(hits, 0) == [(1, "corpus", "a"), (2, "corpus", "b")]
    assert listed(hits, 1) == [(1, "corpus", "c"), (2, "corpus", "b")]
    np.testing.assert_allclose(hits["score"], [1, 0.5, 1, 3**0.5 / 2], atol=1e-6)


def test_a_merge_worked_by_hand(both: KnowledgeBase) -> None:
    # From 0°: a 1, u cos 30° = .87, b and v cos 60° = .5 (a tie: the corpus first), c 0.
    hits = both.search(["0"], 5)
    assert listed(hits) == [
        (1, "corpus", "a"),
        (2, "writeback", "u"),
        (3, "corpus", "b"),
        (4, "writeback", "v"),
        (5, "corpus", "c"),
    ]
    # From 45° the nearest two are u and b, 15° away, where each index alone would have given two of its own.
    assert {name for _, _, name in listed(both.search(["45"], 2))} == {"u", "b"}


def test_the_tie_at_the_border_goes_to_the_corpus(both: KnowledgeBase) -> None:
    assert listed(both.search(["60"], 1)) == [(1, "corpus", "b")]


def test_more_asked_than_there_are(both: KnowledgeBase) -> None:
    hits = both.search(["0", "10"], 100)
    assert hits.group_by("query").len()["len"].to_list() == [5, 5]
    assert listed(hits, 1)[-1][0] == 5


def test_no_questions(both: KnowledgeBase) -> None:
    assert both.search([], 5).schema == HITS and both.search([], 5).is_empty()
    assert both.hits_with_text(both.search([], 5)).is_empty()


def test_an_empty_writeback_changes_nothing(base: KnowledgeBase, make_index: MakeIndex, make_units: MakeTable) -> None:
    empty = base.with_writeback(make_units({}), make_index("none", {}))
    assert empty.search(["0", "33"], 3).equals(base.search(["0", "33"], 3))


def test_views_do_not_disturb_each_other(
    base: KnowledgeBase, both: KnowledgeBase, make_index: MakeIndex, make_units: MakeTable
) -> None:
    other = both.with_writeback(make_units({"w": 0.0}), make_index("other", {"w": 0.0}))
    assert listed(other.search(["0"], 2)) == [(1, "corpus", "a"), (2, "writeback", "w")]
    assert both.search(["0"], 5)["passage_id"].to_list() == ["a", "u", "b", "v", "c"]
    assert both.without_writeback().search(["0"], 5).equals(base.search(["0"], 5))


def test_known_vectors_are_not_encoded_again(both: KnowledgeBase, base: KnowledgeBase, compass: Any) -> None:
    vectors = base.query_vectors(["0", "45"])
    expected = both.search(["0", "45"], 3)
    compass.encode_queries = None  # would fail if it were called
    assert both.search(["0", "45"], 3, query_vectors=vectors).equals(expected)
    with pytest.raises(ValueError, match="2 vectors for 1 questions"):
        both.search(["0"], 3, query_vectors=vectors)


def test_texts_in_the_order_of_the_hits(both: KnowledgeBase) -> None:
    hits = both.search(["0", "90"], 3)
    found = both.hits_with_text(hits)
    assert found.select(hits.columns).equals(hits)
    assert found["title"].to_list() == ["T a", "U u", "T b", "T c", "T b", "U v"]
    assert found["text"].to_list() == ["0.0", "30.0", "60.0", "90.0", "60.0", "60.0"]
    # A unit says what it was distilled from.
    assert found["sources"].to_list() == [[], ["a"], [], [], [], ["a"]]


def test_an_id_in_both_means_two_things(base: KnowledgeBase, make_index: MakeIndex, make_units: MakeTable) -> None:
    view = base.with_writeback(make_units({"a": 1.0}), make_index("same", {"a": 1.0}))
    found = view.hits_with_text(view.search(["0"], 2))
    assert found.select("origin", "title").rows() == [("corpus", "T a"), ("writeback", "U a")]


def test_texts_are_read_from_their_row_groups_alone(
    tmp_path: Path,
    compass: Any,
    make_index: MakeIndex,
    make_passages: MakeTable,
    row_groups_read: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    angles = {f"p{number}": float(number) for number in range(90)}
    make_passages(angles).write_parquet(tmp_path / "passages.parquet", row_group_size=10)
    base = KnowledgeBase(compass, make_index("corpus", angles), tmp_path / "passages.parquet")
    hits = base.search(["5", "72", "8"], 1)
    assert row_groups_read == []
    expected = base.hits_with_text(hits)
    assert expected["text"].to_list() == ["5.0", "72.0", "8.0"] and row_groups_read == [0, 7]
    base.hits_with_text(hits)
    assert row_groups_read == [0, 7]  # they are kept
    monkeypatch.setattr("wbrag_pipeline.retrieval.passage_texts._KEPT_BYTES", 0)
    fresh = KnowledgeBase(compass, base._corpus, tmp_path / "passages.parquet")
    for _ in range(2):
        assert fresh.hits_with_text(hits).equals(expected)
    assert row_groups_read == [0, 7] * 3 and len(fresh._texts._groups) == 1


def test_a_table_in_another_order_than_its_index_is_not_believed(base: KnowledgeBase, make_passages: MakeTable) -> None:
    make_passages({name: CORPUS[name] for name in ("b", "a", "c")}).write_parquet(base.passages)
    with pytest.raises(IntegrityError, match="0 of 1 passages"):
        base.hits_with_text(base.search(["0"], 1))


def test_a_damaged_row_group_is_told(tmp_path: Path, compass: Any, make_index: MakeIndex) -> None:
    texts = {"a": 0.0}
    table = pl.DataFrame({"passage_id": ["a"], "title": [""], "text": ["a text of some length, to be damaged"]})
    write_parquet(table, tmp_path / "passages.parquet")
    data = bytearray((tmp_path / "passages.parquet").read_bytes())
    data[data.index(b"length")] ^= 1
    (tmp_path / "passages.parquet").write_bytes(data)
    base = KnowledgeBase(compass, make_index("corpus", texts), tmp_path / "passages.parquet")
    with pytest.raises(IntegrityError, match="cannot be read"):
        base.hits_with_text(base.search(["0"], 1))


def test_texts_that_are_missing(base: KnowledgeBase, both: KnowledgeBase, make_passages: MakeTable) -> None:
    hits = both.search(["0"], 5)
    with pytest.raises(IntegrityError, match="no unit"):
        base.hits_with_text(hits)
    file = base._texts.file
    make_passages({"a": 0.0}).write_parquet(file)
    with pytest.raises(IntegrityError, match="1 of 3 passages"):
        base.hits_with_text(base.search(["0"], 3))


def test_a_corpus_table_that_is_not_there(tmp_path: Path, compass: Any, make_index: MakeIndex) -> None:
    base = KnowledgeBase(compass, make_index("corpus", CORPUS), tmp_path / "no.parquet")
    hits = base.search(["0"], 1)  # searching needs no texts
    with pytest.raises(NotBuiltError):
        base.hits_with_text(hits)


def test_units_and_index_of_different_making_are_refused(
    base: KnowledgeBase, make_index: MakeIndex, make_units: MakeTable
) -> None:
    with pytest.raises(IntegrityError, match="not those of the 1 units"):
        base.with_writeback(make_units({"u": 30.0}), make_index("units", UNITS))
    with pytest.raises(IntegrityError, match="schema differs"):
        base.with_writeback(make_units(UNITS).drop("title"), make_index("units2", UNITS))


# Scores on a coarse grid, so that ties are common.
scored = st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=4)


@given(scored, scored, st.integers(1, 8))
def test_a_merge_is_the_top_of_the_union(corpus: list[list[int]], units: list[list[int]], top_k: int) -> None:
    rows = [
        {"query": query, "origin": origin, "passage_id": f"{origin}{i}", "score": score / 4}
        for origin, of_queries in (("corpus", corpus), ("writeback", units))
        for query, scores in enumerate(of_queries)
        for i, score in enumerate(sorted(scores, reverse=True))
    ]
    schema = {name: kind for name, kind in HITS.items() if name != "rank"}
    merged = merge_by_score(pl.DataFrame(rows, schema=schema), top_k)
    assert merged.schema == HITS
    for query in range(max(len(corpus), len(units))):
        union = [row for row in rows if row["query"] == query]
        best = sorted(union, key=lambda row: -float(row["score"]))[:top_k]  # stable: corpus first, then by position
        mine = merged.filter(query=query)
        assert mine["passage_id"].to_list() == [row["passage_id"] for row in best]
        assert mine["rank"].to_list() == list(range(1, len(best) + 1))


def test_the_real_encoder_finds_what_is_meant(tmp_path: Path, minilm: MiniLmEncoder, make_units: MakeTable) -> None:
    facts = {
        "sun": ("Mercury", "Mercury is the planet closest to the Sun."),
        "oslo": ("Oslo", "Oslo is the capital and largest city of Norway."),
        "gold": ("Gold", "Gold is a chemical element; its symbol is Au."),
    }
    rows = [{"passage_id": i, "title": title, "text": text} for i, (title, text) in facts.items()]
    table = pl.DataFrame(rows)
    table.write_parquet(tmp_path / "passages.parquet")
    vectors = minilm.encode_passages(table["title"].to_list(), table["text"].to_list())
    build_index(vectors, table["passage_id"], tmp_path / "corpus", minilm)
    base = KnowledgeBase(minilm, open_index(tmp_path / "corpus", minilm), tmp_path / "passages.parquet")

    units = make_units({"u": 0.0}).with_columns(title=pl.lit("Norway"), text=pl.lit("The capital of Norway is Oslo."))
    build_index(
        minilm.encode_passages(units["title"].to_list(), units["text"].to_list()), ["u"], tmp_path / "units", minilm
    )
    both = base.with_writeback(units, open_index(tmp_path / "units", minilm))
    questions = ["Which planet is nearest to the Sun?", "What is the capital of Norway?", "Which element is Au?"]
    first = both.search(questions, 2).filter(rank=1)
    assert first["passage_id"].to_list() == ["sun", "u", "gold"]
    assert base.search(questions, 1)["passage_id"].to_list() == ["sun", "oslo", "gold"]
