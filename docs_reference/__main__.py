"""``python -m docs_reference``: write the reference pages into ``docs/reference/``, which git ignores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs_reference import api, assets, commands, errors, file_shapes, settings, table_schemas, tasks
from wbrag_pipeline.storage import write_text

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "commands.md": commands.page,
    "api.md": api.page,
    "tables.md": table_schemas.page,
    "assets.md": assets.page,
    "tasks-and-metrics.md": tasks.page,
    "file-shapes.md": file_shapes.page,
    "errors.md": errors.page,
}


def write_pages(folder: Path = FOLDER) -> None:
    """Write every page, and remove pages that are made no longer."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in set(folder.iterdir()) - {folder / name for name in PAGES}:
        old.unlink()
    for name, page in PAGES.items():
        write_text(folder / name, page())


if __name__ == "__main__":
    write_pages()
