"""How fast ``wbrag serve`` answers: ``python -m perf.serve [--seconds S] [--passages N] [--connections 16,64]``.

The sample's passages are indexed in a home of their own and served by the command itself, in a process beside this
one; nothing is promoted, so the corpus alone is searched. Clients in this process send one question a request to
``/retrieve`` and wait for the answer before they send the next. Beside that, in the same run, a bare loop in one
process: the encoder and FAISS, without HTTP, texts, labels or releases, and FAISS alone on vectors that are known.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import numpy as np
import polars as pl

from perf.peer import ROOT
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.stores.faiss_store import INDEX_FILE
from wbrag_pipeline.settings import Settings

BENCHMARK, TOP_K = "perf", 5


def sample_passages(count: int) -> pl.DataFrame:
    """That many of the sample's passages, as a corpus is written."""
    found = Registry.load(BUILT_IN / "none").passages("sample").head(count)
    return found.select("title", "text", id="passage_id")


def prepared(
    folder: Path, passages: pl.DataFrame, encoder: Encoder, store: str = "faiss"
) -> tuple[Settings, list[str]]:
    """A home with these passages, indexed, and the questions that are asked."""
    questions = Registry.load(BUILT_IN / "none").splits("sample_nq").train["question"].to_list()
    corpus, train = folder / "corpus.parquet", folder / "train.jsonl"
    passages.write_parquet(corpus)
    rows = [{"id": f"q{n}", "question": text, "golden_answers": ["-"]} for n, text in enumerate(questions)]
    train.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = Settings(home=folder / "home", top_k=TOP_K, store=store)
    add_corpus(settings.home, BENCHMARK, corpus)
    add_benchmark(settings.home, BENCHMARK, task="open_qa", corpus=BENCHMARK, train=train)
    refresh_corpus(settings, Registry.load(settings.home), BENCHMARK, encoder, run="perf")
    return settings, questions


def looped(work: Callable[[int], object], seconds: float) -> list[float]:
    """Seconds that each call took, one after the other, for so long."""
    for number in range(10):
        work(number)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < until:
        work(len(times))
        times.append(time.perf_counter() - begin)
    return times


@dataclass(frozen=True)
class Served:
    """A server that is up."""

    address: str
    process: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to it."""
        parts = urlsplit(self.address)
        return await asyncio.open_connection(parts.hostname, parts.port)


@contextmanager
def serving(
    command: Sequence[str], environment: dict[str, str] | None = None, log: IO[bytes] | None = None
) -> Iterator[Served]:
    """A server that prints ``serving ADDRESS`` when it is up, until the block ends."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=ROOT) as server:
        try:
            assert server.stdout is not None
            address = next(line for line in server.stdout if line.startswith("serving")).split()[-1]
            yield Served(address, server.pid)
        finally:
            server.terminate()


def serve_command(settings: Settings) -> list[str]:
    """What serves the home's release."""
    command = [sys.executable, "-m", "wbrag_pipeline.cli", "serve", BENCHMARK, "--home", str(settings.home)]
    return [*command, "--store", settings.store, "--port", "0", "--no-log-requests"]


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: str, token: str = ""
) -> tuple[str, bytes]:
    """Status and content of the answer to one question."""
    body = json.dumps({"queries": [question], "topk": TOP_K, "return_scores": True}).encode()
    head = "POST /retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    said = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", said)
    content = await reader.readexactly(int(length[1]) if length else 0)
    return said.split(b" ", 2)[1].decode(), content


async def loaded(server: Served, questions: list[str], connections: int, seconds: float) -> tuple[list[float], int]:
    """Seconds that each request took, by so many connections at once for so long, and how many requests failed."""
    times: list[float] = []
    failed = 0
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        nonlocal failed
        reader, writer = await server.connect()
        while (begin := time.perf_counter()) < until:
            number += 1
            status, _ = await ask(reader, writer, questions[number % len(questions)])
            failed += status != "200"
            times.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(client(number * 7) for number in range(connections)))
    return times, failed


def figures(name: str, times: list[float], seconds: float, failed: int = 0) -> str:
    """One line: calls a second, and the time of the middle one and of the slowest hundredth."""
    middle, slow = np.percentile(np.array(times) * 1000, [50, 99])
    line = f"  {name:<28}{len(times) / seconds:9,.1f} a second   p50 {middle:8.2f} ms   p99 {slow:8.2f} ms"
    return line + (f"   {failed:,} FAILED" if failed else "")


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=7.0, help="of each of the measurements")
    parser.add_argument("--passages", type=int, default=2_000)
    parser.add_argument("--connections", default="16,64", help="how many at once, with commas between")
    options = parser.parse_args()
    encoder, seconds, any_failed = load_encoder(), options.seconds, 0
    with tempfile.TemporaryDirectory() as folder:
        settings, questions = prepared(Path(folder), sample_passages(options.passages), encoder)
        state = current_state(settings, BENCHMARK)
        assert state is not None
        index = load_faiss().read_index(str(state.folder / INDEX_FILE))
        known = encoder.encode_queries(questions[:100])
        print(f"{index.ntotal:,} passages, K {TOP_K}, one question a request")

        def encode_and_search(number: int) -> None:
            index.search(encoder.encode_queries([questions[number % len(questions)]]), TOP_K)

        alone = looped(lambda number: index.search(known[number % len(known)][None], TOP_K), seconds / 4)
        print(figures("FAISS alone", alone, seconds / 4))
        print(figures("bare loop: encoder, FAISS", looped(encode_and_search, seconds), seconds))
        with serving(serve_command(settings)) as server:
            asyncio.run(loaded(server, questions, 2, 1.0))
            for connections in map(int, options.connections.split(",")):
                times, failed = asyncio.run(loaded(server, questions, connections, seconds))
                any_failed += failed
                print(figures(f"/retrieve, {connections} connections", times, seconds, failed))
    if any_failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
