"""Prompts that do not fit a model's context lose their lowest-ranked passages; no batch is lost over one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from wbrag_pipeline.generation.accounts.recorded_engine import RecordedEngine
from wbrag_pipeline.generation.engine_protocol import Completion, Request
from wbrag_pipeline.generation.generator import Passage, Usage

_log = logging.getLogger(__name__)


def ask_fitting(
    asker: RecordedEngine,
    passages: Sequence[Sequence[Passage]],
    build: Callable[[int, Sequence[Passage]], Request],
    label: str,
) -> list[Completion]:
    """One completion a row of ``build(row, its passages)``; passages go, last ranked first, until the prompt fits.

    Passages that went are counted, and so are rows of which not even the prompt without passages fits: these fail.
    """
    rows = [tuple(row) for row in passages]
    done: dict[int, Completion] = {}
    pending = list(range(len(rows)))
    while pending:
        requests = [build(index, rows[index]) for index in pending]
        dropped = too_long = 0
        for index, completion in zip(pending, asker.ask(requests, label), strict=True):
            if completion.finish_reason != "context":
                done[index] = completion
            elif rows[index]:
                rows[index] = rows[index][:-1]
                dropped += 1
            else:
                done[index] = replace(completion, finish_reason="failed")
                too_long += 1
        count_unfit(asker, dropped, too_long)
        pending = [index for index in pending if index not in done]
    return [done[index] for index in range(len(rows))]


def ask_as_is(asker: RecordedEngine, requests: Sequence[Request], label: str) -> list[Completion]:
    """One completion a request, for prompts of which nothing can be left out: one that does not fit fails."""
    return ask_fitting(asker, [()] * len(requests), lambda index, _: requests[index], label)


def count_unfit(asker: RecordedEngine, dropped: int, too_long: int) -> None:
    """Count passages that were left out and prompts for which nothing helped; the first such passage is said aloud."""
    if dropped and not asker.usage.passages_dropped:
        _log.warning(
            "%s: a prompt does not fit the context; the lowest-ranked passages are left out", asker.engine.name
        )
    asker.count(Usage(passages_dropped=dropped, prompts_too_long=too_long, failed=too_long))
