"""Many units that are alike: the work grows with their number and not with its square, and no bound helps a lie.

Work is counted here, in comparisons, questions to the generator and texts that are read; machines differ in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation.conftest import World
from wbrag_pipeline.curation import contradictions, duplicates, sources, statements, support
from wbrag_pipeline.curation.contradictions import MOST_VALUES
from wbrag_pipeline.curation.duplicates import MOST_ALIKE, MOST_ASKED
from wbrag_pipeline.curation.sources import SourcePassage
from wbrag_pipeline.curation.support import stands_in

MakeWorld = Callable[[], World]
COLOURS = "red blue grey dark pale warm mild soft wild calm".split()


def tickets(world: World, count: int) -> None:
    """Near-duplicates that numbers tell apart."""
    for n in range(count):
        text = f"Ticket {n} was opened by a customer. The printer of room {n % 7} was out of toner and was repaired."
        world.unit(f"u{n:05d}", [world.passage(f"p{n:05d}", "Tickets", text)])


def rooms(world: World, count: int) -> None:
    """Near-duplicates that plain words tell apart, so that the generator is asked whether they say the same."""
    for n in range(count):
        one, other, third = COLOURS[n % 10], COLOURS[n // 10 % 10], COLOURS[n // 100 % 10]
        text = f"The printer of the {one} {other} {third} room was out of toner and the technician has replaced it."
        world.unit(f"u{n:05d}", [world.passage(f"p{n:05d}", "Rooms", text)])


def mills(world: World, count: int) -> None:
    """One thing that is told in as many ways as there are units, each by a document of its own."""
    for n in range(count):
        world.unit(
            f"u{n:05d}", [world.passage(f"p{n:05d}", "Aldermoor", f"Aldermoor has {5000 + n} mills and a port.")]
        )


def founders(world: World, count: int) -> None:
    """The same where the generator is asked whether two names exclude each other."""
    for n in range(count):
        name = "Quill" + "".join(chr(ord("a") + int(digit)) for digit in str(n))
        world.unit(f"u{n:05d}", [world.passage(f"p{n:05d}", "Aldermoor", f"Aldermoor was founded by {name} in May.")])


def of_tenants(world: World, count: int) -> None:
    """Tickets that each somebody else may see."""
    tickets(world, count)
    for n, (passage, unit) in enumerate(zip(world.passages, world.units, strict=True)):
        passage["labels"] = unit["labels"] = [f"tenant {n}"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls, by name, of what takes the time: comparisons, and readings of texts."""
    calls: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        real = getattr(module, name)

        def counting(*arguments: Any) -> Any:
            calls[f"{module.__name__.rpartition('.')[2]}.{name}"] += 1
            return real(*arguments)

        monkeypatch.setattr(module, name, counting)

    count(duplicates, "_compared")
    count(duplicates, "_unmatched")
    count(duplicates, "split_sentences")
    count(contradictions, "statements_of")
    count(contradictions.Side, "outweighs")
    count(contradictions.Side, "shares_with")
    count(statements, "split_sentences")
    count(support, "split_sentences")
    count(support, "holds")
    count(sources, "words_as_written")
    return calls


@pytest.mark.parametrize("fill", [tickets, rooms, mills, founders, of_tenants])
def test_twice_as_many_units_are_twice_the_work(
    make_world: MakeWorld, counted: Counter[str], fill: Callable[[World, int], None]
) -> None:
    work = []
    for count in (150, 300):
        counted.clear()
        world = make_world()
        fill(world, count)
        world.curated()
        work.append(Counter(counted, asked=len(world.generator.verified)))
    assert work[1] and all(work[1][name] <= 2.5 * work[0][name] + 10 for name in work[1]), work


def test_whatever_the_number_of_label_sets_each_text_is_read_once(make_world: MakeWorld, counted: Counter[str]) -> None:
    read = []
    for fill in (tickets, of_tenants):
        counted.clear()
        world = make_world()
        fill(world, 60)
        world.passage("public", "Tickets", "Ticket 7 was opened by a customer.")
        world.curated()
        read.append((counted["contradictions.statements_of"], counted["statements.split_sentences"]))
    assert read == [(60 + 61, 60 + 61)] * 2  # units and passages


def test_the_words_of_a_source_are_taken_once_for_all_sentences_of_all_units(
    world: World, counted: Counter[str]
) -> None:
    world.passage("p", "Aldermoor", "Aldermoor lies on the Vell.")
    for n in range(30):
        world.unit(f"u{n:02d}", ["p"], text=f"Aldermoor lies near the Vell. Aldermoor lies on {n} hills by the Vell.")
    world.curated()
    assert counted["sources.words_as_written"] == 1


def test_the_generator_is_asked_about_the_most_alike_alone(world: World) -> None:
    rooms(world, 100)
    world.curated()
    asked = Counter(claim for claim, _ in world.generator.verified)
    # Each unit is asked about as the one that says no more, and as the one that says all, of those after it.
    assert len(world.generator.verified) <= 2 * MOST_ASKED * 100
    assert len(asked) > 90


def test_what_a_full_bucket_leaves_out_is_published_counted_and_said(world: World) -> None:
    count = MOST_ALIKE + 40
    rooms(world, count)
    rows = world.curated()
    told = [name for name, row in rows.items() if "only some were compared" in row["reason"]]
    assert {row["state"] for row in rows.values()} == {"published"}
    assert told == sorted(rows)[MOST_ALIKE + 1 :]
    assert world.generator.usage.incidents == {"units_compared_in_part": len(told)}


def test_few_units_are_all_compared_and_nothing_is_counted(world: World) -> None:
    rooms(world, MOST_ALIKE)
    rows = world.curated()
    assert not world.generator.usage.incidents
    assert {row["reason"] for row in rows.values()} == {"nothing speaks against it"}


WORDS = st.sampled_from(["old", "rich", "small", "proud"])
SENTENCES = st.one_of(
    st.builds("Aldermoor is {} and {}.".format, WORDS, WORDS),
    st.builds("Aldermoor lies {} of the Vell.".format, st.sampled_from(["north", "south"])),
    st.builds("The {} mill of the town stands by a {} bridge.".format, WORDS, WORDS),
    st.builds("It was founded in {}.".format, st.integers(1612, 1614)),
)
UNITS = st.lists(st.lists(SENTENCES, min_size=1, max_size=3, unique=True), min_size=2, max_size=14)


@given(UNITS, st.integers(0, 3), st.sampled_from([(), ("staff",)]))
def test_buckets_leave_out_nothing_that_comparing_all_would_merge(
    texts: list[list[str]], taste: int, labels: tuple[str, ...]
) -> None:
    def script(claim: str, passages: tuple[str, ...]) -> str:
        return "SUPPORTS" if (len(claim) + sum(map(len, passages))) % 4 != taste else "NOT ENOUGH INFO"

    def curated() -> dict[str, dict[str, Any]]:
        world = World()
        world.generator.script = script
        whole = " ".join(dict.fromkeys(sentence for text in texts for sentence in text))
        world.passage("p", "Aldermoor", whole)
        world.passage("q", "Aldermoor", whole, labels=labels)
        for n, text in enumerate(texts):
            world.unit(f"u{n:02d}", ["pq"[n % 2]], text=" ".join(text))
        return world.curated()

    with pytest.MonkeyPatch.context() as patch:
        # Every unit before it is in the bucket, and whatever words leave open is asked.
        everything = list(range(len(texts)))
        reads: list[Any] = []

        def all_before(it: Any, buckets: Any) -> list[list[int]]:
            reads.append(it)
            return [everything[: len(reads) - 1]]

        patch.setattr(duplicates, "_rarest", all_before)
        patch.setattr(duplicates, "MOST_ASKED", 10**6)
        by_all = curated()
    assert curated() == by_all


# An attacker who plants documents, against the bounds.

TRUE = "Aldermoor has 3 mills and a port."


def planted(world: World, values: Sequence[int], *, each: int = 1, units: bool = True) -> None:
    for n in values:
        for copy in range(each):
            name = world.passage(
                f"x{n}-{copy}", "Aldermoor", f"Aldermoor has {n} mills and a port. It is {'very ' * copy}old."
            )
            if units and not copy:
                world.unit(f"a_{n}", [name], text=f"Aldermoor has {n} mills and a port.")


def test_many_planted_values_do_not_push_the_true_one_out(world: World) -> None:
    """Two documents state it; each of a hundred others is told by one."""
    for name in ("p1", "p2"):
        world.passage(name, "Aldermoor", f"{TRUE} {name} tells so.")
    world.unit("z_true", ["p1"], text=TRUE)
    planted(world, range(100, 200))
    states = Counter(world.states().values())
    assert world.states()["z_true"] == "published"
    assert states == {"published": 1, "superseded": 100}


def test_nor_does_the_true_one_need_a_unit_to_keep_the_planted_ones_out(world: World) -> None:
    for name in ("p1", "p2"):
        world.passage(name, "Aldermoor", f"{TRUE} {name} tells so.")
    planted(world, range(100, 200))
    assert set(world.states().values()) == {"superseded"}


def test_a_lie_is_not_published_because_other_lies_fill_the_places_of_the_strongest(world: World) -> None:
    """More values with two documents each than are held against all, and beside them the truth and a lie with one."""
    planted(world, range(100, 100 + 3 * MOST_VALUES), each=2)
    world.passage("p", "Aldermoor", TRUE)
    world.unit("z_true", ["p"])
    world.passage("lie", "Aldermoor", "Aldermoor has 9 mills and a port.")
    world.unit("z_lie", ["lie"])
    rows = world.curated()
    assert "published" not in {row["state"] for row in rows.values()}
    # Against all it would have been no other: what has fewer documents is superseded, the others are for a person.
    assert {rows["z_true"]["state"], rows["z_lie"]["state"]} == {"superseded"}
    weaker = 3 * MOST_VALUES + 2 - MOST_VALUES
    assert world.generator.usage.incidents == {"units_compared_in_part": weaker}


def test_a_bucket_full_of_planted_units_merges_nothing_with_the_true_one(world: World) -> None:
    """They say more and come first. The true unit is not compared with its own copy then, and both are published."""
    world.generator.script = lambda claim, passages: "SUPPORTS"
    true = "The mill of the town is old."
    for n in range(MOST_ALIKE + 20):
        word = COLOURS[n % 10] + COLOURS[n // 10]
        text = f"The mill of the {word} town is old. It lies on a {word} hill. There is a {word} bridge near it."
        world.unit(f"a{n:03d}", [world.passage(f"x{n:03d}", "Aldermoor", text)])
    for name in ("z1", "z2"):
        world.unit(name, [world.passage(f"p{name}", "Aldermoor", f"{true} {name} says so.")], text=true)
    rows = world.curated()
    assert rows["z1"]["state"] == "published" and rows["z1"]["source_passage_ids"] == ["pz2", "pz1"]
    assert (rows["z2"]["state"], rows["z2"]["kept_by"]) == ("merged", "z1")  # word for word: no bucket is asked


# Texts written to take long.


def test_a_source_that_ends_with_one_word_over_and_over_takes_no_longer_for_it(counted: Counter[str]) -> None:
    source = SourcePassage("p", "T", "la " * 40, "h", frozenset(), "d")
    assert not stands_in("la " * 39 + "lo", [source])
    assert counted["support.holds"] <= 41


def test_a_sentence_with_a_thousand_numbers_holds_as_many_statements_each_of_one_size() -> None:
    numbers = " ".join(str(3000 + n) for n in range(1000))
    found = list(statements.statements_of("Aldermoor", f"Aldermoor has {numbers} mills."))
    assert len(found) == 1001
    assert max(len(s.before) + len(s.after) for s, *_ in found) <= 64
    other = list(statements.statements_of("Aldermoor", f"Aldermoor has {numbers.replace('3500', '1')} mills."))
    # Another number at one place is the same statement there, with another value, and nowhere else.
    assert [(value, changed) for (s, value, _), (t, changed, _) in zip(found, other, strict=True) if s == t] == [
        ("3500", "1")
    ]
