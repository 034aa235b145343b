"""The text of PDF files, by pypdf: plain Python, so a damaged file cannot harm more than its own reading."""

from __future__ import annotations

import io
import logging

from wbrag_pipeline.datasets.documents.blocks import BadDocument, Block, Contents, paragraphs

_MOST_OPERATIONS = 5_000_000  # drawing operations of a document; a page of text has some hundreds
_MOST_TEXT = 16 << 20  # characters
_LARGEST_STREAM = 32 << 20  # bytes of one stream, decompressed


def contents_of_pdf(data: bytes) -> Contents:
    """The text of each page, in order. Raises BadDocument where a file is encrypted, damaged, or made to exhaust."""
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import LimitReachedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each object that is not as it should be
    limits = {
        f"{kind}_maximum_output_length": _LARGEST_STREAM
        for kind in ("array_based_stream", "lzw", "run_length", "zlib", "brotli")
    }
    counted = _Counted()
    blocks: list[Block] = []
    try:
        with apply_configuration(**limits, jbig2dec_binary=None):
            reader = PdfReader(io.BytesIO(data))
            if reader.is_encrypted:
                raise BadDocument("is encrypted", "qpdf --decrypt IN.pdf OUT.pdf makes a copy that can be read")
            for page in reader.pages:
                text = page.extract_text(visitor_operand_before=counted.operation)
                counted.add_text(len(text))
                blocks += paragraphs(text)
    except BadDocument:
        raise
    except LimitReachedError as error:
        raise BadDocument(f"is a PDF that takes too much to read: {_in_short(error)}", _HINT) from None
    except Exception as error:  # whatever a damaged file makes of a reader
        raise BadDocument(f"cannot be read as PDF: {_in_short(error)}", _HINT) from None
    return Contents(blocks)


_HINT = "open it and save it again as PDF, or take it out"


class _Counted:
    """How much a document has taken so far; raises BadDocument at the bounds."""

    def __init__(self) -> None:
        self.operations = self.text = 0

    def operation(self, *_: object) -> None:
        self.operations += 1
        if self.operations > _MOST_OPERATIONS:
            raise BadDocument(f"has more than {_MOST_OPERATIONS:,} drawing operations", "cut it into several files")

    def add_text(self, length: int) -> None:
        # A page counts too: many pages can share one text, or have none.
        self.text += length + 100
        if self.text > _MOST_TEXT:
            raise BadDocument(f"has more than {_MOST_TEXT >> 20} MiB of text", "cut it into several files")


def _in_short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
