"""What Dagster costs beside the work, at many small datasets: ``python -m perf.backfill --datasets 200``.

A home is made with so many benchmarks of ten training and ten test questions each over one corpus. They are trained one
after the other, in this process, each as the run of a backfill that it would be. The work is what the assets say that
they took; the rest of a run is Dagster, its records and its checks. A run that a daemon launches starts a process
besides, which costs what loading the definitions costs. At the end: what loading, ``wbrag status`` and ``wbrag
lineage`` take over all of it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.settings import Settings

PASSAGES, QUESTIONS = 60, 10
# The cheapest that there is: the reader, one passage a question, no rescue.
CHEAP = {"top_k": 1, "rescue_depth": 0}
LOAD = """
import time; begun = time.process_time(); import dagster, polars; of_libraries = time.process_time() - begun
from wbrag_pipeline.definitions import defs; defs.get_repository_def().load_all_definitions()
print(of_libraries, time.process_time() - begun - of_libraries)
"""


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def prepared(folder: Path, datasets: int) -> tuple[Settings, list[str], float]:
    """A home with one corpus and so many benchmarks; the settings, their names, and seconds to add one."""
    settings = Settings(home=folder / "home", **CHEAP)  # type: ignore[arg-type]
    towns = [f"Port {number:03d}" for number in range(PASSAGES)]
    passages = [
        {"id": str(n), "contents": f'"{town}"\n{town} was founded by Ada {n} Quill in {1500 + n}. It lives from salt.'}
        for n, town in enumerate(towns)
    ]
    add_corpus(settings.home, "towns", write_jsonl(folder / "towns.jsonl", passages))
    names, begun = [], time.perf_counter()
    for number in range(datasets):
        files = []
        for split, asked in (("train", "Who founded {}, asked {}?"), ("test", "By whom was {} founded, in {}?")):
            rows = [
                {
                    "id": f"{split}{n}",
                    "question": asked.format(towns[(number + n) % PASSAGES], number),
                    "golden_answers": [f"Ada {(number + n) % PASSAGES} Quill"],
                }
                for n in range(QUESTIONS)
            ]
            files.append(write_jsonl(folder / f"{split}.{number}.jsonl", rows))
        names.append(f"set{number:03d}")
        train, test = files
        add_benchmark(settings.home, names[-1], task="open_qa", corpus="towns", train=train, test=test)
    return settings, names, (time.perf_counter() - begun) / datasets


def trained(settings: Settings, names: list[str]) -> tuple[list[float], list[float]]:
    """CPU-seconds of each run, and of these what its assets took."""
    from wbrag_pipeline.commands.pipeline import dagster_instance

    whole, work = [], []
    with dagster_instance(settings) as instance:
        from resources.deployment import run_config
        from wbrag_pipeline.definitions import defs

        config = {"resources": {"deployment": run_config(settings)}, "loggers": {"people": {}}}
        defs.resolve_job_def("index_corpus").execute_in_process(
            run_config=config, instance=instance, partition_key="towns"
        )
        job = defs.resolve_job_def("train_knowledge_base")
        for name in names:
            begun, cpu = time.perf_counter(), time.process_time()
            done = job.execute_in_process(run_config=config, instance=instance, partition_key=name)
            spent, used = time.perf_counter() - begun, time.process_time() - cpu
            made = [event.materialization for event in done.all_node_events if event.is_step_materialization]
            times = [one.metadata["seconds"].value for one in made]
            seconds = sum(value for value in times if isinstance(value, float))
            whole.append(used)
            work.append(min(1.0, seconds / spent) * used)
    return whole, work


def child(*arguments: str, settings: Settings) -> tuple[float, str]:
    """CPU-seconds of a process of its own over the home, and what it printed."""
    environment = {**os.environ, "WBRAG_HOME": str(settings.home), "WBRAG_TOP_K": "1", "WBRAG_RESCUE_DEPTH": "0"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def a_unit(settings: Settings, names: list[str]) -> str:
    """A unit that was published of any of them."""
    from wbrag_pipeline.releases.store import current

    for name in names:
        units = current(settings.releases(name)).units()
        if units.height:
            return str(units["unit_id"][0])
    raise SystemExit("no dataset has a unit")


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--trained", type=int, help="how many of them are trained; all by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings, names, adding = prepared(Path(folder), options.datasets)
        os.environ["WBRAG_HOME"] = str(settings.home)
        os.environ.pop("DAGSTER_HOME", None)
        print(f"{len(names)} datasets of {QUESTIONS} questions; wbrag add took {adding:.3f} s for each", flush=True)
        libraries, ours = map(float, child("-c", LOAD, settings=settings)[1].split())
        print(f"definitions: {ours:.2f} CPU-seconds, and {libraries:.2f} for importing Dagster and Polars", flush=True)
        names = names[: options.trained]
        whole, work = trained(settings, names)
        tenth = max(1, len(names) // 10)
        print(f"{len(names)} are trained")
        print(f"a run: {middle(whole):.2f} CPU-seconds, of these {middle(work):.2f} in the assets")
        first, last = (
            middle([w - k for w, k in zip(whole[part], work[part], strict=True)])
            for part in (slice(1, tenth + 1), slice(-tenth, None))
        )
        print(f"overhead a run: {first:.2f} CPU-seconds in the first tenth, {last:.2f} in the last", flush=True)
        command = ("-m", "wbrag_pipeline.cli")
        bare = child(*command, "--help", settings=settings)[0]
        status = child(*command, "status", settings=settings)[0]
        lineage = child(*command, "lineage", a_unit(settings, names), settings=settings)[0]
        print(f"wbrag status {status:.1f}, wbrag lineage {lineage:.1f} CPU-seconds (wbrag --help {bare:.1f})")


if __name__ == "__main__":
    main()
