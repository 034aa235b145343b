"""The works that are killed before each of their writes: ``python -m tests.failures.killing_writes WORK FOLDER EACH``.

Each is what an asset or a command does, without Dagster and with an encoder of angles: training's stores, a refresh of
a corpus, forgetting a passage, and ``wbrag release rollback`` and ``promote`` over a corpus that lost a source.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401
import faiss  # noqa: F401
import polars as pl

import wbrag_pipeline.forgetting.forget as forgetting
import wbrag_pipeline.retrieval.encoding.encoder as encoders
from tests.failures.forking import Work, kill_at_every_write
from tests.retrieval.conftest import CompassEncoder, units_of
from wbrag_pipeline import tables
from wbrag_pipeline.commands import release as by_hand
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.releases.pointer import moves_of, read_pointer
from wbrag_pipeline.releases.store import (
    build_release,
    candidate,
    current,
    open_release,
    promote,
    release_names,
    rollback,
)
from wbrag_pipeline.retrieval.corpus import committed_state, current_state
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

ENCODER = CompassEncoder()
OLD, NEW = {"a": 0.0, "b": 90.0}, {"a": 0.0, "b": 91.0, "c": 180.0}


def units(**sources: float) -> pl.DataFrame:
    """One unit a source: u-a says what the passage a says at that angle."""
    made = units_of({f"u-{name}": angle for name, angle in sources.items()})
    hashes = [[sha256_of_text(f"T {name}", str(angle))] for name, angle in sources.items()]
    return made.with_columns(
        pl.Series("source_passage_ids", [[name] for name in sources]), pl.Series("source_hashes", hashes)
    )


def write_source(settings: Settings, angles: dict[str, float]) -> Path:
    """The corpus' file, beside the home and with it."""
    file = settings.home / "mine" / "c.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": name, "title": f"T {name}", "text": str(angle)} for name, angle in angles.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def refresh(settings: Settings) -> None:
    """What the assets of ``wbrag refresh`` do, one after the other."""
    refresh_corpus(settings, Registry.load(settings.home), "c", ENCODER, run="refresh", allow_deletions=True)


def prepare(settings: Settings) -> None:
    """Corpus a and b, and two releases of their units, of which the first, with both, is served."""
    questions = settings.home / "mine" / "questions.jsonl"
    file = write_source(settings, OLD)
    add_corpus(settings.home, "c", file)
    for split in ("train", "test"):
        line = {"id": split, "question": f"{split}?", "golden_answers": ["x"]}
        questions.with_stem(split).write_text(json.dumps(line) + "\n", encoding="utf-8")
    paths = {split: questions.with_stem(split) for split in ("train", "test")}
    add_benchmark(settings.home, "b", task="open_qa", corpus="c", **paths)
    refresh(settings)
    folder, lineage = settings.releases("b"), Lineage(settings.layout.lineage)
    for made in (units(a=0.0), units(a=0.0, b=90.0)):
        release = build_release(made, ENCODER, folder, {"run": "old"})
        promote(folder, release.name, actor="test", reason="first")
        held = release.units()["unit_id"].to_list()
        lineage.record_release("run", settings.variant, "b", release.name, held, release.content)
    lineage.record_release_decisions("run", settings.variant, "b", moves_of(folder))
    tables.KNOWLEDGE_UNITS.store(units(a=0.0, b=90.0), settings, "b")
    with CompletionCache(settings.layout.completions).recording("test") as put:
        put({"key": "T b 90.0"}, Usage(calls=1))


def prepare_refresh(settings: Settings) -> None:
    prepare(settings)
    write_source(settings, NEW)


def prepare_by_hand(settings: Settings) -> None:
    """The corpus lost b since, and what is served was built after that."""
    prepare_refresh(settings)
    refresh(settings)
    release = build_release(units(a=0.0, c=180.0), ENCODER, settings.releases("b"), {"run": "new"})
    promote(settings.releases("b"), release.name, actor="test", reason="third")


def train(settings: Settings) -> None:
    """The stores of a training: a release, its validation, the pointer forth and back, the lineage."""
    folder, lineage = settings.releases("b"), Lineage(settings.layout.lineage)
    tables.KNOWLEDGE_UNITS.store(units(a=0.0, b=90.0, c=10.0), settings, "b")
    release = build_release(units(a=0.0, b=90.0, c=10.0), ENCODER, folder, {"run": "new"})
    release.record_validation({"passed": True})
    promote(folder, release.name, actor="child", reason="forth")
    if len(moves_of(folder)) < 4:
        rollback(folder, actor="child", reason="back")
    promote(folder, release.name, actor="child", reason="forth again")
    lineage.record_release("run", settings.variant, "b", release.name, ["u-a", "u-b", "u-c"], release.content)
    lineage.record_release_decisions("run", settings.variant, "b", moves_of(folder))


def forget(settings: Settings) -> None:
    forgetting.forget(settings, "passage", ["b"])


def release_by_hand(settings: Settings) -> None:
    """Back to a release that has lost a unit since, then forth to another such one."""
    encoders.load_encoder = lambda name: ENCODER  # type: ignore[assignment]
    flags = {"encoder": None, "generator": None, "method": None, "home": settings.home}
    moves = moves_of(settings.releases("b"))
    if not any(move["action"] == "rollback" for move in moves):
        by_hand.rollback(benchmark="b", reason="back", **flags)
    by_hand.promote(benchmark="b", release="r000002", reason="forth", **flags)


def look(settings: Settings) -> dict[str, Any]:
    """What a reader finds, and the bytes of all that is the same from run to run; raises where something is half."""
    folder = settings.releases("b")
    served = current(folder)
    held = {}
    for name in release_names(folder):
        found = open_release(folder, name)
        found.verify()
        held[name] = found.units()["unit_id"].to_list()
        assert held[name] == sorted(found.index(ENCODER).ids), name
    pointer = read_pointer(folder)
    assert pointer is not None and pointer.trail[-1] == served.name == pointer.moves[0].release
    candidate(folder).verify()
    found = LiveRetriever(settings, "b", ENCODER).search(["1"], 9, labels=())
    assert found.release == served.name
    hits = {origin: sorted(rows["text"]) for (origin,), rows in found.hits.group_by("origin")}
    shown, held_by_it = {float(text) for text in hits["writeback"]}, {*served.units()["text"].cast(pl.Float64)}
    state, in_step = current_state(settings, "c"), committed_state(settings, "c")
    if state is None or in_step is None or state.name != in_step.name:  # killed before units were retired
        assert shown == held_by_it & {float(text) for text in hits["corpus"]}
    else:
        assert shown == held_by_it
    with Lineage(settings.layout.lineage).connect() as connection:
        decided = connection.execute("SELECT release FROM release_decisions ORDER BY decided_at").fetchall()
        released = connection.execute("SELECT DISTINCT release FROM releases ORDER BY 1").fetchall()
    return {
        "served": held[served.name],
        "corpus": hits["corpus"],
        "moves": [[move["action"], move["release"]] for move in moves_of(folder)],
        "decided": [row[0] for row in decided],
        "released": [row[0] for row in released],
        "bytes": {str(file.relative_to(settings.home)): _digest(file) for file in _same_in_every_run(settings)},
        "traces": _holding(settings, b"T b", b"90.0", b"u-b"),
    }


def _same_in_every_run(settings: Settings) -> list[Path]:
    """Files but for those that hold times or names of runs, and what killed writers left under hidden names.

    Nor the stored embeddings: which vectors lie together in a segment is a matter of how often it was tried.
    """
    named = ("lineage", "cache", "locks", "mine")
    return [
        file
        for file in sorted(settings.home.rglob("*"))
        if file.is_file()
        and file.relative_to(settings.home).parts[0] not in named
        and not any(part.startswith(".") for part in file.relative_to(settings.home).parts)
        and not (file.name == "CURRENT" and "releases" in file.parts)
        and file.name != "release.json"
        and "embeddings" not in file.parts
    ]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _holding(settings: Settings, *words: bytes) -> list[str]:
    found = []
    for file in sorted(path for path in settings.home.rglob("*") if path.is_file() and "mine" not in path.parts):
        data = file.read_bytes()
        if file.suffix == ".parquet":
            with suppress(pl.exceptions.PolarsError):  # half of a file, under a hidden name
                data += repr(pl.read_parquet(file).to_dicts()).encode()
        if any(word in data for word in words):
            found.append(str(file.relative_to(settings.home)))
    return found


WORKS = {
    "train": Work(prepare, train, look),
    "refresh": Work(prepare_refresh, refresh, look),
    "forget": Work(prepare, forget, look),
    "release by hand": Work(prepare_by_hand, release_by_hand, look),
}

if __name__ == "__main__":
    registry.BUILT_IN = Path(sys.argv[2]) / "nothing"  # whose questions forgetting would read each time
    kill_at_every_write(WORKS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3]))
