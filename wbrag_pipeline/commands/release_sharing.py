"""``wbrag release push`` and ``pull``: releases on their way to other machines, and from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.commands.release import BenchmarkName

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings(*RELEASE_SETTINGS, "remote")
def push(
    benchmark: BenchmarkName,
    force: Annotated[
        bool, typer.Option("--force", help="Also over what another machine has put there; its move is lost.")
    ] = False,
    *,
    settings: Settings,
) -> None:
    """Send the served release to the remote, with its corpus' state; serving machines follow it.

    With a remote (--remote, WBRAG_REMOTE) promotions, rollbacks and refreshes do this by themselves. What is there
    already is not sent again, so an interrupted push goes on.

    Example: wbrag release push support --remote s3://models/knowledge
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.releases.pointer import served_name
    from wbrag_pipeline.remote.pushing import push as push_now
    from wbrag_pipeline.run_locks import at_work, corpus_lock

    shared = [corpus_lock(Registry.load(settings.home).benchmark(benchmark).corpus)]
    with at_work(settings.layout, "wbrag release push", shared=shared, tell=note):
        done = push_now(settings, benchmark, force=force)
        served = served_name(settings.releases(benchmark))
    sent = f"{done.files:,} files sent ({done.size:,} bytes)"
    say(f"{settings.remote} {'now serves' if done.moved else 'needs no move for'} {benchmark} {served}: {sent}")


@with_settings(*RELEASE_SETTINGS, "remote")
def pull(
    benchmark: BenchmarkName,
    every: Annotated[bool, typer.Option("--all", help="Download earlier releases too, for a rollback.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where this home has moved its own pointer since.")
    ] = False,
    *,
    settings: Settings,
) -> None:
    """Serve in this home what the remote serves, with its corpus' state; nothing else has to be here.

    wbrag serve does this by itself every few seconds. A release appears when all of it is here and proved whole.

    Example: wbrag release pull support --remote s3://models/knowledge
    """
    from wbrag_pipeline.remote.pulling import pull as pull_now

    done = pull_now(settings, benchmark, force=force, every_release=every, tell=note)
    fetched = f"{done.files:,} files downloaded ({done.size:,} bytes)"
    say(f"{benchmark} is served {done.release}{'' if done.moved else ', as before'}: {fetched}")
