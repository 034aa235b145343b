"""``wbrag ask``: one question, answered without and with write-back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.errors import InputError, NotBuiltError
from wbrag_pipeline.terminal import on_one_line

if TYPE_CHECKING:
    from wbrag_pipeline.rag.system import Answered
    from wbrag_pipeline.settings import Settings


@with_settings(*RELEASE_SETTINGS)
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", "-b", help="Whose corpus and write-back; the last one trained.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="An access label that the reader has; repeat for more. Empty: a reader without."),
    ] = None,
    unrestricted: Annotated[bool, typer.Option("--unrestricted", help="Search everything, whatever labels.")] = False,
    *,
    settings: Settings,
) -> None:
    """Answer a question with and without write-back, and show the passages with their origin.

    Both answers are given as the served release was validated: by its method and generator, from its K passages. Where
    passages have access labels, only those are searched of which the reader has all labels (--label).

    Example: wbrag ask "Whose idea was Velcro?" --benchmark sample_squad
    """
    from wbrag_pipeline.commands.release import held_back
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.generation.engines import deployed_generator
    from wbrag_pipeline.releases.store import current
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
    from wbrag_pipeline.retrievers.opened_base import open_base
    from wbrag_pipeline.run_locks import at_work
    from wbrag_pipeline.serving.served_system import served_system

    if not question.strip():
        raise InputError("the question is empty", field="question")
    if unrestricted and label is not None:
        raise InputError("--label and --unrestricted exclude each other", hint="give one of them")
    name = benchmark or last_trained(settings)
    entry = Registry.load(settings.home).benchmark(name)
    current(settings.releases(name))  # where there is none, that is told before anything is loaded
    # An answer is kept in the completion cache, which forgetting empties.
    with at_work(settings.layout, "wbrag ask", tell=note):
        release = current(settings.releases(name))
        corpus = open_base(settings, entry.corpus, load_encoder(settings.encoder))
        system = served_system(release, settings, entry.corpus, corpus, entry.task, deployed_generator)
        if unrestricted:
            system = system.unrestricted()
        elif label is not None:
            system = system.for_reader(label)
        for side, asked in (("without write-back", system.without_writeback()), ("with write-back", system)):
            _print_answer(side, asked.answer([question]))
    say(f"benchmark {name}, release {release.name}; wbrag lineage ID shows where a passage or unit comes from")
    if told := held_back(settings, name):
        say(told)


def _print_answer(side: str, answered: Answered) -> None:
    say(f"{side}: {on_one_line(answered.texts[0]) or '(no answer)'}")
    for row in answered.hits.sort("rank").iter_rows(named=True):
        text, title, passage = (on_one_line(row[column]) for column in ("text", "title", "passage_id"))
        say(
            f"  {row['rank']}. {row['score']:.3f} {row['origin']}:{passage}  {title}: "
            f"{text[:90]}{'…' if len(text) > 90 else ''}"
        )


def last_trained(settings: Settings) -> str:
    """The benchmark of the registry whose release was promoted last. Raises NotBuiltError when there is none."""
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.releases.pointer import POINTER

    pointers = {name: settings.releases(name) / POINTER for name in Registry.load(settings.home).benchmarks}
    served = [(file.stat().st_mtime, name) for name, file in pointers.items() if file.is_file()]
    if not served:
        raise NotBuiltError("a write-back index", "wbrag run BENCHMARK, or wbrag demo")
    return max(served)[1]
