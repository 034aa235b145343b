"""The report holds all it should, loads nothing, escapes everything, and is the same bytes for the same input."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from wbrag_pipeline import tables
from wbrag_pipeline.evaluation import benchmark_report, charts, drawing
from wbrag_pipeline.evaluation.benchmark_report import (
    BenchmarkLine,
    overview_table,
    result_sentence,
    write_overview,
    write_report,
)
from wbrag_pipeline.evaluation.evidence import mark_evidence, units_for_page
from wbrag_pipeline.evaluation.statistics import Summary, summarise

SUMMARY = Summary(
    questions=400,
    score_without=46.5,
    score_with=48.75,
    gain=2.25,
    ci_low=0.5,
    ci_high=4.0,
    p=0.012,
    helped=15,
    hurt=6,
    unchanged=379,
    units_in_top_k=0.63,
    unit_share=0.55,
)
WORSE = replace(SUMMARY, score_with=44.0, gain=-2.5, ci_low=-4.0, ci_high=-1.0, helped=4, hurt=14)


class Page(HTMLParser):
    """Elements and attributes of a page, and the text between the tags."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def write(path: Path, made: Any, **change: Any) -> tuple[Path, str]:
    arguments: dict[str, Any] = {
        "title": "skerry",
        "settings_facts": {"generator": "reader", "method": "naive"},
        "summary": summarise(made.evaluation, resamples=300),
        "evaluation": made.evaluation,
        "utility_scores": made.utility_scores,
        "gated_docs": made.gated_docs,
        "knowledge_units": made.knowledge_units,
        "passages": made.passages,
        "stage_seconds": {"retrievals": 4.2, "evaluation": 96.0},
    }
    write_report(path, **(arguments | change))
    return path, path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(benchmark_tables: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Any]:
    path, text = write(tmp_path_factory.mktemp("report") / "skerry.html", benchmark_tables)
    return path, text, benchmark_tables


def test_report_holds_every_part(written: tuple[Path, str, Any]) -> None:
    path, text, made = written
    page, summary = Page(text), summarise(made.evaluation, resamples=300)
    assert f"{summary.score_without:.2f} → {summary.score_with:.2f}" in page.text
    for part in (
        "95 % interval",
        f"{summary.helped} questions helped",
        f"{summary.hurt} questions hurt",
        "Construction",
        "kept by the utility gate",
        "compression",
        "generator reader",
        "evaluation 1 min 36 s",
        "Questions that changed",
        "Knowledge units",
        "fallback: no passage passed the document gate",
    ):
        assert part in page.text, part
    assert len(page.all("svg")) == len(page.all("figure")) == 6
    assert len([a for a in page.all("details") if a.get("class") == "unit"]) == made.knowledge_units.height
    assert page.all("input") and page.all("mark")
    assert path.with_suffix(".md").exists()
    assert not [file for file in path.parent.iterdir() if "tmp" in file.name]


def test_report_loads_nothing(written: tuple[Path, str, Any]) -> None:
    _, text, _ = written
    page = Page(text)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    assert not re.search(r"@import|url\((?!#)", text)
    assert "fetch(" not in text
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    script = text[text.index("<script>") + 8 : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None and "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_strangers_text_stays_text(written: tuple[Path, str, Any], hostile: str, tmp_path: Path) -> None:
    _, text, made = written
    assert hostile in Page(text).text
    assert len(Page(text).all("script")) == 1
    evil = {name: pl.lit(hostile).alias(name) for name in ("question", "answer_with", "answer_without")}
    everywhere = replace(
        made,
        evaluation=made.evaluation.with_columns(
            *evil.values(), pl.concat_list(pl.lit(hostile)).alias("golden_answers")
        ),
        knowledge_units=made.knowledge_units.with_columns(
            evil["question"], *(pl.lit(hostile).alias(name) for name in ("text", "distiller", "prompt_version"))
        ),
        passages=made.passages.with_columns(pl.lit(hostile).alias("text")),
    )
    path, text = write(
        tmp_path / "evil.html",
        everywhere,
        title=hostile,
        settings_facts={hostile: hostile},
        stage_seconds={hostile: 1.0},
        units_file=Path(hostile),
    )
    page = Page(text)
    assert len(page.all("script")) == 1
    assert all((a.get("href") or "#").startswith(("#", "data:")) for a in page.all("a"))
    markdown = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "<script" not in markdown
    assert not re.search(r"(?<!\\)\[a(?<!\\)\]\(", markdown)
    assert all(line.count("|") - line.count("\\|") in (3, 6) for line in markdown.splitlines() if line[:1] == "|")


def test_same_input_same_bytes(written: tuple[Path, str, Any], tmp_path: Path) -> None:
    path, _, made = written
    again, _ = write(tmp_path / "again.html", made)
    assert again.read_bytes() == path.read_bytes()
    assert again.with_suffix(".md").read_bytes() == path.with_suffix(".md").read_bytes()


def test_ids_are_unique_and_links_lead_somewhere(written: tuple[Path, str, Any]) -> None:
    page = Page(written[1])
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for a in page.all("a")} <= set(ids)


def test_markdown_twin(written: tuple[Path, str, Any]) -> None:
    markdown = written[0].with_suffix(".md").read_text(encoding="utf-8")
    for heading in ("# skerry", "## Scores", "## Construction", "## Settings", "## Time", "## Changed questions"):
        assert f"\n{heading}\n" in f"\n{markdown}"
    assert "| together | 1 min 40 s |" in markdown


def test_many_units_are_cut_and_the_page_says_so(
    benchmark_tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_report, "MOST_UNITS", 7)
    _, text = write(tmp_path / "cut.html", benchmark_tables, units_file=Path("tables/knowledge_units/skerry.parquet"))
    page = Page(text)
    shown = [a for a in page.all("details") if a.get("class") == "unit"]
    assert len(shown) == 7
    assert all("helped" in str(a["data-is"]) or "hurt" in str(a["data-is"]) for a in shown)  # the telling ones first
    assert f"shows 7 of {benchmark_tables.knowledge_units.height} units" in page.text
    assert "tables/knowledge_units/skerry.parquet" in page.text


def test_a_training_that_made_nothing_still_has_a_report(tmp_path: Path, evaluate: Callable[..., pl.DataFrame]) -> None:
    evaluation = evaluate([(1.0, 1.0), (0.0, 0.0)])
    path = write_report(
        tmp_path / "none.html",
        title="none",
        settings_facts={},
        summary=summarise(evaluation),
        evaluation=evaluation,
        utility_scores=tables.UTILITY_SCORES.empty(),
        gated_docs=tables.GATED_DOCS.empty(),
        knowledge_units=tables.KNOWLEDGE_UNITS.empty(),
        passages=tables.PASSAGES.empty(),
        stage_seconds={},
    )
    text = Page(path.read_text(encoding="utf-8")).text
    assert "No unit was made" in text
    assert "every test question scores the same" in text
    assert "Write-back changed no score." in text


def test_evidence_is_marked_on_both_sides() -> None:
    unit = "Orm was founded in 1214. It is small. Its people   make bells. Nobody said this."
    sources = ["Orm was\nfounded in 1214. It is small and its road is closed.", "See: Its people make bells"]
    segments, marked = mark_evidence(unit, sources)
    assert [segment.sources for segment in segments] == [(1,), (1,), (2,), ()]
    assert [(s.text, s.sources) for s in marked[0]] == [
        ("Orm was\nfounded in 1214.", (1,)),
        (" ", ()),
        ("It is small", (1,)),
        (" and its road is closed.", ()),
    ]
    assert ["".join(s.text for s in pieces) for pieces in marked] == sources
    assert mark_evidence("Orm has 12 inns.", ["Orm has 12 innsmen."])[0][0].sources == ()
    assert mark_evidence("Yes.", ["Yes."])[0][0].sources == ()


def test_units_know_their_sources_state(benchmark_tables: Any) -> None:
    made = benchmark_tables
    first = made.knowledge_units.head(1)
    gone, changed = first["source_passage_ids"][0][0], first["source_passage_ids"][0][-1]
    passages = made.passages.filter(pl.col("passage_id") != gone).with_columns(
        pl.when(pl.col("passage_id") == changed).then(pl.lit("x")).otherwise("content_hash").alias("content_hash")
    )
    unit = units_for_page(first, passages, made.evaluation, most=5)[0]
    states = {source.passage_id: source.state for source in unit.sources}
    assert states[gone] == "absent"
    assert gone == changed or states[changed] == "changed"
    met = made.evaluation["passages_with"].list.contains("writeback:" + first["unit_id"][0]).sum()
    assert unit.retrieved == met > 0


def test_overview_page_links_its_reports(tmp_path: Path) -> None:
    rows = [
        BenchmarkLine("a <b>", "accuracy", SUMMARY, tmp_path / "variant" / "a b.html"),
        BenchmarkLine("plain", "f1", WORSE),
    ]
    page = Page(write_overview(tmp_path / "index.html", rows).read_text(encoding="utf-8"))
    assert [a["href"] for a in page.all("a")] == ["variant/a%20b.html"]
    assert "1 of 2 improve" in page.text
    assert "−0.12 points" in page.text or "−0.13 points" in page.text
    assert len(page.all("svg")) == 3
    assert "No benchmark" in Page(write_overview(tmp_path / "empty.html", []).read_text(encoding="utf-8")).text


def test_the_mean_of_several_benchmarks_has_an_interval(tmp_path: Path) -> None:
    """Two benchmarks, each with one gain in all its questions: a draw of two gives one of three means, by a quarter."""
    apart = [
        BenchmarkLine("low", "accuracy", WORSE, differences=np.zeros(50)),
        BenchmarkLine("high", "f1", SUMMARY, differences=np.full(50, 0.5)),
    ]
    line = overview_table(apart).splitlines()[-1]
    assert line.split()[0] == "mean" and line.endswith("[0.00, +50.00]")
    page = Page(write_overview(tmp_path / "index.html", apart).read_text(encoding="utf-8"))
    assert "0.00 to +50.00" in page.text
    # Of one benchmark it is that of its line, to the last digit.
    alone = overview_table(apart[1:]).splitlines()
    assert alone[-1].endswith("[+0.50, +4.00]") and "[+0.50, +4.00]" in alone[2]


def test_overview_table_by_hand() -> None:
    rows = [BenchmarkLine("nq", "accuracy", SUMMARY), BenchmarkLine("hotpotqa", "f1", WORSE)]
    rule = "─" * 84
    assert overview_table(rows).splitlines() == [
        "benchmark  metric    questions  without → with   gain   95 % interval  helped  hurt",
        rule[:83],
        "nq         accuracy        400   46.50 → 48.75  +2.25  [+0.50, +4.00]      15     6",
        "hotpotqa   f1              400   46.50 → 44.00  −2.50  [−4.00, −1.00]       4    14",
        rule[:83],
        "mean                                            −0.12",
    ]
    assert len(overview_table([]).splitlines()) == 2
    assert result_sentence(rows[0]) == (
        "nq: accuracy 46.50 without → 48.75 with write-back, gain +2.25 [+0.50, +4.00]; of 400 questions 15 helped, "
        "6 hurt"
    )


@pytest.mark.parametrize("lines", [{"one": SUMMARY}, {"one": SUMMARY, "two": WORSE, "three": SUMMARY}])
def test_pictures_render_for_dagster_and_for_a_page(lines: dict[str, Summary]) -> None:
    for make in (charts.scores, charts.gains, charts.changes):
        chart = make(lines)
        png = drawing.chart_png(chart)
        assert png.startswith(b"\x89PNG")
        assert struct.unpack(">II", png[16:24]) == (660, 330)
        svg = drawing.chart_svg(chart, "x")
        assert "var(--gain, #1669c9)" in svg
        assert drawing.chart_words(chart)[0] not in svg
        assert svg == drawing.chart_svg(chart, "x")
        assert not set(re.findall(r"url\(#([^)]+)\)", svg)) - set(re.findall(r'id="([^"]+)"', svg))


def test_markdown_picture() -> None:
    text = drawing.chart_markdown(charts.gains({"one": SUMMARY}))
    assert text.startswith("![Gain and its 95 % interval](data:image/png;base64,iVBOR")
