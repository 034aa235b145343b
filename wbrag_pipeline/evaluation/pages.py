"""A page as one HTML file that loads nothing: its template, its style, its one script, its pictures inside.

The content policy forbids everything from elsewhere and names the script by its hash; the templates escape every text.
The same input gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.evaluation import drawing
from wbrag_pipeline.evaluation.formatting import duration, p_value, percent, signed

if TYPE_CHECKING:
    import altair as alt


def render_page(template: str, **values: Any) -> str:
    """The page of that template under ``templates/``."""
    import jinja2

    folder = importlib.resources.files("wbrag_pipeline.evaluation") / "templates"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": signed, "percent": percent, "p_value": p_value, "duration": duration}
    # The policy names the script by its hash: a script that slipped in with a text would not run.
    script = texts["page.js"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    page = environment.get_template(template)
    return page.render(colours=drawing.COLOURS, style=texts["page.css"], script=script, digest=digest, **values)


def figure(chart: alt.LayerChart, name: str, *, width: int, height: int) -> dict[str, str]:
    """A picture for the template's gallery: its title and subtitle as text, itself as SVG; ``name`` keeps ids apart."""
    title, words = drawing.chart_words(chart)
    return {"title": title, "words": words, "svg": drawing.chart_svg(chart, name, width=width, height=height)}
