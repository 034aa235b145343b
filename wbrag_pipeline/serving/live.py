"""A retriever that follows the pointer: a promotion or a rollback takes effect between two requests, without a restart.

::

    retriever = LiveRetriever(settings, "support")
    found = retriever.search(["How do I reset my password?"])
    found.release, found.hits                                    # "r000003", the passages with texts and origin

Each request is answered from one *view*: one state of the corpus and one release, opened and verified together. A
view is never changed; a new one takes its place by one assignment. Whoever notices that the pointer moved opens the new
view, while the others go on with the old one, which serves on where the new one proves damaged.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError, IntegrityError, WbragError
from wbrag_pipeline.generation.accounts.completions import stored_unless_emptied
from wbrag_pipeline.generation.engines import deployed_generator
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.rag.searching import TransformsQueries
from wbrag_pipeline.rag.system import Answered, RagSystem
from wbrag_pipeline.releases.pointer import POINTER, RELEASE_NAME, read_pointer
from wbrag_pipeline.releases.store import open_release
from wbrag_pipeline.remote.following import POLL_SECONDS, RemoteFollower
from wbrag_pipeline.retrieval.corpus import CURRENT_STATE
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrievers.opened_base import open_base
from wbrag_pipeline.serving.combining_encoder import CombiningEncoder
from wbrag_pipeline.serving.served_system import served_system
from wbrag_pipeline.settings import Settings

_log = logging.getLogger("wbrag.serving")


@dataclass(frozen=True)
class _Wanted:
    """What should be served: the newest move of the releases' pointer, that release's manifest, the corpus' pointer.

    The move and not the release alone: a pointer that left and came back while a view was opened has to show, for that
    view may hold what was served between. The manifest is watched too because forgetting makes a release again under
    its own name: what was forgotten must not be served from memory.

    They are read and not asked for their times, which cannot tell two swaps within one tick of the clock. None where a
    file is not there.
    """

    move: bytes | None
    manifest: bytes | None
    corpus: bytes | None


@dataclass(frozen=True)
class Found:
    """Hits of one request (``KnowledgeBase.hits_with_text``) and the one release that they came from.

    release is empty while nothing was ever promoted: then the corpus alone is searched.
    """

    release: str
    hits: pl.DataFrame


@dataclass(frozen=True)
class _View:
    """release, manifest: of what is served. system: what was validated, over the corpus and that release."""

    release: str
    system: RagSystem
    wanted: _Wanted


class LiveRetriever:
    """Searches a benchmark's corpus and its served release; may be called from many threads.

    What retrieves is the system that the release was validated with: its method, so a release made with ``hyde+naive``
    is searched with HyDE, and its K. While nothing was promoted it is the system that the settings describe.

    encoder: loaded as the settings say when None.
    generator: how to get the generator of some settings; needed to answer, and to retrieve where the method changes
        queries.
    retry_seconds: how long after a view that could not be opened before that is tried again.
    encoding, generating: held while questions are encoded, and while a generator is at work; given where several
        retrievers share an encoder or a generator, or where the encoder takes many threads itself.

    poll_seconds: how often the remote is looked at, where the settings name one. What is served there is then pulled
        into the home first, and followed until ``close``; as long as it cannot be reached, what is here serves on.

    Raises as ``open_base`` and ``read_pointer`` when there is nothing to start with, and as ``pull`` when the remote
    cannot be had either. When the served release
    is damaged at the start, the one served before it is taken, as far as its sources still stand, with a warning.
    """

    def __init__(
        self,
        settings: Settings,
        benchmark: str,
        encoder: Encoder | None = None,
        *,
        generator: Callable[[Settings], Generator] = deployed_generator,
        retry_seconds: float = 5.0,
        encoding: AbstractContextManager[Any] | None = None,
        generating: AbstractContextManager[Any] | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        if encoder is None:
            from wbrag_pipeline.retrieval.encoding.encoder import load_encoder

            encoder = load_encoder(settings.encoder)
        self.settings, self.benchmark = settings, benchmark
        self.follower = RemoteFollower(settings, benchmark, poll_seconds) if settings.remote else None
        if self.follower is not None:
            weakref.finalize(self, self.follower.close)
            self.follower.start()
        registry = Registry.load(settings.home)
        entry = registry.benchmark(benchmark)
        self._corpus, self._task = entry.corpus, entry.task
        self._language = registry.language_of(benchmark)
        # Passages that a retriever of the user's own shows are encoded wherever something is searched.
        self._encoder = CombiningEncoder(encoder) if encoding is None else encoder
        self._load_generator = generator
        self._folder = settings.releases(benchmark)
        self._retry_seconds = retry_seconds
        self._refused: tuple[_Wanted, float] | None = None  # and when it may be tried again
        self._opening = threading.Lock()
        # A tokenizer is one thread's at a time, a generator, and a FAISS index on a GPU.
        self._encoding = encoding or threading.Lock()
        self._generating = generating or threading.Lock()
        self._searching = threading.Lock() if load_faiss().get_num_gpus() > 0 else nullcontext()
        self._view = self._first()

    @property
    def release(self) -> str:
        """The release that the next request is answered from."""
        return self._followed().release

    @property
    def is_behind(self) -> bool:
        """Whether something newer was refused, as damaged, and what was served before it serves on."""
        return self._view.wanted != self._wanted()

    def close(self) -> None:
        """Follow the remote no more; what was found last serves on."""
        if self.follower is not None:
            self.follower.close()

    def load_generator(self) -> None:
        """Get the generator of what is served now, so that one that cannot be had is told of before the first answer.

        Raises InputError where it lacks what the method needs, MissingPartError where its library is not installed.
        """
        _ = self._view.system.generator

    def search(
        self, questions: Sequence[str], top_k: int | None = None, *, labels: Collection[str] | None = None
    ) -> Found:
        """The best passages and units of each question: rows of all questions, ``query`` being the question's place.

        labels: the access labels that the reader has; needed where passages have some (``KnowledgeBase.search``).

        Raises ValueError for top_k under 1, and InputError for one text in the place of a list, and where it must be
        said who reads.
        """
        _require_list(questions)
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        view = self._followed()
        system = view.system if labels is None else view.system.for_reader(labels)
        generates = isinstance(system.method, TransformsQueries)
        with self._generating if generates else nullcontext(), self._encoding:
            vectors = system.query_vectors(list(questions))
        with self._searching:
            hits = system.retrieve(list(questions), top_k=top_k, vectors=vectors)
        return Found(view.release, system.base.hits_with_text(hits))

    def passage(self, origin: str, passage_id: str, *, labels: Collection[str] | None = None) -> Found:
        """The passage or unit of that id, as a hit of rank 1 without a score; no row where the reader sees none.

        origin: ``knowledge_base.CORPUS`` or ``WRITEBACK``. labels: as for ``search``.

        Raises InputError where it must be said who reads.
        """
        view = self._followed()
        base = view.system.base if labels is None else view.system.base.for_reader(labels)
        return Found(view.release, base.hits_with_text(base.hit(origin, passage_id)))

    def answer(self, questions: Sequence[str], *, labels: Collection[str] | None = None) -> tuple[str, Answered]:
        """Answers by the served system, with the passages that they were given from, and the release's name."""
        _require_list(questions)
        with stored_unless_emptied(self.settings.layout.completions):
            view = self._followed()
            system = view.system if labels is None else view.system.for_reader(labels)
            with self._generating, self._encoding, self._searching:
                return view.release, system.answer(list(questions))

    def _followed(self) -> _View:
        """The present view, after a look whether another is due."""
        if not self._is_due(self._view, self._wanted()) or not self._opening.acquire(blocking=False):
            return self._view  # or somebody is at it
        try:
            wanted = self._wanted()
            if self._is_due(self._view, wanted):
                try:
                    self._view = self._opened(wanted, self._view)
                except (WbragError, OSError) as error:
                    self._refused = (wanted, time.monotonic() + self._retry_seconds)
                    served = self._view.release or "the corpus alone"
                    _log.warning("%s: %s; %s serves on", self.benchmark, error, served)
        finally:
            self._opening.release()
        return self._view

    def _is_due(self, view: _View, wanted: _Wanted) -> bool:
        if wanted == view.wanted:
            return False
        refused = self._refused
        return refused is None or refused[0] != wanted or time.monotonic() >= refused[1]

    def _opened(self, wanted: _Wanted, present: _View | None) -> _View:
        """What the files say now. ``wanted`` was read before, so that what changes meanwhile is seen the next time."""
        if present is not None and present.wanted.corpus == wanted.corpus:
            corpus = present.system.base.without_writeback()
        else:
            corpus = self._open_corpus()
        pointer = read_pointer(self._folder)
        if pointer is not None:
            return _View(pointer.release, self._serving(corpus, pointer.release), wanted)
        if present is not None and present.release:
            raise IntegrityError(self._folder / POINTER, "is gone, though a release was served")
        system = RagSystem.of_settings(self.settings, corpus, self._task, self._load_generator, self._language)
        return _View("", system, wanted)

    def _first(self) -> _View:
        wanted = self._wanted()
        try:
            return self._opened(wanted, None)
        except IntegrityError as error:
            pointer = read_pointer(self._folder)
            earlier = pointer.trail[:-1] if pointer else []
            for name in reversed(earlier):
                try:
                    system = self._serving(self._open_corpus(), name, in_step=False)
                except WbragError:
                    continue
                _log.warning("%s: %s; %s, served before, is taken instead", self.benchmark, error, name)
                self._refused = (wanted, time.monotonic() + self._retry_seconds)
                return _View(name, system, _Wanted(name.encode(), None, wanted.corpus))
            raise

    def _open_corpus(self) -> KnowledgeBase:
        return open_base(self.settings, self._corpus, self._encoder)

    def _serving(self, corpus: KnowledgeBase, name: str, *, in_step: bool = True) -> RagSystem:
        release = open_release(self._folder, name)
        release.verify()
        return served_system(
            release, self.settings, self._corpus, corpus, self._task, self._load_generator, in_step=in_step
        )

    def _wanted(self) -> _Wanted:
        move = _newest_move(self._folder / POINTER)
        name = (move or b"").partition(b"\n")[0].strip().decode("ascii", errors="replace")
        manifest = _content(self._folder / name / "release.json") if RELEASE_NAME.fullmatch(name) else None
        return _Wanted(move, manifest, _content(self.settings.corpus_index(self._corpus) / CURRENT_STATE))


def _newest_move(file: Path) -> bytes | None:
    """The served release's name and the move that led to it: no two swaps of the pointer leave the same."""
    with suppress(OSError), file.open("rb") as stream:
        return stream.readline() + stream.readline()
    return None


def _content(file: Path) -> bytes | None:
    with suppress(OSError):
        return file.read_bytes()
    return None


def _require_list(questions: Sequence[str]) -> None:
    """Refuse one text, which is a sequence of its letters: each would be searched for."""
    if isinstance(questions, str):
        raise InputError("is one text, where a list of questions belongs", field="questions", hint='["QUESTION"]')
