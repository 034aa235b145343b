"""How other libraries keep their passages in a store: enough that they read a unit as one of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LANGCHAIN, LLAMA_INDEX = "langchain", "llamaindex"
# Names by which a text column or payload key is known, likeliest first.
TEXT_NAMES = ("text", "content", "contents", "page_content", "document", "chunk", "chunk_text", "passage", "body")


def llama_index_node(marks: Mapping[str, Any], row_id: str, text: str) -> dict[str, Any]:
    """The metadata under which LlamaIndex' vector stores keep a node: the marks, and the node itself as JSON."""
    # Some of its stores read the text from here, some from a column of its own.
    node = {"id_": row_id, "embedding": None, "metadata": dict(marks), "relationships": {}, "text": text}
    bookkeeping = {"document_id": "None", "doc_id": "None", "ref_doc_id": "None"}
    content = json.dumps({**node, "class_name": "TextNode"}, ensure_ascii=False)
    return {**marks, "_node_content": content, "_node_type": "TextNode", **bookkeeping}
