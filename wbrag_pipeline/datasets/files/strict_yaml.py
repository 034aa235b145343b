"""YAML from people who are not trusted: plain lists and mappings of plain values, built from the parser's events.

No aliases and merge keys, with which some hundred bytes can stand for millions of values; no tags; nothing nested
deeply; no key that stands twice. The parser's events come one by one and nothing here recurses, so a text is refused
where it breaks a rule, before the rest of it costs anything.
"""

from __future__ import annotations

from typing import Any

import yaml

from wbrag_pipeline.datasets.files.quoting import shown

DEEPEST = 20  # lists and mappings inside each other

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
_PLAIN = yaml.constructor.SafeConstructor()


class BadYaml(ValueError):
    """What is wrong, in words; its line, from 1, where that is known. ``hostile``: this is no slip of the pen."""

    def __init__(self, problem: str, line: int | None = None, *, hostile: bool = False) -> None:
        super().__init__(problem)
        self.problem, self.line, self.hostile = problem, line, hostile


def yaml_value(text: str) -> Any:
    """The value of a YAML text of one document; None for an empty one. Raises BadYaml."""
    parser = None
    try:
        parser = _Parser(text)
        return _build(parser)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        if "nesting depth" in problem:  # the parser's own limit, which libyaml has since 0.2.6
            raise BadYaml("nested too deeply", mark.line + 1 if mark else None, hostile=True) from None
        raise BadYaml(problem, mark.line + 1 if mark else None) from None
    except UnicodeEncodeError:
        raise BadYaml("holds half of a surrogate pair, which is not a character") from None
    finally:
        if parser is not None:
            parser.dispose()


def _build(parser: Any) -> Any:
    top: list[Any] = []
    open_ones: list[_Collection] = [_Collection(top)]
    documents = 0
    while parser.check_event():
        event = parser.get_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadYaml("holds more than one document", line)
        elif isinstance(event, yaml.AliasEvent):
            raise BadYaml("has an alias (*), which is not read", line, hostile=True)
        elif isinstance(event, yaml.CollectionStartEvent):
            _refuse_tag(event, line)
            if len(open_ones) > DEEPEST:
                raise BadYaml("nested too deeply", line, hostile=True)
            started: Any = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            open_ones[-1].take(started, line)
            open_ones.append(_Collection(started))
        elif isinstance(event, yaml.CollectionEndEvent):
            open_ones.pop()
        elif isinstance(event, yaml.ScalarEvent):
            open_ones[-1].take(_scalar(event, line, as_key=open_ones[-1].wants_key), line)
    return top[0] if top else None


class _Collection:
    """A list or a mapping that is being filled."""

    def __init__(self, value: Any) -> None:
        self._value = value
        self._key: str | None = None

    @property
    def wants_key(self) -> bool:
        return isinstance(self._value, dict) and self._key is None

    def take(self, item: Any, line: int) -> None:
        if isinstance(self._value, list):
            self._value.append(item)
        elif self._key is not None:
            self._value[self._key] = item
            self._key = None
        elif not isinstance(item, str):
            raise BadYaml("has a list or a mapping as a key", line)
        elif item == "<<":
            raise BadYaml("has a merge key (<<), which is not read", line, hostile=True)
        elif item in self._value:
            raise BadYaml(f"{shown(item)} stands twice", line)
        else:
            self._key = item


def _scalar(event: Any, line: int, *, as_key: bool) -> Any:
    """A plain value of YAML's own kinds; a key is its text, whatever it looks like."""
    _refuse_tag(event, line)
    text: str = event.value
    if as_key or not event.implicit[0]:
        return text
    for tag, pattern in (*_RESOLVERS.get(text[:1], ()), *_RESOLVERS.get(None, ())):
        if pattern.match(text):
            try:
                return _PLAIN.construct_object(yaml.ScalarNode(tag, text))
            except (ValueError, OverflowError, yaml.YAMLError):
                raise BadYaml(f"{shown(text)} is no date and no number that there is", line) from None
    return text


def _refuse_tag(event: Any, line: int) -> None:
    if event.tag is not None:
        raise BadYaml(f"has a tag ({event.tag[:60]}), which is not read", line)
