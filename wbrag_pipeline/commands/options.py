"""Flags that several commands share, and the settings they make."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from wbrag_pipeline.settings import Settings

Home = Annotated[Path | None, typer.Option("--home", help="Folder of everything that is stored.", envvar="WBRAG_HOME")]
Encoder = Annotated[str | None, typer.Option("--encoder", help="Sentence encoder of both indexes.")]
GeneratorName = Annotated[str | None, typer.Option("--generator", help="What answers and distils.")]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method", help="RAG method: none, naive, replug, self_rag, flare, hyde+naive; options as flare:theta=0.6."
    ),
]
Curate = Annotated[
    bool | None,
    typer.Option("--curate/--no-curate", help="Curate units before publishing, or publish them as distilled."),
]
ValidationShare = Annotated[
    float, typer.Option(help="Share of the training questions kept back to compare releases by; 0 promotes unseen.")
]
RescueDepth = Annotated[
    int | None,
    typer.Option(
        help="Where the top K leaves a training question unanswered, look for passages down to this rank; 20 if left "
        "out, 0 for none."
    ),
]
TopK = Annotated[int, typer.Option("--top-k", "-k", help="Passages a question.")]


@dataclass(frozen=True)
class Variant:
    """The flags that say which of a benchmark's trained variants is meant."""

    encoder: Encoder = None
    generator: GeneratorName = None
    method: MethodName = None
    home: Home = None

    def settings(self, **given: Any) -> Settings:
        """Settings from the environment, these flags and what else is given."""
        return settings_of(home=self.home, encoder=self.encoder, generator=self.generator, method=self.method, **given)


def bundled(command: Callable[..., None]) -> Callable[..., None]:
    """A command for Typer in which each parameter of a dataclass' type is one flag a field.

    Typer reads a command's flags from its signature alone, so flags that many commands share would have to be
    written down in each of them.
    """
    signature = inspect.signature(command, eval_str=True)
    bundles: dict[str, Any] = {
        name: p.annotation for name, p in signature.parameters.items() if is_dataclass(p.annotation)
    }
    flags: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in bundles:
            hints = get_type_hints(bundles[name], include_extras=True)
            flags += [
                inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
                for f in fields(bundles[name])
            ]
        else:
            flags.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def flat(**given: Any) -> None:
        for name, bundle in bundles.items():
            given[name] = bundle(**{field.name: given.pop(field.name) for field in fields(bundle)})
        command(**given)

    flat.__annotations__ = {flag.name: flag.annotation for flag in flags}
    flat.__signature__ = signature.replace(parameters=flags)  # type: ignore[attr-defined]
    return flat


def wide_console() -> Console:
    """A console that cuts no table where nobody reads at a terminal's width."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=200)


def settings_of(**given: Any) -> Settings:
    """Settings from the environment and these flags, the method in its one spelling: it is part of every path."""
    from wbrag_pipeline.rag.methods import method_named
    from wbrag_pipeline.settings import Settings

    settings = Settings.from_environment(**given)
    return settings.with_(method=method_named(settings.method).name)
