"""Flags that commands share: those of the settings, made from the settings model, and how a command gets them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

if TYPE_CHECKING:
    from wbrag_pipeline.checked_model import Setting
from wbrag_pipeline.settings import Settings

Command = Callable[..., None]

# What names a benchmark's releases: enough to find one and everything that it was made with.
RELEASE_SETTINGS = ("encoder", "store", "index", "search", "generator", "engine_arguments", "method")


def with_settings(*names: str, without: tuple[str, ...] = (), any_layout: bool = False) -> Callable[[Command], Command]:
    """Give a command one flag a setting, and the settings themselves as its argument ``settings``.

    names: which settings have flags; all of them where none is named. ``--home`` is always there.
    without: settings that get no flag after all.
    any_layout: also for a home that an earlier version made.

    Typer reads a command's flags from its signature alone, so the signature is made here.
    """

    def decorate(command: Command) -> Command:
        from wbrag_pipeline.settings import Settings, all_settings

        shown = [
            setting
            for setting in all_settings()
            if not setting.no_flag and setting.name not in without
            if not names or setting.name in (*names, "home")
        ]
        signature = inspect.signature(command, eval_str=True, locals={"Settings": Settings})
        own = [p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values() if p.name != "settings"]
        flags = [*own, *map(_flag, shown)]
        for flag in flags:
            _refuse_empty_path(flag.annotation)

        @wraps(command)
        def flat(**given: Any) -> None:
            chosen = {setting.name: given.pop(setting.name, None) for setting in shown}
            command(**given, settings=settings_of(any_layout=any_layout, **chosen))

        flat.__annotations__ = {flag.name: flag.annotation for flag in flags}
        flat.__signature__ = signature.replace(parameters=flags)  # type: ignore[attr-defined]
        return flat

    return decorate


def given_path(text: str) -> Path:
    """A path as it was given. An empty one is refused: it would mean the present folder."""
    if not text.strip():
        raise typer.BadParameter("is empty; if it comes from a variable of your shell, that is not set")
    return Path(text)


def _refuse_empty_path(annotation: Any) -> None:
    """Let what is annotated be read by ``given_path``, if it is one or several."""
    kind, *told = get_args(annotation)
    if Path in (kind, *get_args(kind)):
        told[0].parser = given_path


def settings_of(*, any_layout: bool = False, **given: Any) -> Settings:
    """Settings from the environment and these values, the method in its one spelling; the home's layout is checked."""
    from wbrag_pipeline.rag.methods import with_canonical_method
    from wbrag_pipeline.settings import Settings

    settings = with_canonical_method(Settings.from_environment(**given))
    if not any_layout:
        settings.layout.check_layout()
    return settings


def _flag(setting: Setting) -> inspect.Parameter:
    kind: Any = setting.kind
    default = "none" if setting.default in (None, "") else str(setting.default)
    if isinstance(setting.default, bool):
        default = "on" if setting.default else "off"
    told = f"{setting.description} ({default}; {setting.variable})"
    option = typer.Option(setting.flag, *filter(None, [setting.short]), help=told, show_default=False)
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )
