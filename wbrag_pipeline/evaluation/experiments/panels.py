"""What the pictures of the experiments are put together from: bars with intervals, curves, scales and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from wbrag_pipeline.evaluation.drawing import BEFORE, GAIN, INK, LOSS, SERIES, chart_of, picture
from wbrag_pipeline.evaluation.formatting import signed

if TYPE_CHECKING:
    import altair as alt

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def bars(
    part: pl.DataFrame, name: str, order: Sequence[str], reach: tuple[float, float], title: str, words: str
) -> alt.LayerChart:
    """Gains of one benchmark as bars with their intervals; ``reach`` is the scale that all panels share."""
    import altair as alt

    rows = [
        {"name": row[name], "gain": row["gain"], "low": row["ci_low"], "high": row["ci_high"]}
        | {"text": signed(row["gain"]), "colour": _verdict_colour(row)}
        for row in part.iter_rows(named=True)
    ]
    room = 0.22 * max(reach[1] - reach[0], 1.0)
    scale = alt.Scale(domain=[reach[0] - room / 3, reach[1] + room], nice=False)
    x = alt.X("gain:Q", title="gain, points", scale=scale, axis=alt.Axis(tickCount=5))
    base = chart_of(rows).encode(y=alt.Y("name:N", title=None, sort=list(order), axis=names_axis()))
    return picture(
        [
            base.mark_bar(size=14, cornerRadius=2, opacity=0.75).encode(x=x, color=own_colour()),
            base.mark_rule(strokeWidth=1.4, color=INK).encode(x="low:Q", x2="high:Q"),
            base.mark_text(align="left", dx=6)
            .encode(x=alt.X("beyond:Q"), text="text:N", color=own_colour())
            .transform_calculate(beyond="max(0, datum.high)"),
            zero_line(),
        ],
        title,
        words,
        rows=len(rows),
    )


def curves(
    rows: Sequence[Mapping[str, Any]],
    values: Sequence[str],
    x: str,
    y: str,
    title: str,
    words: str,
    *,
    zero: bool = False,
) -> alt.LayerChart:
    """Lines over the values of a setting or over ranks, one a series; a ring where a row is the default."""
    import altair as alt

    color, shape = series(list(dict.fromkeys(str(row["series"]) for row in rows)))
    base = chart_of(rows).encode(
        x=alt.X("x:O", title=x, sort=list(values), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:Q", title=y, axis=alt.Axis(tickCount=5)),
        color=color,
    )
    layers = [
        base.mark_line(strokeWidth=2, opacity=0.8),
        base.mark_point(size=32, filled=True, opacity=1).encode(shape=shape),
        base.transform_filter("datum.default").mark_point(size=150, strokeWidth=1.2, filled=False, shape="circle"),
    ]
    if zero:
        layers.insert(0, chart_of([{"y": 0}]).mark_rule(color=INK, strokeDash=[3, 3]).encode(y="y:Q"))
    return picture(layers, title, words)


def series(names: Sequence[str]) -> tuple[alt.Color, alt.Shape]:
    """A colour and a shape a name: nobody needs to tell them apart by colour alone."""
    import altair as alt

    colours = [SERIES[place % len(SERIES)] for place in range(len(names))]
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(names))]
    domain = list(names)
    return (
        alt.Color("series:N", sort=domain, scale=alt.Scale(domain=domain, range=colours)),
        alt.Shape("series:N", sort=domain, scale=alt.Scale(domain=domain, range=shapes)),
    )


def reaching(gains: Sequence[float], title: str) -> alt.X:
    """A scale over the gains and zero, with room for a figure at both ends."""
    import altair as alt

    low, high = min([0.0, *gains]), max([0.0, *gains])
    room = 0.2 * max(high - low, 0.5)
    domain = [low - (room if low < 0 else 0.1 * room), high + room]
    return alt.X("gain:Q", title=title, scale=alt.Scale(domain=domain, nice=False), axis=alt.Axis(tickCount=5))


def names_in_order(frame: pl.DataFrame, column: str) -> list[str]:
    """The different names in a column, in the order of the rows."""
    return [str(name) for name in frame[column].unique(maintain_order=True)]


def zero_line() -> alt.Chart:
    """The line where nothing is gained."""
    line: alt.Chart = chart_of([{"zero": 0}]).mark_rule(color=INK, strokeWidth=1).encode(x="zero:Q")
    return line


def own_colour() -> alt.Color:
    """The colour that a row has in its field ``colour``."""
    import altair as alt

    return alt.Color("colour:N", scale=None)


def names_axis(**more: Any) -> alt.Axis:
    """An axis of names: no ticks, no grid."""
    import altair as alt

    return alt.Axis(labelColor=INK, labelFontSize=11, ticks=False, domain=False, labelPadding=6, grid=False, **more)


def _verdict_colour(row: Mapping[str, Any]) -> str:
    return GAIN if row["ci_low"] > 0 else LOSS if row["ci_high"] < 0 else BEFORE
