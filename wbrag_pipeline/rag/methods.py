"""The RAG methods that there are, by name.

A string names one, with its parameters where they are not the papers': ``flare:theta=0.6,rounds=2``. A query transform
stands before the method that it serves: ``hyde+naive``.
"""

from __future__ import annotations

from collections.abc import Callable

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Generator, Limited
from wbrag_pipeline.rag import method_options
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.none import NoRetrieval
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.rag.self_rag import SelfRag
from wbrag_pipeline.settings import Settings

METHODS: dict[str, Callable[..., Method]] = {
    "none": NoRetrieval,
    "naive": NaiveRag,
    "replug": RePlug,
    "self_rag": SelfRag,
    "flare": Flare,
}
TRANSFORMS: dict[str, Callable[..., Method]] = {"hyde": Hyde}


def method_named(name: str) -> Method:
    """The method that a setting's value names.

    Raises InputError for a name that is not there (it lists those that are), for an option that the method does not
    have, and for a value that the option cannot take.
    """
    head, plus, rest = name.partition("+")
    kind, _, given = head.partition(":")
    if plus and kind in TRANSFORMS and rest.partition(":")[0] in METHODS and rest != "none":
        return TRANSFORMS[kind](method_named(rest), **method_options.read(TRANSFORMS[kind], kind, given))
    if not plus and kind in METHODS:
        return METHODS[kind](**method_options.read(METHODS[kind], kind, given))
    known = [*METHODS, *(f"{transform}+{method}" for transform in TRANSFORMS for method in METHODS if method != "none")]
    raise InputError(f"there is no RAG method {name!r}", field="method", hint=f"one of {', '.join(known)}")


def with_canonical_method(settings: Settings) -> Settings:
    """The settings with the method in its one spelling, since it is part of every path. Raises as ``method_named``."""
    return settings.with_(method=method_named(settings.method).name)


def check_able(generator: Generator, method: Method, *, judges: bool = False) -> None:
    """Raise InputError, before anything is sent, where ``generator`` lacks what ``method`` or its judging needs."""
    if isinstance(generator, Limited):
        generator.require((*method.needs, *(("logprobs",) if judges else ())))
