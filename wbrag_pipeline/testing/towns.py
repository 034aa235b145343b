"""The small world that the suites ask about: four towns, a question each, and passages with words of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.rag.searching import Search
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES

TOWNS = ("Aldermoor", "Brackwater", "Corvane", "Dunhollow")
TOWN_QUESTIONS = [f"What did {town} live from?" for town in TOWNS]
ROWS = [
    [
        Passage(f"{town} {n}", f"{town}, part {n}", f"In {town} the {word}{n} was known to all.", 0.9 - 0.2 * n)
        for n in range(3)
    ]
    for town, word in zip(TOWNS, ("salt", "tin", "wool", "glass"), strict=True)
]


class NamedRetriever:
    """A ``policy.Retrieve`` that finds one passage named after the query, and remembers what it was asked."""

    def __init__(self) -> None:
        self.queries: list[object] = []

    def __call__(self, queries: Sequence[str]) -> list[list[Passage]]:
        """One passage a query."""
        self.queries += queries
        return [[Passage(f"found {query}", "Found", f"What was found for {query}.", 0.8)] for query in queries]


@contextmanager
def search_of_the_towns(top_k: int = 3) -> Iterator[Search]:
    """A real knowledge base of all passages, in a folder of its own as long as the block lasts."""
    encoder, passages = HashEncoder(), [passage for row in ROWS for passage in row]
    rows: list[tuple[object, ...]] = [
        (p.passage_id, p.title, p.text, sha256_of_text(p.title, p.text), [], p.passage_id, None) for p in passages
    ]
    with TemporaryDirectory() as name:
        folder = Path(name)
        pl.DataFrame(rows, schema=PASSAGES.schema, orient="row").write_parquet(folder / "passages.parquet")
        vectors = encoder.encode_passages([p.title for p in passages], [p.text for p in passages])
        build_index(vectors, [p.passage_id for p in passages], folder / "index", encoder)
        yield Search(KnowledgeBase(encoder, open_index(folder / "index", encoder), folder / "passages.parquet"), top_k)
