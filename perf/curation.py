"""False and missed merges on the labelled pairs, and how long curation takes: ``python -m perf.curation``.

A pair is two units of one passage each, curated by the real stages with the embedded reader. ``--units N`` also times
N units made of the built-in sample's passages, generator calls apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import yaml

from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import curate
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.generation.engines import load_generator
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.retrieval.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

PAIRS = Path(__file__).parents[1] / "tests" / "curation" / "pairs.yaml"


def labelled_pairs() -> Iterator[tuple[bool, str, tuple[str, str], tuple[str, str]]]:
    """Whether they are the same, what kind of pair it is, and two (title, text)."""
    for truth, kinds in yaml.safe_load(PAIRS.read_text(encoding="utf-8")).items():
        for kind, rows in kinds.items():
            for row in rows:
                title, text, other_title, other = row if len(row) == 4 else (row[0], row[1], row[0], row[2])
                yield truth == "same", kind, (title, text), (other_title, other)


def units_of(texts: list[tuple[str, str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """KNOWLEDGE_UNITS of one passage each, and the PASSAGES."""
    passages = pl.DataFrame(
        {
            "passage_id": [f"p{i:06d}" for i in range(len(texts))],
            "title": [title for title, _ in texts],
            "text": [text for _, text in texts],
            "content_hash": [sha256_of_text(title, text) for title, text in texts],
        }
    ).with_columns(
        labels=pl.lit([], dtype=pl.List(pl.String)),
        source=pl.col("passage_id"),
        said_at=pl.lit(None, tables.PASSAGES.schema["said_at"]),
    )
    units = passages.select(
        pl.col("passage_id").str.replace("p", "u_").alias("unit_id"),
        pl.lit("b").alias("benchmark"),
        pl.col("passage_id").str.replace("p", "q").alias("question_id"),
        pl.lit("?").alias("question"),
        "title",
        "text",
        pl.concat_list("passage_id").alias("source_passage_ids"),
        pl.concat_list("content_hash").alias("source_hashes"),
        pl.lit(9, dtype=pl.Int32).alias("source_tokens"),
        pl.lit(9, dtype=pl.Int32).alias("unit_tokens"),
        pl.lit(False).alias("fallback"),
        pl.lit("by hand").alias("distiller"),
        pl.lit("1").alias("prompt_version"),
        "labels",
    )
    return tables.KNOWLEDGE_UNITS.check(units), tables.PASSAGES.check(passages.select(list(tables.PASSAGES.schema)))


def judge(encoder: Encoder, generator: Generator) -> pl.DataFrame:
    """One row a labelled pair: same, kind, merged, and both texts."""
    rows = []
    for same, kind, one, other in labelled_pairs():
        curated = curate(*units_of([one, other]), encoder, generator)
        merged = "merged" in curated["state"].to_list()
        rows.append({"same": same, "kind": kind, "merged": merged, "one": one[1], "other": other[1]})
    return pl.DataFrame(rows)


def main() -> None:
    """Print the rates, every false merge, and the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=0)
    options = parser.parse_args()
    encoder, generator = load_encoder(Settings().encoder), load_generator("reader", None)
    judged = judge(encoder, generator)
    for (same, kind), found in judged.group_by("same", "kind", maintain_order=True):
        wrong = found.filter(pl.col("merged") != same).height
        print(f"{'missed' if same else 'false '} merges, {kind}: {wrong} of {found.height}")
    for same, name in ((False, "false merges"), (True, "missed merges")):
        of_kind = judged.filter(pl.col("same") == same)
        wrong = of_kind.filter(pl.col("merged") != same).height
        print(f"{name}: {wrong} of {of_kind.height} ({100 * wrong / of_kind.height:.1f} %)")
    for row in judged.filter(~pl.col("same") & pl.col("merged")).iter_rows(named=True):
        print(f"  merged, and should not be: {row['one']} | {row['other']}")
    if options.units:
        passages = Registry.load(BUILT_IN / "none").passages("sample")
        texts = list(passages.select("title", "text").iter_rows())
        made = units_of(
            [
                (t, f"{text} Copy {i // len(texts)}." if i >= len(texts) else text)
                for i, (t, text) in enumerate(texts[i % len(texts)] for i in range(options.units))
            ]
        )
        wall, cpu = time.perf_counter(), time.process_time()
        curate(*made, encoder, generator)
        asked = generator.usage.seconds
        print(
            f"{options.units} units: {time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} CPU-seconds; "
            f"{asked:.1f} s of all spent asking the generator"
        )


if __name__ == "__main__":
    main()
