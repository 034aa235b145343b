"""``wbrag advise``: before training, whether write-back is likely to pay on these questions and this corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.evaluation.advice import Point
    from wbrag_pipeline.settings import Settings


@with_settings("encoder", "search", "generator", "method", "top_k", "rescue_depth", "limit", "validation_share")
def advise(
    benchmarks: Annotated[list[str], typer.Argument(help="Benchmarks or logs, see wbrag status.")],
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Take these benchmarks' measured gains as what later advice goes by."),
    ] = False,
    *,
    settings: Settings,
) -> None:
    """Look at questions and corpus before training, and say whether write-back is likely to pay.

    No generator is asked. The later questions are the test questions, of which no score is read; without any, a fifth
    of the training questions. --calibrate wants wbrag experiment matrix for the same benchmarks first.

    Example: wbrag advise sample_nq
    """
    from wbrag_pipeline.commands.pipeline import bring_corpora_up_to_date
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.advice import Point, advice_lines, keep_points, left_out, points_of
    from wbrag_pipeline.evaluation.signs import signs_of_benchmark
    from wbrag_pipeline.run_locks import at_work, corpus_lock
    from wbrag_pipeline.training.context import StageContext

    registry = Registry.load(settings.home)
    entries = [registry.benchmark(name) for name in dict.fromkeys(benchmarks)]
    file = settings.layout.experiments / "calibration.json"
    gains = _measured(settings, [entry.name for entry in entries]) if calibrate else {}
    points = [] if calibrate else points_of(file)
    bring_corpora_up_to_date(settings, [entry.name for entry in entries])
    corpora = {corpus_lock(entry.corpus) for entry in entries}
    with at_work(settings.layout, "wbrag advise", shared=corpora, tell=note):
        for entry in entries:
            signs = signs_of_benchmark(StageContext.of(settings, entry.name))
            if calibrate:
                gain, low, high = gains[entry.name]
                shares = (signs.returns, signs.missed)
                points.append(Point(entry.name, settings.generator, settings.method, *shares, gain, low, high))
            else:
                for line in advice_lines(entry.name, signs, points, settings.search):
                    say(line)
        if calibrate:
            keep_points(file, points)
            _tell(left_out(points))


def _measured(settings: Settings, benchmarks: list[str]) -> dict[str, tuple[float, float, float]]:
    """Gain and interval of each, as wbrag experiment matrix found them. Raises NotBuiltError where it did not."""
    from wbrag_pipeline.errors import NotBuiltError
    from wbrag_pipeline.evaluation.experiments.results import MATRIX, Results

    rows = Results(settings, settings.generator).read(MATRIX, benchmarks).filter(method=settings.method)
    found = {row["benchmark"]: (row["gain"], row["ci_low"], row["ci_high"]) for row in rows.iter_rows(named=True)}
    if missing := [name for name in benchmarks if name not in found]:
        command = f"wbrag experiment matrix {' '.join(missing)} --method {settings.method}"
        raise NotBuiltError(f"the gain on {', '.join(missing)}", command)
    return found


def _tell(judged: Sequence[tuple[Point, str, bool | None]]) -> None:
    from wbrag_pipeline.evaluation.formatting import markdown_table, percent, signed

    pays = {True: "yes", False: "no", None: "not clear"}
    truths = {True: "right", False: "wrong", None: "–"}
    head = ["benchmark", "returns", "missed", "gain", "95 % interval", "pays", "said without it", "that is"]
    rows = []
    for p, said, truth in judged:
        missed = "–" if p.missed is None else percent(p.missed)
        gain = (signed(p.gain), f"{signed(p.low)} to {signed(p.high)}", pays[p.pays])
        rows.append((p.benchmark, percent(p.returns), missed, *gain, said, truths[truth]))
    say(markdown_table(head, rows))
