"""The one look of all pictures, and their way out of Altair: PNG for Dagster, inline SVG for a page.

Colours name roles, so that a page can give each role another colour in the dark: ``chart_svg`` writes CSS variables,
``chart_png`` keeps the light colours on white. Rendering is vl-convert's: no browser, no network.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.evaluation.formatting import escape_markdown

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 432, 216  # points: 6 x 3 inches, which Dagster's metadata panel shows whole
DPI = 110

# Role: colour in the light, colour in the dark. Blue and orange stay apart for every kind of colour blindness.
COLOURS = {
    "ink": ("#1b2430", "#e6ebf2"),
    "muted": ("#586473", "#9dabbc"),
    "grid": ("#e2e6eb", "#2c3642"),
    "before": ("#8791a0", "#8c99aa"),
    "gain": ("#1669c9", "#62aefc"),
    "loss": ("#c4540c", "#ff9d57"),
    # Lines that stand beside each other; each has a shape of its own too.
    "series-1": ("#2b6cb0", "#74b0f4"),
    "series-2": ("#b7561f", "#f2a56f"),
    "series-3": ("#2f8560", "#6fcfa3"),
    "series-4": ("#8250a8", "#c79bea"),
    "series-5": ("#93801a", "#d9c658"),
    "series-6": ("#b03f68", "#f08cb0"),
}
INK, MUTED, GRID, BEFORE, GAIN, LOSS, *SERIES = (light for light, _ in COLOURS.values())
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def picture(
    layers: Sequence[alt.Chart | alt.LayerChart], title: str, subtitle: str, *, rows: int = 1
) -> alt.LayerChart:
    """Layers with the size, the words and the look that all pictures share; ``rows`` makes room for many lines."""
    import altair as alt

    axis: dict[str, Any] = {"labelColor": MUTED, "titleColor": MUTED, "titleFontWeight": "normal", "gridColor": GRID}
    axis |= {"domainColor": GRID, "tickColor": GRID, "labelFontSize": 11, "titleFontSize": 11, "labelLimit": 150}
    words: dict[str, Any] = {"anchor": "start", "color": INK, "subtitleColor": MUTED}
    words |= {"fontSize": 14, "subtitleFontSize": 11}
    chart: alt.LayerChart = (
        alt.layer(*layers)
        .properties(
            width=WIDTH,
            height=max(HEIGHT, 34 * rows + 80),
            title=alt.TitleParams(text=title, subtitle=subtitle),
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        )
        .configure(
            font=FONT, aria=False, background="transparent", padding={"left": 6, "right": 10, "top": 6, "bottom": 6}
        )
        .configure_axis(**axis)
        .configure_view(stroke=None)
        .configure_title(**words)
        .configure_text(fontSize=11, color=INK)
        .configure_legend(orient="top", title=None, labelColor=MUTED, labelFontSize=10, symbolSize=50, columns=3)
    )
    return chart


def chart_of(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A chart over plain rows, which stay inside it: no size limit, no file, no address."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def chart_png(chart: alt.LayerChart) -> bytes:
    """The picture as PNG bytes at 110 dots an inch, on white: 660 x 330 pixels for a 6 x 3 inch picture."""
    import altair as alt
    import vl_convert

    spec = chart.to_dict() | {"background": "#ffffff"}
    return bytes(vl_convert.vegalite_to_png(spec, vl_version=_vegalite(alt.SCHEMA_VERSION), ppi=DPI))


def chart_markdown(chart: alt.LayerChart) -> str:
    """The picture as a Markdown image with its bytes inside, for Dagster metadata."""
    alternative = escape_markdown(chart_words(chart)[0])
    return f"![{alternative}](data:image/png;base64,{base64.b64encode(chart_png(chart)).decode('ascii')})"


def chart_words(chart: alt.LayerChart) -> tuple[str, str]:
    """Title and subtitle of a picture, which a page sets as text of its own."""
    title = chart.to_dict()["title"]
    return str(title["text"]), str(title.get("subtitle", ""))


def chart_svg(chart: alt.LayerChart, name: str, *, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The picture as inline SVG without its title, as wide as its place; ``name`` keeps ids apart within a page.

    Colours become ``var(--ink, #1b2430)`` and so on: the page decides what they are in the dark.
    """
    import altair as alt
    import vl_convert

    spec: dict[str, Any] = chart.to_dict() | {"width": width, "height": height, "background": "transparent"}
    del spec["title"]
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_vegalite(alt.SCHEMA_VERSION))
    for role, (light, _) in COLOURS.items():
        svg = re.sub(rf'\b(fill|stroke)="{light}"', rf'\1="var(--{role}, {light})"', svg)
    # The renderer counts clip paths over its whole life; numbered by appearance, the same picture has the same bytes.
    ids = {old: f"{name}-{place}" for place, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{ids[m[1]]}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{ids.get(m[1], m[1])})", svg)
    return re.sub(r'(<svg\b[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)


def _vegalite(schema_version: str) -> str:
    return ".".join(schema_version.split(".")[:2])
