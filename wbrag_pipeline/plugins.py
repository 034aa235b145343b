"""Plug-ins: RAG methods, engines, encoders, metrics and rivals of other installed packages, found by entry points.

A package offers one in its pyproject.toml, under the name that the setting then takes::

    [project.entry-points."wbrag_pipeline.methods"]
    majority = "wbrag_majority:MajorityVote"

Each ``ExtensionPoint`` holds what one setting, or one field of an entry, can name, the built-in ones and the plug-ins'
alike. A plug-in is imported when its name is used and not before, so one that is broken disturbs nobody else.

Source: packaging.python.org, "Entry points specification"; importlib.metadata in Python's documentation.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text

METHODS_GROUP = "wbrag_pipeline.methods"
QUERY_TRANSFORMS_GROUP = "wbrag_pipeline.query_transforms"
ENGINES_GROUP = "wbrag_pipeline.engines"
ENCODERS_GROUP = "wbrag_pipeline.encoders"
METRICS_GROUP = "wbrag_pipeline.metrics"
RIVALS_GROUP = "wbrag_pipeline.rivals"

# No sign that a setting's value uses between its parts, and no drive letter of a Windows path.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]+")

Offered = TypeVar("Offered")


@dataclass(frozen=True)
class Plugin:
    """One entry point of an installed distribution. ``setting`` is the setting that names it."""

    setting: str
    entry: EntryPoint

    @property
    def distribution(self) -> str:
        """Name of the distribution, as ``pip list`` has it."""
        return self.entry.dist.name if self.entry.dist else "unknown"

    @property
    def version(self) -> str:
        """Version of the distribution."""
        return self.entry.dist.version if self.entry.dist else "0"

    @property
    def described(self) -> str:
        """Entry point, distribution and version, for messages."""
        return f"entry point {self.entry.name} = {self.entry.value} of {self.distribution} {self.version}"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the distribution's name and version, and of the Python files of the package that it points into.

        The outermost package counts, or the one module where there is none. What that package imports from elsewhere,
        and files that are not Python, are not seen.
        """
        files = [(str(name), sha256_of_file(path)) for name, path in _python_files(self.entry.module)]
        return sha256_of_text(self.distribution, self.version, *(part for file in files for part in file))

    def load(self) -> Any:
        """What the entry point names. Raises InputError where it cannot be imported."""
        try:
            return self.entry.load()
        except WbragError:
            raise
        except Exception as error:
            raise self.error(f"cannot be imported: {_reason(error)}") from error

    def call(self, factory: Any, *arguments: Any, **options: Any) -> Any:
        """``factory(...)``. Raises InputError where it fails with an error that is not one of this package's own."""
        try:
            return factory(*arguments, **options)
        except WbragError:
            raise
        except Exception as error:
            raise self.error(f"cannot be made: {_reason(error)}") from error

    def check(self, made: Any, protocol: type, name: str | None = None) -> None:
        """Raise InputError unless ``made``, an object or its class, has what ``protocol`` asks for.

        name: the setting's value, which must be the object's ``name``; None for a class.
        """
        missing = [member for member in members_of(protocol) if not _has(made, member)]
        if missing:
            raise self.error(f"is no {protocol.__name__}: it has no {', '.join(missing)}")
        if name is not None and made.name != name:
            raise self.error(f"must give {name!r} as its name, which is the setting's value, and gives {made.name!r}")

    def error(self, problem: str, hint: str = "") -> InputError:
        """An error that names this plug-in, and what to do."""
        return InputError(
            f"the plug-in {self.entry.name!r} {problem}",
            field=self.setting,
            hint=f"{self.described}; {hint or f'update it, or remove it: pip uninstall {self.distribution}'}",
        )


@dataclass(frozen=True, eq=False)
class ExtensionPoint(Mapping[str, Offered], Generic[Offered]):
    """What a setting can name: the built-in ones, then those of plug-ins, by name.

    ``in`` and iteration import nothing. ``[name]`` gives what is there, and imports a plug-in; it raises KeyError for
    an unknown name, InputError for a plug-in that cannot be used and for a name that is not clear: one that a plug-in
    shares with a built-in one, or with another distribution's.

    reserved: names that mean something else in this setting.
    """

    group: str
    setting: str
    built_in: Mapping[str, Offered]
    reserved: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Offered:
        plugin = self.plugin(name)
        if plugin is None:
            return self.built_in[name]
        offered: Offered = plugin.load()
        return offered

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self._declared

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.built_in, *self._declared)))

    def __len__(self) -> int:
        return len(self.built_in.keys() | self._declared.keys())

    def plugin(self, name: str) -> Plugin | None:
        """The plug-in of that name, not imported; None for a built-in one or none. Raises as ``[name]``."""
        declared = self._declared.get(name, ())
        if not declared:
            return None
        first, *others = (Plugin(self.setting, entry) for entry in declared)
        if name in self.built_in or name in self.reserved:
            raise first.error("has the name of a built-in one", f"remove it: pip uninstall {first.distribution}")
        if others:
            raise first.error(f"is there twice, also as {others[0].described}", "keep one of the two distributions")
        return first

    def make(self, kind: str, protocol: type, name: str, *arguments: Any) -> Any:
        """Call what ``[kind]`` gives with the setting's value ``name`` and ``arguments``.

        What a plug-in's factory gives is checked, and has the plug-in's fingerprint where its author gave it none.
        """
        factory: Any = self[kind]
        plugin = self.plugin(kind)
        if plugin is None:
            return factory(name, *arguments)
        made = plugin.call(factory, name, *arguments)
        if "fingerprint" in members_of(protocol) and not _has(made, "fingerprint"):
            with suppress(AttributeError):  # what takes no attribute lacks one, which the check says
                made.fingerprint = sha256_of_text(plugin.fingerprint, name, json.dumps(arguments, sort_keys=True))
        plugin.check(made, protocol, name)
        return made

    def listed(self, form: str = "{}") -> str:
        """The names there are, for a message, each in ``form``; then plug-ins whose names cannot be used."""
        unusable = [
            f"{Plugin(self.setting, entry).described}, whose name must be letters, digits, - and _, does not count"
            for entry in _declared(self.group, tuple(sys.path))
            if not _NAME.fullmatch(entry.name)
        ]
        return "; ".join(filter(None, [", ".join(form.format(name) for name in self), *unusable]))

    @property
    def _declared(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for entry in _declared(self.group, tuple(sys.path)):
            if _NAME.fullmatch(entry.name):
                found.setdefault(entry.name, []).append(entry)
        return found


def is_plugin_name(text: str) -> bool:
    """Whether a plug-in can have that name."""
    return _NAME.fullmatch(text) is not None


def members_of(protocol: type) -> list[str]:
    """Names of what a protocol asks for, in the order in which it does."""
    bases = [base for base in reversed(protocol.__mro__) if base.__module__ not in ("builtins", "typing")]
    return [name for base in bases for name in vars(base) if not name.startswith("_")]


def plugins_of(values: Mapping[str, str]) -> dict[str, str]:
    """The plug-ins that settings name, for the record: ``{"method majority": "wbrag-majority 0.1.0"}``.

    values: of the settings encoder, generator and method, and of the benchmark's metric. Nothing is imported.
    """
    *transforms, method = values.get("method", "").split("+")
    named = [
        (METHODS_GROUP, "method", method),
        (METRICS_GROUP, "metric", values.get("metric", "")),
        *((QUERY_TRANSFORMS_GROUP, "method", name) for name in transforms),
    ]
    for group, setting in ((ENCODERS_GROUP, "encoder"), (ENGINES_GROUP, "generator")):
        if ":" in values.get(setting, ""):
            named.append((group, setting, values[setting]))
    found = {}
    for group, setting, value in named:
        for entry in _declared(group, tuple(sys.path)):
            if entry.name == value.partition(":")[0]:
                plugin = Plugin(setting, entry)
                found[f"{setting} {entry.name}"] = f"{plugin.distribution} {plugin.version}"
    return found


@lru_cache
def _declared(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of a group. ``path`` is sys.path, which decides what is found."""
    return tuple(sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)))


def _python_files(module: str) -> list[tuple[Path, Path]]:
    """Name inside the package, and path, of each Python file of the outermost package around ``module``."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        spec = importlib.util.find_spec(".".join(parts[:end]))
        if spec is not None and spec.origin is not None:  # a namespace package has none, and is nobody's own
            file = Path(spec.origin)
            if spec.submodule_search_locations is None:
                return [(Path(file.name), file)] if file.is_file() else []
            folder = file.parent
            return [(path.relative_to(folder), path) for path in sorted(folder.rglob("*.py"))]
    return []


def _has(made: Any, member: str) -> bool:
    """Whether the attribute is there, without computing it: a property may load a model or ask a server."""
    if member in getattr(made, "__dataclass_fields__", {}):
        return True
    try:
        inspect.getattr_static(made, member)
    except AttributeError:
        return hasattr(made, member)
    return True


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
