"""Duplicates: what becomes one, what never does, and what the survivor takes over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation.conftest import World
from wbrag_pipeline.curation.details import details_of

TEXT = "Aldermoor lies on the Vell. It was founded in 1612."


def test_equal_units_become_one_that_holds_all_sources_and_questions(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.passage("q", "Aldermoor", TEXT + " It is old.")
    world.unit("u2", ["p"])
    world.unit("u1", ["q"], text=TEXT.upper().title())
    world.unit("u3", ["q", "p"], text=TEXT)
    world.generator.script = lambda claim, passages: "SUPPORTS"
    rows = world.curated()
    survivor = rows["u3"]  # more sources
    assert survivor["state"] == "published"
    assert survivor["question_ids"] == ["q_u1", "q_u2", "q_u3"]
    assert sorted(survivor["source_passage_ids"]) == ["p", "q"]
    hashes = dict(zip(survivor["source_passage_ids"], survivor["source_hashes"], strict=True))
    assert hashes == {row["passage_id"]: row["content_hash"] for row in world.passages}
    for merged in (rows["u1"], rows["u2"]):
        assert (merged["state"], merged["kept_by"]) == ("merged", "u3")
        assert "word for word" in merged["reason"]


def test_with_as_many_sources_the_lower_id_stays(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    for name in ("u2", "u1", "u3"):
        world.unit(name, ["p"])
    assert world.states() == {"u1": "published", "u2": "merged", "u3": "merged"}


def test_units_of_different_labels_are_never_merged(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.passage("q", "Aldermoor", TEXT, labels=["staff"])
    world.passage("r", "Aldermoor", TEXT, labels=["staff", "board"])
    for name, source in (("u1", "p"), ("u2", "q"), ("u3", "r"), ("u4", "q")):
        world.unit(name, [source])
    rows = world.curated()
    assert {name: row["state"] for name, row in rows.items()} == {
        "u1": "published",
        "u2": "published",
        "u3": "published",
        "u4": "merged",
    }
    assert rows["u2"]["labels"] == ["staff"] and rows["u4"]["kept_by"] == "u2"


def test_what_says_less_gives_way_to_what_says_more(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT + " It has a port.")
    world.unit("u1", ["p"], text="It has a port. Aldermoor lies on the Vell.")
    world.unit("u2", ["p"], text=TEXT)
    world.unit("u3", ["p"], text=TEXT + " It has a port.")
    rows = world.curated()
    assert {name: row["kept_by"] for name, row in rows.items()} == {"u1": "u3", "u2": "u3", "u3": None}


def test_titles_tell_things_apart_unless_the_passages_are_the_same(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.passage("q", "Trade of Aldermoor", TEXT)
    world.unit("u1", ["p"])
    world.unit("u2", ["q"])
    assert world.states() == {"u1": "published", "u2": "published"}
    world.unit("u3", ["p", "q"], text="It was founded in 1612. Aldermoor lies on the Vell.")
    world.unit("u4", ["p", "q"], title="Trade of Aldermoor")
    assert world.curated()["u4"]["kept_by"] == "u3"


@pytest.mark.parametrize(
    ("both_ways", "state"), [(("SUPPORTS", "SUPPORTS"), "merged"), (("SUPPORTS", "NOT ENOUGH INFO"), "published")]
)
def test_other_words_are_one_where_the_generator_says_so_both_ways(
    world: World, both_ways: tuple[str, str], state: str
) -> None:
    one, other = "Aldermoor is a town situated on the river Vell.", "Aldermoor is a town located on the river Vell."
    world.passage("p", "Aldermoor", f"{one} {other}")
    world.unit("u1", ["p"], text=one)
    world.unit("u2", ["p"], text=other)
    said = dict(zip((one, other), both_ways, strict=True))
    world.generator.script = lambda claim, passages: said.get(claim, "")
    assert world.states() == {"u1": "published", "u2": state}
    assert len(world.generator.verified) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Aldermoor was founded in 1612.", "Aldermoor was founded in 1613."),
        ("Aldermoor has a port.", "Aldermoor has no port."),
        ("Tessa Quill hired Odo Marsh.", "Odo Marsh hired Tessa Quill."),
        ("Aldermoor was founded by Tessa Quill.", "Aldermoor was founded by Tilda Quill."),
        ("The wolf hunts the bear.", "The bear hunts the wolf."),
        ("The mill stands above the town.", "The mill stands below the town."),
    ],
)
def test_a_guard_stands_even_against_a_generator_that_takes_all_for_one(world: World, one: str, other: str) -> None:
    world.passage("p", "Aldermoor", one)
    world.passage("q", "Aldermoor", other)
    world.unit("u1", ["p"])
    world.unit("u2", ["q"])
    world.generator.script = lambda claim, passages: "SUPPORTS"
    assert "merged" not in world.states().values()
    # Who is asked about two names at all is asked whether they exclude each other, and not of a unit.
    assert {passages for _, passages in world.generator.verified} <= {("",)}


def test_likeness_is_not_handed_on(world: World) -> None:
    chain = [
        "The mill of the town is old.",
        "The mill of the town is quite old.",
        "The mill of a town is quite old now.",
    ]
    for number, text in enumerate(chain):
        world.passage(f"p{number}", "Mill", text)
        world.unit(f"u{number}", [f"p{number}"])
    texts = dict(zip(chain, "012", strict=True))
    # Neighbours in the chain are taken for one, its ends are not.
    world.generator.script = lambda claim, passages: (
        "SUPPORTS" if abs(int(texts.get(claim, "999")) - int(passages[0][1:])) < 2 else "NOT ENOUGH INFO"
    )
    assert world.states() == {"u0": "published", "u1": "merged", "u2": "published"}


@given(st.text(alphabet="ABCab 019.'n", max_size=40))
def test_a_sentence_always_agrees_with_itself(text: str) -> None:
    assert details_of(text).agrees(details_of(text.replace("  ", " ")))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("It has 12,400 people.", "It has 12400 people.", True),
        ("It has two towers.", "It has 2 towers.", True),
        ("It isn't a port.", "It is not a port.", True),
        ("It can't float.", "It can float.", False),
        ("The Vell’s mouth.", "The Vell's mouth.", True),
        ("It grew by 1.5 km.", "It grew by 15 km.", False),
        ("In the 1790s.", "In the 1790.", False),
    ],
)
def test_numbers_and_negations_however_they_are_written(one: str, other: str, same: bool) -> None:
    assert (details_of(one).tokens == details_of(other).tokens) == same
