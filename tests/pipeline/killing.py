"""Runs the pipeline in forked children and kills them; started by test_kill.py as a process of its own.

The imports, which cost most, are paid for once. A fork must come before any thread (Polars' pool, torch's): so the
home to start from, FOLDER/template, is made by the test. Prints a JSON object for the
undisturbed run and one for the killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

STAGES = ["passages", "corpus_changes", "corpus_index", "retired_units", "retrievals", "utility_scores", "gated_docs"]
STAGES += ["knowledge_units", "curated_units", "writeback_index", "release", "evaluation", "report"]


def main(folder: Path) -> None:
    template = folder / "template"
    os.environ["WBRAG_HOME"] = str(template)
    import altair  # noqa: F401
    import faiss  # noqa: F401
    import sentence_transformers  # noqa: F401

    import assets.stage
    import wbrag_pipeline.definitions  # noqa: F401
    from wbrag_pipeline.generation import completions
    from wbrag_pipeline.generation.reader import network, reader

    reader._PAIRS_A_BATCH = 8  # so that a stage stores its answers in several goes

    def run(name: str, die: Callable[[], None] | None) -> tuple[int, list[str]]:
        """One run of ``wbrag run towns`` in a child; gives its status and every pair that the network read."""
        home, log = folder / name, folder / f"{name}.log"
        if not home.exists():
            shutil.copytree(template, home)
        log.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            os.environ["DAGSTER_HOME"] = str(home / "dagster")
            # What libraries say goes nowhere: stdout is for the parent's JSON alone.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            read = network.ReaderNetwork.read

            def logged(self, kind, pairs, progress=None):  # type: ignore[no-untyped-def]
                readings = read(self, kind, pairs, progress)
                with log.open("a") as stream:
                    stream.writelines(json.dumps([kind, *pair]) + "\n" for pair in pairs)
                return readings

            network.ReaderNetwork.read = logged  # type: ignore[method-assign]
            try:
                if die:
                    die()
                from wbrag_pipeline.commands.pipeline import run_pipeline
                from wbrag_pipeline.settings import Settings

                run_pipeline(Settings.from_environment(home=home), ["towns"])
                os._exit(0)
            finally:
                os._exit(1)  # never back into the parent's code, nor its buffers
        _, status = os.waitpid(child, 0)
        return status, log.read_text().splitlines() if log.exists() else []

    def when_stage_ends(stage: str) -> Callable[[], None]:
        """Die with the stage's work done and its table not yet in place."""

        def die() -> None:
            result = assets.stage.Stage.result

            def kill(self, *args, **kwargs):  # type: ignore[no-untyped-def]
                if self.asset == stage:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result(self, *args, **kwargs)

            assets.stage.Stage.result = kill  # type: ignore[method-assign]

        return die

    def after_batch(number: int) -> Callable[[], None]:
        """Die in the middle of a stage, right after so many batches of answers were stored."""

        def die() -> None:
            store, stored = completions._count, [0]

            def kill(usage, spent, fresh, put):  # type: ignore[no-untyped-def]
                store(usage, spent, fresh, put)
                stored[0] += bool(fresh)
                if stored[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            completions._count = kill

        return die

    def released(name: str) -> str:
        (pointer,) = (folder / name / "releases").rglob("CURRENT")
        return (pointer.parent / pointer.read_text().split()[0] / "units.parquet").read_bytes().hex()

    status, pairs = run("undisturbed", None)
    print(
        json.dumps({"name": "undisturbed", "status": status, "pairs": sorted(pairs), "units": released("undisturbed")})
    )
    # One home is killed over and over, each time a little further on.
    deaths = [when_stage_ends(stage) for stage in STAGES[:5]]
    deaths += [after_batch(1), after_batch(2), *(when_stage_ends(stage) for stage in STAGES[5:])]
    killed, pairs = [], []
    for die in deaths:
        status, read = run("killed", die)
        killed.append(status)
        pairs += read
    status, read = run("killed", None)
    found = {"name": "killed", "killed": killed, "status": status, "pairs": sorted(pairs + read)}
    print(json.dumps({**found, "units": released("killed")}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
