"""Running the Dagster jobs from the command line, on the instance that the UI shows."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.progress import bars_on_this_terminal
from wbrag_pipeline.run_locks import known_to_live
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import locked, sweep, write_text

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from wbrag_pipeline.datasets.benchmark_entry import Benchmark


# Dagster's instance of a home, unless there is one already. deploy/dagster.yaml is that of a deployment, and says why.
INSTANCE = """\
concurrency:
  pools:
    granularity: run
    default_limit: 1
  runs:
    max_concurrent_runs: 10
run_monitoring:
  enabled: true
  start_timeout_seconds: 600
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
telemetry:
  enabled: false
nux:
  enabled: false
"""


def dagster_folder(settings: Settings) -> Path:
    """Dagster's own folder: $DAGSTER_HOME where set, else one under WBRAG_HOME; nothing is made."""
    return Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster").absolute()


def dagster_home(settings: Settings) -> Path:
    """``dagster_folder``, made where it is missing, with an instance that loads one model at a time."""
    folder = dagster_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "dagster.yaml"
    if not configuration.exists():
        write_text(configuration, INSTANCE)
    return folder


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """Dagster's instance of this home, made by one process at a time; the code location is to be loaded inside.

    Its databases are made at first use, and two processes that make them at once leave one that no Dagster opens again
    ("multiple heads").
    """
    import dagster as dg

    from resources.pools import make_pools_known

    prepare_environment(settings)
    with locked(dagster_home(settings)):
        instance = dg.DagsterInstance.get()
        for made_when_asked_for in ("run_storage", "event_log_storage", "schedule_storage"):
            getattr(instance, made_when_asked_for)
        make_pools_known(instance)
    with instance:
        yield instance


def prepare_environment(settings: Settings) -> None:
    """Let the code location, in this process and its children, see the same home."""
    os.environ["WBRAG_HOME"] = str(settings.home)
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))


def run_pipeline(settings: Settings, benchmarks: Sequence[str], *, refresh: bool = False, yes: bool = False) -> None:
    """Bring the benchmarks' corpora up to date, then train and evaluate each. Raises the stage's own error.

    refresh: read the corpora again even when their files have not changed since.
    yes: begin also where more is expected to be spent than the settings allow; it stops there in any case.
    """
    from wbrag_pipeline.commands.spending import within_budget
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.training.preflight import check_before_a_run

    registry = Registry.load(settings.home)
    entries = [registry.benchmark(name) for name in benchmarks]
    check_before_a_run(settings, entries)
    with within_budget([(settings, name) for name in benchmarks], yes=yes):
        bring_corpora_up_to_date(settings, benchmarks, refresh=refresh)
        sweep(settings.home)
        _train(settings, entries)


def _train(settings: Settings, entries: Sequence[Benchmark]) -> None:
    with dagster_instance(settings) as instance:
        from wbrag_pipeline.definitions import defs

        for entry in entries:
            say(f"benchmark {entry.name}", err=True)
            job = "train_knowledge_base" if entry.test else "train_without_test"
            _execute(defs.resolve_job_def(job), instance, settings, entry.name, _run_config(settings))


def bring_corpora_up_to_date(settings: Settings, benchmarks: Sequence[str], *, refresh: bool = False) -> None:
    """Index the benchmarks' corpora where their files have changed since, or all of them with ``refresh``."""
    from wbrag_pipeline.datasets.registry import Registry

    registry = Registry.load(settings.home)
    index_corpora(settings, [registry.benchmark(name).corpus for name in benchmarks], refresh=refresh)


def index_corpora(settings: Settings, corpora: Sequence[str], *, refresh: bool = False) -> None:
    """The same for corpora by name, each once."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.refresh.corpus_stages import is_fresh

    registry, corpora = Registry.load(settings.home), list(dict.fromkeys(corpora))
    stale = [name for name in corpora if refresh or not is_fresh(settings, registry, name)]
    if not stale:
        return
    with dagster_instance(settings) as instance:
        from wbrag_pipeline.definitions import defs

        for corpus in stale:
            say(f"corpus {corpus}", err=True)
            _execute(defs.resolve_job_def("index_corpus"), instance, settings, corpus, _run_config(settings))


def run_refresh(settings: Settings, corpus: str, *, allow_deletions: bool = False) -> None:
    """Read a corpus again and bring index and served units in step with it. Raises the stage's own error."""
    scan = {"ops": {"passages": {"config": {"allow_deletions": allow_deletions}}}}
    with dagster_instance(settings) as instance:
        from wbrag_pipeline.definitions import defs

        _execute(defs.resolve_job_def("index_corpus"), instance, settings, corpus, {**_run_config(settings), **scan})


def train_again(settings: Settings, corpus: str) -> tuple[list[str], dict[str, WbragError]]:
    """Train the benchmarks over a corpus that changed since they were trained under this variant, each as it was last.

    Gives the names of those that were, and the errors of those that failed, which keep no other from being trained.
    """
    from wbrag_pipeline.datasets.registry import Registry

    trained, failed = [], {}
    with dagster_instance(settings) as instance:
        from resources.last_training import last_change, last_training
        from wbrag_pipeline.definitions import defs

        changed_at = last_change(instance, corpus)
        for benchmark in Registry.load(settings.home).benchmarks_of(corpus):
            last = last_training(instance, benchmark, settings)
            if last is None:
                if others := _other_variants(settings, benchmark):
                    say(f"benchmark {benchmark} is not trained again: it was trained as {', '.join(others)}", err=True)
                continue
            if changed_at is None or last.began > changed_at:
                continue
            say(f"benchmark {benchmark}", err=True)
            try:
                _execute(defs.resolve_job_def(last.job), instance, settings, benchmark, last.run_config)
            except WbragError as error:
                failed[benchmark] = error
            else:
                trained.append(benchmark)
    return trained, failed


def _other_variants(settings: Settings, benchmark: str) -> list[str]:
    """Variants with this encoder under which a benchmark is served, beside that of the settings."""
    from wbrag_pipeline.refresh.retiring import served_releases
    from wbrag_pipeline.releases.pointer import POINTER

    found = served_releases(settings, [benchmark])
    return [name for name, _, folder in found if name != settings.variant and (folder / POINTER).is_file()]


def _execute(job: Any, instance: Any, settings: Settings, partition: str, config: Mapping[str, Any]) -> None:
    from dagster import DagsterError, DagsterExecutionInterruptedError

    from resources.run_tags import HOME, VARIANT

    # Known and tagged before Dagster knows of the run, so that it can be told at any moment whether it was killed.
    run = str(uuid.uuid4())
    told, tags = f"run {run[:8]} of {partition}", {HOME: str(settings.home), VARIANT: settings.variant}
    try:
        with (
            bars_on_this_terminal(),
            _ctrl_c_for_this_process_alone(),
            known_to_live(settings.layout, told, run),
        ):
            job.execute_in_process(run_config=config, instance=instance, partition_key=partition, run_id=run, tags=tags)
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    except (DagsterError, WbragError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, WbragError):
            cause = cause.__cause__
        raise cause or error from None


@contextmanager
def _ctrl_c_for_this_process_alone() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to all processes in front, from those that copy what a step prints.

    Dagster starts them (``tail``, and a script that watches it) and ends them itself. Interrupted, they would lose the
    last lines and print a traceback each. It has no setting for it, so they get a process group by way of its module.
    """
    from dagster._core.execution import compute_logs

    class OfTheirOwnGroup:
        Popen = staticmethod(partial(subprocess.Popen, process_group=0))

    setattr(compute_logs, "subprocess", OfTheirOwnGroup)  # noqa: B010
    try:
        yield
    finally:
        setattr(compute_logs, "subprocess", subprocess)  # noqa: B010


def _run_config(settings: Settings) -> Mapping[str, Any]:
    from resources.deployment import run_config

    return {"resources": {"deployment": run_config(settings)}, "loggers": {"people": {}}}
