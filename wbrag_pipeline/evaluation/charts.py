"""The pictures of an evaluation: one function a picture, made by Altair in the one look of ``drawing``.

A picture over benchmarks takes ``lines``, a mapping from a name to its Summary, in the order of its rows: one line
for the report of one benchmark, many for an overview.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from wbrag_pipeline.evaluation.drawing import BEFORE, GAIN, GRID, INK, LOSS, MUTED, chart_of, picture
from wbrag_pipeline.evaluation.formatting import signed
from wbrag_pipeline.evaluation.statistics import Summary, of_kept_questions, rank_profile

if TYPE_CHECKING:
    import altair as alt

_MOST_POINTS = 800  # in the scatter: each is a hundred bytes of SVG, and more would only be a blot


def scores(lines: Mapping[str, Summary]) -> alt.LayerChart:
    """Score without and with write-back as a dumbbell a line, points; the thin line is the gain's 95 % interval."""
    alone = len(lines) == 1
    rows = []
    for name, s in lines.items():
        ends = [(s.score_without, "corpus alone ", MUTED), (s.score_with, "with write-back ", GAIN)]
        low, high = s.score_without + s.ci_low, s.score_without + s.ci_high
        row: dict[str, Any] = {"name": name, "without": s.score_without, "with": s.score_with, "low": low, "high": high}
        for side, (value, word, colour) in zip(("left", "right"), sorted(ends, key=lambda end: end[0]), strict=True):
            # One line has room for words over its dots; many have their figures at the ends of the interval.
            outer = min(value, low) if side == "left" else max(value, high)
            row |= {side: value if alone else outer, f"{side}_colour": colour}
            row[f"{side}_text"] = f"{word if alone else ''}{value:.2f}"
        rows.append(row)
    base = chart_of(rows).encode(y=_names(lines))
    x = _across("score, points", rows, ("without", "with", "low", "high"), 0.6 if alone else 0.2)
    dy = -16 if alone else 0
    return picture(
        [
            base.mark_rule(strokeWidth=1.2, color=GAIN).encode(x=x, x2="high:Q"),
            base.mark_rule(strokeWidth=5, color=GRID).encode(x="without:Q", x2="with:Q"),
            base.mark_circle(size=110, color=BEFORE, opacity=1).encode(x="without:Q"),
            base.mark_circle(size=110, color=GAIN, opacity=1).encode(x="with:Q"),
            base.mark_text(align="right", dx=-3 if alone else -9, dy=dy).encode(**_side("left")),
            base.mark_text(align="left", dx=3 if alone else 9, dy=dy).encode(**_side("right")),
        ],
        "Score without and with write-back",
        ("" if alone else "grey: corpus alone; blue: with write-back; ") + "thin line: 95 % interval of the gain",
        rows=len(rows),
    )


def gains(lines: Mapping[str, Summary]) -> alt.LayerChart:
    """Gain in points with its paired 95 % interval against zero; grey where the interval holds zero."""
    import altair as alt

    rows = [
        {"name": name, "gain": s.gain, "low": s.ci_low, "high": s.ci_high, "text": signed(s.gain), "zero": 0}
        | {"colour": MUTED if not s.significant else GAIN if s.gain > 0 else LOSS}
        for name, s in lines.items()
    ]
    base = chart_of(rows).encode(y=_names(lines), color=alt.Color("colour:N", scale=None))
    x = _across("gain, points", rows, ("low", "high", "zero"), 0.2)

    def figure(which: str, **place: Any) -> alt.Chart:
        marked: alt.Chart = base.transform_filter(which).mark_text(fontWeight="bold", **place)
        return marked.encode(text="text:N")

    return picture(
        [
            chart_of([{"zero": 0}]).mark_rule(color=INK, strokeDash=[3, 3]).encode(x="zero:Q"),
            base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q"),
            base.mark_circle(size=110, opacity=1).encode(x="gain:Q"),
            # Beyond the end that is farther from zero, so that no figure lies on the zero line.
            figure("datum.gain >= 0", align="left", dx=8).encode(x="high:Q"),
            figure("datum.gain < 0", align="right", dx=-8).encode(x="low:Q"),
        ],
        "Gain and its 95 % interval",
        "paired bootstrap over questions; grey where the interval holds zero",
        rows=len(rows),
    )


def changes(lines: Mapping[str, Summary]) -> alt.LayerChart:
    """Questions helped (to the right) and hurt (to the left) a line; unchanged ones are only counted in the text."""
    import altair as alt

    rows = []
    for place, (name, s) in enumerate(lines.items()):
        words = (" hurt", " helped") if place == 0 else ("", "")
        rows += [
            {"name": name, "value": -s.hurt, "text": f"{s.hurt}{words[0]}", "colour": LOSS, "side": "hurt"},
            {"name": name, "value": s.helped, "text": f"{s.helped}{words[1]}", "colour": GAIN, "side": "helped"},
        ]
    reach = 1.45 * max([1, *(max(s.hurt, s.helped) for s in lines.values())])
    x = alt.X("value:Q", title=None, axis=None, scale=alt.Scale(domain=[-reach, reach]))
    base = chart_of(rows).encode(y=_names(lines), x=x, color=alt.Color("colour:N", scale=None))
    unchanged = sum(s.unchanged for s in lines.values())
    return picture(
        [
            base.mark_bar(size=18),
            base.transform_filter("datum.side == 'hurt'").mark_text(align="right", dx=-5).encode(text="text:N"),
            base.transform_filter("datum.side == 'helped'").mark_text(align="left", dx=5).encode(text="text:N"),
            chart_of([{"zero": 0}]).mark_rule(color=INK).encode(x="zero:Q"),
        ],
        "Questions helped and hurt",
        f"{unchanged:,} of {sum(s.questions for s in lines.values()):,} questions score the same either way",
        rows=len(lines),
    )


def ranks(gated_docs: pl.DataFrame) -> alt.LayerChart:
    """Share of passages retained by the document gate, by retrieval rank, over the kept questions."""
    import altair as alt

    profile, kept = rank_profile(gated_docs), of_kept_questions(gated_docs)["question_id"].n_unique()
    rows = [row | {"text": f"{100 * row['share']:.0f} %"} for row in profile.iter_rows(named=True)]
    base = chart_of(rows).encode(
        x=alt.X("rank:O", title="retrieval rank", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("share:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.12])),
    )
    return picture(
        [base.mark_bar(color=GAIN, size=34), base.mark_text(dy=-8).encode(text="text:N")],
        "Passages retained, by retrieval rank",
        f"share of the passages at that rank, over {kept:,} kept questions",
    )


def lengths(knowledge_units: pl.DataFrame) -> alt.LayerChart:
    """Tokens of a unit against tokens of its sources; hollow points are fallbacks, the line is equal length."""
    import altair as alt

    points = knowledge_units.select("unit_id", "source_tokens", "unit_tokens", "fallback").sort("unit_id")
    step = -(-max(1, points.height) // _MOST_POINTS)
    rows = points.gather_every(step).drop("unit_id").to_dicts()
    tallest = max([1, *points["unit_tokens"].to_list()])
    widest = max([1, *points["source_tokens"].to_list()])
    end = min(tallest * 1.08, widest)
    diagonal = [{"source_tokens": 0, "unit_tokens": 0}, {"source_tokens": end, "unit_tokens": end}]
    x = alt.X("source_tokens:Q", title="source, tokens", axis=alt.Axis(tickCount=5))
    high = alt.Scale(domain=[0, tallest * 1.15])
    y = alt.Y("unit_tokens:Q", title="unit, tokens", scale=high, axis=alt.Axis(tickCount=5))
    base = chart_of(rows).encode(x=x, y=y)
    filled = base.transform_filter("!datum.fallback").mark_circle(size=34, color=GAIN, opacity=0.5)
    hollow = base.transform_filter("datum.fallback").mark_point(size=30, color=BEFORE, opacity=0.7, strokeWidth=1.2)
    line = chart_of(diagonal).mark_line(color=MUTED, strokeDash=[3, 3], strokeWidth=1)
    name = chart_of(diagonal[1:]).mark_text(align="left", dx=6, dy=2, color=MUTED)
    shown = "" if step == 1 else f"; every {step}th of {points.height:,} units"
    return picture(
        [
            line.encode(x="source_tokens:Q", y="unit_tokens:Q"),
            name.encode(x="source_tokens:Q", y="unit_tokens:Q", text=alt.value("as long as its sources")),
            hollow,
            filled,
        ],
        "Length of a unit and of its sources",
        "hollow: the first passages by rank, as none passed the document gate" + shown,
    )


def score_histogram(utility_scores: pl.DataFrame) -> alt.LayerChart:
    """Training questions by score, without retrieval and with the top-K; "not asked" could not change a decision."""
    import altair as alt

    bins = ("0", "0 to ¼", "¼ to ½", "½ to ¾", "¾ to 1", "1", "not asked")
    series = {"without retrieval": ("score_no_retrieval", BEFORE), "with retrieval": ("score_rag", GAIN)}
    rows = [
        {"bin": name, "series": label, "count": count, "text": f"{count:,}" if count else "", "colour": colour}
        | {"ink": MUTED if colour == BEFORE else colour}
        for label, (column, colour) in series.items()
        for name, count in zip(bins, _bin_counts(utility_scores[column]), strict=True)
    ]
    full = [name for name in bins if name in ("0", "1") or any(r["count"] for r in rows if r["bin"] == name)]
    tallest = max([1, *(int(str(row["count"])) for row in rows)])
    base = chart_of([row for row in rows if row["bin"] in full]).encode(
        x=alt.X("bin:N", title="score of a training question", sort=full, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("series:N", sort=list(series)),
        y=alt.Y("count:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.5 * tallest])),
        color=alt.Color("colour:N", scale=None),
    )
    words = [
        chart_of([{"text": label}])
        .mark_text(align="left", baseline="top", fontWeight="bold", color=MUTED if colour == BEFORE else colour)
        .encode(x=alt.value(2), y=alt.value(15 * place), text="text:N")
        for place, (label, (_, colour)) in enumerate(series.items())
    ]
    return picture(
        [
            base.mark_bar(),
            base.mark_text(dy=-7, fontSize=10).encode(text="text:N", color=alt.Color("ink:N", scale=None)),
            *words,
        ],
        "Training questions by score",
        "a question passes the utility gate where retrieval lifts its score",
    )


def _names(lines: Mapping[str, Summary]) -> alt.Y:
    """Rows by name; a single one needs none."""
    import altair as alt

    axis = alt.Axis(labelColor=INK, labelFontSize=12, ticks=False, domain=False, labelPadding=8)
    return alt.Y("name:N", title=None, sort=list(lines), axis=axis if len(lines) > 1 else None)


def _side(side: str) -> dict[str, Any]:
    import altair as alt

    return {"x": f"{side}:Q", "text": f"{side}_text:N", "color": alt.Color(f"{side}_colour:N", scale=None)}


def _across(title: str, rows: Sequence[Mapping[str, Any]], names: Sequence[str], spare: float) -> alt.X:
    """A scale over all the named values with a spare share of their span on both sides, for what is written there."""
    import altair as alt

    values = [float(row[name]) for row in rows for name in names] or [0.0]
    room = spare * max(max(values) - min(values), 2.0)
    scale = alt.Scale(domain=[min(values) - room, max(values) + room], nice=False, zero=False)
    return alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6))


def _bin_counts(scores: pl.Series) -> list[int]:
    """Counts of exactly 0, the four quarters between, exactly 1, and null."""
    known = scores.drop_nulls()
    inner = known.filter((known > 0) & (known < 1))
    quarters = [int(((inner * 4).floor().clip(0, 3) == quarter).sum()) for quarter in range(4)]
    return [int((known <= 0).sum()), *quarters, int((known >= 1).sum()), scores.null_count()]
