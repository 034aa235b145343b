"""Which RAG methods, and what else, a generator can serve: for people who choose one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import NEEDED_BY
from wbrag_pipeline.generation.generator import Limited
from wbrag_pipeline.rag.methods import METHODS, TRANSFORMS, method_named

# What uses a generator beside the methods, what it needs, and what happens without.
_OTHERS = (
    ("--scorer judge", ("logprobs",), "cannot run"),
    ("tasks with choices", ("structured",), "run; the choice is read from free text"),
)


@dataclass(frozen=True)
class Use:
    """A use of a generator: what it needs beside plain text, what of that is lacking, and what follows from it."""

    name: str
    needs: tuple[str, ...]
    lacks: tuple[str, ...]
    verdict: str


def uses_of(generator: Limited) -> list[Use]:
    """All methods, query transforms before the plainest one, the judge, and tasks with choices.

    A server is asked what it can do, once. Raises InputError and WbragError as that does.
    """
    generator.require(())
    names = [*METHODS, *(f"{transform}+naive" for transform in TRANSFORMS)]
    asked = [(name, tuple(method_named(name).needs), "cannot run") for name in names]
    return [_use(generator, name, needs, otherwise) for name, needs, otherwise in (*asked, *_OTHERS)]


def _use(generator: Limited, name: str, needs: Sequence[str], otherwise: str) -> Use:
    lacks = tuple(need for need in needs if _is_lacking(generator, need))
    return Use(name, _in_words(needs), _in_words(lacks), otherwise if lacks else "runs")


def _is_lacking(generator: Limited, need: str) -> bool:
    try:
        generator.require((need,))
    except InputError:
        return True
    return False


def _in_words(needs: Sequence[str]) -> tuple[str, ...]:
    return tuple(NEEDED_BY[need][0] for need in needs)
