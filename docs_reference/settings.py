"""The page on settings: every field of ``wbrag_pipeline.settings.Settings`` with its flag and environment variable."""

from __future__ import annotations

from docs_reference.markdown import code, table
from wbrag_pipeline.checked_model import Setting
from wbrag_pipeline.settings import all_settings

_INTRODUCTION = """# Settings

A setting is taken from the command's flag, else from the environment variable, else it has the default. Dagster shows
the same settings as fields of the resource `deployment`, where each run may change them. A command has the flags of the
settings that matter to it; see [Commands](commands.md).

A setting that changes a table is part of the path of this table and of all tables made from it, unless it has its
default. So the results of different settings are stored apart.

"""

_OTHER_VARIABLES = """
## Other environment variables

| variable | meaning |
| --- | --- |
| `WBRAG_API_KEY`, `OPENAI_API_KEY` | Key of an OpenAI-compatible server; it is never stored. |
| `DAGSTER_HOME` | Folder of Dagster's own records; `dagster/` in the home if it is not set. |
| `HF_TOKEN` | Token for gated models and data sets on the Hugging Face hub. |
| `HF_HUB_OFFLINE` | `1` keeps the libraries from reaching for the hub. |
| `RAY_ADDRESS` | The Ray cluster of `ray:MODEL`, unless the engine arguments name one. |
"""


def page() -> str:
    """The page as Markdown."""
    rows = [
        (code(setting.name), _default(setting), _given(setting), f"{setting.description}.{_changes(setting)}")
        for setting in all_settings()
    ]
    return _INTRODUCTION + table(("setting", "default", "flag and variable", "meaning"), rows) + _OTHER_VARIABLES


def _default(setting: Setting) -> str:
    if isinstance(setting.default, bool):
        return "on" if setting.default else "off"
    return code("" if setting.default is None else setting.default)


def _given(setting: Setting) -> str:
    flags = [code(flag) for flag in (*setting.flag.split("/"), setting.short) if flag]
    return f"{setting.no_flag or ', '.join(flags)}; {code(setting.variable)}"


def _changes(setting: Setting) -> str:
    return f" Changes {code(setting.changes)} and what is made from it." if setting.changes else ""
