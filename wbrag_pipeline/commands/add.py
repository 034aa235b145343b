"""``wbrag add``: bring an own corpus, retriever, benchmark or log, or questions that are written from a corpus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.code_location import reload_code_location
from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Add a corpus, a retriever, a benchmark, a log or written questions to the registry.",
)
Replace = Annotated[bool, typer.Option("--replace", help="Put it in the place of the entry of that name.")]

Map = Annotated[
    str,
    typer.Option("--map", help="Names of columns: question=input,answer=expected_output; id, text, title, labels …"),
]

Language = Annotated[
    str, typer.Option("--language", help="Language of its texts as a code: de, fr, ja …; English if left out.")
]

_LABELS_TOLD = 20  # labels that are told by name


@app.command()
@with_settings("home", "encoder", "skip_bad")
def corpus(
    name: Annotated[str, typer.Argument(help="Name of the corpus.")],
    path: Annotated[
        Path, typer.Argument(help="JSON, JSONL, CSV (plain, .gz, .zst), Parquet, or a folder of documents.")
    ],
    description: Annotated[str, typer.Option(help="One line on what it is.")] = "",
    columns: Map = "",
    split: Annotated[
        bool, typer.Option("--split", help="Cut rows of more than 100 words into parts, now and at each refresh.")
    ] = False,
    language: Language = "",
    replace: Replace = False,
    *,
    settings: Settings,
) -> None:
    """Read a corpus whole, check it, and register it.

    Example: wbrag add corpus handbook ./docs
    """
    from wbrag_pipeline.datasets.adding import add_corpus
    from wbrag_pipeline.datasets.files.quoting import names_shown
    from wbrag_pipeline.retrieval.encoding.reading_limit import token_limit, unread

    added = add_corpus(
        settings.home,
        name,
        path,
        description,
        columns=columns,
        split=split,
        language=language,
        replace=replace,
        skip_bad=settings.skip_bad,
    )
    some = [f"{names_shown([label])} {count:,}" for label, count in list(added.labels.items())[:_LABELS_TOLD]]
    more = ", …" if len(added.labels) > len(some) else ""
    labels = f"{added.labelled:,} with labels" + (f" ({', '.join(some)}{more})" if some else "")
    say(f"corpus {name}: {added.passages:,} passages, {labels} ({added.file})")
    for line in (*added.bad.lines(), *_language_told(added.corpus.language, added.table["text"])):
        say(line)
    if (limit := token_limit(settings.encoder)) and (found := unread(added.table, limit)).passages:
        is_cut = split or path.expanduser().is_dir()
        say(f"{found}" + ("" if is_cut else "; --replace --split cuts long rows into parts"))
    reload_code_location(settings)


@app.command()
@with_settings("home")
def retriever(
    name: Annotated[str, typer.Argument(help="Name that it has in the place of a corpus.")],
    url: Annotated[str, typer.Option(help="Address that is asked, for example http://localhost:8000/retrieve.")] = "",
    format: Annotated[str, typer.Option(help="How it is asked over HTTP: search-r1 or openai.")] = "search-r1",
    token_env: Annotated[str, typer.Option(help="Environment variable that holds the bearer token.")] = "",
    entry_point: Annotated[
        str, typer.Option(help="package.module:function that gives a LangChain, LlamaIndex or Haystack retriever.")
    ] = "",
    ids: Annotated[
        str, typer.Option(help="given: an id is a passage's; text: it is a document's, so the text is added to it.")
    ] = "given",
    question: Annotated[str, typer.Option(help="What it is asked on trial.")] = "",
    description: Annotated[str, typer.Option(help="One line on what it is.")] = "",
    language: Language = "",
    replace: Replace = False,
    *,
    settings: Settings,
) -> None:
    """Register a search engine of your own in the place of a corpus; it is asked one question on trial.

    Example: wbrag add retriever support --url http://localhost:8000/retrieve --token-env SUPPORT_TOKEN
    """
    from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
    from wbrag_pipeline.retrievers.adding_retriever import add_retriever
    from wbrag_pipeline.terminal import on_one_line

    given = {"url": url, "token_env": token_env, "entry_point": entry_point, "ids": ids}
    added = add_retriever(
        settings.home,
        name,
        RetrieverEntry.parse(given | ({"format": format} if url else {})),
        description,
        question=question,
        language=language,
        replace=replace,
    )
    passages = added.trial.passages
    labelled = int((passages["labels"].list.len() > 0).sum())
    say(f"retriever {name}: {passages.height} passages on trial, {labelled} with labels ({added.file})")
    for title, text in passages.select("title", "text").head(3).iter_rows():
        say(f"  {on_one_line(title)}: {on_one_line(text)[:90]}{'…' if len(text) > 90 else ''}")
    for reason, count in added.trial.left_out.items():
        say(f"left out: {count} times {reason}")
    for line in _language_told(added.corpus.language, passages["text"]):
        say(line)


@app.command()
@with_settings("home")
def benchmark(
    name: Annotated[str, typer.Argument(help="Name of the benchmark.")],
    corpus: Annotated[str, typer.Option(help="Corpus it is asked over.")],
    train: Annotated[Path | None, typer.Option(help="Training questions: JSON, JSONL, CSV or Parquet.")] = None,
    test: Annotated[
        Path | None, typer.Option(help="Test questions, none of them in the training file; nothing is tested without.")
    ] = None,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="The training questions have no answers: for --scorer judge.")
    ] = False,
    task: Annotated[str, typer.Option(help=f"Kind of question: {', '.join(TASKS)}.")] = "open_qa",
    metric: Annotated[str | None, typer.Option(help="Metric, also a plug-in's; the task's own if left out.")] = None,
    overlap: Annotated[
        str, typer.Option(help="Training questions that are test questions too: refuse the files, or drop them.")
    ] = "refuse",
    columns: Map = "",
    hub: Annotated[bool, typer.Option("--hub", help="Fetch the FlashRAG release of that name.")] = False,
    replace: Replace = False,
    *,
    settings: Settings,
) -> None:
    """Read the question files whole, check them, and register the benchmark.

    Example: wbrag add benchmark support --corpus handbook --train log.csv --test held-back.csv
    """
    from wbrag_pipeline.datasets import adding
    from wbrag_pipeline.datasets import hub as flashrag
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.languages import ENGLISH, name_of_language

    folder = settings.home
    if hub:
        added = flashrag.add_benchmark_from_hub(folder, name, corpus=corpus, replace=replace)
    elif overlap not in ("refuse", "drop"):
        raise InputError(f"{overlap!r} is no way to treat overlap", field="--overlap", hint="refuse or drop")
    elif train is None or (test is None and not unlabelled):
        hint = "--test may be left out with --unlabelled; or --hub for a FlashRAG benchmark"
        raise InputError("--train and --test are both needed", hint=hint)
    else:
        added = adding.add_benchmark(
            folder,
            name,
            task=task,
            corpus=corpus,
            train=train,
            test=test,
            metric=metric,
            answers="none" if unlabelled else "given",
            overlap="drop" if overlap == "drop" else "refuse",
            columns=columns,
            replace=replace,
        )
    dropped = f"; {added.dropped} training questions left out, they are test questions too" if added.dropped else ""
    counts = f"{added.train_questions:,} training and {added.test_questions:,} test questions"
    say(f"benchmark {name}: {counts}{dropped} ({added.file})")
    spoken = Registry.load(folder).language_of(name)
    if spoken != ENGLISH and added.benchmark.metric != "accuracy_unicode":
        say(
            f"metric {added.benchmark.metric} is FlashRAG's, for English; accuracy_unicode puts articles and forms of "
            f"letters aside in {name_of_language(spoken)} too"
        )
    reload_code_location(settings)


@app.command()
@with_settings("home")
def log(
    name: Annotated[str, typer.Argument(help="Name of the benchmark that is made of it.")],
    path: Annotated[Path, typer.Argument(help="A file, or a folder of such files: JSONL, JSON, CSV or Parquet.")],
    corpus: Annotated[str, typer.Option(help="Corpus that the questions are asked over.")],
    format: Annotated[
        str | None, typer.Option(help="jsonl, csv, langfuse, phoenix or otel; told by the rows if left out.")
    ] = None,
    task: Annotated[str, typer.Option(help=f"Kind of question: {', '.join(TASKS)}.")] = "open_qa",
    metric: Annotated[str | None, typer.Option(help="Metric; f1 for free answers if left out.")] = None,
    columns: Annotated[
        str, typer.Option("--map", help="Names of columns, attributes or scores: question=…,feedback=…,correction=… …")
    ] = "",
    up_from: Annotated[
        float | None, typer.Option("--up-from", help="Lowest score that means good, where scores are not 1, 0 and -1.")
    ] = None,
    keep_personal: Annotated[
        bool, typer.Option("--keep-personal", help="Train on questions that hold personal data, too.")
    ] = False,
    look_into: Annotated[
        Path | None, typer.Option("--look-into", help="Write the answers that were found bad into this JSONL file.")
    ] = None,
    replace: Replace = False,
    *,
    settings: Settings,
) -> None:
    """Read a log of questions, answers and feedback whole, and register the benchmark that is made of it.

    Corrections are gold answers, thumbs-up answers weak ones. Test questions are later than what trains.

    Example: wbrag add log support langfuse.jsonl --corpus handbook
    """
    from wbrag_pipeline.datasets.adding_log import add_log, answers_to_look_into
    from wbrag_pipeline.storage import write_text

    if look_into is not None and look_into.is_dir():
        raise InputError("is a folder", file=look_into, field="--look-into", hint="name a file")
    added = add_log(
        settings.home,
        name,
        path,
        corpus=corpus,
        format=format,
        task=task,
        metric=metric,
        columns=columns,
        up_from=up_from,
        keep_personal=keep_personal,
        replace=replace,
    )
    say(f"benchmark {name}: made of a log of the format {added.benchmark.log} ({added.file})")
    for line in added.counts.lines():
        say(line)
    if look_into is not None:
        found = answers_to_look_into(added.benchmark)
        write_text(look_into, found.write_ndjson())
        say(f"{found.height:,} answers to look into: {look_into}")
    reload_code_location(settings)


def _language_told(language: str, texts: Iterable[str]) -> list[str]:
    """What is done for a corpus' language, and what its texts look like where that is another."""
    from wbrag_pipeline.errors import MissingPartError
    from wbrag_pipeline.languages import detected_language, language_notes, name_of_language

    try:
        found = detected_language(texts)
    except MissingPartError as error:
        return [
            *language_notes(language),
            f"language {name_of_language(language)}: not compared with the texts: {error}",
        ]
    if found in ("", language):
        return language_notes(language)
    looks = f"language {name_of_language(language)}, but most texts look like {name_of_language(found)}"
    return [*language_notes(language), f"{looks}: if they are, add it again with --replace --language {found}"]


_SHOWN = 5  # written questions that are shown
# What writing and asking go by.
_ENGINES = ("encoder", "store", "index", "generator", "engine_arguments", "reasoning_tokens", "num_fewshot")
_ASKING = ("reduce_answers", "top_k", "failure_share", "prices", "max_tokens", "max_cost")


@app.command()
@with_settings(*_ENGINES, *_ASKING)
def questions(
    name: Annotated[str, typer.Argument(help="Name of the benchmark that is made of them.")],
    corpus: Annotated[str, typer.Option(help="Corpus that they are written from.")],
    passages: Annotated[int, typer.Option(min=1, help="So many passages are asked about, drawn by their ids.")] = 300,
    each: Annotated[int, typer.Option(min=1, max=5, help="Questions that are wanted of each passage.")] = 1,
    draw: Annotated[int, typer.Option(help="Which passages: another number draws others.")] = 0,
    test: Annotated[
        Path | None, typer.Option(help="Real test questions with answers; without any nothing is evaluated.")
    ] = None,
    replace: Replace = False,
    *,
    settings: Settings,
) -> None:
    """Let a language model write training questions from a corpus, for a start without a log.

    A question stays if it finds its passage, is answered from it as written, and is not answered without it. They
    train and never test.

    Example: wbrag add questions support --corpus handbook --generator transformers:Qwen/Qwen2.5-1.5B-Instruct
    """
    from wbrag_pipeline.commands.pipeline import index_corpora
    from wbrag_pipeline.datasets.written_questions import add_written_benchmark, plan_written_benchmark
    from wbrag_pipeline.generation.accounts.budget import budget_of, spending
    from wbrag_pipeline.run_locks import at_work, corpus_lock
    from wbrag_pipeline.terminal import on_one_line
    from wbrag_pipeline.training.question_writing import require_writer, written_for

    require_writer(settings.generator)
    planned = plan_written_benchmark(settings.home, name, corpus=corpus, test=test, replace=replace)
    index_corpora(settings, [corpus])
    shared = {corpus_lock(corpus)}
    with at_work(settings.layout, "wbrag add questions", shared=shared, tell=note), spending(budget_of(settings)):
        made = written_for(settings, planned, number=passages, each=each, draw=draw)
        for line in made.lines():
            say(line)
        added = add_written_benchmark(
            settings.home, planned, made.found.questions, written_by=made.written_by, replace=replace
        )
    for question, (answer, *_) in made.found.questions.select("question", "golden_answers").head(_SHOWN).iter_rows():
        say(f"  {on_one_line(question)} – {on_one_line(answer)}")
    dropped = f"; {added.dropped:,} left out, they are test questions too" if added.dropped else ""
    counts = f"{added.train_questions:,} synthetic training and {added.test_questions:,} test questions"
    say(f"benchmark {name}: {counts}{dropped} ({added.file})")
    reload_code_location(settings)
