"""What refreshing a corpus costs when 1 % of it changed, against building it from nothing.

    python -m perf.refresh                                  # the built-in sample
    python -m perf.refresh corpus.jsonl.gz --passages 20000
    python -m perf.refresh docs/                            # a folder: read whole, and read when nothing changed

Of every four hundred passages two are edited, one is deleted and one is new. Both sides do all that the assets of a
corpus do: table, comparison, vectors, index, hashes, the swap. The refreshed index must be the built one, byte
for byte. The model is loaded before. Time is CPU seconds of the process, since waiting for other work is no cost.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.documents.folder_reading import DocumentRecord
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.passage_changes import counts
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.settings import DEFAULT_ENCODER, Settings
from wbrag_pipeline.storage import sha256_of_text

SAMPLE = Path(__file__).parents[1] / "wbrag_pipeline" / "sample" / "corpus.jsonl"


def edited(passages: pl.DataFrame) -> pl.DataFrame:
    """The corpus with 1 % of it changed: of four such passages two are edited, one is deleted and one is new."""
    numbered = passages.with_row_index("number")
    kind = (pl.col("number") // 100) % 4
    hit = pl.col("number") % 100 == 50
    changed = numbered.filter(~(hit & (kind == 0))).with_columns(
        text=pl.when(hit & (kind < 3)).then(pl.col("text") + " This was added later.").otherwise("text"),
        passage_id=pl.when(hit & (kind == 3)).then(pl.col("passage_id") + "-new").otherwise("passage_id"),
    )
    new = changed.with_columns(
        text=pl.when(hit & (kind == 3)).then(pl.lit("Newly written: ") + pl.col("text")).otherwise("text")
    ).drop("number")
    hashes = [sha256_of_text(title, text) for title, text in new.select("title", "text").iter_rows()]
    return tables.PASSAGES.check(new.with_columns(content_hash=pl.Series(hashes, dtype=pl.String)))


def refresh(settings: Settings, source: Path, encoder: Encoder) -> tuple[float, dict[str, int], int]:
    """Refresh the corpus; gives CPU seconds, what had changed, and how many passages were encoded."""
    registry = Registry({"c": Corpus("c", source)}, {})
    start = time.process_time()
    done = refresh_corpus(settings, registry, "c", encoder, run="perf")
    seconds = time.process_time() - start
    return seconds, counts(done.changes, tables.PASSAGES.load(settings, "c").height), done.encoded


def state_files(settings: Settings) -> dict[str, bytes]:
    """The files of the state that is served."""
    state = current_state(settings, "c")
    assert state is not None
    return {file.name: file.read_bytes() for file in state.folder.iterdir()}


def read_twice(folder: Path) -> None:
    """Print the CPU seconds of reading a folder of documents, and of reading it again."""
    first, bad = DocumentRecord(), BadDocuments(skip=True)
    start = time.process_time()
    passages = read_corpus(folder, bad, documents=first)
    whole = time.process_time() - start
    start, again = time.process_time(), BadDocuments(skip=True)
    same = read_corpus(folder, again, documents=DocumentRecord(first.now, passages.lazy())).equals(passages)
    print(f"{first.now.height:,} documents, {passages.height:,} passages")
    print(f"  read                    {whole:8.2f} CPU-seconds")
    print(f"  read again              {time.process_time() - start:8.2f} CPU-seconds, {again.unchanged:,} not opened")
    print(f"  same passages: {'yes' if same else 'NO'}")


def main() -> None:
    """Read the arguments, build, edit, refresh, build anew, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--passages", type=int, default=20_000, help="at most so many, the first ones")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    arguments = parser.parse_args()
    if not arguments.corpus.exists():
        parser.error(f"there is no {arguments.corpus}: name a corpus")
    if arguments.corpus.is_dir():
        read_twice(arguments.corpus)
        return
    passages = read_corpus(arguments.corpus).head(arguments.passages)
    encoder = load_encoder(arguments.encoder)
    encoder.encode_passages(["warm"], ["up"])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "corpus.parquet"
        written = ("content_hash",)
        one, scratch = (Settings(home=Path(folder) / name, encoder=arguments.encoder) for name in ("one", "scratch"))
        passages.drop(written).rename({"passage_id": "id"}).write_parquet(source)
        first, _, _ = refresh(one, source, encoder)
        edited(passages).drop(written).rename({"passage_id": "id"}).write_parquet(source)
        again, found, encoded = refresh(one, source, encoder)
        full, _, _ = refresh(scratch, source, encoder)
        same = state_files(one) == state_files(scratch)
    print(f"{passages.height:,} passages, {encoder.name}")
    print(f"  from nothing            {full:8.2f} CPU-seconds ({first:.2f} the first time)")
    print(f"  1 % changed, refreshed  {again:8.2f} CPU-seconds, {encoded} encoded")
    print("  " + ", ".join(f"{count:,} {name}" for name, count in found.items()))
    print(f"  ratio                   {100 * again / full:8.2f} %")
    print(f"  same state, byte for byte: {'yes' if same else 'NO'}")
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
