"""The Python API: train a knowledge base, evaluate it, ask it, and keep a retriever that follows what is served.

Everything here is also a command; both call the same stages, so the results are the same, byte for byte.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.rag.methods import with_canonical_method
from wbrag_pipeline.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from wbrag_pipeline.evaluation.statistics import Summary
    from wbrag_pipeline.releases.store import Release
    from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase

AnyPath = str | PathLike[str]


@dataclass(frozen=True)
class Evaluation:
    """Test questions with and without write-back.

    table: ``tables.EVALUATION``, one row a question. summary: scores, gain and its interval in points (0-100).
    """

    table: pl.DataFrame
    summary: Summary


@dataclass(frozen=True)
class Reply:
    """An answer, and what it was given from.

    text: in the task's canonical form; "" where the generator failed. release: the one that was searched, "" for none.
    passages: one row a passage: query, rank, origin ("corpus" or "writeback"), passage_id, score, title, text, sources.
    """

    text: str
    release: str
    passages: pl.DataFrame


def add_corpus(
    name: str,
    path: AnyPath,
    settings: Settings | None = None,
    *,
    split: bool = False,
    language: str = "",
    replace: bool = False,
) -> int:
    """Register a corpus under a name; gives its number of passages.

    path: JSONL, CSV or Parquet with ``id`` and ``text`` (or FlashRAG's ``contents``), or a folder of documents.
    split: cut rows of more than 100 words into parts, also whenever the corpus is read again.
    language: code of its language, for example "de"; English when empty.
    replace: in the place of an entry of that name.

    Raises InputError, with file, line and field, for a corpus that cannot be read; nothing is changed then.
    """
    from wbrag_pipeline.datasets import adding

    settings = _or_default(settings)
    added = adding.add_corpus(
        settings.home,
        name,
        _path(path, "path"),
        split=split,
        language=language,
        replace=replace,
        skip_bad=settings.skip_bad,
    )
    return added.passages


def add_retriever(
    name: str,
    *,
    url: str = "",
    format: Literal["search-r1", "openai"] = "search-r1",
    token_env: str = "",
    entry_point: str = "",
    ids: Literal["given", "text"] = "given",
    question: str = "",
    language: str = "",
    settings: Settings | None = None,
    replace: bool = False,
) -> int:
    """Register a search engine of your own in the place of a corpus; gives how many passages it showed on trial.

    url: the address that is asked, in the shape ``format``; token_env: the environment variable that holds its token.
    entry_point: in the place of a url, ``package.module:function`` that gives a retriever of LangChain, LlamaIndex,
        Haystack or this package's own protocol.
    ids: "text" where ids are those of whole documents. question: what it is asked on trial.
    language: code of the language of its texts, for example "de"; English when empty.

    Raises InputError for what cannot be used, RetrieverError where it cannot be asked; nothing is changed then.
    """
    from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
    from wbrag_pipeline.retrievers import adding_retriever

    given = {"url": url, "token_env": token_env, "entry_point": entry_point, "ids": ids}
    entry = RetrieverEntry.parse(given | ({"format": format} if url else {}))
    home = _or_default(settings).home
    added = adding_retriever.add_retriever(home, name, entry, question=question, language=language, replace=replace)
    return added.trial.passages.height


def add_benchmark(
    name: str,
    *,
    corpus: str,
    train: AnyPath,
    test: AnyPath | None = None,
    task: str = "open_qa",
    metric: str | None = None,
    answers: Literal["given", "none"] = "given",
    overlap: Literal["refuse", "drop"] = "refuse",
    settings: Settings | None = None,
    replace: bool = False,
) -> tuple[int, int]:
    """Register questions over a corpus; gives the numbers of training and test questions.

    train, test: JSONL, CSV or Parquet with ``question`` and ``golden_answers``. Without ``test`` nothing is evaluated.
    answers: "none" for training questions without answers, which the setting ``scorer="judge"`` trains on.
    overlap: what to do about training questions that are test questions too.

    Raises InputError, with file, line and field, for files that cannot be read; nothing is changed then.
    """
    from wbrag_pipeline.datasets import adding

    added = adding.add_benchmark(
        _or_default(settings).home,
        name,
        task=task,
        corpus=corpus,
        train=_path(train, "train"),
        test=None if test is None else _path(test, "test"),
        metric=metric,
        answers=answers,
        overlap=overlap,
        replace=replace,
    )
    return added.train_questions, added.test_questions


def train(benchmark: str, settings: Settings | None = None) -> Release:
    """Train on a benchmark's questions; gives the release that was built, which is served unless it is worse.

    The corpus is indexed first where its files have changed. ``release.validation`` says whether it was promoted, and
    why. What was done before is not done again.

    >>> import tempfile
    >>> from wbrag_pipeline import Settings, train
    >>> settings = Settings(home=tempfile.mkdtemp(), limit=10)
    >>> release = train("sample_zsre", settings)
    >>> release.name, release.validation["passed"]
    ('r000001', True)
    >>> sorted(release.units().columns)[:3]
    ['benchmark', 'distiller', 'fallback']

    Raises InputError for bad files or settings, TooManyFailedError where too many of the generator's calls failed,
    BudgetError where what the settings allow is spent.
    """
    from wbrag_pipeline import tables
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.promotion import record_decision, validate_candidate
    from wbrag_pipeline.generation.accounts.budget import budget_of, spending
    from wbrag_pipeline.lineage import Lineage
    from wbrag_pipeline.refresh.corpus_stages import is_fresh, refresh_corpus
    from wbrag_pipeline.remote.pushing import push_if_set
    from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder
    from wbrag_pipeline.run_locks import at_work, benchmark_lock, corpus_lock
    from wbrag_pipeline.training.context import StageContext
    from wbrag_pipeline.training.preflight import check_before_a_run
    from wbrag_pipeline.training.train import train_candidate

    settings, run = _or_default(settings), f"api-{uuid.uuid4().hex[:12]}"
    entry = Registry.load(settings.home).benchmark(benchmark)
    check_before_a_run(settings, [entry])
    with at_work(settings.layout, f"indexing of {entry.corpus}", run=run, alone=[corpus_lock(entry.corpus)]):
        registry = Registry.load(settings.home)
        if not is_fresh(settings, registry, entry.corpus):
            refresh_corpus(settings, registry, entry.corpus, deployed_encoder(settings), run=run)
    mine = [benchmark_lock(settings.variant, benchmark)]
    with (
        at_work(settings.layout, f"training of {benchmark}", run=run, alone=mine, shared=[corpus_lock(entry.corpus)]),
        spending(budget_of(settings)),
    ):
        context = StageContext.of(settings, benchmark, run=run)
        release = train_candidate(context)
        questions = tables.QUESTIONS.load(settings, benchmark)
        decision = validate_candidate(context, questions, actor=f"run {run}", release=release)
        record_decision(context, Lineage(settings.layout.lineage), decision, actor=f"run {run}")
        push_if_set(settings, benchmark)
    return release


def evaluate(benchmark: str, settings: Settings | None = None) -> Evaluation:
    """Answer the test questions without and with the release that was built last, at the same K.

    The table is stored too, so that ``wbrag status`` and the report show it.

    >>> import tempfile
    >>> from wbrag_pipeline import Settings, evaluate, train
    >>> settings = Settings(home=tempfile.mkdtemp(), limit=10)
    >>> _ = train("sample_zsre", settings)
    >>> evaluate("sample_zsre", settings).summary.questions
    10

    Raises NotBuiltError before the benchmark was trained, InputError where it has no test questions.
    """
    from wbrag_pipeline import tables
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.evaluate import evaluate_release
    from wbrag_pipeline.evaluation.statistics import summarise
    from wbrag_pipeline.generation.accounts.budget import budget_of, spending
    from wbrag_pipeline.releases.store import candidate
    from wbrag_pipeline.run_locks import at_work, benchmark_lock, corpus_lock
    from wbrag_pipeline.training.context import StageContext

    settings = _or_default(settings)
    entry = Registry.load(settings.home).benchmark(benchmark)
    entry.require_test()
    mine = [benchmark_lock(settings.variant, benchmark)]
    with (
        at_work(settings.layout, f"evaluation of {benchmark}", alone=mine, shared=[corpus_lock(entry.corpus)]),
        spending(budget_of(settings)),
    ):
        release = candidate(settings.releases(benchmark))
        settings = release.settings(settings)
        context = StageContext.of(settings, benchmark, run="api")
        passages = tables.PASSAGES.load_lazily(settings, entry.corpus)
        made = evaluate_release(context, tables.QUESTIONS.load(settings, benchmark), release, passages)
        tables.EVALUATION.store(made.table, settings, benchmark)
    return Evaluation(made.table, summarise(made.table, seed=settings.seed))


def ask(
    question: str, benchmark: str, settings: Settings | None = None, *, labels: Collection[str] | None = None
) -> Reply:
    """Answer one question by what is served: the method, generator and K that the served release was validated with.

    labels: the access labels that the reader has; needed where passages have some.

    It opens everything anew: a program that asks more than once keeps a ``LiveRetriever`` and calls ``answer``.

    Raises NotBuiltError before the corpus was indexed, InputError where it must be said who reads.
    """
    from wbrag_pipeline.serving.live import LiveRetriever

    release, answered = LiveRetriever(_or_default(settings), benchmark).answer([question], labels=labels)
    return Reply(answered.texts[0], release, answered.hits)


def open_knowledge_base(corpus: str, settings: Settings | None = None) -> KnowledgeBase:
    """An indexed corpus for searching, without any units: ``search(questions, top_k)``, ``hits_with_text(hits)``.

    Raises NotBuiltError before the corpus was indexed, IntegrityError for a damaged index.
    """
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
    from wbrag_pipeline.retrievers.opened_base import open_base

    settings = _or_default(settings)
    return open_base(settings, corpus, load_encoder(settings.encoder))


def _path(given: AnyPath, field: str) -> Path:
    """Raises InputError for an empty text, which would mean the present folder."""
    if isinstance(given, str) and not given.strip():
        raise InputError("is empty", field=field, hint="name a file or a folder; the present folder is .")
    return Path(given)


def _or_default(settings: Settings | None) -> Settings:
    """The given settings, or the environment's; the method in its one spelling, the home of this version's layout."""
    found = with_canonical_method(Settings.from_environment() if settings is None else settings)
    found.layout.check_layout()
    return found
