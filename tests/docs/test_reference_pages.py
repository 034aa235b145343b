"""The reference pages say everything there is, since they are written from the code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wbrag_pipeline
from docs_reference import api, assets, commands, errors, markdown, settings, table_schemas, tasks
from docs_reference.__main__ import PAGES, write_pages
from wbrag_pipeline import tables
from wbrag_pipeline.column_meanings import COLUMNS, TABLES
from wbrag_pipeline.datasets.metrics import ALIASES, METRICS
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.definitions import defs
from wbrag_pipeline.settings import Settings, all_settings


def section(page: str, heading: str) -> str:
    """What stands under ``## heading``."""
    _, found, rest = page.partition(f"\n## {heading}\n")
    assert found, f"there is no section {heading}"
    return rest.partition("\n## ")[0]


def test_settings_lists_every_field_with_its_flag_or_the_reason_for_none_its_variable_and_its_meaning() -> None:
    rows = {line.split(" | ")[0].strip("| `"): line for line in settings.page().splitlines() if line.startswith("| `")}
    for setting in all_settings():
        row = rows[setting.name]
        assert f"`{setting.flag.split('/')[0]}`" in row if not setting.no_flag else setting.no_flag in row
        assert f"`{setting.variable}`" in row and setting.description in row
    assert set(Settings.model_fields) <= set(rows)


def test_commands_lists_every_command_with_its_flags_and_example() -> None:
    page = commands.page()
    found = dict(commands.commands())
    assert "wbrag run" in found and "wbrag release rollback" in found
    for name, command in found.items():
        told = section(page, name)
        assert f"Example:\n\n```bash\n{name}" in told
        for parameter in command.params:
            for flag in parameter.opts if parameter.param_type_name == "option" else [parameter.name.upper()]:
                assert flag in told, f"{name} {flag}"


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.name)
def test_tables_lists_every_column(table: tables.Table) -> None:
    told = section(table_schemas.page(), table.name)
    for column in table.schema:
        assert f"| **`{column}`** |" in told if column in table.key else f"| `{column}` |" in told


def test_every_table_and_column_that_is_explained_is_there() -> None:
    there = [found for found in vars(tables).values() if isinstance(found, tables.Table)]
    columns = {name for table in there for column in table.schema for name in (column, f"{table.name}.{column}")}
    assert set(COLUMNS) <= columns
    assert set(TABLES) == {table.name for table in there}


def test_assets_lists_every_asset_job_schedule_and_sensor_with_what_it_is() -> None:
    page = assets.page()
    names = [key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()]
    names += [found.name for found in (*(defs.jobs or ()), *(defs.schedules or ()), *(defs.sensors or ()))]
    assert "knowledge_units" in names
    rows = {line.split(" | ")[0].strip("| `"): line for line in page.splitlines() if line.startswith("| `")}
    assert sorted(rows) == sorted(names)
    assert not [name for name, row in rows.items() if row.endswith("|  |")]


def test_tasks_and_metrics_lists_all_with_their_aliases() -> None:
    page = tasks.page()
    for name in (*TASKS, *METRICS, *ALIASES):
        assert f"`{name}`" in page or f"### {name}\n" in page


def test_errors_lists_the_whole_tree() -> None:
    page = errors.page()
    assert {error.__name__ for error in errors.errors()} == {
        name for name in vars(wbrag_pipeline.errors) if name.endswith("Error") and name != "OSError"
    }
    assert "Exit code 2" in section(page, "InputError")
    assert "Exit code 1" in section(page, "IntegrityError")


def test_api_lists_every_exported_name_with_its_docstring() -> None:
    page = api.page()
    for name in api.exported():
        assert section(page, name).strip()


class Example:
    """One line.

    rows: how many.
    names: of what.

    As in::

        a  b

    >>> 1 + 1
    2
    """

    def method(self, first: str, *rest: int, flag: bool = False, **more: object) -> list[str]:
        """What it does."""
        return [first]

    def long(
        self, first_of_many: str = "a, b", second_of_many: str = "[", *, third_of_many: str, fourth_of_many: int
    ) -> None:
        """What it does."""

    def _private(self) -> None:
        """Not told."""


def test_no_page_shows_the_environment_that_it_was_made_in(tmp_path: Path) -> None:
    secret = "sk-not-for-readers"
    program = f"from docs_reference.__main__ import Path, write_pages; write_pages(Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "SOME_KEY": secret})
    pages = list(tmp_path.rglob("*.md"))
    assert pages and not [page.name for page in pages if secret in page.read_text(encoding="utf-8")]


def test_a_docstring_becomes_markdown() -> None:
    assert markdown.docstring(Example) == (
        "One line.\n\n- `rows`: how many.\n- `names`: of what.\n\nAs in:\n\n```text\na  b\n```\n\n"
        "```pycon\n>>> 1 + 1\n2\n```\n"
    )


def test_a_signature_is_as_it_is_written() -> None:
    assert markdown.signature("method", Example.method) == (
        "```python\nmethod(first: str, *rest: int, flag: bool = False, **more: object) -> list[str]\n```\n"
    )
    assert markdown.signature("long", Example.long) == (
        "```python\nlong(\n    first_of_many: str = 'a, b',\n    second_of_many: str = '[',\n    *,\n"
        "    third_of_many: str,\n    fourth_of_many: int,\n)\n```\n"
    )


def test_the_api_of_a_class_is_its_public_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wbrag_pipeline, "__all__", ["Example"], raising=False)
    monkeypatch.setattr(wbrag_pipeline, "Example", Example, raising=False)
    page = api.page()
    assert "### Example.method\n" in page and "_private" not in page


def test_cells_hold_no_bar_and_no_line_end() -> None:
    assert markdown.table(("a",), [("x | y\nz",)]) == "| a |\n| --- |\n| x \\| y z |\n"


def test_pages_that_are_made_no_longer_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("old")
    write_pages(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PAGES)
