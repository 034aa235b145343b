"""False and missed merges on the labelled pairs, and how long curation takes: ``python -m perf.curation``.

A pair is two units of one passage each, curated by the pipeline's stage with the embedded reader. ``--units N`` also
times N units made of the built-in sample's passages, and ``--alike N`` N near-duplicates of one template; generator
calls apart.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import yaml

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.generation.engines import load_generator
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext

PAIRS = Path(__file__).parents[1] / "tests" / "curation" / "pairs.yaml"
# What every unit here has in common: only its title and text matter.
COMMON = {
    "benchmark": "b",
    "question": "?",
    "source_tokens": 9,
    "unit_tokens": 9,
    "gate": "utility",
    "fallback": False,
    "distiller": "by hand",
    "written_by": "generator",
    "prompt_version": "1",
}


def labelled_pairs() -> Iterator[tuple[bool, str, tuple[str, str], tuple[str, str]]]:
    """Whether they are the same, what kind of pair it is, and two (title, text)."""
    for truth, kinds in yaml.safe_load(PAIRS.read_text(encoding="utf-8")).items():
        for kind, rows in kinds.items():
            for row in rows:
                title, text, other_title, other = row if len(row) == 4 else (row[0], row[1], row[0], row[2])
                yield truth == "same", kind, (title, text), (other_title, other)


def units_of(texts: Sequence[tuple[str, str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """KNOWLEDGE_UNITS of one passage each, and the PASSAGES."""
    passages, units = [], []
    for number, (title, text) in enumerate(texts):
        name, content_hash = f"p{number:06d}", sha256_of_text(title, text)
        alike = {"title": title, "text": text, "labels": []}
        passages.append({**alike, "passage_id": name, "content_hash": content_hash, "source": name, "said_at": None})
        sources = {"source_passage_ids": [name], "source_hashes": [content_hash]}
        units.append({**COMMON, **alike, **sources, "unit_id": f"u_{number:06d}", "question_id": f"q{number:06d}"})
    return (
        pl.DataFrame(units, schema=tables.KNOWLEDGE_UNITS.schema),
        pl.DataFrame(passages, schema=tables.PASSAGES.schema),
    )


def curated(context: StageContext, texts: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """CURATED_UNITS of units that say these texts."""
    units, passages = units_of(texts)
    # Of GATED_DOCS the stage reads which passages were retrieved: here, all.
    return stages.curated_units(context, units, passages.select("passage_id"), passages.lazy()).table


def judge(context: StageContext, most: int | None) -> pl.DataFrame:
    """One row a labelled pair, ``most`` of each kind: same, kind, merged, and both texts."""
    rows = []
    for (same, kind), pairs in itertools.groupby(labelled_pairs(), key=lambda pair: pair[:2]):
        for _, _, one, other in itertools.islice(pairs, most):
            merged = "merged" in curated(context, [one, other])["state"].to_list()
            rows.append({"same": same, "kind": kind, "merged": merged, "one": one[1], "other": other[1]})
    return pl.DataFrame(rows)


def main() -> None:
    """Print the rates, every false merge, and the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=0, help="also time the curation of so many units")
    parser.add_argument("--pairs", type=int, help="at most so many pairs of each kind; all by default")
    parser.add_argument("--alike", type=int, nargs="+", default=[], help="also time so many units of one template")
    options = parser.parse_args()
    registry, generator = Registry.load(BUILT_IN / "none"), load_generator("reader")
    context = StageContext.of(Settings(), "sample_nq", registry=registry, generator=lambda _: generator)
    judged = judge(context, options.pairs)
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
        known = list(registry.passages("sample").select("title", "text").iter_rows())
        copies = ("" if n == 0 else f" Copy {n}." for n in itertools.count())
        every = ((title, text + copy) for copy in copies for title, text in known)
        measure(context, f"{options.units} units", list(itertools.islice(every, options.units)))
    for count in options.alike:
        measure(context, f"{count} units of one template", list(itertools.islice(tickets(), count)))


def tickets() -> Iterator[tuple[str, str]]:
    """Titles and texts of one template, which only numbers tell apart."""
    for n in itertools.count():
        yield (
            "Ticket",
            f"Ticket {n:05d} was opened in 2021 by a customer of the service desk in Aldermoor. The printer of room "
            f"{n * 7919 % 1000} was out of toner and the technician replaced the cartridge on the same day. The case "
            f"was closed after {2 + n * 31 % 88} hours and the customer was content.",
        )


def measure(context: StageContext, name: str, texts: Sequence[tuple[str, str]]) -> None:
    """Print how long the curation of units that say these texts takes."""
    usage = context.generator.usage
    wall, cpu, asked = time.perf_counter(), time.process_time(), usage.seconds
    curated(context, texts)
    print(
        f"{name}: {time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} CPU-seconds; "
        f"{usage.seconds - asked:.1f} s of them waiting for the generator"
    )


if __name__ == "__main__":
    main()
