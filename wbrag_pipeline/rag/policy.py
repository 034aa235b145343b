"""What a RAG method is: a policy that turns questions and retrieved passages into answers.

A method speaks to the generator's protocol only. The same method scores, gates and evaluates (WriteBack-RAG, section
4.1). A string names it, with its parameters where they are not the papers': ``flare:theta=0.6,rounds=2``. A query
transform stands before the method that it serves: ``hyde+naive``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from wbrag_pipeline.benchmarks.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.protocol import Answer, Generator, Passage
from wbrag_pipeline.rag import options
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.none import NoRetrieval
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.rag.self_rag import SelfRag

if TYPE_CHECKING:
    from wbrag_pipeline.rag.searching import Search
    from wbrag_pipeline.retrieval.protocol import Vectors

__all__ = [
    "METHODS",
    "TRANSFORMS",
    "Flare",
    "Hyde",
    "Method",
    "NaiveRag",
    "NoRetrieval",
    "RePlug",
    "Retrieve",
    "SelfRag",
    "TransformsQueries",
    "method_named",
]

# Searches again, for methods that do so in the middle of an answer: queries → passages, best first.
Retrieve = Callable[[Sequence[str]], list[list[Passage]]]


class Method(Protocol):
    """A RAG method."""

    @property
    def name(self) -> str:
        """The dial's string in its one canonical spelling: ``naive``, ``flare:theta=0.6``."""

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """One answer a question; ``passages[i]`` are the top K of ``questions[i]``, best first.

        Without ``retrieve`` these passages are all there is, as for the document gate's standalone scores.
        """


@runtime_checkable
class TransformsQueries(Protocol):
    """A method whose questions are searched by another vector than their own."""

    def query_vectors(self, generator: Generator, questions: Sequence[str], search: Search) -> Vectors:
        """One vector a question, of length 1."""


METHODS: dict[str, Callable[..., Method]] = {
    "none": NoRetrieval,
    "naive": NaiveRag,
    "replug": RePlug,
    "self_rag": SelfRag,
    "flare": Flare,
}
TRANSFORMS: dict[str, Callable[..., Method]] = {"hyde": Hyde}


def method_named(name: str) -> Method:
    """The method that a dial's string names.

    Raises InputError for a name that is not there (it lists those that are), for an option that the method does not
    have, and for a value that the option cannot take.
    """
    head, plus, rest = name.partition("+")
    kind, _, given = head.partition(":")
    if plus and kind in TRANSFORMS and rest.partition(":")[0] in METHODS and rest != "none":
        return TRANSFORMS[kind](method_named(rest), **options.read(TRANSFORMS[kind], kind, given))
    if not plus and kind in METHODS:
        return METHODS[kind](**options.read(METHODS[kind], kind, given))
    known = [*METHODS, *(f"{transform}+{method}" for transform in TRANSFORMS for method in METHODS if method != "none")]
    raise InputError(f"there is no RAG method {name!r}", field="method", mend=f"one of {', '.join(known)}")
