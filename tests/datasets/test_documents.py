"""HTML, PDF, DOCX, reStructuredText, MDX and notebooks in a folder, and files of kinds that are not read."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.datasets.made_documents import docx, paragraph, pdf
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.documents import document_kinds, docx_text, pdf_text
from wbrag_pipeline.errors import InputError

needs_documents = pytest.mark.skipif(
    not all(kind.is_readable for kind in document_kinds.KINDS.values()), reason="the extra documents is not installed"
)


def rows(folder: Path) -> list[tuple[str, str]]:
    return list(read_corpus(folder).select("title", "text").iter_rows())


def refused(folder: Path, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_corpus(folder)
    (folder / "z.txt").write_text("Always there.")
    bad = BadDocuments(skip=True)
    assert read_corpus(folder, bad)["source"].to_list() == ["z.txt"] and bad.count == 1


# What is not read is told.


def test_files_of_other_kinds_are_counted_by_their_ending(tmp_path: Path, wbrag_home: Path) -> None:
    (tmp_path / "a.md").write_text("Text.")
    (tmp_path / "img").mkdir()
    for name in ("img/a.png", "img/b.PNG", "c.docm", "Makefile", ".hidden", "img/.also.png", "odd.\x1b[1m"):
        (tmp_path / name).write_bytes(b"x")
    bad = BadDocuments()
    read_corpus(tmp_path, bad)
    assert bad.passed_over == {".png": 2, ".docm": 1, "(no ending)": 1, ".\x1b[1m": 1}
    told = CliRunner().invoke(app, ["add", "corpus", "c", str(tmp_path)]).output
    assert "not read, because such files are no documents here: .png 2, (no ending) 1, .\\x1b[1m 1, .docm 1" in told


def test_without_the_extra_its_documents_are_told_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_kinds, "_is_installed", lambda package: False)
    for name in ("a.md", "b.html", "c.htm", "d.pdf", "e.pdf", "f.rst", "g.docx", "h.mdx", "i.png"):
        (tmp_path / name).write_text("Text.")
    bad = BadDocuments()
    assert read_corpus(tmp_path, bad)["source"].to_list() == ["a.md", "h.mdx"]
    assert list(bad.told()) == [
        "not read: .pdf 2, .docx 1, .htm 1, .html 1, .rst 1; to read them: pip install 'wbrag-pipeline[documents]'",
        "not read, because such files are no documents here: .png 1",
    ]
    for name in ("a.md", "h.mdx"):
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"holds no text .*pip install 'wbrag-pipeline\[documents\]'"):
        read_corpus(tmp_path)


def test_documents_without_text_are_told(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "c.mdx"):
        (tmp_path / name).write_text("\n" if name != "a.md" else "Text.")
    bad = BadDocuments()
    read_corpus(tmp_path, bad)
    assert bad.without_text == 2 and "documents without text: 2 (" in "\n".join(bad.told())


def test_a_document_alone_is_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["Text."]))
    with pytest.raises(InputError, match=r"a\.pdf: is one document \(give the folder that it is in\)"):
        read_corpus(tmp_path / "a.pdf")


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path, wbrag_home: Path) -> None:
    folder = Path(str(tmp_path / "gr\udcfcn"))
    folder.mkdir()
    (folder / "a.md").write_text("Text.")
    with pytest.raises(InputError, match=r"gr\\xfcn: has a name that is not UTF-8 \(rename it\)"):
        add_corpus(wbrag_home, "c", folder)


def test_labels_of_a_folder_are_those_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / ".labels").write_text("hr\n")
    (tmp_path / "a.mdx").write_text("---\nlabels: [pay]\n---\nText.")
    cells = [{"cell_type": "markdown", "source": "Text."}]
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": cells, "metadata": {"labels": ["pay"]}}))
    cells = [{"cell_type": "raw", "source": ["---\n", "labels: [pay]\n", "---"]}, *cells]
    (tmp_path / "c.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}}))
    expected = [["hr", "pay"]] * 3
    if all(kind.is_readable for kind in document_kinds.KINDS.values()):
        (tmp_path / "d.html").write_text('<meta name="Labels" content="pay"><p>Text.')
        (tmp_path / "e.html").write_text("---\nlabels: [pay]\n---\n<p>Text.")
        (tmp_path / "f.rst").write_text(":labels: pay\n\nText.\n")
        (tmp_path / "g.rst").write_text("Title\n=====\n\n:Labels: [pay]\n\nText.\n")
        (tmp_path / "h.docx").write_bytes(docx(paragraph("Text.")))
        (tmp_path / "i.pdf").write_bytes(pdf(["Text."]))
        expected += [["hr", "pay"]] * 4 + [["hr"]] * 2
    assert read_corpus(tmp_path)["labels"].to_list() == expected


# MDX and notebooks, which need no extra.


def test_mdx_is_read_as_markdown_without_its_components(tmp_path: Path) -> None:
    (tmp_path / "a.mdx").write_text(
        "---\ntitle: Guide\n---\nimport X from './x'\nexport const a = {\n  b: 1,\n}\n\n## Install\n\n"
        "<Tabs\n  default='a > b'\n  values={[{label: 'x', value: () => 1}]}>\n<Tab>\n\nRun `<Tabs>` **now**.\n\n"
        "</Tab>\n</Tabs>\n\n{/* a\ncomment */}\n\n<Note>Kept.</Note>\n\n```jsx\nimport Z from 'z'\n<Tabs a={1}>\n```\n"
    )
    expected = "Install\nRun `<Tabs>` now.\nKept.\n```jsx\nimport Z from 'z'\n<Tabs a={1}>\n```"
    assert rows(tmp_path) == [("Guide > Install", expected)]


def test_a_tag_of_mdx_that_nothing_ends_loses_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.mdx").write_text("<Tabs a={\n\nText one.\n\n{/* open\n\nText two.\n")
    assert {"Text one.", "Text two."} <= set("\n".join(text for _, text in rows(tmp_path)).split("\n"))


def test_a_notebook_gives_its_text_and_its_code(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Pumps\n", "\n", "The *first* step."]},
        {"cell_type": "code", "source": "# no title\nx = 2**3**2\n", "outputs": [{"text": ["no output"]}]},
        {"cell_type": "code", "source": "print('```')"},
        {"cell_type": "code", "source": []},
    ]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}, "widgets": {"label": 1}}}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    code = "```python\n# no title\nx = 2**3**2\n```\n````python\nprint('```')\n````"
    assert rows(tmp_path) == [("Pumps", f"The first step.\n{code}")]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cells": 5}', '{"cells": [5]}', '{"cells": [{"source": [5]}]}'])
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.ipynb").write_text(text)
    refused(tmp_path, r"a\.ipynb: is no notebook")


# HTML.

PAGE = """<!DOCTYPE html><html><head><title>Site | Guide</title><style>no{}</style></head><body>
<header><nav><a>no menu</a></nav></header><main><h1>Guide</h1><p>Some <b>bold</b> text,
<code>__init__</code>.<br>Next.</p><ul><li>one<li><p>two</p><ol start=3><li>three</ol></ul>
<pre><code class="language-py"># no title
    x = 2**3**2 &lt; 1
</code></pre><table><tr><th>A<th>B<tr><td><p>c</p><td>d <i>e</i></table><h2>Sub</h2><div>loose<div>inner</div>tail</div>
<aside>note</aside><p hidden>no</p></main><footer>no footer</footer><script>no()</script></body></html>"""


@needs_documents
def test_html_gives_the_main_text(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE)
    assert rows(tmp_path) == [
        (
            "Guide",
            "Some bold text, `__init__`. Next.\n- one\n- two\n3. three\n```py\n# no title\n    x = 2**3**2 < 1\n```\n"
            "A | B\nc | d e\nSub\nloose\ninner\ntail\nnote",
        )
    ]


@needs_documents
@pytest.mark.parametrize(
    ("page", "title", "text"),
    [
        ("<h1>P0</h1><p>Text 0.</p>", "P0", "Text 0."),
        ("<title>T</title><p>Short.", "T", "Short."),
        ("Only text &amp; more.", "a", "Only text & more."),
        ("<form><p>Whole pages stand in forms.<input></form>", "a", "Whole pages stand in forms."),
        ("<p>x</p><article>t</article><article>u</article>", "a", "x\nt\nu"),
        ("<main> </main><p>Outside.", "a", "Outside."),
        ("<table><tr><td><h1>Old</h1><p>layout</p><pre>a\n  b</pre></table>", "Old", "layout\n```\na\n  b\n```"),
        ("<p>a<!-- no --><span>b</span> c", "a", "ab c"),
        ("<frameset><frame src=x></frameset>", None, None),
    ],
)
def test_pages_of_every_shape_are_read(tmp_path: Path, page: str, title: str | None, text: str | None) -> None:
    (tmp_path / "z.txt").write_text("Always there.")
    (tmp_path / "a.html").write_text(page)
    assert rows(tmp_path)[:-1] == ([(title, text)] if text else [])


@needs_documents
def test_elements_inside_each_other_have_a_bound(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<div>" * 5_000 + "x")
    refused(tmp_path, r"a\.html: has elements nested more than 500 deep")


# reStructuredText.


@needs_documents
def test_restructuredtext_gives_its_text(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("never")
    (tmp_path / "a.rst").write_text(
        ":author: A\n\nGuide\n=====\n\nSee :ref:`the page <x>`, ``__init__`` and |sub|.\n\n.. |sub| replace:: more\n\n"
        ".. toctree::\n   :maxdepth: 2\n\n   no\n\n.. versionadded:: 1.2\n   It *came*.\n\n.. code-block:: python\n"
        "   :linenos:\n\n   # no title\n   x = 2**3**2\n\n.. note:: Careful.\n\n.. comment\n\n.. include:: secret\n\n"
        "Sub\n---\n\n- one\n\n1. first\n\n+---+---+\n| a | b |\n+---+---+\n"
    )
    expected = (
        "See the page, `__init__` and more.\n1.2\nIt came.\n```python\n# no title\nx = 2**3**2\n```\nCareful.\nSub\n"
        "- one\n1. first\na | b"
    )
    assert rows(tmp_path) == [("Guide", expected)]


@needs_documents
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- " * 5_000, "nested too deeply"),
        ("a_ " * 22_000, "has a paragraph of more than 65,536 characters"),
        (f".. |a| replace:: {'a' * 900}\n\n" + "|a| " * 9_000 + "\n\n" + "|a| " * 9_000, "substitutions"),
        ("a\n\n" * 400_000, "is reStructuredText of more than 1 MiB"),
        (":labels: hr, pay\n\nText.\n", "field 'labels'.*holds the label"),
        (":acl: hr\n\nText.\n", "field 'acl'.*looks like access labels"),
        (".. labels: hr\n\nText.\n", "looks like access labels"),
    ],
)
def test_restructuredtext_that_cannot_be_read_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.rst").write_text(text)
    refused(tmp_path, rf"a\.rst.*{said}")


@needs_documents
def test_a_long_line_of_restructuredtext_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_text("T\n=\n\n" + "word " * 9_000)
    assert read_corpus(tmp_path).height == 90


@needs_documents
def test_substitutions_in_substitutions_have_a_bound(tmp_path: Path) -> None:
    nested = "".join(f".. |a{n}| replace:: {f'|a{n - 1}| ' * 9}\n\n" for n in range(1, 9))
    (tmp_path / "a.rst").write_text(f"Text |a8|.\n\n.. |a0| replace:: {'x' * 20}\n\n{nested}")
    assert sum(read_corpus(tmp_path)["text"].str.len_chars()) < 10_000


# PDF.


@needs_documents
def test_pdf_gives_the_text_of_its_pages(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["The pump weighs 42 kilograms.", "Grün €."]))
    assert rows(tmp_path) == [("a", "The pump weighs 42 kilograms.\nGrün €.")]


@needs_documents
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.4 x", "cannot be read as PDF"),
        (b"", "cannot be read as PDF"),
        (pdf(["x"], trailer="/Encrypt << /Filter /Standard /V 1 /R 2 /O (a) /U (b) /P -4 >>"), "is encrypted.*qpdf"),
        (pdf(["x"])[:-200], "cannot be read as PDF"),
    ],
)
def test_a_pdf_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    refused(tmp_path, rf"a\.pdf: {said}")


@needs_documents
@pytest.mark.parametrize(
    ("limit", "value", "stream", "said"),
    [
        ("_LARGEST_STREAM", 10_000, b" " * 1_000_000, "takes too much to read"),
        ("_MOST_OPERATIONS", 100, b"q Q " * 200, "has more than 100 drawing operations"),
        ("_MOST_TEXT", 250, b"BT /F1 12 Tf (text) Tj ET", "of text"),
    ],
)
def test_a_pdf_that_is_made_to_exhaust_is_refused(
    tmp_path: Path, limit: str, value: int, stream: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_text, limit, value)
    (tmp_path / "a.pdf").write_bytes(pdf(["x"] * 3, stream=stream))
    refused(tmp_path, rf"a\.pdf: .*{said}")


# DOCX.


@needs_documents
def test_docx_gives_text_under_its_headings(tmp_path: Path) -> None:
    row = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in ("area", "42"))
    body = [paragraph("Pumps", "Titel"), paragraph("Weight", "berschrift1"), paragraph("It &amp; more.")]
    (tmp_path / "a.docx").write_bytes(docx("".join([*body, f"<w:tbl><w:tr>{row}</w:tr></w:tbl>"])))
    assert rows(tmp_path) == [("Pumps > Weight", "Weight\nIt & more.\narea | 42")]


def encrypted_zip() -> bytes:
    data = bytearray(docx(paragraph("x")))
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


ENTITIES = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">]>'


@needs_documents
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 no", "cannot be read as DOCX"),
        (docx(paragraph("x"))[:-40], "cannot be read as DOCX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is encrypted, or an old .doc file"),
        (encrypted_zip(), "is encrypted"),
        (docx(paragraph("&a;"), before=ENTITIES), "declares entities"),
        (docx(paragraph("x"), more={"word/other.xml": ENTITIES.encode("utf-16")}), "declares entities"),
        (docx("<w:p>" * 3_000 + "</w:p>" * 3_000), "cannot be read as DOCX"),
        (docx("<w:p>"), "cannot be read as DOCX"),
    ],
)
def test_a_docx_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.docx").write_bytes(data)
    refused(tmp_path, rf"a\.docx: {said}")


@needs_documents
@pytest.mark.parametrize(("limit", "said"), [("_MOST_XML", "decompresses to more"), ("_MOST_MARKS", "has more than")])
def test_a_docx_that_expands_without_end_is_refused(
    tmp_path: Path, limit: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docx_text, limit, 1 << 13)
    (tmp_path / "a.docx").write_bytes(docx(paragraph("x" * 4) * 2_000))
    refused(tmp_path, rf"a\.docx: {said}")


@needs_documents
def test_a_part_of_a_docx_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    data = docx(paragraph("x" * 100_000))
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        size = parts.getinfo("word/document.xml").file_size
    (tmp_path / "a.docx").write_bytes(data.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little")))
    refused(tmp_path, r"a\.docx: cannot be read as DOCX")


@needs_documents
def test_pictures_of_other_files_are_not_opened(tmp_path: Path) -> None:
    relation = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="p" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" TargetMode="External" '
        'Target="/etc/passwd"/></Relationships>'
    )
    picture = (
        '<w:p><w:r><w:drawing><a:blip xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="http://'
        'schemas.openxmlformats.org/officeDocument/2006/relationships" r:link="p"/></w:drawing></w:r></w:p>'
    )
    more = {"word/_rels/document.xml.rels": relation.encode()}
    (tmp_path / "a.docx").write_bytes(docx(picture + paragraph("Text."), more=more))
    assert rows(tmp_path) == [("a", "Text.")]


def test_every_kind_is_a_table_of_passages(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Text.")
    assert read_corpus(tmp_path).schema["text"] == pl.String
