"""Word documents (DOCX) as HTML, by mammoth, which follows styles: a heading is what has the style of one."""

from __future__ import annotations

import io
import zipfile

from wbrag_pipeline.datasets.documents.blocks import BadDocument, Contents
from wbrag_pipeline.datasets.documents.html_text import contents_of_html

_MOST_XML = 64 << 20  # bytes of all parts together, decompressed
_MOST_MARKS = 1_000_000  # tags of a part, of which each becomes an object: some thousand pages
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"
_OLD_FORMAT = b"\xd0\xcf\x11\xe0"  # of .doc, and of what wraps an encrypted document


def contents_of_docx(data: bytes) -> Contents:
    """The text of a document. Raises BadDocument where it is encrypted, damaged, or made to exhaust."""
    import mammoth

    if data.startswith(_OLD_FORMAT):
        raise BadDocument("is encrypted, or an old .doc file", "save it as DOCX, without a password")
    try:
        _check_parts(data)
        made = mammoth.convert_to_html(
            io.BytesIO(data),
            style_map=_STYLES,
            include_embedded_style_map=False,
            external_file_access=False,
            convert_image=lambda image: [],
        )
    except BadDocument:
        raise
    except Exception as error:  # whatever a damaged file makes of a reader
        told = (str(error) or type(error).__name__)[:200]
        raise BadDocument(f"cannot be read as DOCX: {told}", "open it and save it again as DOCX") from None
    return contents_of_html(made.value)


def _check_parts(data: bytes) -> None:
    """Raise BadDocument for what no word processor writes: parts that expand without end, entities in XML."""
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        for part in parts.infolist():
            if part.flag_bits & 1:
                raise BadDocument("is encrypted", "save it without a password")
            if not part.filename.lower().endswith((".xml", ".rels")):
                continue  # pictures and fonts, which are not opened
            # A part never gives more bytes than it says here.
            total += part.file_size
            if total > _MOST_XML:
                raise BadDocument(f"decompresses to more than {_MOST_XML >> 20} MiB", "cut it into several files")
            xml = parts.read(part)
            if xml.count(b"<") > _MOST_MARKS:
                raise BadDocument(f"has more than {_MOST_MARKS:,} tags", "cut it into several files")
            if b"<!" in xml.replace(b"<!--", b"").replace(b"<![CDATA[", b"") or b"<\0!" in xml or b"\0<\0!" in xml:
                raise BadDocument("declares entities or a document type in its XML", "save it again as DOCX")
