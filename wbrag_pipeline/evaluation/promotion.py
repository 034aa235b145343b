"""Whether the candidate may serve: compared with what serves now, on questions that neither was made from.

The rule: a candidate is held back when its mean score on the validation questions is below that of the served release
(or of the corpus alone, while nothing is served) and the paired sign-flip permutation test gives p < 0.05, two-sided.
So a difference that chance makes easily does not stand in the way, and few questions stop only what is clearly worse.
A release that somebody rolled back from is held back as well, until somebody promotes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl

from wbrag_pipeline.datasets.validation_split import LEAST_TRAINING
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.evaluation.evaluate import evaluate
from wbrag_pipeline.evaluation.statistics import Summary, summarise
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.refresh.retiring import revalidated_release
from wbrag_pipeline.releases.pointer import Move, moves_of, read_pointer
from wbrag_pipeline.releases.release_lineage import record_served
from wbrag_pipeline.releases.store import Release, candidate, candidate_name, current, promote
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.stages import of_split

SIGNIFICANCE = 0.05
# Below so many questions only a landslide is significant; the reason then says so.
FEW_QUESTIONS = 30

Outcome = Literal["promoted", "held_back", "served_already"]


@dataclass(frozen=True)
class Decision:
    """What became of a candidate and why. ``compared_with`` is "" for the corpus alone; ``move`` where there was one.

    figures: questions, scores in points (0-100), gain, interval and p of the comparison; empty without one.
    """

    outcome: Outcome
    release: str
    compared_with: str
    reason: str
    figures: dict[str, float] = field(default_factory=dict)
    move: Move | None = None

    @property
    def served(self) -> str:
        """What is served after it; "" where nothing is."""
        return self.compared_with if self.outcome == "held_back" else self.release


@dataclass(frozen=True)
class Comparison:
    """What it takes to compare two releases.

    questions: SPLIT, the validation part of the training questions.
    system: the system that a release was made for, or the candidate's own over the corpus alone for None; opened only
        when a comparison is made, for engines load slowly.
    """

    questions: pl.DataFrame
    system: Callable[[Release | None], RagSystem]
    metric: str
    seed: int = 0

    @classmethod
    def of(cls, context: StageContext, questions: pl.DataFrame) -> Comparison:
        """The comparison of a benchmark's releases on the validation part of QUESTIONS."""

        def system(release: Release | None) -> RagSystem:
            if release is None:
                return context.system()
            corpus, task = context.open_corpus(), context.benchmark.task
            return RagSystem.of_release(release, context.settings, corpus, task, context.load_generator)

        part = of_split(questions, "validation")
        return cls(part, system, context.benchmark.metric, context.settings.seed)

    def run(self, new: Release, served: Release | None) -> Summary | None:
        """Served against new, paired, each as it would be served; None when there is no question to ask.

        A question that taught one of them is left out: that one would be asked its own lesson.
        """
        taught = [release.units()["question_id"] for release in (new, served) if release is not None]
        fair = self.questions.filter(~pl.col("question_id").is_in(pl.concat(taught).unique().implode()))
        if fair.is_empty():
            return None
        frame = evaluate(fair, self.system(new), self.metric, without=self.system(served))
        return summarise(frame, seed=self.seed)


def validate_candidate(
    context: StageContext, questions: pl.DataFrame, actor: str, release: Release | None = None
) -> Decision:
    """Promote a benchmark's release or hold it back, compared on the validation part of QUESTIONS.

    actor: who does it, for the pointer's history.
    release: what this run built; None is the candidate, whoever built it. Raises as ``promote_or_hold_back``.
    """
    settings, corpus = context.settings, context.benchmark.corpus
    off = (
        "validation_share is 0"
        if not settings.validation_share
        else f"under {LEAST_TRAINING} training questions with a gold answer"
    )
    return promote_or_hold_back(
        settings.releases(context.benchmark.name),
        Comparison.of(context, questions),
        actor=actor,
        none_set_aside=f"{off}, so none were set aside",
        instead=revalidated_release(settings, corpus, actor=actor, encoder=lambda: context.encoder),
        release=release,
    )


def promote_or_hold_back(
    folder: Path,
    comparison: Comparison,
    *,
    actor: str,
    none_set_aside: str,
    instead: Callable[[Release], Release] | None = None,
    release: Release | None = None,
) -> Decision:
    """Promote ``release`` (None: the candidate) under ``folder`` or hold it back, and note why in the release.

    none_set_aside: why there are no validation questions, for the case that there are none.
    instead: as ``promote`` takes it; the corpus may have lost sources since the candidate was built.

    Raises NotBuiltError without a candidate, IntegrityError when it is damaged.
    """
    new = release or candidate(folder)
    new.verify()
    new = instead(new) if instead else new
    served, trouble = _served(folder)
    compared_with = served.name if served else ""
    if served is not None and served.name == new.name:
        return Decision("served_already", new.name, compared_with, "holds what is served already")
    pointer = None if trouble else read_pointer(folder)
    if pointer is not None and (back := pointer.rolled_back(new.name)) is not None:
        reason = f"{back.actor} rolled back from it at {back.moved_at} ({back.reason}); promote it by hand"
        _note(new, False, compared_with, reason, {})
        return Decision("held_back", new.name, compared_with, reason)
    summary = comparison.run(new, served)
    if summary is None:
        worse, reason, figures = False, f"not validated: {none_set_aside}", {}
    else:
        worse, reason = is_worse(summary, compared_with)
        figures = _figures(summary)
    reason = f"{trouble}{reason}"
    _note(new, not worse, compared_with, reason, figures)  # first: what serves has its reasons with it
    move = None if worse else promote(folder, new.name, actor=actor, reason=reason)
    return Decision("held_back" if worse else "promoted", new.name, compared_with, reason, figures, move)


def record_decision(context: StageContext, lineage: Lineage, decision: Decision, actor: str) -> None:
    """Record a decision, the pointer's moves, and what is served where that is another release than was built."""
    settings, benchmark = context.settings, context.benchmark.name
    folder = settings.releases(benchmark)
    if decision.move is not None and decision.release != candidate_name(folder):
        record_served(lineage, folder, context.run, settings.variant, benchmark)
    lineage.record_release_decisions(context.run, settings.variant, benchmark, decisions_of(folder, decision, actor))


def is_worse(summary: Summary, compared_with: str) -> tuple[bool, str]:
    """The rule above: (whether to hold back, why in one sentence)."""
    other = compared_with or "the corpus alone"
    shown = (
        f"{summary.score_without:.2f} → {summary.score_with:.2f} against {other} on {summary.questions} validation "
        f"questions, {summary.helped} better and {summary.hurt} worse, p = {summary.p:.3g}"
    )
    few = f"; fewer than {FEW_QUESTIONS} questions show little" if summary.questions < FEW_QUESTIONS else ""
    if summary.gain < 0 and summary.p < SIGNIFICANCE:
        return True, f"worse beyond noise: {shown}{few}"
    return False, f"not worse beyond noise: {shown}{few}"


def decisions_of(folder: Path, decision: Decision, actor: str) -> list[dict[str, str]]:
    """What there is to record in the lineage: every move in the pointer's file, and a candidate that was held back.

    The moves are all given, since one may have been made by a process that died before it could record it.
    """
    found = moves_of(folder)
    if decision.outcome == "held_back":
        found.append(
            {
                "decision_id": uuid.uuid4().hex,
                "decided_at": datetime.now(UTC).isoformat(timespec="microseconds"),
                "action": "hold_back",
                "release": decision.release,
                "previous": decision.compared_with,
                "actor": actor,
                "reason": decision.reason,
            }
        )
    return found


def _served(folder: Path) -> tuple[Release | None, str]:
    """The served release if it is whole; else what is amiss, as the beginning of a sentence."""
    try:
        release = current(folder)
        release.verify()
    except NotBuiltError:
        return None, ""
    except IntegrityError as error:
        return None, f"what was served is damaged ({error}), so it gives way; "
    return release, ""


def _figures(summary: Summary) -> dict[str, float]:
    return {
        "validation_questions": summary.questions,
        "validation_served": summary.score_without,
        "validation_candidate": summary.score_with,
        "validation_gain": summary.gain,
        "validation_gain_low": summary.ci_low,
        "validation_gain_high": summary.ci_high,
        "validation_p": summary.p,
        "validation_better": summary.helped,
        "validation_worse": summary.hurt,
    }


def _note(release: Release, passed: bool, compared_with: str, reason: str, figures: dict[str, float]) -> None:
    release.record_validation({"passed": passed, "compared_with": compared_with, "reason": reason, **figures})
