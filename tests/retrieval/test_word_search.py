"""A knowledge base searched by words, alone and with vectors: for every reader, with units, in one order always."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.retrieval.conftest import passages_of, units_of
from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import HITS, KnowledgeBase
from wbrag_pipeline.retrieval.lexical_index import lexical_index_of
from wbrag_pipeline.retrieval.merging import fused_rankings
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.storage import sha256_of_text

ENCODER = HashEncoder(16)
WORDS = ["harbour", "hill", "skerry", "salt", "the", "of", "glass"]
# A text and its labels.
Told = tuple[str, frozenset[str]]


def index_of(folder: Path, ids: list[str], told: list[Told]) -> Index:
    labels = pl.Series([sorted(marks) for _, marks in told], dtype=pl.List(pl.String))
    vectors = ENCODER.encode_passages([""] * len(told), [text for text, _ in told])
    build_index(vectors, ids, folder, ENCODER, "flat", labels=labels)
    return open_index(folder, ENCODER)


def base_of(folder: Path, search: str, passages: list[Told], units: list[Told] | None = None) -> KnowledgeBase:
    """Passages p00 … and units u00 …, searched in that way."""
    ids = [f"p{number:02}" for number in range(len(passages))]
    return _base(folder, search, ids, passages, units)


def _base(
    folder: Path, search: str, ids: list[str], passages: list[Told], units: list[Told] | None, first_unit: int = 0
) -> KnowledgeBase:
    folder.mkdir(parents=True, exist_ok=True)
    frame = _with_texts(passages_of(dict.fromkeys(ids, 0.0)), passages)
    frame.write_parquet(folder / "passages.parquet")
    base = KnowledgeBase(ENCODER, index_of(folder / "corpus", ids, passages), folder / "passages.parquet")
    base = base.searching(search, lexical_index_of(frame))
    if units is None:
        return base
    names = [f"u{first_unit + number:02}" for number in range(len(units))]
    return base.with_writeback(
        _with_texts(units_of(dict.fromkeys(names, 0.0)), units), index_of(folder / "units", names, units)
    )


def _with_texts(frame: pl.DataFrame, told: list[Told]) -> pl.DataFrame:
    columns = {
        "title": [""] * len(told),
        "text": [text for text, _ in told],
        "content_hash": [sha256_of_text("", text) for text, _ in told],
        "labels": [sorted(marks) for _, marks in told],
    }
    there = [pl.Series(name, values, dtype=frame.schema[name]) for name, values in columns.items() if name in frame]
    return frame.with_columns(there)


OPEN: frozenset[str] = frozenset()
text = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
told = st.tuples(text, st.frozensets(st.sampled_from(["hr", "it"])))
searches = st.sampled_from(["bm25", "hybrid"])
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(
    searches,
    st.lists(told, max_size=14),
    st.lists(told, max_size=6),
    st.frozensets(st.sampled_from(["hr", "it"])),
    st.lists(text, min_size=1, max_size=3),
    st.integers(1, 8),
)
@quick
def test_a_reader_finds_what_he_would_find_if_nothing_else_were_there(
    tmp_path_factory: pytest.TempPathFactory,
    search: str,
    passages: list[Told],
    units: list[Told],
    reader: frozenset[str],
    questions: list[str],
    top_k: int,
) -> None:
    """What he may not see changes no rank, no score and no number."""
    base = base_of(tmp_path_factory.mktemp("all"), search, passages, units)
    names = [f"p{n:02}" for n in range(len(passages))]
    seen = [(name, row) for name, row in zip(names, passages, strict=True) if row[1] <= reader]
    unit_names = [f"u{n:02}" for n in range(len(units))]
    seen_units = [(name, row) for name, row in zip(unit_names, units, strict=True) if row[1] <= reader]
    alone = _base(
        tmp_path_factory.mktemp("seen"),
        search,
        [name for name, _ in seen],
        [row for _, row in seen],
        [r for _, r in seen_units],
    ).unrestricted()
    renamed = {f"u{n:02}": name for n, (name, _) in enumerate(seen_units)}
    expected = alone.search(questions, top_k).with_columns(pl.col("passage_id").replace(renamed))
    assert base.search(questions, top_k, labels=reader).equals(expected)


def rrf(rankings: list[list[str]], top_k: int) -> list[str]:
    """Reciprocal rank fusion as its authors write it."""
    sums: dict[str, float] = defaultdict(float)
    for ranking in rankings:
        for rank, name in enumerate(ranking, start=1):
            sums[name] += 1 / (60 + rank)
    order = list(dict.fromkeys(name for ranking in rankings for name in ranking))
    return sorted(order, key=lambda name: (-sums[name], order.index(name)))[:top_k]


@given(st.lists(told, min_size=1, max_size=14), st.lists(told, max_size=6), st.lists(text, min_size=1, max_size=3))
@quick
def test_hybrid_is_the_fusion_of_the_rankings_by_vectors_and_by_words(
    tmp_path_factory: pytest.TempPathFactory, passages: list[Told], units: list[Told], questions: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("base")
    found = {
        search: base_of(folder / search, search, passages, units).unrestricted().search(questions, 100)
        for search in ("dense", "bm25", "hybrid")
    }
    for query in range(len(questions)):
        rows = {search: hits.filter(query=query).sort("rank") for search, hits in found.items()}
        rankings = [rows[search]["passage_id"].to_list() for search in ("dense", "bm25")]
        assert rows["hybrid"]["passage_id"].to_list() == rrf(rankings, 100)
        # Whatever chose a passage, it is shown with the score that its vector gives.
        scores = dict(rows["dense"].select("passage_id", "score").iter_rows())
        for search in ("bm25", "hybrid"):
            assert rows[search]["score"].to_list() == [scores[name] for name in rows[search]["passage_id"]]


@pytest.mark.parametrize("top_k", [1, 3, 40])
def test_a_smaller_k_gives_the_beginning_of_a_larger_one(tmp_path: Path, top_k: int) -> None:
    passages = [(f"{WORDS[n % 7]} {WORDS[n % 3]} {WORDS[n % 5]}", OPEN) for n in range(150)]
    base = base_of(tmp_path, "hybrid", passages).unrestricted()
    deep = base.search(["the harbour of skerry", "glass"], 100)
    assert base.search(["the harbour of skerry", "glass"], top_k).equals(deep.filter(pl.col("rank") <= top_k))
    assert base.search(["glass"], 130).height == 130  # deeper than the rankings that are fused


def test_units_are_weighed_by_the_corpus_words_and_change_no_passage(tmp_path: Path) -> None:
    passages: list[Told] = [("the harbour of skerry", OPEN), ("the hill", OPEN), ("the glass of the hill", OPEN)]
    # Among these units "the" is rare, and "harbour" is not.
    units: list[Told] = [("the salt", OPEN), ("harbour salt", OPEN), ("harbour salt", OPEN)]
    alone = base_of(tmp_path / "alone", "bm25", passages).unrestricted().search(["the harbour"], 9)
    both = base_of(tmp_path / "both", "bm25", passages, units).unrestricted().search(["the harbour"], 9)
    assert alone["passage_id"].to_list() == ["p00", "p02", "p01"]
    assert both.filter(pl.col("origin") == "corpus")["passage_id"].to_list() == alone["passage_id"].to_list()
    assert both.filter(pl.col("origin") == "writeback")["passage_id"].to_list() == ["u01", "u02", "u00"]


def test_a_unit_with_a_passages_words_has_its_score_and_comes_after_it(tmp_path: Path) -> None:
    passages: list[Told] = [("the hill", OPEN), ("the harbour of skerry", OPEN)]
    base = base_of(tmp_path, "bm25", passages, [("the harbour of skerry", OPEN)]).unrestricted()
    assert base.search(["harbour"], 5)["passage_id"].to_list() == ["p01", "u00"]


def test_a_word_that_only_a_unit_has_is_found(tmp_path: Path) -> None:
    base = base_of(tmp_path, "bm25", [("the hill", OPEN)], [("the smithy", OPEN), ("the hill", OPEN)]).unrestricted()
    assert base.search(["smithy hill"], 5)["passage_id"][0] == "u00"
    empty = base_of(tmp_path / "empty", "bm25", [], [("the smithy", OPEN)]).unrestricted()
    assert empty.search(["smithy"], 5)["passage_id"].to_list() == ["u00"]


@pytest.mark.parametrize("search", ["bm25", "hybrid"])
def test_a_search_that_does_not_say_who_reads_is_refused(tmp_path: Path, search: str) -> None:
    base = base_of(tmp_path, search, [("the harbour", OPEN), ("the hill", frozenset({"hr"}))])
    with pytest.raises(InputError, match="who reads"):
        base.search(["hill"], 5)
    assert "p01" not in base.search(["hill"], 5, labels=[])["passage_id"]
    assert base.search(["hill"], 5, labels=["hr"])["passage_id"][0] == "p01"


def test_a_view_goes_on_searching_as_it_did(tmp_path: Path) -> None:
    base = base_of(tmp_path, "bm25", [("the harbour", OPEN), ("the hill", OPEN)], [("a hill", OPEN)])
    for view in (base.without_writeback(), base.for_reader([]), base.unrestricted(), base.merging("score")):
        assert view.search_kind == "bm25" and view.takes_texts
    found = base.without_writeback().search(["hill"], 5)
    assert found["passage_id"].to_list() == ["p01"]  # and not the unit
    dense = base.searching("dense")
    assert dense.search(["hill"], 5).height == 3 and not dense.takes_texts
    words = lexical_index_of(pl.read_parquet(base.passages))
    assert dense.searching("bm25", words).search(["hill"], 5).equals(base.search(["hill"], 5))


def test_turns_are_taken_where_the_merge_is_by_rank(tmp_path: Path) -> None:
    passages: list[Told] = [("skerry skerry", OPEN), ("skerry skerry salt", OPEN), ("glass", OPEN)]
    base = base_of(tmp_path, "bm25", passages, [("skerry salt glass of the hill", OPEN)]).unrestricted()
    assert base.search(["skerry"], 3)["passage_id"].to_list() == ["p00", "p01", "u00"]
    assert base.merging("rrf").search(["skerry"], 3)["passage_id"].to_list() == ["p00", "u00", "p01"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_words_of_other_passages_are_refused(tmp_path: Path, rows: int) -> None:
    base = base_of(tmp_path, "dense", [("the harbour", OPEN), ("the hill", OPEN)])
    words = lexical_index_of(pl.DataFrame({"title": [""] * rows, "text": ["x"] * rows}))
    for other in (words, None):
        with pytest.raises(IntegrityError, match="index of words"):
            base.searching("hybrid", other)


def hits(*rows: tuple[int, int, str]) -> pl.DataFrame:
    made = [(query, rank, "corpus", passage, 1.0 / rank) for query, rank, passage in rows]
    return pl.DataFrame(made, schema=HITS, orient="row")


def test_rank_fusion_by_hand() -> None:
    one, other = hits((0, 1, "a"), (0, 2, "b"), (1, 1, "x")), hits((0, 1, "c"), (0, 2, "a"), (0, 3, "b"))
    found = fused_rankings([one, other], 3)
    # a: 1/61 + 1/62; b: 1/62 + 1/63; c: 1/61
    assert found.filter(pl.col("query") == 0)["passage_id"].to_list() == ["a", "b", "c"]
    assert found["score"].to_list() == pytest.approx([1 / 61 + 1 / 62, 1 / 62 + 1 / 63, 1 / 61, 1 / 61])
    again = fused_rankings([one, hits((0, 1, "b"), (0, 2, "a"))], 1)
    assert again["passage_id"].to_list() == ["a", "x"]  # of equal sums the first ranking's order


def test_an_id_of_a_passage_and_of_a_unit_are_fused_apart() -> None:
    unit = hits((0, 1, "a")).with_columns(origin=pl.lit("writeback"))
    assert fused_rankings([hits((0, 1, "a")), unit], 5).height == 2


def test_the_score_of_a_question_without_words_is_the_vectors_alone(tmp_path: Path) -> None:
    base = base_of(tmp_path, "hybrid", [("the harbour", OPEN), ("the hill", OPEN)]).unrestricted()
    found = base.search(["?"], 5)
    assert found["passage_id"].to_list() == ["p00", "p01"] and all(map(math.isfinite, found["score"]))
    assert base.search([], 5).is_empty()
