"""A knowledge base over a retriever of the user's own, worked by hand: texts are angles, a score is a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.retrieval.conftest import CompassEncoder, MakeIndex, passages_of, units_of
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.access import UNRESTRICTED, Principal, Unrestricted
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, KnowledgeBase
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages
from wbrag_pipeline.retrievers.recorded import RecordedRetriever, rows_with_passages

SEEN = {"north": 90.0, "east": 0.0, "west": 180.0}


class Scripted:
    """Shows the same passages for each question, and remembers what it was asked."""

    def __init__(self, *passages: PassageHit, hides: bool = False) -> None:
        self.passages, self.hides = passages, hides
        self.asked: list[tuple[tuple[str, ...], int, Principal]] = []

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        self.asked.append((tuple(queries), top_k, principal))
        return [list(self.passages[:top_k]) for _ in queries]


def at(name: str, angle: float, score: float | None = None, *labels: str) -> PassageHit:
    return PassageHit(str(float(angle)), f"T {name}", name, score, {"labels": list(labels)} if labels else {})


Over = Callable[..., KnowledgeBase]


@pytest.fixture
def over(make_index: MakeIndex, compass: CompassEncoder, tmp_path: Path) -> Over:
    """``over(retriever)``: the knowledge base, whose index holds SEEN."""
    file = tmp_path / "passages.parquet"
    passages_of(SEEN).write_parquet(file)
    base = KnowledgeBase(compass, make_index("seen", SEEN), file)
    units = make_index("units", {"u": 20.0})
    compass.encoded.clear()

    def make(retriever: Any, *, merge: str = "auto", writeback: bool = False, **options: Any) -> KnowledgeBase:
        made = base.shown_by(retriever, "support", **options).merging(merge)
        return made.with_writeback(units_of({"u": 20.0}), units) if writeback else made

    return make


def hits(base: KnowledgeBase, top_k: int, angle: float = 0.0, **options: Any) -> list[tuple[str, str, float]]:
    found = base.search([str(angle)], top_k, **options)
    assert found["rank"].to_list() == list(range(1, found.height + 1))
    return [(origin, name, round(score, 3)) for origin, name, score in found.select(found.columns[2:]).iter_rows()]


def cosine(degrees: float) -> float:
    return round(math.cos(math.radians(degrees)), 3)


def test_the_retrievers_order_is_kept_and_its_scores_are_not(over: Over) -> None:
    base = over(Scripted(at("far", 60, 99.0), at("near", 10, 98.0), at("east", 0, 1.0)))
    assert hits(base, 3) == [(CORPUS, "far", 1.0), (CORPUS, "near", cosine(10)), (CORPUS, "east", cosine(60))]


def test_units_come_in_by_the_encoders_scores_and_the_others_stay_in_order(over: Over) -> None:
    # The scores of the base are 1.0 and 0.5 in its order; the unit's is cos 20° = 0.94.
    base = over(Scripted(at("far", 60, 99.0), at("east", 0, 98.0)), writeback=True)
    assert [name for _, name, _ in hits(base, 3)] == ["far", "u", "east"]
    assert [name for _, name, _ in hits(base.without_writeback(), 3)] == ["far", "east"]


def test_by_rank_passages_and_units_take_turns(over: Over) -> None:
    base = over(Scripted(at("far", 60), at("east", 0), at("west", 180)), merge="rrf", writeback=True)
    assert [name for _, name, _ in hits(base, 4)] == ["far", "u", "east", "west"]
    assert [name for _, name, _ in hits(base, 2)] == ["far", "u"]


def test_scores_of_the_same_encoder_are_taken_as_they_are(over: Over) -> None:
    base = over(Scripted(at("east", 0, 1.0), at("new", 15, 0.95), at("north", 90, 0.0)), merge="score", writeback=True)
    assert hits(base, 3) == [(CORPUS, "east", 1.0), (CORPUS, "new", 0.95), ("writeback", "u", cosine(20))]


@pytest.mark.parametrize("score", [12.3, 0.5, None], ids=["of a keyword search", "of another encoder", "none"])
def test_scores_of_another_engine_are_never_merged(over: Over, score: float | None) -> None:
    base = over(Scripted(at("east", 0, score)), merge="score", writeback=True)
    with pytest.raises(InputError, match="support") as refused:
        hits(base, 3)
    assert refused.value.field == "merge"
    with pytest.raises(InputError):  # also where nothing of it was shown before
        hits(over(Scripted(at("new", 0, score)), merge="score"), 3)


def test_what_was_shown_before_is_not_encoded_again(over: Over, compass: CompassEncoder) -> None:
    base = over(Scripted(at("north", 90), at("new", 30)))
    hits(base, 2)
    hits(base, 2)
    assert compass.encoded == ["30.0"]


def test_a_changed_passage_is_another_one_to_the_encoder(over: Over) -> None:
    assert hits(over(Scripted(at("north", 45))), 1) == [(CORPUS, "north", cosine(45))]


def test_texts_are_those_that_were_shown(over: Over) -> None:
    base = over(Scripted(at("new", 30), at("north", 45)))
    found = base.hits_with_text(base.search(["0"], 2))
    assert found.select("passage_id", "title", "text").rows() == [
        ("new", "T new", "30.0"),
        ("north", "T north", "45.0"),
    ]


def test_a_passage_that_was_shown_can_be_looked_up(over: Over) -> None:
    base = over(Scripted(at("new", 30), at("secret", 40, None, "hr"))).for_reader(["hr"])
    base.search(["0"], 2)
    for reader, names in ((base, ["new", "secret", "east"]), (base.for_reader([]), ["new", "east"])):
        assert [n for n in ("new", "secret", "east", "no") if reader.hit(CORPUS, n).height] == names


def test_a_label_that_was_added_counts_for_a_passage_that_was_public(over: Over) -> None:
    base = over(Scripted(at("north", 90, None, "hr")))
    assert hits(base.for_reader([]), 1) == []
    assert base.for_reader([]).hit(CORPUS, "north").is_empty()


def test_where_nobody_says_who_reads_what_is_labelled_stays_closed(over: Over) -> None:
    base = over(Scripted(at("secret", 0, None, "hr"), at("east", 0)))
    assert [name for _, name, _ in hits(base, 2)] == ["east"]
    assert [name for _, name, _ in hits(base.unrestricted(), 2)] == ["secret", "east"]
    assert [name for _, name, _ in hits(base, 2, labels=["hr"])] == ["secret", "east"]


def test_more_is_asked_for_where_a_reader_may_not_see_what_came(over: Over) -> None:
    secret = [at(f"s{number}", 0, None, "hr") for number in range(5)]
    retriever = Scripted(*secret, at("east", 0), at("north", 90))
    assert [name for _, name, _ in hits(over(retriever).for_reader([]), 2)] == ["east", "north"]
    assert [(top_k, reader) for _, top_k, reader in retriever.asked] == [(2, frozenset()), (8, frozenset())]


def test_more_is_asked_for_where_what_came_cannot_be_taken(over: Over) -> None:
    unclear = [replace(at(f"s{number}", 0), metadata={"acl": ["hr"]}) for number in range(3)]
    twice = [at("east", 0), at("east", 0)]
    for before in (unclear, twice):
        base = over(Scripted(*before, at("north", 90))).unrestricted()
        assert "north" in [name for _, name, _ in hits(base, 2)]


def test_asking_for_more_has_an_end(over: Over) -> None:
    retriever = Scripted(*[at(f"s{number}", 0, None, "hr") for number in range(500)])
    assert hits(over(retriever).for_reader([]), 2) == []
    assert max(top_k for _, top_k, _ in retriever.asked) == 32


def test_what_was_forgotten_is_not_shown(over: Over) -> None:
    base = over(Scripted(at("gone", 0), at("east", 0)), less=lambda rows: rows.filter(pl.col("passage_id") != "gone"))
    for reader in (base, base.unrestricted()):
        assert [name for _, name, _ in hits(reader, 1)] == ["east"]
    assert base.hit(CORPUS, "gone").is_empty()


def test_the_same_question_twice_and_no_question(over: Over) -> None:
    base = over(Scripted(at("east", 0)))
    assert base.search(["0", "0"], 1)["query"].to_list() == [0, 1]
    assert base.search([], 1).is_empty()


def test_nothing_shown_leaves_the_units(over: Over) -> None:
    assert [name for _, name, _ in hits(over(Scripted(), writeback=True), 3)] == ["u"]


def test_what_was_stored_is_not_asked_again(over: Over) -> None:
    shown = pl.DataFrame(
        {"question": ["0", "0", "9"], "asked": [2, 2, 2], "rank": [1, 2, 0]}
        | {"passage_id": ["north", "east", None], "score": [0.5, 0.4, None]},
        schema_overrides={"score": pl.Float32, "asked": pl.Int32, "rank": pl.Int32},
    )
    live, kept = Scripted(at("new", 0)), list[pl.DataFrame]()

    def keep(asked: ShownPassages) -> pl.DataFrame:
        kept.append(rows_with_passages(asked.shown, asked.passages))
        return kept[-1]

    base = over(RecordedRetriever(rows_with_passages(shown, passages_of(SEEN)), live, keep)).unrestricted()
    found = base.search(["0", "9", "45"], 2)
    assert found.select("query", "passage_id").rows() == [(0, "north"), (0, "east"), (2, "new")]
    assert live.asked == [(("45",), 2, UNRESTRICTED)]
    base.search(["45"], 2)  # nor what was asked just now
    assert len(live.asked) == 1 and kept[0].select("question", "passage_id", "text").rows() == [("45", "new", "0.0")]
    base.search(["0"], 3)
    base.for_reader([]).search(["0"], 2)  # a reader is served live
    assert [asked[:2] for asked in live.asked[1:]] == [(("0",), 3), (("0",), 2)]


class Served:
    """A black box over another knowledge base, which hides what its reader may not see."""

    def __init__(self, base: KnowledgeBase) -> None:
        self.base = base

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        view = self.base.unrestricted() if isinstance(principal, Unrestricted) else self.base.for_reader(principal)
        found: list[list[PassageHit]] = [[] for _ in queries]
        for row in view.hits_with_text(view.search(queries, top_k)).iter_rows(named=True):
            found[row["query"]].append(PassageHit(row["text"], row["title"], row["passage_id"], row["score"]))
        return found


ANGLES = st.lists(st.sampled_from([0.0, 1.0, 10.0, 10.5, 90.0, 180.0, 270.0]), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpus=ANGLES, units=ANGLES, asked=st.floats(0, 360), top_k=st.integers(1, 8), seen=st.integers(0, 6))
def test_a_black_box_over_our_own_index_gives_the_same_hits(
    corpus: list[float], units: list[float], asked: float, top_k: int, seen: int, tmp_path_factory: Any
) -> None:
    from wbrag_pipeline.retrieval.index import build_index, open_index

    encoder, folder = CompassEncoder(), tmp_path_factory.mktemp("box")

    def indexed(name: str, angles: dict[str, float]) -> Any:
        texts = [str(angle) for angle in angles.values()]
        build_index(encoder.encode_passages(texts, texts), list(angles), folder / name, encoder)
        return open_index(folder / name, encoder)

    def base_of(name: str, angles: dict[str, float]) -> KnowledgeBase:
        passages_of(angles).write_parquet(folder / f"{name}.parquet")
        return KnowledgeBase(encoder, indexed(name, angles), folder / f"{name}.parquet")

    passages = {f"p{number}": angle for number, angle in enumerate(corpus)}
    written = {f"u{number}": angle for number, angle in enumerate(units)}
    ours = base_of("corpus", passages)
    some = dict(list(passages.items())[:seen]) or {"other": 33.0}
    theirs = base_of("seen", some).shown_by(Served(ours), "box")
    units_index = indexed("units", written)
    for merge in ("auto", "rescore", "score", "rrf"):
        left = ours.merging(merge).with_writeback(units_of(written), units_index).unrestricted()
        right = theirs.merging(merge).with_writeback(units_of(written), units_index).unrestricted()
        assert left.search([str(asked)], top_k).equals(right.search([str(asked)], top_k)), merge
