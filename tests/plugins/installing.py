"""Packages that are installed for one test: modules and the metadata that an installer would write beside them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install("acme-rag", {GROUP: {"name": "module:attribute"}}, {"module.py": SOURCE})``; gives the folder."""
    made: list[Path] = []

    def install(
        distribution: str,
        offers: Mapping[str, Mapping[str, str]],
        files: Mapping[str, str] = {},
        version: str = "1.0",
    ) -> Path:
        site = tmp_path / f"site{len(made)}"
        write_distribution(site, distribution, offers, files, version)
        monkeypatch.syspath_prepend(site)
        made.append(site)
        return site

    yield install
    for name, module in list(sys.modules.items()):
        if any(site in Path(getattr(module, "__file__", None) or "/").parents for site in made):
            del sys.modules[name]
    importlib.invalidate_caches()


def write_distribution(
    site: Path,
    distribution: str,
    offers: Mapping[str, Mapping[str, str]],
    files: Mapping[str, str],
    version: str = "1.0",
) -> None:
    normalized = re.sub(r"[-_.]+", "_", distribution)
    info = site / f"{normalized}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {distribution}\nVersion: {version}\n", "utf-8")
    lines = []
    for group, entries in offers.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, "utf-8")
