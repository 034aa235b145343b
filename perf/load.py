"""``wbrag serve`` under load: ``python -m perf.load [--queries 200000] [--connections 64] [--store faiss|pgvector]``.

Clients keep so many connections busy while another release is promoted every few seconds. Half of them bring a token
that opens labelled passages. Each answer is looked at: its status, that it has K passages, and that none of them is
closed to who asked. With ``--store pgvector`` a Postgres is started, the vectors lie in it, and it is restarted twice
on the way; what fails while it is away is counted by itself.

Printed are requests a second, the time of the middle one and of the slowest hundredth, failures, what was shown to
the wrong reader, the CPU time of the server, and its memory at the start and at the end. Beside that, in the same run,
a bare loop of the encoder and FAISS, and, with ``--flashrag FOLDER [--python INTERPRETER]``, FlashRAG's retriever
behind a server (``perf.flashrag_server``), which gets the same questions in turns with ours: no labels, no releases.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from perf import serve
from perf.peer import ROOT, write_part
from perf.serve import BENCHMARK, TOP_K, Served, ask, figures, looped, sample_passages, serve_command, serving
from wbrag_pipeline import tables
from wbrag_pipeline.minilm import model_dir
from wbrag_pipeline.releases.store import build_release, promote
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.serving.access_tokens import new_token
from wbrag_pipeline.settings import Settings

_SECONDS_AWAY = 30.0  # after a restart: what fails so soon is counted as the store's


@dataclass
class Load:
    """What the clients saw. closed: ids of the passages that need a token."""

    closed: frozenset[str] = frozenset()
    times: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    failed_while_away: Counter[str] = field(default_factory=Counter)
    wrong_reader: int = 0
    too_few: int = 0
    promoted: int = 0
    away_until: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    memory: list[float] = field(default_factory=list)


def prepared(folder: Path, passages: int, store: str, encoder: Encoder) -> tuple[Settings, list[str], str, list[str]]:
    """A home with passages, one in ten of them closed, and two releases; questions, a token, names of releases."""
    closed = pl.when(pl.int_range(pl.len()) % 10 == 3).then(pl.lit(["hr"])).otherwise(pl.lit([], pl.List(pl.String)))
    settings, questions = serve.prepared(folder, sample_passages(passages).with_columns(labels=closed), encoder, store)
    everybodys = tables.PASSAGES.load(settings, BENCHMARK).filter(pl.col("labels").list.len() == 0)
    names = [
        build_release(
            units_that_say(everybodys[start::20]),
            encoder,
            settings.releases(BENCHMARK),
            {"settings": settings.record()},
            Collections.of(settings),
        ).name
        for start in (0, 1)
    ]
    promote(settings.releases(BENCHMARK), names[0], actor="perf", reason="the first")
    return settings, questions, new_token(settings.layout.access_tokens, ["hr"], "perf"), names


def units_that_say(passages: pl.DataFrame) -> pl.DataFrame:
    """Units that say what one passage each says: they stand, whatever is done to other passages."""
    made = passages.select(
        unit_id="u_" + pl.col("content_hash").str.head(16),
        benchmark=pl.lit(BENCHMARK),
        question_id="passage_id",
        question=pl.lit("?"),
        title="title",
        text="text",
        source_passage_ids=pl.concat_list("passage_id"),
        source_hashes=pl.concat_list("content_hash"),
        source_tokens=pl.lit(9),
        unit_tokens=pl.lit(9),
        fallback=pl.lit(False),
        distiller=pl.lit("by hand"),
        prompt_version=pl.lit("1"),
        labels="labels",
    )
    schema = tables.KNOWLEDGE_UNITS.schema
    usual = {name: "" if kind == pl.String else 0 for name, kind in schema.items() if name not in made.columns}
    whole = made.with_columns(**{name: pl.lit(value) for name, value in usual.items()})
    return whole.select(schema.names()).cast(schema)


async def loaded(server: Served, questions: list[str], token: str, queries: int, connections: int, load: Load) -> None:
    """Ask so many queries over so many connections, each its share."""

    async def client(number: int) -> None:
        knows = bool(number % 2)
        reader, writer = await server.connect()
        for turn in range(queries // connections):
            begin = time.perf_counter()
            question = questions[(number * 7 + turn) % len(questions)]
            try:
                status, content = await ask(reader, writer, question, token if knows else "")
            except (OSError, asyncio.IncompleteReadError) as error:
                status, content = type(error).__name__, b""
                reader, writer = await server.connect()
            load.times.append(time.perf_counter() - begin)
            if status == "200":
                (hits,) = json.loads(content)["result"]
                load.too_few += len(hits) != TOP_K
                load.wrong_reader += not knows and any(str(hit["document"]["id"]) in load.closed for hit in hits)
            elif time.monotonic() < load.away_until:
                load.failed_while_away[status] += 1
            else:
                load.failed[status] += 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(connections)))


@contextmanager
def repeated(work: Callable[[], object], seconds: float) -> Iterator[None]:
    """Do ``work`` every so many seconds while the block runs."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(seconds):
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def resident(process: int) -> float:
    """Memory of a process, MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def cpu_seconds(process: int) -> float:
    """CPU time that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked(server: Served, questions: list[str], token: str, queries: int, connections: int, load: Load) -> None:
    """Have the clients ask so many, and count time, CPU time and memory too."""
    begin, cpu = time.perf_counter(), cpu_seconds(server.process)
    load.memory = load.memory or [resident(server.process)]
    asyncio.run(loaded(server, questions, token, queries, connections, load))
    load.seconds += time.perf_counter() - begin
    load.cpu += cpu_seconds(server.process) - cpu
    load.memory.append(resident(server.process))


@contextmanager
def flashrag_serving(package: Path, python: str, passages: pl.DataFrame, folder: Path) -> Iterator[Served]:
    """FlashRAG's retriever over these passages."""
    folder.mkdir()
    corpus = write_part(passages, folder / "corpus.jsonl")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, package.absolute())))}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache"), "PYTHONWARNINGS": "ignore"}
    with (
        (folder / "log").open("wb") as log,
        serving([python, "-m", "perf.flashrag_server", corpus, str(model_dir()), str(folder)], environment, log) as up,
    ):
        yield up


@contextmanager
def stored(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """The setting ``store``, and what restarts it."""
    if kind != "pgvector":
        yield kind if kind == "faiss" else f"{kind}:{folder / kind}", lambda: None
        return
    import pgserver
    from pgserver._commands import create_command_function

    place = Path(tempfile.mkdtemp(prefix="wbrag-pg-"))
    server = pgserver.postgres_server.get_server(place, cleanup_mode="delete")

    def restart() -> None:
        arguments = ["-D", str(place), "-m", "immediate", "-w", "restart"]
        create_command_function("pg_ctl")(arguments, pgdata=place, user=server.system_user)

    try:
        yield f"pgvector:{server.get_uri()}".replace(":@/", "@/"), restart
    finally:
        server.cleanup()


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, default=2_000)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--swap", type=float, default=5.0, help="seconds from one promotion to the next")
    parser.add_argument("--store", choices=("faiss", "lancedb", "pgvector"), default="faiss")
    parser.add_argument("--parts", type=int, default=3, help="turns in which the queries are asked")
    parser.add_argument("--flashrag", type=Path, help="folder that holds FlashRAG's package, to measure it beside")
    parser.add_argument("--peer-queries", type=int, help="that FlashRAG is asked; left out: as many as here")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has what FlashRAG imports")
    options = parser.parse_args()
    encoder, load, theirs = load_encoder(), Load(), Load()
    with tempfile.TemporaryDirectory() as temporary, stored(options.store, Path(temporary)) as (store, restart):
        settings, questions, token, names = prepared(Path(temporary), options.passages, store, encoder)
        passages = tables.PASSAGES.load(settings, BENCHMARK)
        load.closed = frozenset(passages.filter(pl.col("labels").list.len() > 0)["passage_id"])
        print(bare_loop(passages, questions, encoder))

        def swap() -> None:
            load.promoted += 1
            promote(settings.releases(BENCHMARK), names[load.promoted % 2], actor="perf", reason="in turn")

        peer = (
            flashrag_serving(options.flashrag, options.python, passages, Path(temporary) / "flashrag")
            if options.flashrag
            else nullcontext()
        )
        with serving(serve_command(settings)) as ours, peer as other:
            servers = [(ours, load), *([(other, theirs)] if other else [])]
            for server, _ in servers:  # what is loaded late
                asked(server, questions, token, options.connections * 8, options.connections, Load())
            for part in range(options.parts):
                if part in (1, 2) and options.store == "pgvector":
                    load.away_until = time.monotonic() + _SECONDS_AWAY
                    threading.Thread(target=restart, daemon=True).start()
                with repeated(swap, options.swap):
                    asked(ours, questions, token, options.queries // options.parts, options.connections, load)
                if other:
                    fewer = options.peer_queries or options.queries
                    asked(other, questions, token, fewer // options.parts, options.connections, theirs)
                print(
                    f"part {part + 1} of {options.parts}: {len(load.times):,} asked, {load.seconds:.0f} s", flush=True
                )
    told(f"/retrieve, {options.connections} connections", load)
    print(f"  {load.promoted} promotions on the way; shown to the wrong reader: {load.wrong_reader}")
    if options.flashrag:
        told(f"FlashRAG, {options.connections} connections", theirs)
        ratio = (theirs.cpu / len(theirs.times)) / (load.cpu / len(load.times))
        print(f"  CPU-seconds of the servers a query, FlashRAG ÷ ours: {ratio:.2f}")
    if load.failed or load.wrong_reader or load.too_few:
        raise SystemExit(1)


def told(name: str, load: Load) -> None:
    """Print what the clients of one server saw."""
    count = len(load.times)
    print(figures(name, load.times, load.seconds, load.failed.total()))
    print(
        f"  {count:,} requests in {load.seconds:.0f} s, {1000 * load.cpu / count:.1f} ms of the server's CPU time each"
    )
    print(
        f"  failed: {dict(load.failed) or 'none'}; while the store was away: {dict(load.failed_while_away) or 'none'}"
    )
    print(f"  answers with fewer than {TOP_K} passages: {load.too_few}")
    print(f"  the server's memory: {load.memory[0]:.0f} MiB, then {', '.join(f'{mib:.0f}' for mib in load.memory[1:])}")


def bare_loop(passages: pl.DataFrame, questions: list[str], encoder: Encoder) -> str:
    """The encoder and FAISS in one loop, over the same passages."""
    index = load_faiss().IndexFlatIP(encoder.dimension)
    index.add(encoder.encode_passages(passages["title"].to_list(), passages["text"].to_list()))

    def encode_and_search(number: int) -> None:
        index.search(encoder.encode_queries([questions[number % len(questions)]]), TOP_K)

    return figures("bare loop: encoder, FAISS", looped(encode_and_search, 5.0), 5.0)


if __name__ == "__main__":
    main()
