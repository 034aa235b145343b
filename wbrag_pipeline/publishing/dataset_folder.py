"""Units as a dataset of Hugging Face: Parquet and a card, which ``load_dataset(FOLDER)`` reads and the Hub shows."""

from __future__ import annotations

from pathlib import Path

import yaml

from wbrag_pipeline.publishing.document_files import with_vectors
from wbrag_pipeline.publishing.exported_units import ExportedUnits
from wbrag_pipeline.storage import write_text
from wbrag_pipeline.table_files import write_parquet

_DATA = "data/train-00000-of-00001.parquet"
# The Hub's own words for sizes, by the number of rows that is too many for each.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_COLUMNS = (
    ("id", "id of the unit"),
    ("title", "title"),
    ("text", "the unit: a short text, written from the passages named in `sources`"),
    ("sources", "ids of these passages in the corpus"),
    ("labels", "access labels; who reads the unit must have all of them"),
    ("benchmark", "whose questions it was made for"),
    ("release", "the release it is of"),
    ("vector", "of title and text, length 1"),
)


def write_dataset(units: ExportedUnits, folder: Path) -> None:
    """``data/train-….parquet`` and ``README.md``."""
    (folder / "data").mkdir()
    write_parquet(with_vectors(units), folder / _DATA)
    write_text(folder / "README.md", _card(units))


def _card(units: ExportedUnits) -> str:
    count = units.table.height
    size = next((words for border, words in _SIZES if count < border), "n>1M")
    head = {
        "pretty_name": f"Knowledge units of {units.benchmark}, {units.release}",
        "size_categories": [size],
        "tags": ["rag", "wbrag"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": _DATA}]}],
    }
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    rows = "\n".join(f"| `{name}` | {told} |" for name, told in _COLUMNS)
    labelled = f"\n{units.left_out:,} units with access labels were left out.\n" if units.left_out else ""
    when = f" on {units.built_at}" if units.built_at else ""
    return f"""---
{front}---

# Knowledge units of {units.benchmark}, {units.release}

{count:,} short texts that were distilled from the passages of a knowledge base, for questions that its passages
answer. They are searched beside the passages. Made with wbrag-pipeline{when}.
{labelled}
| column | what it is |
|---|---|
{rows}

The vectors are those of the encoder `{units.encoder.name}` ({units.encoder.dimension} dimensions); search them by the
inner product, with questions encoded by the same encoder.

The texts are derived from the knowledge base: its licence, and what may not be published of it, apply to them.
"""
