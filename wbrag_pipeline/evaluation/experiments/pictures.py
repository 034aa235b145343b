"""The pictures of the experiments, in the one look of ``drawing``: a function a picture, from a table of results.

Small panels, one a benchmark or setting, rather than one wide picture: three stand side by side on a desktop, one
fills a phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from wbrag_pipeline.evaluation.drawing import (
    BEFORE,
    GAIN,
    GRID,
    INK,
    LOSS,
    MUTED,
    SERIES,
    chart_of,
    picture,
)
from wbrag_pipeline.evaluation.experiments.ablation import SYMBOLS
from wbrag_pipeline.evaluation.experiments.oracle import ALONE
from wbrag_pipeline.evaluation.experiments.panels import (
    SHAPES,
    bars,
    curves,
    names_axis,
    names_in_order,
    own_colour,
    reaching,
    series,
    zero_line,
)
from wbrag_pipeline.evaluation.experiments.transfer import NONE
from wbrag_pipeline.evaluation.formatting import signed
from wbrag_pipeline.evaluation.statistics import rank_profile

if TYPE_CHECKING:
    import altair as alt

_MOST_POINTS = 120  # a benchmark in the scatter
_FIGURE = 0.2  # how much of a chart a figure beside a bar takes


def heat_map(matrix: pl.DataFrame) -> alt.LayerChart:
    """Gain by benchmark and method: the stronger the colour, the larger; bold where the interval leaves out zero."""
    import altair as alt

    largest = max([0.5, *(abs(value) for value in matrix["gain"])])
    rows = [
        {"benchmark": row["benchmark"], "method": row["method"], "text": signed(row["gain"])}
        | {"colour": GAIN if row["gain"] >= 0 else LOSS, "strength": 0.06 + 0.54 * abs(row["gain"]) / largest}
        | {"sure": row["ci_low"] > 0 or row["ci_high"] < 0}
        for row in matrix.iter_rows(named=True)
    ]
    benchmarks, methods = names_in_order(matrix, "benchmark"), names_in_order(matrix, "method")
    gap = alt.Scale(paddingInner=0.06)
    base = chart_of(rows).encode(
        x=alt.X("method:N", sort=methods, scale=gap, axis=names_axis(orient="top", labelAngle=0)).title(None),
        y=alt.Y("benchmark:N", sort=benchmarks, scale=gap, axis=names_axis()).title(None),
    )
    strength = alt.Opacity("strength:Q", scale=None)
    cells = base.mark_rect(cornerRadius=4, strokeWidth=0).encode(color=own_colour(), opacity=strength)
    return picture(
        [
            cells,
            base.transform_filter("datum.sure").mark_text(fontSize=13, fontWeight="bold").encode(text="text:N"),
            base.transform_filter("!datum.sure").mark_text(fontSize=12, color=MUTED).encode(text="text:N"),
        ],
        "Gain by benchmark and method",
        "points; bold where the 95 % interval leaves out zero",
        rows=len(benchmarks),
    )


def mean_gains(means: pl.DataFrame, theirs: Mapping[str, float], title: str) -> alt.LayerChart:
    """Mean gain by name as bars, the paper's as a tick; ``means`` is what ``matrix.means`` gives."""
    import altair as alt

    values = [*means["gain"], *(theirs.get(name, 0.0) for name in means["name"]), 0.0]
    wide = _FIGURE * (max(values) - min(values))

    def right(gain: float, paper: float) -> float:
        """Where the figure begins: at the bar's end, or beyond the tick where that would lie on it."""
        return paper if gain <= paper < gain + wide else gain

    rows = [
        {"name": row["name"], "gain": row["gain"], "text": signed(row["gain"]), "paper": theirs.get(row["name"])}
        | {"colour": GAIN if row["gain"] >= 0 else LOSS}
        | {"right": right(row["gain"], theirs.get(row["name"], row["gain"]))}
        for row in means.iter_rows(named=True)
    ]
    x = reaching([row["gain"] for row in rows] + [row["paper"] or 0.0 for row in rows], "mean gain, points")
    base = chart_of(rows).encode(y=alt.Y("name:N", title=None, sort=None, axis=names_axis()))
    known = any(row["paper"] is not None for row in rows)
    return picture(
        [
            base.mark_bar(size=14, cornerRadius=2).encode(x=x, color=own_colour()),
            base.transform_filter("datum.paper != null")
            .mark_tick(color=INK, thickness=2, size=20)
            .encode(x=alt.X("paper:Q")),
            base.transform_filter("datum.gain >= 0").mark_text(align="left", dx=6).encode(x="right:Q", text="text:N"),
            base.transform_filter("datum.gain < 0").mark_text(align="right", dx=-5).encode(x="gain:Q", text="text:N"),
            zero_line(),
        ],
        title,
        "every setting counts once" + ("; the tick is the paper's" if known else ""),
        rows=len(rows),
    )


def gain_bars(part: pl.DataFrame, reach: tuple[float, float]) -> alt.LayerChart:
    """One benchmark's gain by method, with its interval; ``reach`` is the scale that all panels share."""
    scores = f"{_span(part['score_without'])} without; {part['questions'].to_list()[0]:,} questions"
    return bars(part, "method", names_in_order(part, "method"), reach, part["benchmark"][0], scores)


def transfer_bars(part: pl.DataFrame, reach: tuple[float, float]) -> alt.LayerChart:
    """One benchmark's gain by who answers and whose units: own, or another method's."""
    with_units = part.filter(pl.col("made_by") != NONE)
    own = pl.col("made_by") == pl.col("method")
    whose = pl.when(own).then(pl.lit("own")).otherwise(pl.format("{}'s", "made_by"))
    named = with_units.with_columns(pl.format("{} · {}", "method", whose).alias("pair"))
    alone = part.filter(pl.col("made_by") == NONE).select("method", "score_with").iter_rows()
    scores = "without units: " + ", ".join(f"{method} {score:.2f}" for method, score in alone)
    return bars(named, "pair", names_in_order(named, "pair"), reach, part["benchmark"][0], scores)


def rival_bars(part: pl.DataFrame, reach: tuple[float, float]) -> alt.LayerChart:
    """One benchmark's gain by rival under one method, over the corpus alone."""
    plain = f"{part['method'][0]}; the corpus alone: {part['score_without'][0]:.2f}"
    return bars(part, "rival", part["rival"].to_list(), reach, part["benchmark"][0], plain)


def reach_of(rows: pl.DataFrame) -> tuple[float, float]:
    """A scale that holds every interval of ``rows`` and zero."""
    return min([0.0, *rows["ci_low"]]), max([0.0, *rows["ci_high"]])


def threshold_curve(part: pl.DataFrame) -> alt.LayerChart:
    """Gain of one method over the values of one setting, a line a benchmark; a ring marks the default."""
    parameter = part["parameter"][0]
    rows = [
        {"x": f"{row['value']:g}", "y": row["gain"], "series": row["benchmark"], "default": row["default"]}
        for row in part.sort("value").iter_rows(named=True)
    ]
    values = [f"{value:g}" for value in part["value"].unique().sort()]
    called = SYMBOLS[parameter]
    words = f"{part['method'][0]}; a ring marks the default"
    return curves(rows, values, called, "gain, points", f"Gain over {called}", words, zero=True)


def rank_curves(gated: Mapping[str, pl.DataFrame]) -> alt.LayerChart:
    """Share of passages that the document gate retains, by retrieval rank, a line a benchmark (GATED_DOCS each)."""
    rows = [
        {"x": str(row["rank"]), "y": 100 * row["share"], "series": name, "default": False}
        for name, frame in gated.items()
        for row in rank_profile(frame).iter_rows(named=True)
    ]
    ranks = sorted({row["x"] for row in rows}, key=int)
    words = "per cent of the passages at that rank, over the kept questions"
    return curves(rows, ranks, "retrieval rank", "retained, %", "Passages retained, by rank", words)


def length_scatter(units: Mapping[str, pl.DataFrame]) -> alt.LayerChart:
    """Tokens of a unit against tokens of its sources, a colour a benchmark (KNOWLEDGE_UNITS each)."""
    import altair as alt

    rows: list[dict[str, Any]] = []
    for name, frame in units.items():
        step = -(-max(1, frame.height) // _MOST_POINTS)
        some = frame.sort("unit_id").gather_every(step).select("source_tokens", "unit_tokens")
        rows += [row | {"series": name} for row in some.to_dicts()]
    tallest = max([1, *(row["unit_tokens"] for row in rows)])
    end = min(1.08 * tallest, max([1, *(row["source_tokens"] for row in rows)]))
    line = [{"source_tokens": at, "unit_tokens": at} for at in (0, end)]
    x = alt.X("source_tokens:Q", title="sources, tokens", axis=alt.Axis(tickCount=5))
    y = alt.Y("unit_tokens:Q", title="unit, tokens", axis=alt.Axis(tickCount=5))
    color, shape = series(list(units))
    return picture(
        [
            chart_of(line).mark_line(color=MUTED, strokeDash=[3, 3], strokeWidth=1).encode(x=x, y=y),
            chart_of(rows).mark_point(size=16, filled=True, opacity=0.55).encode(x=x, y=y, color=color, shape=shape),
        ],
        "Length of a unit and of its sources",
        f"below the dashed line a unit is shorter; at most {_MOST_POINTS} units a benchmark",
    )


def cost_bars(costs: pl.DataFrame) -> alt.LayerChart:
    """Generator calls of training by benchmark: the paper's formula, what was asked, what was really sent."""
    import altair as alt

    kinds = {"formula": ("plain", GRID), "asked": ("asked", BEFORE), "sent": ("sent", GAIN)}
    sums = costs.group_by("benchmark", maintain_order=True).agg(pl.col("plain", "asked", "sent").sum())
    rows = [
        {"benchmark": row["benchmark"], "kind": kind, "calls": row[column], "text": f"{row[column]:,}"}
        | {"colour": colour}
        for row in sums.iter_rows(named=True)
        for kind, (column, colour) in kinds.items()
    ]
    most = max([1, *(row["calls"] for row in rows)])
    base = chart_of(rows).encode(
        y=alt.Y("benchmark:N", title=None, sort=None, axis=names_axis()),
        yOffset=alt.YOffset("kind:N", sort=list(kinds)),
        x=alt.X("calls:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.3 * most])),
    )
    return picture(
        [
            base.mark_bar(cornerRadius=2).encode(color=own_colour()),
            base.mark_text(align="left", dx=4, fontSize=9, color=MUTED).encode(text="text:N"),
        ],
        "Generator calls of training",
        "light: the paper's formula; grey: asked; blue: sent; all methods together",
        rows=2 * sums.height,
    )


def ceiling_dots(part: pl.DataFrame) -> alt.LayerChart:
    """What one method reached and what the ceilings allow, as gains over the corpus alone, a line a benchmark."""
    import altair as alt

    alone = dict(part.filter(pl.col("ceiling") == ALONE).select("benchmark", "score").iter_rows())
    shown = part.filter(pl.col("ceiling") != ALONE)
    names = names_in_order(shown, "ceiling")
    rows = [
        {"benchmark": row["benchmark"], "series": row["ceiling"], "gain": row["score"] - alone[row["benchmark"]]}
        for row in shown.iter_rows(named=True)
    ]
    benchmarks = names_in_order(part, "benchmark")
    # A far end for each line, with the largest ceiling written beside it.
    ends = [{"benchmark": name, "gain": max(r["gain"] for r in rows if r["benchmark"] == name)} for name in benchmarks]
    ends = [end | {"text": signed(float(str(end["gain"]))), "zero": 0} for end in ends]
    y = alt.Y("benchmark:N", title=None, sort=benchmarks, axis=names_axis())
    x = reaching([row["gain"] for row in rows], "points over the corpus alone")
    colours = [GAIN, SERIES[2], SERIES[4], BEFORE]
    color = alt.Color("series:N", sort=names, scale=alt.Scale(domain=names, range=colours[: len(names)]))
    shape = alt.Shape("series:N", sort=names, scale=alt.Scale(domain=names, range=list(SHAPES[: len(names)])))
    return picture(
        [
            chart_of(ends).mark_rule(color=GRID, strokeWidth=4).encode(y=y, x=x, x2="zero:Q"),
            zero_line(),
            # Side by side: equal ones would hide each other.
            chart_of(rows)
            .mark_point(size=60, filled=True, opacity=1)
            .encode(y=y, x=x, color=color, shape=shape, yOffset=alt.YOffset("series:N", sort=names)),
            chart_of(ends).mark_text(align="left", dx=9).encode(y=y, x=x, text="text:N"),
        ],
        "Reached, and what better choices could reach",
        f"{part['method'][0]}; gain over the corpus alone, the largest in figures",
        rows=len(benchmarks),
    )


def _span(scores: pl.Series) -> str:
    low, high = min(scores), max(scores)
    return f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
