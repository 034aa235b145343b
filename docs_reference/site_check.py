"""``python -m docs_reference.site_check FOLDER``: check a built site, and leave with 1 where something is wrong.

Every link, image, style sheet and script of every page must lead to a file of the site, and to an anchor that is there.
Nothing may be loaded from another host: the site must work without a network. Links that a reader follows may lead
elsewhere; they are not tried, since a build must not depend on a network.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes whose file the browser loads by itself.
_LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src"), ("video", "src")}
_FOLLOWED = {("a", "href")}
# The 404 page is served under any address, so its links are absolute.
_NOT_CHECKED = {"404.html"}


@dataclass
class Page(HTMLParser):
    """The anchors of one page, what it links to, and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of ids and addresses."""
        given = dict(attrs)
        self.anchors.update(value for name in ("id", "name") if (value := given.get(name)))
        for name, value in attrs:
            # An address that is only told, such as rel=canonical, is not loaded.
            told = tag == "link" and given.get("rel") not in ("stylesheet", "icon", "preload")
            if value and (tag, name) in _LOADED and not told:
                self.loads.append(value)
            elif value and (tag, name) in _FOLLOWED:
                self.links.append(value)


def problems(folder: Path) -> list[str]:
    """What is wrong with the site in ``folder``: one line a broken address."""
    pages = {file: _parsed(file) for file in sorted(folder.rglob("*.html")) if file.name not in _NOT_CHECKED}
    found = [] if pages else [f"{folder} holds no page"]
    for file, page in pages.items():
        where = file.relative_to(folder)
        for address in page.loads:
            if urlsplit(address).netloc:
                found.append(f"{where}: loads {address} from another host")
            elif not urlsplit(address).scheme and (wrong := _broken(address, file, folder, pages)):
                found.append(f"{where}: {wrong}")
        for address in page.links:
            parts = urlsplit(address)
            if not (parts.scheme or parts.netloc) and (wrong := _broken(address, file, folder, pages)):
                found.append(f"{where}: {wrong}")
    return found


def _parsed(file: Path) -> Page:
    page = Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def _broken(address: str, file: Path, folder: Path, pages: dict[Path, Page]) -> str:
    """What is wrong with an address inside the site; empty when it leads somewhere."""
    parts = urlsplit(address)
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(folder) or not target.is_file():
        return f"{address} leads to no file of the site"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"{address} leads to no anchor of that page"
    return ""


def main() -> None:
    """Check the folder that the command line names."""
    folder = Path(sys.argv[1]).resolve()
    found = problems(folder)
    print("\n".join(found) or f"{folder}: all links lead somewhere, and nothing is loaded from another host")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
