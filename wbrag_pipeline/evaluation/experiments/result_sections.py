"""The results as tables of text, in sections: those of the report, and of its Markdown twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from wbrag_pipeline.evaluation.experiments import paper
from wbrag_pipeline.evaluation.experiments.ablation import SYMBOLS
from wbrag_pipeline.evaluation.experiments.matrix import Headline, headline
from wbrag_pipeline.evaluation.experiments.method_comparison import mean_interval, methods_compared
from wbrag_pipeline.evaluation.experiments.oracle import ALONE, CEILINGS
from wbrag_pipeline.evaluation.experiments.provenance import made_with_in_words
from wbrag_pipeline.evaluation.experiments.rival_tables import gain_sources_table, on_top_table, rivals_table
from wbrag_pipeline.evaluation.experiments.sampling_tables import labels_table, splits_table
from wbrag_pipeline.evaluation.experiments.table_cells import (
    CHANGED_COLUMN,
    P_COLUMN,
    RECALL_COLUMNS,
    SCORE_COLUMNS,
    UNITS_COLUMN,
    Columns,
    MarkdownRow,
    Section,
    TextTable,
    changed,
    interval,
    mean_gain,
    rows_table,
    score_change,
)
from wbrag_pipeline.evaluation.experiments.transfer import NONE, own_against_other
from wbrag_pipeline.evaluation.formatting import bare_p, duration, escape_markdown, percent, signed


def sections_of(found: Mapping[str, pl.DataFrame]) -> dict[str, Section]:
    """Tables of ``results.RESULT_TABLES`` by name to sections by name; what was not found out has none."""
    writers: dict[str, tuple[str, Callable[[pl.DataFrame], Section]]] = {
        "gain": ("matrix", gains_table),
        "settings": ("matrix", every_setting),
        "methods": ("matrix", methods_table),
        "construction": ("matrix", construction_table),
        "cost": ("cost", cost_table),
        "transfer": ("transfer", transfer_table),
        "ablation": ("ablation", ablation_table),
        "ceilings": ("oracle", ceilings_table),
        "rivals": ("rivals", rivals_table),
        "on_top": ("on_top", on_top_table),
        "gain_sources": ("gain_sources", gain_sources_table),
        "labels": ("labels", labels_table),
        "splits": ("splits", splits_table),
    }
    written = {name: write(found[kind]) for name, (kind, write) in writers.items() if len(found.get(kind, ()))}
    return {name: section for name, section in written.items() if section.tables}


def results_as_markdown(found: Mapping[str, pl.DataFrame]) -> str:
    """The sections as Markdown. The last line says what they were made with."""
    parts = [section.as_markdown() for section in sections_of(found).values()]
    there = [table for table in found.values() if len(table)]
    return "\n\n".join(filter(None, [*parts, escape_markdown(made_with_in_words(there))]))


def sentence(matrix: pl.DataFrame) -> str:
    """The headline as one sentence."""
    h = headline(matrix)
    settings = f"{h.improved} of {h.settings} setting{'s' if h.settings != 1 else ''} improve"
    return f"{settings}, the mean gain is {signed(h.mean_gain)} points{interval_in_words(h)}. {beyond_chance(h)}"


def interval_in_words(h: Headline) -> str:
    """The interval of the mean gain, in brackets."""
    if h.interval is None:
        return ""
    return f" (95 % interval {signed(h.interval[0])} to {signed(h.interval[1])}, over benchmarks and questions)"


def beyond_chance(h: Headline) -> str:
    """What the intervals allow one to say of all settings, in two sentences."""
    same = h.settings - h.improved - h.worsened

    def verb(count: int, word: str) -> str:
        return f"{count} {'that ' if word != 'stay' else ''}{word}{'s' if count == 1 else ''}"

    changed = f"{h.worsened} get{'s' if h.worsened == 1 else ''} worse and {verb(same, 'stay')} the same."
    return f"{changed} The interval leaves out zero for {verb(h.better, 'improve')} and {verb(h.worse, 'get')} worse."


def gains_table(matrix: pl.DataFrame) -> Section:
    """Benchmarks by methods: without → with (gain), and the means beside the paper's."""
    tables, several = [], matrix["generator"].n_unique() > 1
    for (generator,), part in matrix.partition_by("generator", as_dict=True, maintain_order=True).items():
        methods = part["method"].unique(maintain_order=True).to_list()
        rows = []
        for (benchmark,), lines in part.partition_by("benchmark", as_dict=True, maintain_order=True).items():
            by_method = {row["method"]: row for row in lines.iter_rows(named=True)}
            cells = [score_change(by_method[m]) if m in by_method else "–" for m in methods]
            theirs = paper.GAIN_BY_BENCHMARK.get(paper.benchmark_of(benchmark))
            rows.append([benchmark, *cells, mean_gain(lines["gain"]), signed(theirs) if theirs is not None else "–"])
        means = [_mean_with_interval(each) for each in (*(part.filter(method=m) for m in methods), part)]
        rows.append(["mean gain", *means, signed(paper.MEAN_GAIN)])
        papers = paper.gain_by_method(methods)
        shown = [signed(papers[m]) if m in papers else "–" for m in methods]
        rows.append(["paper's", *shown, signed(paper.MEAN_GAIN), ""])
        head = ["benchmark", *methods, "mean gain", "paper's"]
        tables.append(TextTable(head, rows, title=generator if several else ""))
    return Section("Gain", tables, sentence(matrix))


def _mean_with_interval(rows: pl.DataFrame) -> str:
    between = mean_interval(rows)
    mean = mean_gain(rows["gain"])
    return mean if between is None else f"{mean} ({signed(between[0])} to {signed(between[1])})"


def methods_table(matrix: pl.DataFrame) -> Section:
    """Each method against the usual one, question by question; no table where there is one method."""
    compared = methods_compared(matrix)
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "generator": lambda row: row["generator"],
        "method": lambda row: row["method"],
        "against": lambda row: row["against"],
        "knowledge base": lambda row: row["knowledge"],
        "score": lambda row: f"{row['score']:.2f}",
        "difference": lambda row: signed(row["difference"]),
        "95 % interval": interval,
        "p": lambda row: "–" if row["p"] is None else bare_p(row["p"]),
        "better / worse": lambda row: f"{row['better']} / {row['worse']}",
    }
    return Section("Methods beside each other", [rows_table(compared, columns)] if len(compared) else [])


def every_setting(matrix: pl.DataFrame) -> Section:
    """One line a setting with all that is known of its gain."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "method": lambda row: row["method"],
        "generator": lambda row: row["generator"],
        "metric": lambda row: row["metric"],
        "questions": lambda row: f"{row['questions']:,}",
        **SCORE_COLUMNS | P_COLUMN | CHANGED_COLUMN | RECALL_COLUMNS | UNITS_COLUMN,
    }
    return Section("Every setting", [rows_table(matrix, columns)])


def construction_table(matrix: pl.DataFrame) -> Section:
    """How the units came about."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "method": lambda row: row["method"],
        "trained on": lambda row: f"{row['trained_on']:,}",
        "kept": lambda row: percent(row["kept_share"]),
        "paper's": lambda row: paper.KEPT.get(paper.benchmark_of(row["benchmark"]), "–"),
        "fallback": lambda row: percent(row["fallback_rate"]),
        "retained": lambda row: f"{row['retained_passages']:.2f}",
        "units": lambda row: f"{row['units']:,}",
        "source tokens": lambda row: f"{row['source_tokens']:.0f}",
        "unit tokens": lambda row: f"{row['unit_tokens']:.0f}",
        "compression": lambda row: f"{row['compression']:.2f}×",
        "extractive": lambda row: percent(row["extractive_share"]),
    }
    return Section("Construction", [rows_table(matrix, columns)])


def cost_table(table: pl.DataFrame) -> Section:
    """Generator calls by setting: the paper's formula, and what was asked, found in the cache and sent."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "method": lambda row: row["method"],
        "2N + kept·K + kept": lambda row: f"{row['plain']:,}",
        "asked": lambda row: f"{row['asked']:,}",
        "in the cache": lambda row: f"{row['cached']:,}",
        "sent": lambda row: f"{row['sent']:,}",
        "failed": lambda row: f"{row['failed']:,}",
        "tokens": lambda row: f"{row['prompt_tokens'] + row['completion_tokens']:,}",
        "waiting": lambda row: duration(row["seconds"]),
        "sent to answer the test": lambda row: f"{row['answering'] or 0:,}",
    }
    return Section("Cost of training", [rows_table(_cost_by_setting(table), columns)])


def _cost_by_setting(table: pl.DataFrame) -> pl.DataFrame:
    """COST to a row a setting: the training stages' sums, and ``answering``, what the test questions took."""
    keys = ["generator", "benchmark", "method"]
    names = ["plain", "asked", "cached", "sent", "failed", "prompt_tokens", "completion_tokens", "seconds"]
    trained = table.filter(pl.col("stage") != "answers").group_by(keys, maintain_order=True).agg(pl.col(names).sum())
    answered = table.filter(pl.col("stage") == "answers").select(*keys, pl.col("sent").alias("answering"))
    return trained.join(answered, on=keys, how="left", maintain_order="left")


def transfer_table(table: pl.DataFrame) -> Section:
    """None, own, other: scores of each method with each one's units."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "answered by": lambda row: row["method"],
        "units of": lambda row: "own" if row["made_by"] == row["method"] else row["made_by"],
        "score": lambda row: f"{row['score_with']:.2f}",
        "gain": lambda row: "–" if row["made_by"] == NONE else signed(row["gain"]),
        "95 % interval": lambda row: "–" if row["made_by"] == NONE else interval(row),
        "helped / hurt": lambda row: "–" if row["made_by"] == NONE else changed(row),
        "more than own": lambda row: "–" if row["over_own"] is None else _over_own(row),
    }
    return Section("Transfer", [rows_table(table, columns)], transfer_in_words(table))


def _over_own(row: MarkdownRow) -> str:
    return f"{signed(row['over_own'])} ({signed(row['over_own_low'])} to {signed(row['over_own_high'])})"


def transfer_in_words(table: pl.DataFrame) -> str:
    """How far own and foreign units lie apart; "" where nothing was exchanged."""
    apart = [abs(value) for value in own_against_other(table)["difference"].drop_nulls()]
    if not apart:
        return ""
    return (
        f"A method's gain with its own units and with another method's differs by at most {max(apart):.2f} points, by "
        f"{sum(apart) / len(apart):.2f} on average; in the paper by at most {paper.TRANSFER_DIFFERENCE:.2f}."
    )


def ablation_table(table: pl.DataFrame) -> Section:
    """One setting a block; the calls are those that the default had not made."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "setting": lambda row: SYMBOLS[row["parameter"]],
        "value": lambda row: f"{row['value']:g}{' (default)' if row['default'] else ''}",
        **SCORE_COLUMNS,
        "kept": lambda row: f"{row['kept']:,}",
        "units": lambda row: f"{row['units']:,}",
        "scoring calls sent": lambda row: f"{row['scoring_sent']:,}",
        "distilling calls sent": lambda row: f"{row['distilling_sent']:,}",
    }
    return Section("Ablation", [rows_table(table, columns)])


def ceilings_table(table: pl.DataFrame) -> Section:
    """What better choices could reach."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "method": lambda row: row["method"],
        "ceiling": lambda row: row["ceiling"],
        "score": lambda row: f"{row['score']:.2f}",
        "gain": lambda row: "–" if row["gain"] is None or row["ceiling"] == ALONE else signed(row["gain"]),
        "95 % interval": lambda row: "–" if row["gain"] is None or row["ceiling"] == ALONE else interval(row),
        "units": lambda row: f"{row['units']:,}",
    }
    return Section("Ceilings", [rows_table(table, columns)], meanings=CEILINGS)
