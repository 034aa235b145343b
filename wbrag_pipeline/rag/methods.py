"""The RAG methods that there are, by name: the built-in ones and those of plug-ins.

A string names one, with its parameters where they are not the papers': ``flare:theta=0.6,rounds=2``. A query transform
stands before the method that it serves: ``hyde+naive``.

A plug-in's method is a frozen dataclass that does what ``policy.Method`` says; its options are its fields with a
default. A query transform's first field is ``method``, the one that it serves; see ``searching.TransformsQueries``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import NEEDED_BY
from wbrag_pipeline.generation.generator import Generator, Limited
from wbrag_pipeline.plugins import METHODS_GROUP, QUERY_TRANSFORMS_GROUP, ExtensionPoint, Plugin
from wbrag_pipeline.rag import method_options
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.none import NoRetrieval
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.rag.searching import TransformsQueries
from wbrag_pipeline.rag.self_rag import SelfRag
from wbrag_pipeline.settings import Settings

METHODS: ExtensionPoint[Callable[..., Method]] = ExtensionPoint(
    METHODS_GROUP,
    "method",
    {
        "none": NoRetrieval,
        "naive": NaiveRag,
        "replug": RePlug,
        "self_rag": SelfRag,
        "flare": Flare,
    },
)
TRANSFORMS: ExtensionPoint[Callable[..., Method]] = ExtensionPoint(QUERY_TRANSFORMS_GROUP, "method", {"hyde": Hyde})


def method_named(name: str) -> Method:
    """The method that a setting's value names.

    Raises InputError for a name that is not there (it lists those that are), for an option that the method does not
    have, for a value that the option cannot take, and for a plug-in that cannot be used.
    """
    head, plus, rest = name.partition("+")
    kind, _, given = head.partition(":")
    if plus and kind in TRANSFORMS and rest.partition(":")[0] in METHODS and rest != "none":
        return _made(TRANSFORMS, kind, given, method_named(rest))
    if not plus and kind in METHODS:
        return _made(METHODS, kind, given)
    known = f"{METHODS.listed()}, {TRANSFORMS.listed('{}+naive')} and so on"
    raise InputError(f"there is no RAG method {name!r}", field="method", hint=f"one of {known}")


def plugin_fingerprint(name: str) -> str:
    """What decides the answers of the method ``name`` beside its name: the code of the plug-ins in it, "" without any.

    A plug-in's method may have a ``fingerprint`` of its own, which then stands for its code.
    """
    method: Any = method_named(name)
    parts = []
    *transforms, last = (head.partition(":")[0] for head in name.split("+"))
    for transform in transforms:
        parts.append(_fingerprint(method, TRANSFORMS.plugin(transform)))
        method = method.method
    parts.append(_fingerprint(method, METHODS.plugin(last)))
    return "+".join(filter(None, parts))


def with_canonical_method(settings: Settings) -> Settings:
    """The settings with the method in its one spelling, since it is part of every path. Raises as ``method_named``."""
    return settings.with_(method=method_named(settings.method).name)


def check_able(generator: Generator, method: Method, *, judges: bool = False) -> None:
    """Raise InputError, before anything is sent, where ``generator`` lacks what ``method`` or its judging needs."""
    if isinstance(generator, Limited):
        generator.require((*method.needs, *(("logprobs",) if judges else ())))


def _made(there: ExtensionPoint[Callable[..., Method]], kind: str, given: str, *serves: Method) -> Method:
    """The method ``kind`` of ``there`` with the options in ``given``."""
    offered, plugin = there[kind], there.plugin(kind)
    if plugin is None:
        return offered(*serves, **method_options.read(offered, kind, given))
    _check_class(plugin, offered, transform=bool(serves))
    method: Method = plugin.call(offered, *serves, **method_options.read(offered, kind, given))
    plugin.check(method, Method, "+".join([method_options.spell(kind, method), *(of.name for of in serves)]))
    if unknown := [need for need in method.needs if need not in NEEDED_BY]:
        raise plugin.error(f"needs {', '.join(unknown)}, and an engine can have {', '.join(NEEDED_BY)}")
    return method


def _fingerprint(method: Any, plugin: Plugin | None) -> str:
    return str(getattr(method, "fingerprint", None) or plugin.fingerprint) if plugin else ""


def _check_class(plugin: Plugin, offered: Any, *, transform: bool) -> None:
    if not (isinstance(offered, type) and is_dataclass(offered)):
        raise plugin.error("is no dataclass: a method's options are the fields of its dataclass")
    plugin.check(offered, Method)
    if transform:
        plugin.check(offered, TransformsQueries)
        if [field.name for field in fields(offered)][:1] != ["method"]:
            raise plugin.error("must have the method that it serves as its first field, `method`")
    elif hasattr(offered, "query_vectors"):
        # The table of retrievals is shared by all methods that search with the question itself.
        raise plugin.error(f"changes what is searched, so it belongs in the group {QUERY_TRANSFORMS_GROUP}")
