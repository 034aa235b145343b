"""The page holds every section that was found out, loads nothing, escapes strangers' texts, and stays the same."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.evaluation.experiments.conftest import TEST, World
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.evaluation.experiments import results
from wbrag_pipeline.evaluation.experiments.ablation import GRIDS
from wbrag_pipeline.evaluation.experiments.conduct import Study, cells, conduct
from wbrag_pipeline.evaluation.experiments.experiments_report import (
    Findings,
    all_pictures,
    benchmarks_with_results,
    gather,
    page,
    results_of,
    write_experiments_report,
)
from wbrag_pipeline.evaluation.experiments.gain_sources import GROUPINGS
from wbrag_pipeline.evaluation.experiments.label_kinds import KIND_MEANINGS
from wbrag_pipeline.evaluation.experiments.on_top import pairs_for
from wbrag_pipeline.evaluation.experiments.oracle import CEILINGS
from wbrag_pipeline.evaluation.experiments.result_sections import results_as_markdown
from wbrag_pipeline.evaluation.experiments.results import ABLATION, COST, GAIN_SOURCES, MATRIX, ORACLE, TRANSFER
from wbrag_pipeline.evaluation.experiments.rivals import OURS, RIVAL_MEANINGS
from wbrag_pipeline.evaluation.experiments.transfer import pairs

PAIRS = pairs_for("scripted")
BENCHMARKS = ("skerry", "nq")
METHODS = ("naive", "replug")


def findings_of(made: Any) -> Findings:
    """Made-up figures of two benchmarks over the tables of the synthetic one."""

    def rows(place: int, gain: float) -> dict[str, Any]:
        who = {"generator": "reader", "encoder": "e", "benchmark": BENCHMARKS[place]}
        return (
            who
            | {"score_without": 40.0, "score_with": 40.0 + gain, "gain": gain, "p": 0.2}
            | {
                "ci_low": gain - 1,
                "ci_high": gain + 1,
                "helped": 9,
                "hurt": 4,
            }
        )

    places = list(enumerate(BENCHMARKS))
    built = {"trained_on": 300, "kept": 80, "kept_share": 0.25, "fallback_rate": 0.1, "retained_passages": 1.5}
    built |= {"units": 80, "source_tokens": 200.0, "unit_tokens": 70.0, "compression": 2.9, "extractive_share": 0.0}
    built |= {"published": 79}
    counts = {"questions": 400, "units_in_top_k": 0.5, "unit_share": 0.4, "metric": "accuracy", "top_k": 5}
    matrix = [
        rows(i, 2.0 - 3 * i + n) | counts | built | {"method": m} for i, _ in places for n, m in enumerate(METHODS)
    ]
    spent = {"plain": 900, "asked": 800, "cached": 300, "sent": 500, "failed": 0, "seconds": 12.0}
    spent |= {"prompt_tokens": 10, "completion_tokens": 5}
    cost = [
        rows(i, 0.0) | spent | {"method": m, "stage": s}
        for i, _ in places
        for m in METHODS
        for s in ("utility_scores", "answers")
    ]
    transfer = [
        rows(i, 0.0 if maker == "none" else 1.0) | {"method": m, "made_by": maker, "units": 80}
        for i, _ in places
        for m, maker in pairs(METHODS)
    ]
    ablation = [
        rows(i, value) | {"method": "naive", "parameter": name, "value": value, "default": value == values[0]}
        | {"kept": 80, "retained_passages": 1.5, "fallback_rate": 0.1, "units": 80}
        | {"scoring_sent": 0, "distilling_sent": 3}
        for i, _ in places
        for name, values in GRIDS.items()
        for value in values
    ]  # fmt: skip
    oracle = [
        rows(i, 0.0) | {"method": "naive", "ceiling": name, "score": 40.0 + n, "units": 80}
        for i, _ in places
        for n, name in enumerate(CEILINGS)
    ]
    rivals = [
        rows(i, float(n)) | counts | {"method": "naive", "rival": name, "entries": 80, "tokens": 900, "calls": 70}
        | {"ahead": 2.0 - n, "ahead_low": 1.0 - n, "ahead_high": 3.0 - n}
        | {"entries_in_top_k": 0.5, "changed_share": 0.4, "threshold": float("inf") if "cache" in name else None}
        | {"megabytes": 1.5, "calls_a_question": 20 * (name == "generator as reranker")}
        for i, _ in places
        for n, name in enumerate(RIVAL_MEANINGS)
    ]  # fmt: skip
    stacked = [
        rows(i, 1.0) | counts | {"method": "naive", "retriever": name, "units_of": trained}
        for i, _ in places
        for name, trained in PAIRS
    ]
    groups = [
        rows(i, 1.0)
        | {"method": "naive", "grouping": grouping, "group": group, "questions": 200, "units_in_top_k": 0.5}
        for i, _ in places
        for grouping in GROUPINGS
        for group in ("yes", "no")
    ]
    curve = [
        rows(i, float(n)) | {"method": "naive", "kind": kind, "labels": 1000 * n, "draws": 3, "lowest": -1.0}
        | {"highest": 2.0, "kept": 50.0, "units": 40.0, "calls": 1234.0}
        for i, _ in places
        for kind in KIND_MEANINGS
        for n in (1, 2)
    ]  # fmt: skip
    splits = [
        rows(i, 1.0)
        | {
            "method": "naive",
            "variant": variant,
            "split": split,
            "differences": [1.0, float(variant != OURS), 0.0, 0.0],
        }
        for i, _ in places
        for variant in (OURS, "no rescue")
        for split in (1, 2)
    ]
    found = {
        table.name: pl.DataFrame([{c: row.get(c) for c in table.schema} for row in several], schema=table.schema)
        for table, several in (
            (MATRIX, matrix),
            (COST, cost),
            (TRANSFER, transfer),
            (ABLATION, ablation),
            (ORACLE, oracle),
            (results.RIVALS, rivals),
            (results.ON_TOP, stacked),
            (GAIN_SOURCES, groups),
            (results.LABELS, curve),
            (results.SPLITS, splits),
        )
    }
    both: dict[str, Any] = dict.fromkeys(BENCHMARKS, made)
    return Findings(
        found,
        {name: made.evaluation for name, made in both.items()},
        {name: made.knowledge_units.with_columns(benchmark=pl.lit(name)) for name, made in both.items()},
        {name: made.gated_docs for name, made in both.items()},
        {name: made.passages for name, made in both.items()},
    )


@pytest.fixture(scope="module")
def findings(benchmark_tables: Any) -> Findings:
    return findings_of(benchmark_tables)


@pytest.fixture(scope="module")
def written(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiments_report(tmp_path_factory.mktemp("experiments"), findings)


def test_every_section_is_there(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    for section in (
        "gain",
        "benchmarks",
        "ceilings",
        "transfer",
        "ablation",
        "rivals",
        "labels",
        "splits",
        "construction",
        "cost",
        "units",
    ):
        assert f'<section id="{section}">' in text and f'href="#{section}"' in text
    assert '>2</span><span class="was"> of 4<' in text and "+1.00</b> points on average" in text


def test_it_loads_nothing_and_runs_its_own_script_alone(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*["']""", text)
    assert text.count("<script>") == 1


def test_strangers_texts_are_escaped(written: Path, hostile: str) -> None:
    assert hostile not in written.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert" in written.read_text(encoding="utf-8")


def test_the_same_findings_give_the_same_bytes(findings: Findings, written: Path) -> None:
    assert page(findings) == written.read_text(encoding="utf-8")


def test_what_was_not_found_out_has_no_section(findings: Findings) -> None:
    bare = {name: table if name in ("matrix", "cost") else table.clear() for name, table in findings.tables.items()}
    text = page(replace(findings, tables=bare))
    for section in ("ceilings", "transfer", "ablation", "rivals", "labels", "splits"):
        assert f'id="{section}"' not in text and f'href="#{section}"' not in text
    assert "## Rivals" not in results_as_markdown(bare)
    assert "Write-back on top of retrievers" in page(findings)
    assert "## Transfer" not in results_as_markdown(bare) and "## Gain" in results_as_markdown(bare)


def test_the_twins_hold_the_figures(written: Path) -> None:
    markdown = written.with_suffix(".md").read_text(encoding="utf-8")
    assert "2 of 4 settings improve, the mean gain is +1.00 points" in markdown
    assert "| nq | 40.00 → 39.00 (−1.00) | 40.00 → 40.00 (0.00) | −0.50 | +3.01 |" in markdown
    with (written.parent / "matrix.csv").open(encoding="utf-8") as file:
        assert [float(row["gain"]) for row in csv.DictReader(file)] == [2.0, 3.0, -1.0, 0.0]
    assert pl.read_parquet(written.parent / "ablation.parquet").height == 2 * sum(map(len, GRIDS.values()))


def test_every_table_is_in_each_format(findings: Findings, written: Path) -> None:
    for name, table in findings.tables.items():
        scalars = table.select(pl.exclude(pl.List)).columns
        assert pl.read_parquet(written.parent / f"{name}.parquet").equals(table)
        told = json.loads((written.parent / f"{name}.json").read_text("utf-8"))
        assert len(told) == table.height and list(told[0]) == scalars
        with (written.parent / f"{name}.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == table.height and list(rows[0]) == scalars
    never_used = json.loads((written.parent / "rivals.json").read_text("utf-8"))[3]
    assert "cache" in never_used["rival"] and never_used["threshold"] is None


def test_files_of_another_study_do_not_stay_beside_this_ones(findings: Findings, tmp_path: Path) -> None:
    write_experiments_report(tmp_path, findings)
    bare = {name: table if name == "matrix" else table.clear() for name, table in findings.tables.items()}
    write_experiments_report(tmp_path, replace(findings, tables=bare))
    files = {f"matrix.{end}" for end in ("csv", "json", "parquet")} | {"report.html", "report.md"}
    assert {file.name for file in tmp_path.iterdir()} == files


@pytest.mark.parametrize("kind", ["rivals", "labels", "splits", "ablation", "transfer", "oracle"])
def test_one_experiment_alone_has_a_report(findings: Findings, kind: str, tmp_path: Path) -> None:
    bare = {name: table if name == kind else table.clear() for name, table in findings.tables.items()}
    text = write_experiments_report(tmp_path, Findings(bare, {}, {}, {}, {})).read_text("utf-8")
    assert f'<section id="{kind if kind != "oracle" else "ceilings"}">' in text
    assert 'id="gain"' not in text and "settings improve" not in text
    assert (tmp_path / f"{kind}.json").is_file()


def test_a_report_under_other_settings_says_what_there_is(world: World) -> None:
    registry, study = Registry.load(world.settings.home), Study(world.settings, ("compass",), ("scripted",), ("naive",))
    conduct(list(cells(world.open(), study, ("labels",))), lambda line: None)
    assert benchmarks_with_results(world.settings, registry, ("scripted",)) == ["compass"]
    assert gather(world.settings, registry, ("scripted",), ("compass",)).matrix.is_empty()
    for settings in (world.settings.with_(limit=2), world.settings.with_(seed=1)):
        assert benchmarks_with_results(settings, registry, ("scripted",)) == []
        with pytest.raises(NotBuiltError, match="there are some under compass~scripted~methods~curate"):
            gather(settings, registry, ("scripted",), ("compass",))


def test_rivals_are_told_with_their_size_and_cost(findings: Findings, written: Path) -> None:
    markdown = written.with_suffix(".md").read_text(encoding="utf-8")
    # Of all rivals with a p of 0.2 Holm leaves none under 1.
    row = "| query cache, answers | 43.00 | +3.00 | +2.00 to +4.00 | 0.200 | 1.000 | 9 / 4 | −1.00 (−2.00 to 0.00) |"
    assert row + " 80 | 900 | 70 | 0.50 | 40.0 % | never used | 1.5 | – | – | 0 |" in markdown
    assert "| plain | 40.00 | – | – | – | – | – | +2.00 (+1.00 to +3.00) | 80 | 900 | 70 |" in markdown
    assert "| nq | source | yes | 200 | 40.00 | 41.00 | +1.00 |" in markdown
    assert "never used" in written.read_text(encoding="utf-8")
    assert len(all_pictures(findings)["rivals"]) == len(BENCHMARKS)


def test_learning_curves_and_splits_are_in_the_page_as_in_its_twin(written: Path) -> None:
    text, markdown = (written.with_suffix(end).read_text(encoding="utf-8") for end in (".html", ".md"))
    cells = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr.*?</tr>", text)]
    told = [re.sub(r"\|+", "|", row) for row in cells]
    assert "|skerry|weak|2,000|3|40.00|42.00|+2.00|+1.00 to +3.00|0.200|−1.00 to +2.00|50|40|1,234|" in told
    row = "| skerry | weak | 2,000 | 3 | 40.00 | 42.00 | +2.00 | +1.00 to +3.00 | 0.200 | −1.00 to +2.00 | 50 | 40 |"
    assert row in markdown
    for kind, meaning in KIND_MEANINGS.items():
        assert f"- {kind}: {meaning}." in markdown and f"<dt>{kind}</dt>" in text
    ours, other = (next(row for row in told if row.startswith(f"|skerry|{name}|+")) for name in (OURS, "no rescue"))
    assert "|+25.00|" in ours and ours.endswith("|+25.00, +25.00|–|")
    assert "|+50.00|" in other and "−25.00 (" in other
    assert any(row.startswith("|mean|write-back|+25.00|") for row in told)


def test_methods_and_generators_are_told_apart_in_every_table(findings: Findings) -> None:
    """Results of several methods and generators stand in one file, so no table may leave out which a row is of."""
    twice = {
        name: pl.concat(
            table.with_columns(method=pl.lit(method), generator=pl.lit(generator))
            for method in METHODS
            for generator in ("reader", "other")
        ).unique([*results.RESULT_TABLES[name].key], keep="first", maintain_order=True)
        for name, table in findings.tables.items()
    }
    for name, table in twice.items():
        assert table.select("method", "generator").n_unique() == 4, name
        told = results_as_markdown({name: table})
        lines = [line for line in told.splitlines() if line.startswith("| ") and "---" not in line]
        if name not in ("rivals", "splits"):  # a table of its own for each
            bodies = [line for line in lines if any(benchmark in line for benchmark in BENCHMARKS)]
            assert name == "matrix" or len(set(bodies)) == len(bodies), name
        for each in (*METHODS, "reader", "other"):
            assert each in told, name
    drawn = all_pictures(replace(findings, tables=twice))
    assert len(drawn["rivals"]) == 4 * len(BENCHMARKS) and len(drawn["ablation"]) == 4 * len(GRIDS)
    assert len(drawn["ceilings"]) == 4
    text = page(replace(findings, tables=twice))
    for section in ("rivals", "labels", "splits"):
        part = text.split(f'<section id="{section}">')[1].split("</section>")[0]
        assert "replug" in part and "other" in part


def test_pictures_say_what_the_tables_say(findings: Findings) -> None:
    drawn = all_pictures(findings)
    texts = {row["text"] for row in _data(drawn["gain"][0][1])}
    assert texts == {"+2.00", "+3.00", "−1.00", "0.00"}
    assert len(drawn["bars"]) == len(drawn["transfer"]) == 2 and len(drawn["ablation"]) == len(GRIDS)


def _data(chart: Any) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    found: list[dict[str, Any]] = spec["datasets"][spec["data"]["name"]]  # one table for all layers
    return found


def test_from_a_study_to_its_page(world: World) -> None:
    registry = Registry.load(world.settings.home)
    with pytest.raises(NotBuiltError):
        gather(world.settings, registry, ("scripted",), ("compass",))
    study = Study(world.settings, ("compass",), ("scripted",), ("naive", "replug"), grids={"n_min": (1,)})
    lines: list[str] = []
    work = list(cells(world.open(), study, ("matrix", "transfer", "ablation", "oracle", "rivals")))
    conduct(work, lines.append)
    beside = len(RIVAL_MEANINGS) + len(PAIRS) + 2
    assert len(lines) == len(work) == (2 + 1) + (6 + 1) + (2 + 1) + (1 + 1) + beside
    asked = len(world.generator.asked)
    conduct(list(cells(world.open(), study, ("matrix", "transfer", "ablation", "oracle", "rivals"))), lines.append)
    assert len(world.generator.asked) == asked
    found = results_of(world.settings, ("scripted",), ("compass",))
    assert found.pop("gain_sources")["questions"].sum() == 3 * len(TEST)
    assert {name: table.height for name, table in found.items()} == {
        "matrix": 2, "cost": 10, "transfer": 6, "ablation": 2, "oracle": 5, "rivals": len(RIVAL_MEANINGS),
        "on_top": len(PAIRS), "labels": 0, "splits": 0,
    }  # fmt: skip
    text = page(gather(world.settings, registry, ("scripted",), ("compass",)))
    assert "of 2</span>" in text and 'id="unit-u_' in text
