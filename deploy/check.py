"""Whether the deployment works: a backfill, a night, a rollback, seen through Dagster's GraphQL and the HTTP port.

``scripts/deployment-check`` runs it, with no container. What must hold is asserted, and each step is printed with what
it took.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from deploy.processes import Deployment, deployed, wait_for
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry

OWN = "handbook"  # a corpus of the user's own, and the benchmark over it
LOCATION = {"repositoryLocationName": "wbrag_pipeline", "repositoryName": "__repository__"}
_RUNS = """
query Runs($filter: RunsFilter, $limit: Int) {
  runsOrError(filter: $filter, limit: $limit) {
    ... on Runs { results { runId jobName status startTime endTime tags { key value } } }
  }
}
"""
_BACKFILL = """
mutation Backfill($selector: PartitionSetSelector!, $names: [String!]!) {
  launchPartitionBackfill(backfillParams: {selector: $selector, partitionNames: $names}) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
_SCHEDULE = """
query Schedule($selector: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $selector) { ... on Schedule { id scheduleState { id } } }
}
"""
_START = "mutation Start($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) { __typename } }"
_STOP = "mutation Stop($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_RELEASES = """
query Releases($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset {
      assetMaterializations(limit: 20) { partition metadataEntries { label ... on TextMetadataEntry { text } } }
      assetObservations(limit: 20) { partition metadataEntries { label ... on TextMetadataEntry { text } } }
    }
  }
}
"""
_PARTITIONS = """
query Partitions($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } } }
"""


class Check:
    """The steps, in their order, over a deployment that is up."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def runs(self, job: str, **tags: str) -> list[dict[str, Any]]:
        """The runs of a job with these tags, newest first; tags as a mapping."""
        wanted = {"pipelineName": job, "tags": [{"key": k, "value": v} for k, v in tags.items()]}
        found: Any = self.deployment.ask(_RUNS, filter=wanted, limit=100)
        results = found["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in results]

    def backfill(self, job: str, partitions: list[str]) -> list[dict[str, Any]]:
        """A backfill of the job over these partitions, to its end; gives its runs, the first to start first."""
        selector = {"partitionSetName": f"{job}_partition_set", "repositorySelector": LOCATION}
        answer: Any = self.deployment.ask(_BACKFILL, selector=selector, names=partitions)
        backfill = answer["launchPartitionBackfill"].get("backfillId")
        assert backfill, answer
        done = self.ended(job, len(partitions), **{"dagster/backfill": backfill})
        return sorted(done, key=lambda run: run["startTime"])

    def ended(self, job: str, number: int, since: float = 0.0, **tags: str) -> list[dict[str, Any]]:
        """So many runs of the job, each ended well; a run that failed ends the check."""

        def look() -> list[dict[str, Any]] | None:
            found = self.runs(job, **tags)
            for run in found:
                assert run["status"] not in ("FAILURE", "CANCELED"), run
            done = [run for run in found if run["status"] == "SUCCESS" and (run["startTime"] or 0) > since]
            return done if len(done) >= number else None

        return wait_for(look, f"{number} runs of {job}", self.deployment.folder)

    def releases(self, benchmark: str, kind: str = "assetMaterializations") -> list[dict[str, str]]:
        """What the asset `release` tells of a benchmark, newest first."""
        found: Any = self.deployment.ask(_RELEASES, key={"path": ["release"]})
        events = [event for event in found["assetOrError"][kind] if event["partition"] == benchmark]
        return [{e["label"]: e.get("text") or "" for e in event["metadataEntries"]} for event in events]

    def partitions(self, asset: str) -> list[str]:
        """The partitions that the code location knows."""
        found: Any = self.deployment.ask(_PARTITIONS, key={"path": [asset]})
        return list(found["assetNodeOrError"]["partitionKeys"])

    def night(self, on: bool) -> None:
        """Switch the nightly schedule on or off, as a person does in the UI."""
        selector = {**LOCATION, "scheduleName": "corpora_at_night"}
        if on:
            self.deployment.ask(_START, selector=selector)
        else:
            found: Any = self.deployment.ask(_SCHEDULE, selector=selector)
            self.deployment.ask(_STOP, id=found["scheduleOrError"]["scheduleState"]["id"])

    def roll_back(self, benchmark: str) -> dict[str, str]:
        """The job of that name, launched and ended; gives what the asset says then."""
        params = {
            "selector": {**LOCATION, "pipelineName": "roll_back"},
            "mode": "default",
            "runConfigData": json.dumps({"ops": {"previous_release": {"config": {"reason": "the check"}}}}),
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": benchmark}]},
        }
        answer: Any = self.deployment.ask(_LAUNCH, params=params)
        assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer
        self.ended("roll_back", 1)
        return self.releases(benchmark, "assetObservations")[0]


@dataclass(frozen=True)
class OwnFiles:
    """A user's own corpus and questions. ``later`` are passages that half of the questions need and that come later."""

    corpus: Path
    train: Path
    test: Path
    later: str


def own_files(folder: Path, questions: int = 30, others: int = 100) -> OwnFiles:
    """A part of the sample: so many questions a split, a few passages that hold their answers, and other passages."""
    import polars as pl

    sample = Registry.load(BUILT_IN / "none")
    splits, passages = sample.splits("sample_nq"), sample.passages("sample")
    passages = passages.select("title", "text", id="passage_id")
    needed = []
    for answers in splits.train["golden_answers"].head(questions):
        holds = pl.any_horizontal([pl.col("text").str.contains(answer, literal=True) for answer in answers])
        needed.append(passages.filter(holds).head(3))
    now = pl.concat([*needed[::2], passages.head(others)]).unique("id", maintain_order=True)
    later = pl.concat(needed[1::2]).unique("id", maintain_order=True).join(now, on="id", how="anti")
    corpus, train, test = folder / "handbook.jsonl", folder / "train.jsonl", folder / "test.jsonl"
    corpus.write_text(now.write_ndjson(), encoding="utf-8")
    for file, frame in ((train, splits.train), (test, splits.test)):
        rows = frame.select("question", "golden_answers", id=pl.col("question_id")).head(questions)
        file.write_text(rows.write_ndjson(), encoding="utf-8")
    return OwnFiles(corpus, train, test, later.write_ndjson())


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is done, and how long it took."""
    begun = time.monotonic()
    print(f"{what} …", flush=True)
    yield
    print(f"  {time.monotonic() - begun:.0f} s", flush=True)


def check(folder: Path, benchmarks: list[str]) -> None:
    """All steps. Raises AssertionError or RuntimeError at the first that does not do what it must."""
    own = own_files(folder)
    settings = {"WBRAG_LIMIT": "40", "WBRAG_REFRESH_CRON": "* * * * *", "OMP_NUM_THREADS": "1"}
    with deployed(folder, settings) as running:
        print(f"up at {running.webserver}; logs in {folder}", flush=True)
        it = Check(running)
        it.night(on=False)
        with step("wbrag add: the running code location knows the new entries"):
            running.wbrag("add", "corpus", OWN, str(own.corpus))
            arguments = ["--corpus", OWN, "--train", str(own.train), "--test", str(own.test)]
            assert "loaded again" in running.wbrag("add", "benchmark", OWN, *arguments)
            assert OWN in it.partitions("passages") and OWN in it.partitions("questions")
        with step("both corpora are indexed in a backfill"):
            it.backfill("index_corpus", ["sample", OWN])
        with step(f"{len(benchmarks) + 1} benchmarks are trained in a backfill, one generator at a time"):
            trained = it.backfill("train_knowledge_base", [*benchmarks, OWN])
            for one, next_one in pairwise(trained):
                assert one["endTime"] <= next_one["startTime"], "two runs were in the generator's pool at once"
            for run in trained:
                assert run["tags"]["wbrag/release"] == "r000001" and run["tags"]["wbrag/variant"], run
        with running.serving(OWN, *benchmarks) as address:
            with step("wbrag serve opens them"):
                wait_for(lambda: _ready(address), "wbrag serve", folder)
            _night_and_rollback(it, own, address)


def _night_and_rollback(it: Check, own: OwnFiles, address: str) -> None:
    assert served(address) == "r000001"
    with step("the corpus changes, and the night refreshes, trains and publishes"):
        changed = time.time()
        with own.corpus.open("a", encoding="utf-8") as file:
            file.write(own.later)
        it.night(on=True)
        tag = {"dagster/schedule_name": "corpora_at_night", "dagster/partition": OWN}
        it.ended("index_corpus", 1, since=changed, **tag)
        it.night(on=False)
        sensor = {"dagster/sensor_name": "benchmarks_after_refresh", "dagster/partition": OWN}
        (trained,) = it.ended("train_knowledge_base", 1, since=changed, **sensor)
    new = it.releases(OWN)[0]["served"]
    assert new > "r000001" and served(address) == new, (new, served(address))
    print(f"  {new} is served over HTTP; the run is tagged {trained['tags']['wbrag/release']}")
    with step("roll_back in Dagster"):
        told = it.roll_back(OWN)
    assert (told["left"], told["served"]) == (new, "r000001"), told
    assert served(address) == "r000001"
    print("  r000001 is served over HTTP again")


def served(address: str) -> str:
    """The release by which a question is answered over HTTP."""
    reply = httpx.post(f"{address}/retrieve", json={"queries": ["When does the library open?"], "topk": 3}, timeout=120)
    reply.raise_for_status()
    return str(reply.json()["release"])


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    """Read the arguments and check."""
    sample = [name for name in Registry.load(BUILT_IN / "none").benchmarks if name.startswith("sample_")]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--benchmarks", nargs="*", default=sample, help="of the sample; all of them by default")
    options = parser.parse_args()
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="wbrag-deployment-"))
    check(folder, options.benchmarks)
    shutil.rmtree(folder, ignore_errors=True)  # kept with its logs where something failed
    print(f"the deployment works ({time.monotonic() - begun:.0f} s)")


if __name__ == "__main__":
    main()
