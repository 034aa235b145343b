"""Support: what follows from a source stays, what brings a number or a name of its own goes, the rest is asked."""

from __future__ import annotations

import pytest

from tests.curation.conftest import World
from wbrag_pipeline.curation.sources import SourcePassage
from wbrag_pipeline.curation.support import made_up, stands_in

TEXT = "Aldermoor is a town on the river Vell. It was founded by Tessa Quill in 1612. It has 3,363 inhabitants and a"


def source(text: str, title: str = "Aldermoor") -> SourcePassage:
    return SourcePassage("p", title, text, "h", frozenset(), "d")


def test_sentences_that_stand_in_a_source_are_kept_and_nobody_is_asked(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.unit("u", ["p"], text="It was founded by Tessa Quill in 1612. Aldermoor is a town on the river Vell.")
    row = world.curated()["u"]
    assert (row["state"], row["cut_sentences"]) == ("published", [])
    assert world.generator.verified == []


@pytest.mark.parametrize(
    ("claim", "strange"),
    [
        ("It was founded by Tessa Quill in 1613.", ["1613"]),
        ("It was founded by Odo Quill in 1612.", ["Odo"]),
        ("Brackwater is a town on the river Vell.", ["Brackwater"]),
        ("Founded in 1612, Aldermoor lies on the Vell.", []),
        ("It has 3363 people.", []),
        ("Three thousand people live there.", ["Three", "thousand"]),
    ],
)
def test_a_number_or_a_name_that_no_source_has_is_made_up(claim: str, strange: list[str]) -> None:
    assert made_up(claim, [source(TEXT)]) == strange


def test_what_is_made_up_is_cut_without_asking_and_the_rest_is_asked(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.generator.script = lambda claim, passages: "SUPPORTS" if "founder" in claim else "NOT ENOUGH INFO"
    world.unit("u", ["p"], text="Its founder was Tessa Quill. It was rich. It was founded in 1999. It lies in Corvane.")
    row = world.curated()["u"]
    assert row["text"] == "Its founder was Tessa Quill."
    assert row["cut_sentences"] == ["It was rich.", "It was founded in 1999.", "It lies in Corvane."]
    assert row["state"] == "published" and "3 sentences cut" in row["reason"]
    assert row["unit_tokens"] == len("Aldermoor Its founder was Tessa Quill.".split())
    assert {claim for claim, _ in world.generator.verified} == {"Its founder was Tessa Quill.", "It was rich."}
    assert world.units[0]["text"].startswith("Its founder was Tessa Quill. It was rich.")  # the original stays


def test_a_unit_of_which_nothing_follows_is_rejected(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.unit("u", ["p"], text="It was founded in 1999.")
    world.generator.script = lambda claim, passages: "SUPPORTS"
    row = world.curated()["u"]
    assert row["state"] == "rejected" and "no sentence" in row["reason"]
    assert row["text"] == "It was founded in 1999."


def test_a_failed_call_supports_nothing(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.unit("u", ["p"], text="It was rich.")
    world.generator.script = lambda claim, passages: None
    assert world.states() == {"u": "rejected"}


def test_a_source_that_changed_supports_nothing(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.unit("u", ["p"], source_hashes=["of an older version"])
    row = world.curated()["u"]
    assert row["state"] == "rejected" and "as it was" in row["reason"]


def test_a_title_of_its_own_making_gives_way_to_a_source_s(world: World) -> None:
    world.passage("p", "Aldermoor", TEXT)
    world.unit("u", ["p"], text="It was founded by Tessa Quill in 1612.", title="The Corvane Affair")
    world.unit("v", ["p"], text="Aldermoor is a town on the river Vell.", title="Founding of Aldermoor")
    rows = world.curated()
    assert rows["u"]["title"] == "Aldermoor" and rows["v"]["title"] == "Founding of Aldermoor"


@pytest.mark.parametrize(
    ("sentence", "stands"),
    [
        ("It was founded by Tessa Quill in 1612.", True),
        ("founded by Tessa", True),
        ("founded by Tess", False),
        # The passage's border cut its last sentence; the unit's next one follows it directly.
        ("It has 3,363 inhabitants and a It was founded by Tessa Quill in 1612.", True),
        ("It has 3,363 inhabitants It was founded by Tessa Quill in 1612.", False),
        ("Aldermoor is a town on the river Vell. It has 3,363 inhabitants", False),
    ],
)
def test_word_for_word_is_whole_words_and_seams_only_at_a_passage_s_end(sentence: str, stands: bool) -> None:
    assert stands_in(sentence, [source(TEXT)]) == stands
