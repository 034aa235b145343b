"""``wbrag ask``: one question, answered without and with write-back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.options import TopK, Variant, bundled
from wbrag_pipeline.errors import InputError, NotBuiltError

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@bundled
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", "-b", help="Whose corpus and write-back; the last one trained.")
    ] = None,
    top_k: TopK = 5,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="An access label that the reader has; repeat for more. Empty: a reader without."),
    ] = None,
    unrestricted: Annotated[bool, typer.Option("--unrestricted", help="Search everything, whatever labels.")] = False,
    *,
    variant: Variant,
) -> None:
    """Answer a question with and without write-back, and show the passages with their origin.

    Where passages have access labels, only those are searched of which the reader has all labels (--label).

    Example: wbrag ask "Whose idea was Velcro?" --benchmark sample_squad
    """
    from wbrag_pipeline.commands.release import held_back
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.datasets.tasks import task_named
    from wbrag_pipeline.generation.engines import deployed_generator
    from wbrag_pipeline.rag.methods import method_named
    from wbrag_pipeline.rag.searching import Search
    from wbrag_pipeline.releases.store import current
    from wbrag_pipeline.retrieval.corpus import open_knowledge_base
    from wbrag_pipeline.retrieval.encoder import load_encoder
    from wbrag_pipeline.training.scoring import passages_of

    if not question.strip():
        raise InputError("the question is empty", field="question")
    if unrestricted and label is not None:
        raise InputError("--label and --unrestricted exclude each other", hint="give one of them")
    settings = variant.settings(top_k=top_k)
    name = benchmark or last_trained(settings)
    entry = Registry.load(settings.home).benchmark(name)
    task = task_named(entry.task)
    release = current(settings.releases(name))
    vectors, model = load_encoder(settings.encoder), deployed_generator(settings)
    without = open_knowledge_base(settings, entry.corpus, vectors)
    if unrestricted:
        without = without.unrestricted()
    elif label is not None:
        without = without.for_reader(label)
    sides = {
        "without write-back": without,
        "with write-back": without.with_writeback(release.units(), release.index(vectors)),
    }
    policy = method_named(settings.method)
    for side, base in sides.items():
        search = Search(base, settings.top_k)
        hits = base.hits_with_text(search.first(policy, model, [question]))
        (passages,) = passages_of(hits, hits.unique("passage_id"), [0], "query")
        (answer,) = policy.answer(model, [question], [passages], task, search)
        typer.echo(f"{side}: {task.parse(answer.text) or '(no answer)'}")
        for row in hits.sort("rank").iter_rows(named=True):
            text = " ".join(row["text"].split())
            typer.echo(
                f"  {row['rank']}. {row['score']:.3f} {row['origin']}:{row['passage_id']}  {row['title']}: "
                f"{text[:90]}{'…' if len(text) > 90 else ''}"
            )
    typer.echo(f"benchmark {name}, release {release.name}; wbrag lineage ID shows where a passage or unit comes from")
    if told := held_back(settings, name):
        typer.echo(told)


def last_trained(settings: Settings) -> str:
    """The benchmark whose release was promoted last. Raises NotBuiltError when there is none."""
    pointers = sorted(
        settings.releases("x").parent.glob("*/CURRENT"), key=lambda path: (path.stat().st_mtime, str(path))
    )
    if not pointers:
        raise NotBuiltError("a write-back index", "wbrag run BENCHMARK, or wbrag demo")
    folder: Path = pointers[-1].parent
    return folder.name
