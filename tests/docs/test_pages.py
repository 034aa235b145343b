"""The hand-written pages: all are in the navigation, and they use the terms of the field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs_reference.__main__ import PAGES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = {f"reference/{name}" for name in PAGES}
WRITTEN = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if path.parent != DOCS / "reference")
READ_ON_THEIR_OWN = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "wbrag_pipeline/sample/README.md"]

# Words that once stood for something of this project, and the term that is used instead.
RETIRED = {
    r"dials?": "setting",
    r"mend(s|ed|ing)?": "fix, repair, hint",
    r"floors?": "layer",
    r"shel(f|ves)": "artifact cache",
    r"witness(es)?": "evidence group",
    r"settle[sd]?": "commit, resolve, complete",
    r"house": "project",
}


def entries(nav: list[Any]) -> Iterator[str]:
    """The files that a navigation names."""
    for entry in nav:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(target, list):
                yield from entries(target)
            else:
                yield target


def prose(text: str) -> str:
    """``text`` without code, where a file may be called what it is called."""
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`", "", text)


def test_every_page_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(entries(nav)) == sorted([*WRITTEN, *GENERATED])


def refuse_retired_words(page: str) -> None:
    text = prose(page)
    for word, instead in RETIRED.items():
        found = re.search(rf".*\b{word}\b.*", text, flags=re.IGNORECASE)
        assert not found, f"{found[0].strip()!r}: write {instead}"


@pytest.mark.parametrize("name", [*(f"docs/{page}" for page in WRITTEN), *READ_ON_THEIR_OWN])
def test_a_page_uses_no_retired_word(name: str) -> None:
    refuse_retired_words((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_what_the_code_says_of_itself_uses_no_retired_word(name: str) -> None:
    refuse_retired_words(PAGES[name]())


def test_a_retired_word_is_found_in_prose_and_not_in_code() -> None:
    refuse_retired_words("The setting `floor`.\n\n```text\nfloor\n```\n")
    with pytest.raises(AssertionError, match=r"'On this floor\.': write layer"):
        refuse_retired_words("# Title\n\nOn this floor.\n")


@pytest.mark.parametrize("name", READ_ON_THEIR_OWN)
def test_files_that_are_linked_from_outside_the_site_are_there(name: str) -> None:
    file = ROOT / name
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose(file.read_text(encoding="utf-8"))):
        assert (file.parent / target).exists(), f"{name} links {target}"
