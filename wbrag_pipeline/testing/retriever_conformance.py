"""What this package relies on in a retriever of the user's own, whatever engine is behind it.

The suite searches a handful of passages. ``make`` gives a retriever over TRIAL_PASSAGES: put them into your engine,
and return what your entry point would give.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.retrieval.access import UNRESTRICTED, Principal
from wbrag_pipeline.retrieval.protocols import FetchesPassages, PassageHit, Retriever
from wbrag_pipeline.retrieval.retriever_hits import tables_of_hits
from wbrag_pipeline.retrievers.library_retrievers import retriever_of
from wbrag_pipeline.testing.conformance import Conformance, made_once

# Odd characters, since corpora have them; the last one is for readers with both labels alone.
TRIAL_PASSAGES = (
    PassageHit("The parcel tariff of Aldermoor rose to nine crowns in spring.", "Aldermoor", "town-1"),
    PassageHit("Brindle harbour is closed to ferries from November on.", "Brindle", "town-2"),
    PassageHit("Ćevapi and “größe” cost 5 € — naïve 漢字 🚢, said O'Neil; DROP TABLE x.", "Odd & ends", "odd:3/ä?"),
    PassageHit("The library of Carnwath lends maps, globes and a stuffed owl.", "Carnwath", "town-4"),
    PassageHit(
        "The salary list of Dunmere lies in the third cabinet.",
        "Dunmere",
        "secret-5",
        None,
        {"labels": ["finance", "hr"]},
    ),
)
# A question of each passage, in their order, in its own words.
TRIAL_QUESTIONS = (
    "parcel tariff of Aldermoor",
    "Brindle harbour ferries November",
    "Ćevapi größe O'Neil",
    "library of Carnwath maps globes owl",
    "salary list of Dunmere cabinet",
)
_ODD_QUESTIONS = ("?", "'; DROP TABLE x; --", "漢字 🚢", "a" * 2000, "tariff\n\ttariff", "(tariff AND [owl")


def by_words(query: str) -> list[PassageHit]:
    """TRIAL_PASSAGES by the share of the query's words in them, the best first: a search engine for trials."""

    def words(text: str) -> set[str]:
        return set(re.findall(r"\w+", text.casefold()))

    asked = words(query)
    scored = [(len(asked & words(f"{one.title} {one.text}")) / max(1, len(asked)), one) for one in TRIAL_PASSAGES]
    order = sorted(range(len(scored)), key=lambda place: -scored[place][0])
    return [PassageHit(one.text, one.title, one.id, score, one.metadata) for score, one in (scored[at] for at in order)]


class RetrieverConformance(Conformance):
    """Checks of one retriever. A subclass in a test file says how it is made.

    has_titles, has_ids, has_labels: whether the engine keeps them; checks of what it does not keep are passed over.
    """

    has_titles, has_ids, has_labels = True, True, True

    def make(self) -> Any:
        """A retriever over TRIAL_PASSAGES, of any kind that an entry point may give."""
        raise NotImplementedError

    @property
    def retriever(self) -> Retriever:
        """What ``make`` gave, as this package's own protocol."""
        made = made_once(type(self))
        found = retriever_of(made, type(self).__name__)
        if found is None:
            raise AssertionError(f"{type(made).__name__} is no retriever of a kind that is known")
        return found

    def test_it_finds_the_passage_that_a_question_is_about(self) -> None:
        """In first place, with its text whole, odd characters and all."""
        for question, passage, hits in zip(
            TRIAL_QUESTIONS, TRIAL_PASSAGES, self._search(TRIAL_QUESTIONS, 3), strict=True
        ):
            self._check(bool(hits), f"nothing is found for {question!r}")
            self._check(hits[0].text.strip() == passage.text, f"{question!r} finds {hits[0].text!r} first")
            if self.has_ids:
                self._check(hits[0].id == passage.id, f"the id of {passage.id!r} is {hits[0].id!r}")
            title = hits[0].title or hits[0].metadata.get("title")
            self._check(not self.has_titles or title == passage.title, f"the title of {passage.title!r} is {title!r}")

    def test_a_list_comes_for_each_question_in_order(self) -> None:
        """Whatever else is asked in the same call, also the same question twice."""
        together = self._search([*TRIAL_QUESTIONS, TRIAL_QUESTIONS[0]], 2)
        alone = [self._search([question], 2)[0] for question in TRIAL_QUESTIONS]
        self._check(_texts(together) == _texts([*alone, alone[0]]), "a question finds something else beside others")

    def test_no_question_is_no_list(self) -> None:
        """And no error."""
        self._check(len(self._search([], 3)) == 0, "no question gives lists of passages")

    def test_no_more_than_top_k_come(self) -> None:
        """And a smaller K gives the beginning of what a larger one gives."""
        deep = self._search(TRIAL_QUESTIONS, 4)
        for top_k in (1, 2, 4):
            found = self._search(TRIAL_QUESTIONS, top_k)
            self._check(all(len(hits) <= top_k for hits in found), f"more than {top_k} passages come")
            beginning = [hits[:top_k] for hits in deep]
            self._check(_texts(found) == _texts(beginning), f"the first {top_k} are others than of 4")

    def test_more_than_there_is_gives_what_there_is(self) -> None:
        """A K beyond the collection is no error."""
        self._check(len(self._search([TRIAL_QUESTIONS[0]], 50)[0]) <= len(TRIAL_PASSAGES), "passages come twice")

    def test_the_same_question_finds_the_same_each_time(self) -> None:
        """A run that is repeated must give the same units."""
        first, again = self._search(TRIAL_QUESTIONS, 3), self._search(TRIAL_QUESTIONS, 3)
        self._check(_texts(first) == _texts(again), "the same questions find other passages the second time")

    def test_scores_go_down(self) -> None:
        """Where there are scores: the order is the retriever's, and a distance given as a score would go up."""
        for hits in self._search(TRIAL_QUESTIONS, 4):
            scores = [hit.score for hit in hits if hit.score is not None]
            self._check(scores == sorted(scores, reverse=True), f"scores in the order of the passages: {scores}")

    def test_any_question_can_be_asked(self) -> None:
        """With every odd character; nothing found is an answer."""
        for question in _ODD_QUESTIONS:
            self._check(len(self._search([question], 2)) == 1, f"{question[:20]!r} gives no list")

    def test_what_is_shown_can_be_stored(self) -> None:
        """Nothing is left out for want of text, or of labels that can be read."""
        found = self._search(TRIAL_QUESTIONS, 4)
        told = tables_of_hits(list(TRIAL_QUESTIONS), list(found), 4)
        self._check(not told.left_out, f"left out: {dict(told.left_out)}")
        self._check(not told.ids_of_two_texts(), f"ids of two texts: {told.ids_of_two_texts()}; use --ids text")

    def test_labels_come_with_the_passage_that_has_them(self) -> None:
        """Or it would be for everybody."""
        if not self.has_labels:
            self._skip("the engine keeps no labels")
        (hits,) = self._search([TRIAL_QUESTIONS[4]], 1)
        told = tables_of_hits(["q"], [hits], 1).passages["labels"].to_list()
        self._check(told == [["finance", "hr"]], f"the labels of {TRIAL_PASSAGES[4].id!r} are {told}")

    def test_a_reader_may_be_named(self) -> None:
        """What he may not see may come, since it is left out afterwards; what he may see must."""
        for reader in (frozenset[str](), frozenset({"hr"}), frozenset({"finance", "hr"})):
            (hits,) = self._search([TRIAL_QUESTIONS[0]], 1, reader)
            self._check([hit.text.strip() for hit in hits] == [TRIAL_PASSAGES[0].text], f"a reader with {set(reader)}")

    def test_several_threads_may_ask(self) -> None:
        """Serving does."""
        expected = _texts(self._search(TRIAL_QUESTIONS, 2))
        found: list[list[list[str]]] = []
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                found.append(_texts(self._search(TRIAL_QUESTIONS, 2)))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._check(not failed, f"four threads at once: {failed[:1]}")
        self._check(found == [expected] * 4, "four threads at once find something else")

    def test_passages_are_fetched_by_their_ids(self) -> None:
        """Where it can: those that are there, and no error for one that is not."""
        made = self.retriever
        if not isinstance(made, FetchesPassages):
            self._skip("it cannot be asked by id")
        wanted = [TRIAL_PASSAGES[2].id, "nowhere"]
        found = [(passage.id, passage.text.strip()) for passage in made.fetch(wanted)]
        self._check(found == [(TRIAL_PASSAGES[2].id, TRIAL_PASSAGES[2].text)], f"{wanted} fetch {found}")

    def _search(
        self, queries: Sequence[str], top_k: int, reader: Principal = UNRESTRICTED
    ) -> Sequence[Sequence[PassageHit]]:
        try:
            found = self.retriever.search(list(queries), top_k, principal=reader)
        except WbragError as error:
            raise AssertionError(f"{len(queries)} questions, K {top_k}: {error}") from error
        self._check(len(found) == len(queries), f"{len(found)} lists of passages for {len(queries)} questions")
        return found


def _texts(found: Sequence[Sequence[PassageHit]]) -> list[list[str]]:
    return [[hit.text for hit in hits] for hits in found]
