"""The page on the public API: what ``wbrag_pipeline`` exports, from signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import wbrag_pipeline
from docs_reference.markdown import docstring, signature

_INTRODUCTION = """# Python API

Everything on this page is imported from `wbrag_pipeline`. Names that are not listed here may change without notice.

"""


def page() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "\n".join(_section(name, getattr(wbrag_pipeline, name)) for name in exported())


def exported() -> list[str]:
    """The public names, in the order in which the package lists them."""
    return [name for name in getattr(wbrag_pipeline, "__all__", ()) if not name.startswith("__")]


def _section(name: str, thing: object) -> str:
    if not (inspect.isclass(thing) or callable(thing)):
        return f"## {name}\n\n```python\n{name} = {thing!r}\n```\n"
    parts = [f"## {name}\n", signature(name, thing), docstring(thing)]
    if inspect.isclass(thing):
        for member, found in _members(thing):
            heading = f"### {name}.{member}\n"
            called = [signature(member, found)] if callable(found) else []
            parts += [heading, *called, docstring(found)]
    return "\n".join(parts)


def _members(owner: type) -> Iterator[tuple[str, object]]:
    """Public methods and properties of ``owner`` that it defines itself and that have a docstring."""
    for name, found in vars(owner).items():
        thing = getattr(owner, name) if isinstance(found, classmethod | staticmethod) else found
        if not name.startswith("_") and (callable(thing) or isinstance(thing, property)) and inspect.getdoc(thing):
            yield name, thing
