"""The kinds of documents that a folder may hold, by their endings, and what reads each.

Markdown, MDX, notebooks and plain text are always read; the others need the extra ``documents``. Of the libraries that
read many formats at once (docling, unstructured, markitdown) each brings dozens of packages, up to a gigabyte and
models. These four are small, have no dependencies to speak of, and are maintained: selectolax (MIT), pypdf (BSD),
mammoth (BSD) and docutils (public domain).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from wbrag_pipeline.datasets.documents.blocks import Contents, paragraphs

LARGEST = 16 << 20  # bytes of a document of text: some thousand pages
LARGEST_WITH_MEDIA = 64 << 20  # bytes of a document with pictures in it
INSTALL = "pip install 'wbrag-pipeline[documents]'"
# Changes whenever the same files give other passages than before: all folders are then read again.
READING = "2"


@dataclass(frozen=True)
class DocumentKind:
    """How one kind of document is read: ``from_text`` what follows the front matter, or ``from_bytes`` the whole file.

    needs: the packages that must be there. notebook: front matter stands in the first cell.
    """

    from_text: Callable[[str], Contents] | None = None
    from_bytes: Callable[[bytes], Contents] | None = None
    needs: tuple[str, ...] = ()
    notebook: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the file's own lines are what people read."""
        return self.from_text is not None and not self.needs

    @property
    def is_readable(self) -> bool:
        """Whether the packages are installed."""
        return all(map(_is_installed, self.needs))


@cache
def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _markdown(text: str) -> Contents:
    from wbrag_pipeline.datasets.documents.markdown_text import blocks_of_markdown

    return Contents(list(blocks_of_markdown(text)))


def _mdx(text: str) -> Contents:
    from wbrag_pipeline.datasets.documents.mdx_text import markdown_of_mdx

    return _markdown(markdown_of_mdx(text))


def _plain(text: str) -> Contents:
    return Contents(paragraphs(text))


def _html(text: str) -> Contents:
    from wbrag_pipeline.datasets.documents.html_text import contents_of_html

    return contents_of_html(text)


def _rst(text: str) -> Contents:
    from wbrag_pipeline.datasets.documents.rst_text import contents_of_rst

    return contents_of_rst(text)


def _pdf(data: bytes) -> Contents:
    from wbrag_pipeline.datasets.documents.pdf_text import contents_of_pdf

    return contents_of_pdf(data)


def _docx(data: bytes) -> Contents:
    from wbrag_pipeline.datasets.documents.docx_text import contents_of_docx

    return contents_of_docx(data)


_MARKDOWN, _HTML = DocumentKind(_markdown), DocumentKind(_html, needs=("selectolax",))
KINDS = {
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
    ".mdx": DocumentKind(_mdx),
    ".txt": DocumentKind(_plain),
    ".ipynb": DocumentKind(_markdown, notebook=True),
    ".html": _HTML,
    ".htm": _HTML,
    ".xhtml": _HTML,
    ".rst": DocumentKind(_rst, needs=("docutils",)),
    ".pdf": DocumentKind(from_bytes=_pdf, needs=("pypdf",)),
    ".docx": DocumentKind(from_bytes=_docx, needs=("mammoth", "selectolax")),
}


def ending_of(name: str) -> str:
    """The ending of a file's name in lower case, for example ``.md``; "" where it has none."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def reading_of_folders() -> str:
    """What the reading of a folder depends on apart from its files: an extra that is installed later changes it."""
    return " ".join([READING, *(ending for ending, kind in KINDS.items() if kind.is_readable)])
