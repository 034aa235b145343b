"""``wbrag usage``: what happened after a release, from the queries that ``wbrag serve`` recorded."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say, wide_console
from wbrag_pipeline.commands.machine_readable import JsonFile, is_printed, tell_as_json
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings
    from wbrag_pipeline.usage.sample_figures import UsageFigures


@with_settings(*RELEASE_SETTINGS)
def usage(
    benchmark: Annotated[str, typer.Argument(help="Name of the benchmark that is served.")],
    show: Annotated[int, typer.Option(help="Questions and units to show.", min=0)] = 10,
    json: JsonFile = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete all recorded queries of the benchmark.")] = False,
    *,
    settings: Settings,
) -> None:
    """Show whether units are retrieved, what was not found, and whether training again is worth it.

    It reads the sample of queries that wbrag serve --usage-share 0.01 records.

    Example: wbrag usage support
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
    from wbrag_pipeline.run_locks import at_work
    from wbrag_pipeline.usage.recorded_queries import RecordedQueries
    from wbrag_pipeline.usage.usage_reading import read_usage

    name = Registry.load(settings.home).benchmark(benchmark).name
    recorded = RecordedQueries(settings.usage(name))
    if delete:
        with at_work(settings.layout, "wbrag usage", tell=note):
            count = recorded.count()
            recorded.delete()
        say(f"{name}: {count:,} recorded queries are deleted")
        return
    if not recorded.segments():
        how = f"wbrag serve {name} --usage-share 0.01"
        say(f"{name}: no query is recorded; record some with: {how}", err=is_printed(json))
        tell_as_json(json, {"queries": 0})
        return
    figures = read_usage(settings, name, load_encoder(settings.encoder))
    if not is_printed(json):
        _print(name, figures, show)
    found = asdict(figures) | {"shown": figures.shown.to_dicts(), "verdict": figures.verdict}
    tell_as_json(json, found | {"since": str(figures.since), "until": str(figures.until)})


def _print(name: str, figures: UsageFigures, show: int) -> None:
    from rich.table import Table

    table = Table(title=name, title_justify="left", show_header=False)
    for what, told in figures.lines():
        table.add_row(what, told)
    console = wide_console()
    console.print(table)
    if show and figures.never:
        more = " …" if len(figures.never) > show else ""
        console.print(f"not retrieved: {', '.join(figures.never[:show])}{more}", soft_wrap=True)
    if show and figures.shown.height:
        questions = Table(title="Questions without a good hit, or far from all that trained", title_justify="left")
        for heading in ("id", "question", "times", "best score", "nearest", ""):
            questions.add_column(heading, justify="right" if heading in ("times", "best score", "nearest") else "left")
        for row in figures.shown.head(show).iter_rows(named=True):
            why = ", ".join(word for word, true in (("no hit", row["no_hit"]), ("far", row["far"])) if true)
            numbers = ("-" if row[each] is None else f"{row[each]:.3f}" for each in ("best_score", "similarity"))
            questions.add_row(row["question_id"], row["question"], f"{row['times']:,}", *numbers, why)
        console.print(questions)
