"""Runs the pipeline in forked children and kills them; started by test_kill.py as a process of its own.

The imports, which cost most, are paid for once. A fork must come before any thread (Polars' pool, torch's): so the
home to start from, FOLDER/template, is made by the test. Prints a JSON object for the
undisturbed run and one for the killed, then the same of a refresh after them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.failures.forking import child, die
from wbrag_pipeline.settings import Settings

STAGES = ["passages", "corpus_changes", "corpus_index", "retired_units", "questions", "retrievals", "utility_scores"]
STAGES += ["gated_docs", "knowledge_units", "curated_units", "writeback_index", "release", "evaluation", "report"]


def main(folder: Path) -> None:
    template = folder / "template"
    os.environ["WBRAG_HOME"] = str(template)
    import altair  # noqa: F401
    import faiss  # noqa: F401
    import sentence_transformers  # noqa: F401

    import assets.stage
    import wbrag_pipeline.definitions  # noqa: F401
    from wbrag_pipeline.commands.pipeline import bring_corpora_up_to_date, run_pipeline
    from wbrag_pipeline.generation.accounts import completions
    from wbrag_pipeline.generation.reader import network, reader

    reader._PAIRS_A_BATCH = 8  # so that a stage stores its answers in several goes

    def train(settings: Settings) -> None:
        run_pipeline(settings, ["towns"])

    def refresh(settings: Settings) -> None:
        bring_corpora_up_to_date(settings, ["towns"])

    def run(
        name: str, arrange: Callable[[], None] | None, do: Callable[[Settings], None] = train
    ) -> tuple[int, list[str]]:
        """One run in a child; gives its status, 1 for an error, and every pair that the network read."""
        home, log = folder / name, folder / f"{name}.log"
        if not home.exists():
            shutil.copytree(template, home)
        log.unlink(missing_ok=True)

        def work() -> None:
            os.environ["DAGSTER_HOME"] = str(home / "dagster")
            read = network.ReaderNetwork.read

            def logged(self, kind, pairs):  # type: ignore[no-untyped-def]
                readings = read(self, kind, pairs)
                with log.open("a") as stream:
                    stream.writelines(json.dumps([kind, *pair]) + "\n" for pair in pairs)
                return readings

            network.ReaderNetwork.read = logged  # type: ignore[method-assign]
            if arrange:
                arrange()
            do(Settings.from_environment(home=home))

        status, told = child(work)
        return status or int(told is not None), log.read_text().splitlines() if log.exists() else []

    def when_stage_ends(stage: str) -> Callable[[], None]:
        """Die with the stage's work done and its table not yet in place."""

        def arrange() -> None:
            result = assets.stage.Stage.result

            def kill(self, *args, **kwargs):  # type: ignore[no-untyped-def]
                if self.asset == stage:
                    die()
                return result(self, *args, **kwargs)

            assets.stage.Stage.result = kill  # type: ignore[method-assign]

        return arrange

    def after_batch(number: int) -> Callable[[], None]:
        """Die in the middle of a stage, right after so many batches of answers were stored."""

        def arrange() -> None:
            store, stored = completions._count, [0]

            def kill(usage, spent, fresh, put):  # type: ignore[no-untyped-def]
                store(usage, spent, fresh, put)
                stored[0] += bool(fresh)
                if stored[0] == number:
                    die()

            completions._count = kill

        return arrange

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
    for arrange in deaths:
        status, read = run("killed", arrange)
        killed.append(status)
        pairs += read
    status, read = run("killed", None)
    found = {"name": "killed", "killed": killed, "status": status, "pairs": sorted(pairs + read)}
    print(json.dumps({**found, "units": released("killed")}))

    # One passage says something else, and both homes are refreshed.
    corpus = folder / "data" / "towns.jsonl"
    corpus.write_text(corpus.read_text().replace("founded by Tessa Quill in 1612", "founded by Ida Brook in 1613"))
    for name, arranged in (("undisturbed", []), ("killed", [when_stage_ends(stage) for stage in STAGES[:4]])):
        statuses = [run(name, arrange, refresh)[0] for arrange in (*arranged, None)]
        retired = (folder / name / "tables" / "retired_units").rglob("*.parquet")
        found = {"statuses": statuses, "retired": [file.read_bytes().hex() for file in retired]}
        print(json.dumps({**found, "units": released(name)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
