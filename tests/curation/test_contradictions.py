"""Contradictions: what cannot both be true, who wins, what comes back, and what is left to a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.curation.conftest import World

EARLY, LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
TRUE, FALSE = "Aldermoor was founded by Tessa Quill in 1612.", "Aldermoor was founded by Tessa Quill in 1712."


def against(world: World, one: str, other: str, *, title: str = "Aldermoor") -> dict[str, str]:
    """States of two units, the first of which two documents state."""
    world.passage("p1", title, one)
    world.passage("p2", title, f"{one} It is old.")
    world.passage("q", title, other)
    world.unit("u1", ["p1"])
    world.unit("u2", ["q"])
    return world.states()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TRUE, FALSE),
        ("Tessa Quill was born on 3 May 1580 in Vell.", "Tessa Quill was born on 4 May 1580 in Vell."),
        ("Aldermoor has 3 churches and a port.", "Aldermoor has 4 churches and a port."),
        ("Aldermoor is a royal town.", "Aldermoor is not a royal town."),
        ("Aldermoor lives from the salt trade.", "Aldermoor does not live from the salt trade."),
        ("Aldermoor lies north of the Vell.", "Aldermoor lies south of the Vell."),
        ("Aldermoor is a town. It was founded in 1612.", "Aldermoor is a place. It was founded in 1621."),
    ],
)
def test_what_more_documents_state_supersedes_the_other(world: World, one: str, other: str) -> None:
    assert against(world, one, other) == {"u1": "published", "u2": "superseded"}
    row = world.curated()["u2"]
    assert row["kept_by"] == "u1" and "2 documents against 1" in row["reason"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Both may well be true.
        ("Madonna released an album in 2001.", "Madonna released an album in 2003."),
        ("Aldermoor had 3 churches in 1900.", "Aldermoor had 4 churches in 1950."),
        ("Aldermoor beat Corvane by 3 goals.", "Aldermoor beat Corvane by 2 goals."),
        ("Tessa Quill was born in Vell in 1580.", "Tessa Quill died in Vell in 1640."),
        ("Aldermoor exports salt to Corvane.", "Aldermoor imports salt to Corvane."),
        ("Aldermoor was founded in 1612.", "Corvane was founded in 1701."),
        ("Aldermoor's mayor was born in 1950.", "Aldermoor's mayor was born in 1960."),
        ("The film was released in 1994.", "The film was released in 1999."),
        ("It was founded in 1612.", "It was founded in 1701."),
        ("In 1612 the town was founded by Quill.", "In 1712 the town was founded by Quill."),
    ],
)
def test_what_may_both_be_true_is_left_alone(world: World, one: str, other: str) -> None:
    assert against(world, one, other) == {"u1": "published", "u2": "published"}


def test_two_of_one_name_do_not_contradict_each_other(world: World) -> None:
    world.passage("p", "John Smith (footballer)", "John Smith was born in 1960 in Leeds.")
    world.passage("q", "John Smith (politician)", "John Smith was born in 1971 in Leeds.")
    world.unit("u1", ["p"])
    world.unit("u2", ["q"])
    assert world.states() == {"u1": "published", "u2": "published"}


def test_the_later_word_wins_and_both_times_are_recorded(world: World) -> None:
    world.passage("p", "Aldermoor", TRUE, said_at=EARLY)
    world.passage("q", "Aldermoor", FALSE, said_at=LATE)
    world.unit("u1", ["p"])
    world.unit("u2", ["q"])
    known = datetime(2025, 5, 5, tzinfo=UTC)
    world.known_from = {"u1": EARLY, "u2": known}
    rows = world.curated()
    assert (rows["u1"]["state"], rows["u2"]["state"]) == ("superseded", "published")
    assert "newer" in rows["u1"]["reason"]
    assert (rows["u1"]["valid_from"], rows["u1"]["valid_until"]) == (EARLY, LATE)
    assert (rows["u1"]["known_from"], rows["u1"]["known_until"]) == (EARLY, known)
    assert (rows["u2"]["valid_from"], rows["u2"]["valid_until"], rows["u2"]["known_until"]) == (LATE, None, None)


def test_when_the_system_came_to_know_it_decides_nothing(world: World) -> None:
    world.passage("p", "Aldermoor", TRUE)
    world.passage("q", "Aldermoor", FALSE)
    world.unit("u1", ["p"])
    world.unit("u2", ["q"])
    world.known_from = {"u1": EARLY, "u2": LATE}
    assert world.states() == {"u1": "flagged", "u2": "flagged"}


def test_removing_the_winner_revives_the_loser(world: World) -> None:
    assert against(world, TRUE, FALSE) == {"u1": "published", "u2": "superseded"}
    world.units = [row for row in world.units if row["unit_id"] != "u1"]
    world.passages = [row for row in world.passages if row["passage_id"] == "q"]
    assert world.states() == {"u2": "published"}


def test_newer_against_more_is_for_a_person(world: World) -> None:
    world.passage("p1", "Aldermoor", TRUE, said_at=EARLY)
    world.passage("p2", "Aldermoor", f"{TRUE} It is old.", said_at=EARLY)
    world.passage("q", "Aldermoor", FALSE, said_at=LATE)
    world.unit("u1", ["p1"])
    world.unit("u2", ["q"])
    rows = world.curated()
    assert {row["state"] for row in rows.values()} == {"flagged"}
    assert "u1" in rows["u2"]["reason"] and "nothing decides" in rows["u2"]["reason"]


def test_a_passage_that_no_unit_was_made_of_can_win_too(world: World) -> None:
    world.passage("p", "Aldermoor", FALSE, said_at=EARLY)
    world.passage("q", "Aldermoor", TRUE, said_at=LATE)
    world.unit("u", ["p"])
    row = world.curated()["u"]
    assert (row["state"], row["kept_by"]) == ("superseded", "corpus:q")


def test_a_passage_that_a_reader_may_not_see_is_not_held_against_what_he_may(world: World) -> None:
    world.passage("p", "Aldermoor", FALSE)
    world.passage("q1", "Aldermoor", TRUE, labels=["staff"])
    world.passage("q2", "Aldermoor", f"{TRUE} It is old.", labels=["staff"])
    world.unit("u", ["p"])
    assert world.states() == {"u": "published"}
    # The other way round everybody who sees the staff's unit sees the public passage.
    world.unit("v", ["q1"])
    rows = world.curated()
    assert rows["u"]["state"] == "published" and rows["v"]["state"] == "published"  # two documents against one
    world.passage("p2", "Aldermoor", f"{FALSE} Or so they say.")
    world.passage("p3", "Aldermoor", f"{FALSE} So it is told.")
    assert world.states() == {"u": "published", "v": "superseded"}


def test_copies_of_one_text_count_once(world: World) -> None:
    world.passage("p1", "Aldermoor", TRUE)
    world.passage("p2", "Aldermoor", f"{TRUE} It is old.")
    for number in range(5):
        world.passage(f"q{number}", "Aldermoor", FALSE)
    world.unit("u1", ["p1"])
    world.unit("u2", ["q0"])
    assert world.states() == {"u1": "published", "u2": "superseded"}


def test_passages_of_one_document_count_once(world: World) -> None:
    for number in range(5):
        world.passage(f"q{number}", "Aldermoor", f"{FALSE} Part {'abcde'[number]}.", source="one file")
    world.passage("p1", "Aldermoor", TRUE)
    world.passage("p2", "Aldermoor", f"{TRUE} It is old.")
    world.unit("u1", ["p1"])
    world.unit("u2", ["q0"])
    assert world.states() == {"u1": "published", "u2": "superseded"}


@pytest.mark.parametrize(("verdict", "state"), [("REFUTES", "superseded"), ("NOT ENOUGH INFO", "published")])
def test_two_names_exclude_each_other_where_the_generator_says_so(world: World, verdict: str, state: str) -> None:
    world.generator.script = lambda claim, passages: verdict
    one, other = "Aldermoor was founded by Tessa Quill.", "Aldermoor was founded by Odo Marsh."
    assert against(world, one, other) == {"u1": "published", "u2": state}
    assert len(world.generator.verified) == 2


def test_among_three_the_strongest_stands_and_the_beaten_flag_nobody(world: World) -> None:
    for number in range(3):
        world.passage(f"p{number}", "Aldermoor", f"{TRUE} It is old {'abc'[number]}.")
    world.passage("q", "Aldermoor", FALSE)
    world.passage("r", "Aldermoor", FALSE.replace("1712", "1812"))
    for name, source in (("u1", "p0"), ("u2", "q"), ("u3", "r")):
        world.unit(name, [source])
    assert world.states() == {"u1": "published", "u2": "superseded", "u3": "superseded"}
