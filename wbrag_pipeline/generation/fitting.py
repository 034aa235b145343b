"""Prompts that do not fit a model's context lose their lowest-ranked passages; no batch is lost over one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wbrag_pipeline.generation.engine_protocol import Completion, Request
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.recorded_engine import RecordedEngine

_log = logging.getLogger(__name__)


@dataclass
class Incidents:
    """What went another way than was asked for, counted over a process.

    passages_dropped: passages left out because the prompt did not fit. prompts_unfit: rows failed because not even
    the prompt without passages did. verdicts_unread: yes/no answers with neither word in them. evidence_selected:
    units whose evidence the model did not copy word for word, so that it was selected. units_repaired: units good
    at the second try. units_extractive: units that the extractive distiller wrote in the end.
    """

    passages_dropped: int = 0
    prompts_unfit: int = 0
    verdicts_unread: int = 0
    evidence_selected: int = 0
    units_repaired: int = 0
    units_extractive: int = 0


def ask_fitting(
    asker: RecordedEngine,
    passages: Sequence[Sequence[Passage]],
    build: Callable[[int, Sequence[Passage]], Request],
    incidents: Incidents,
    label: str,
) -> list[Completion]:
    """One completion a row of ``build(row, its passages)``; passages go, last ranked first, until the prompt fits."""
    rows = [tuple(row) for row in passages]
    done: dict[int, Completion] = {}
    pending = list(range(len(rows)))
    while pending:
        requests = [build(index, rows[index]) for index in pending]
        for index, completion in zip(pending, asker.ask(requests, label), strict=True):
            if completion.finish_reason != "context":
                done[index] = completion
            elif rows[index]:
                rows[index] = rows[index][:-1]
                say_dropped(asker, incidents)
            else:
                incidents.prompts_unfit += 1
                asker.count_failed()
                done[index] = replace(completion, finish_reason="failed")
        pending = [index for index in pending if index not in done]
    return [done[index] for index in range(len(rows))]


def say_dropped(asker: RecordedEngine, incidents: Incidents) -> None:
    """Count a dropped passage; the first one is said aloud."""
    if not incidents.passages_dropped:
        _log.warning(
            "%s: a prompt does not fit the context; the lowest-ranked passages are left out", asker.engine.name
        )
    incidents.passages_dropped += 1
