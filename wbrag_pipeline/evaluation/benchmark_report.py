"""The report of a trained knowledge base: one HTML file that needs nothing else, and its Markdown twin.

The HTML file loads nothing (its content policy forbids it), runs one small script of its own for the filter, and
follows the reader's light or dark. Titles and texts come from strangers' documents: the templates escape everything.
The same input gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import polars as pl

from wbrag_pipeline import storage
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.evidence import units_for_page
from wbrag_pipeline.evaluation.formatting import duration, escape_markdown, markdown_table, p_value, percent, signed
from wbrag_pipeline.evaluation.pages import figure, render_page
from wbrag_pipeline.evaluation.statistics import (
    Floats,
    Summary,
    changed_questions,
    construction_figures,
    hierarchical_interval,
)

if TYPE_CHECKING:
    import altair as alt

MOST_UNITS = 500  # in a page; the Parquet file holds all
MOST_CHANGED = 100  # of the helped, and of the hurt
_WIDTH, _STRIP, _TALL = 350, 140, 230  # pixels of a picture in a page: three abreast on a desk, one on a phone


@dataclass(frozen=True)
class BenchmarkLine:
    """One benchmark in an overview. ``report`` is its own HTML report, where there is one.

    differences: of the scores of each question, with less without, -1 to 1; the interval of the mean is made of them.
    """

    benchmark: str
    metric: str
    summary: Summary
    report: Path | None = None
    differences: Floats | None = field(default=None, compare=False, repr=False)


def write_report(
    path: Path,
    *,
    title: str,
    settings_facts: Mapping[str, str],
    summary: Summary,
    evaluation: pl.DataFrame,
    utility_scores: pl.DataFrame,
    gated_docs: pl.DataFrame,
    knowledge_units: pl.DataFrame,
    passages: pl.DataFrame,
    stage_seconds: Mapping[str, float],
    units_file: Path | None = None,
    usage: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write the report of one benchmark to ``path`` and its twin beside it (same name, ``.md``); gives ``path``.

    The tables are those of ``tables``; ``passages`` needs the units' source passages and may hold more, and those of
    the corpus that came or went for a changed question are named by their titles where they are there.
    ``units_file`` is named where the page cannot show all units. ``usage``: figures of served queries in words.
    """
    lines = {title: summary}
    pictures = [
        _figure(charts.scores(lines), "scores", _STRIP),
        _figure(charts.gains(lines), "gains", _STRIP),
        _figure(charts.changes(lines), "changes", _STRIP),
    ]
    if not utility_scores.is_empty():
        pictures.append(_figure(charts.score_histogram(utility_scores), "histogram", _TALL))
    if not gated_docs.is_empty():
        pictures.append(_figure(charts.ranks(gated_docs), "ranks", _TALL))
    if not knowledge_units.is_empty():
        pictures.append(_figure(charts.lengths(knowledge_units), "lengths", _TALL))
    built = _construction_rows(construction_figures(utility_scores, gated_docs, knowledge_units))
    changed = changed_questions(evaluation)
    units = units_for_page(knowledge_units, passages, evaluation, most=MOST_UNITS)
    names = dict(passages.select(pl.concat_str(pl.lit("corpus:"), "passage_id"), "title").iter_rows())
    names |= dict(knowledge_units.select(pl.concat_str(pl.lit("writeback:"), "unit_id"), "title").iter_rows())
    sides = {
        side: changed.filter(pl.col("change") == side).head(MOST_CHANGED).to_dicts() for side in ("helped", "hurt")
    }
    page = render_page(
        "report.html.j2",
        title=title,
        summary=summary,
        verdict=verdict(summary),
        pictures=pictures,
        built=built,
        facts=settings_facts,
        stages=stage_seconds,
        usage=usage,
        sides=sides,
        names=names,
        units=units,
        shown={unit.row["unit_id"] for unit in units},
        all_units=knowledge_units.height,
        units_file=units_file.as_posix() if units_file else None,
    )
    storage.write_text(path, page)
    storage.write_text(
        path.with_suffix(".md"), _markdown(title, summary, built, settings_facts, usage, stage_seconds, changed)
    )
    return path


def write_overview(path: Path, rows: Sequence[BenchmarkLine]) -> Path:
    """Write an index page over several benchmarks, linking their reports relative to ``path``; gives ``path``."""
    lines = {row.benchmark: row.summary for row in rows}
    height = 34 * len(rows) + 70
    makers = (("scores", charts.scores), ("gains", charts.gains), ("changes", charts.changes)) if rows else ()
    page = render_page(
        "overview.html.j2",
        title="Write-back over all benchmarks",
        rows=[(row, _link(row.report, path)) for row in rows],
        pictures=[_figure(make(lines), name, height) for name, make in makers],
        improved=sum(row.summary.gain > 0 for row in rows),
        better=sum(row.summary.ci_low > 0 for row in rows),
        worse=sum(row.summary.ci_high < 0 for row in rows),
        mean=_mean_gain(rows),
        mean_interval=_mean_interval(rows),
    )
    storage.write_text(path, page)
    return path


def overview_table(rows: Sequence[BenchmarkLine]) -> str:
    """The same as plain text for a terminal: a line a benchmark, then the mean gain. Scores in points."""
    cells = [("benchmark", "metric", "questions", "without → with", "gain", "95 % interval", "helped", "hurt")]
    for row in rows:
        s = row.summary
        scores, interval = f"{s.score_without:.2f} → {s.score_with:.2f}", _interval((s.ci_low, s.ci_high))
        counts = (str(s.helped), str(s.hurt))
        cells.append((row.benchmark, row.metric, f"{s.questions:,}", scores, signed(s.gain), interval, *counts))
    if rows:
        cells.append(("mean", "", "", "", signed(_mean_gain(rows)), _interval(_mean_interval(rows)), "", ""))
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1 : len(rows) + 1], *([rule, lines[-1]] if rows else [])])


def result_sentence(row: BenchmarkLine) -> str:
    """One benchmark's line of the table as a sentence, for when the others are not there yet."""
    s = row.summary
    return (
        f"{row.benchmark}: {row.metric} {s.score_without:.2f} without → {s.score_with:.2f} with write-back, "
        f"gain {signed(s.gain)} {_interval((s.ci_low, s.ci_high))}; "
        f"of {s.questions:,} questions {s.helped} helped, {s.hurt} hurt"
    )


def verdict(summary: Summary) -> str:
    """What the interval allows one to say, in one sentence."""
    if summary.significant:
        direction, side = ("better", "above") if summary.gain > 0 else ("worse", "below")
        return f"Answers are {direction} with write-back: the whole interval lies {side} zero."
    if not summary.helped and not summary.hurt:
        return "Write-back changed no score."
    return "The interval holds zero: chance alone could explain this difference."


def _figure(chart: alt.LayerChart, name: str, height: int) -> dict[str, str]:
    return figure(chart, name, width=_WIDTH, height=height)


def _construction_rows(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Names and values for people; what is a mean over no unit stays a dash."""
    kept, units = figures["kept"], figures["units"]
    labels = {
        "weak": "… with a weak label: a logged answer that somebody found good",
        "synthetic": "… that are synthetic: a language model wrote them",
    }
    special = [
        (meaning, f"{count:,.0f}, of which {figures[f'{label}_taught']:,.0f} taught")
        for label, meaning in labels.items()
        if (count := figures[f"{label}_questions"])
    ]
    return [
        ("training questions", f"{figures['questions']:,.0f}"),
        *special,
        ("kept by the utility gate", f"{kept:,.0f} ({percent(figures['kept_share'])})"),
        ("rescued from below the top K", f"{figures['rescued']:,.0f}"),
        ("fallback: no passage passed alone", percent(figures["fallback_rate"]) if kept else "–"),
        ("passages retained, mean", f"{figures['retained_passages']:.2f}" if kept + figures["rescued"] else "–"),
        ("knowledge units", f"{units:,.0f}"),
        ("source tokens, mean", f"{figures['source_tokens']:,.0f}" if units else "–"),
        ("unit tokens, mean", f"{figures['unit_tokens']:,.0f}" if units else "–"),
        ("compression", f"{figures['compression']:.2f}×" if units else "–"),
        ("written by the extractive fallback", percent(figures["extractive_share"]) if units else "–"),
    ]


def _markdown(
    title: str,
    summary: Summary,
    built: Iterable[tuple[str, str]],
    facts: Mapping[str, str],
    usage: Sequence[tuple[str, str]],
    stages: Mapping[str, float],
    changed: pl.DataFrame,
) -> str:
    s = summary
    scores = [
        ("score without → with", f"{s.score_without:.2f} → {s.score_with:.2f}"),
        ("gain, points", f"{signed(s.gain)} (95 % interval {signed(s.ci_low)} to {signed(s.ci_high)}, {p_value(s.p)})"),
        ("questions", f"{s.questions:,}: {s.helped} helped, {s.hurt} hurt, {s.unchanged:,} unchanged"),
        ("units in the top K", f"{s.units_in_top_k:.2f} on average; {percent(s.unit_share)} of questions have any"),
    ]
    times = [(name, duration(seconds)) for name, seconds in stages.items()]
    times += [("together", duration(sum(stages.values())))] if stages else []
    parts = [f"# {escape_markdown(title)}", verdict(s)]
    sections = (("Scores", scores), ("Construction", built), ("Settings", facts.items()))
    for heading, rows in (*sections, ("After release", usage), ("Time", times)):
        if rows := list(rows):
            parts.append(f"## {heading}\n\n" + markdown_table(("", ""), rows))
    shown = pl.concat(
        [changed.filter(pl.col("change") == side).head(MOST_CHANGED) for side in ("helped", "hurt")]
    ).select("change", "question", "answer_without", "answer_with", "golden_answers")
    if not shown.is_empty():
        rows = [(*row[:-1], "; ".join(row[-1] or [])) for row in shown.iter_rows()]
        parts.append("## Changed questions\n\n" + markdown_table(("", "question", "without", "with", "gold"), rows))
    return "\n\n".join(parts) + "\n"


def _mean_gain(rows: Sequence[BenchmarkLine]) -> float:
    return sum(row.summary.gain for row in rows) / len(rows) if rows else 0.0


def _mean_interval(rows: Sequence[BenchmarkLine]) -> tuple[float, float] | None:
    """95 % interval of the mean gain in points, over questions and benchmarks; None where no differences are known."""
    if len(rows) == 1:
        return rows[0].summary.ci_low, rows[0].summary.ci_high
    known = [row.differences for row in rows if row.differences is not None]
    if not rows or len(known) < len(rows):
        return None
    low, high = hierarchical_interval([[each] for each in known])
    return 100 * low, 100 * high


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"[{signed(ends[0])}, {signed(ends[1])}]"


def _link(report: Path | None, page: Path) -> str | None:
    return quote(Path(os.path.relpath(report, page.parent)).as_posix()) if report else None
