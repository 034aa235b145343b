"""Asking a retriever of the user's own for everything that training and evaluation read, in one go.

What it shows for the questions of the benchmarks over it is its corpus as far as this package knows it: PASSAGES, and
SHOWN, which passages came for which question. Both are stored, and training and evaluation work on them, so that a run
can be repeated and a retriever that changes in the middle of one disturbs nothing. ``wbrag ask`` and serving ask live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.hash_draws import drawn_questions
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError, IntegrityError, RetrieverError
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.access import UNRESTRICTED
from wbrag_pipeline.retrieval.protocols import FetchesPassages, Retriever
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages, tables_of_hits
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text

_AT_ONCE = 512  # questions whose passages are Python objects at the same time
_FETCHED_AT_ONCE = 256
_NAMED = 3  # ids that a message names


def ask_for_passages(retriever: Retriever, name: str, questions: Sequence[str], depth: int) -> ShownPassages:
    """Ask for the first ``depth`` passages of each question, as one who may see everything.

    name: of the retriever, in messages. Raises RetrieverError where an answer cannot be had, and InputError where an
    id came with two texts or nothing was found at all.
    """
    parts: list[ShownPassages] = []
    with progress_bar("Asking the retriever", len(questions), unit="question") as advance:
        for start in range(0, len(questions), _AT_ONCE):
            part = questions[start : start + _AT_ONCE]
            found = retriever.search(part, depth, principal=UNRESTRICTED)
            if len(found) != len(part):
                raise RetrieverError(name, f"gave {len(found)} lists of passages for {len(part)} questions")
            parts.append(tables_of_hits(part, found, depth))
            advance(len(part))
    asked = _together(parts)
    if twice := asked.ids_of_two_texts():
        raise InputError(
            f"{name} showed different texts under one id: {', '.join(map(repr, twice[:_NAMED]))}",
            field="ids",
            hint="where ids are those of documents: wbrag add retriever … --replace --ids text; where a text was "
            "changed just now, run it again",
        )
    if asked.passages.is_empty():
        raise InputError(f"{name} showed no passage for any of {len(questions)} questions", field="corpus")
    return asked


def _together(parts: Sequence[ShownPassages]) -> ShownPassages:
    left_out: Counter[str] = Counter()
    for part in parts:
        left_out += part.left_out
    shown = pl.concat([tables.SHOWN.empty(), *(part.shown for part in parts)])
    passages = pl.concat([tables.PASSAGES.empty(), *(part.passages for part in parts)])
    # The same passage for several questions is one row; labels that differ are two texts' worth of doubt.
    passages = passages.unique(["passage_id", "content_hash", "labels"], keep="first", maintain_order=True)
    return ShownPassages(shown, passages.sort("passage_id", "content_hash"), left_out)


def told_of(asked: ShownPassages) -> list[str]:
    """What came of asking that a person should know: what was left out, and a retriever that gives less than K."""
    lines = [f"left out: {count:,} times {reason}" for reason, count in asked.left_out.most_common()]
    depth, most = asked.shown["asked"].max(), asked.shown["rank"].max()
    if isinstance(most, int) and isinstance(depth, int) and most < depth:
        lines.append(f"it gave at most {most} passages a question, and was asked for {depth}")
    nothing = asked.shown.filter(rank=0).height
    return [*lines, *([f"nothing was found for {nothing:,} questions"] if nothing else [])]


def questions_to_ask(settings: Settings, registry: Registry, corpus: str, kept: Sequence[str] = ()) -> list[str]:
    """The questions of all benchmarks over a retriever, as far as the settings limit them, each once, in order.

    kept: further ones that are asked again where they were asked before, such as those of served units.
    """
    needed: dict[str, None] = {}
    known: dict[str, None] = {}
    for benchmark in registry.benchmarks_of(corpus):
        splits = registry.splits(benchmark)
        for split in (splits.train, splits.test):
            known |= dict.fromkeys(split["question"])
            needed |= dict.fromkeys(drawn_questions(split, settings.limit)["question"])
    # What a smaller limit leaves out now was perhaps trained on before, and its units are still served.
    before = asked_before(settings, corpus).get_column("question").unique(maintain_order=True).to_list()
    again = {*known, *kept} - needed.keys()
    return [*needed, *(question for question in before if question in again)]


def asked_before(settings: Settings, corpus: str) -> pl.DataFrame:
    """SHOWN as it is stored; empty where nothing was asked, or the table is damaged."""
    file = settings.table("shown", corpus)
    try:
        return tables.SHOWN.read(file) if file.is_file() else tables.SHOWN.empty()
    except IntegrityError:
        return tables.SHOWN.empty()


def depth_to_ask(settings: Settings, corpus: str) -> int:
    """How deep to look: as the settings need, and as was asked before for other settings."""
    deepest = asked_before(settings, corpus)["asked"].max()
    return max(settings.search_depth, deepest if isinstance(deepest, int) else 0)


def was_asked(settings: Settings, registry: Registry, corpus: str) -> bool:
    """Whether all that the settings need was asked, deep enough."""
    before = asked_before(settings, corpus).filter(pl.col("asked") >= settings.search_depth)
    there = set(before["question"])
    return all(question in there for question in questions_to_ask(settings, registry, corpus))


def shown_fingerprint(settings: Settings, corpus: Corpus) -> str:
    """What the passages' table came from: the retriever, and all that it showed; "" where nothing is stored."""
    file = settings.table("shown", corpus.name)
    if corpus.retriever is None or not file.is_file():
        return ""
    return sha256_of_text(corpus.retriever.fingerprint, sha256_of_file(file))


def fetched(retriever: Retriever, ids: Sequence[str]) -> pl.DataFrame:
    """PASSAGES of these ids as far as the retriever can be asked by id, and still has them."""
    if not isinstance(retriever, FetchesPassages) or not ids:
        return tables.PASSAGES.empty()
    parts = []
    for start in range(0, len(ids), _FETCHED_AT_ONCE):
        wanted = list(ids[start : start + _FETCHED_AT_ONCE])
        found = retriever.fetch(wanted)
        parts.append(tables_of_hits([""], [found], len(wanted)).passages)
    frame = pl.concat([tables.PASSAGES.empty(), *parts])
    return frame.filter(pl.col("passage_id").is_in(list(ids))).unique("passage_id", keep="first", maintain_order=True)
