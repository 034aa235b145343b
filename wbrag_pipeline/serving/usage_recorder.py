"""A sample of the queries that are served, recorded for ``wbrag usage`` where the operator asked for it.

A request only puts what it found into a list in memory. A thread writes the list every half minute, and when the server
stops; what a killed server had in memory is lost. The list is bounded, and what does not fit is counted.

Recorded texts are under ``wbrag forget``. It waits for a write that has begun, and a write waits for it. What was in
memory when something was forgotten is dropped, because nobody can say what of it tells what was forgotten.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.private_data import EVERY_KIND, kinds_named, private_data
from wbrag_pipeline.datasets.tombstones import read_tombstones, tombstones_file
from wbrag_pipeline.errors import BusyError
from wbrag_pipeline.retrieval.knowledge_base import WRITEBACK
from wbrag_pipeline.run_locks import at_work
from wbrag_pipeline.serving.textless_log import where
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.usage.recorded_queries import LONG, PERSONAL, RECORDED, UNWANTED, RecordedQueries, question_ids

_log = logging.getLogger("wbrag.serving")
_SECONDS = 30.0  # between two writes
_PRUNING = timedelta(hours=1)  # between two looks at what is too old, where nothing is written
_MOST_WAITING = 2_000  # queries in memory
_LONGEST = 2_000  # characters of a text
_KINDS = kinds_named(EVERY_KIND)

_ASKED = pl.Schema(
    {
        "request": pl.Int32(),
        "query": pl.Int32(),
        "asked_at": pl.Datetime("us", "UTC"),
        "release": pl.String(),
        "question": pl.String(),
    }
)

# Counts queries of the sample by what became of them.
CountUsage = Callable[[str, int], None]


@dataclass(frozen=True)
class UsageSample:
    """What is recorded. share: of the queries, in (0, 1]. texts: whether their text is, if it holds no personal data.

    days, most: how long queries are kept, and how many of each benchmark.
    """

    settings: Settings
    share: float
    texts: bool = True
    days: int = 30
    most: int = 10_000

    def of(self, benchmark: str) -> RecordedQueries:
        """Where the queries of a benchmark are recorded."""
        return RecordedQueries(self.settings.usage(benchmark), self.days, self.most)


@dataclass(frozen=True)
class _Noted:
    """Queries of one request: ``places`` of them in ``hits``, which holds no text."""

    benchmark: str
    asked_at: datetime
    release: str
    questions: list[str]
    places: list[int]
    hits: pl.DataFrame


class UsageRecorder:
    """Takes queries from any thread and writes them from one of its own.

    benchmarks: those that are served; what is too old of them goes, whether or not they are asked. seconds: between two
    writes. chance: gives numbers in [0, 1); a query below the share is taken.

    Raises IntegrityError where it cannot be read what was forgotten.
    """

    def __init__(
        self,
        sample: UsageSample,
        benchmarks: Sequence[str],
        count: CountUsage,
        *,
        seconds: float = _SECONDS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._sample, self._benchmarks, self._count = sample, tuple(benchmarks), count
        self._seconds, self._chance = seconds, chance
        self._noted: list[_Noted] = []
        self._waiting = 0
        self._noting, self._writing = threading.Lock(), threading.Lock()
        self._segments: dict[str, str] = {}
        self._tombstones_seen = _changed_at(tombstones_file(sample.settings.home))
        self._tombstones = read_tombstones(sample.settings.home)
        self._not_before = self._prune_next = datetime.min.replace(tzinfo=UTC)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="wbrag-usage", daemon=True)
        self._thread.start()

    def note(
        self, benchmark: str, asked_at: datetime, questions: Sequence[str], release: str, hits: pl.DataFrame
    ) -> None:
        """Take some of a request's queries. hits: columns of ``HITS``, of all of them. Neither waits nor writes."""
        places = [place for place in range(len(questions)) if self._chance() < self._sample.share]
        if not places:
            return
        # No more of a large request is kept than what was chosen, and of a long text enough to see that it is.
        bare = hits.filter(pl.col("query").is_in(places)).select("query", "rank", "origin", "passage_id", "score")
        # Half a character, which JSON can hold and no file can, is replaced.
        asked = [questions[place][: _LONGEST + 1].encode("utf-8", "replace").decode() for place in places]
        noted = _Noted(benchmark, asked_at, release, asked, places, bare)
        with self._noting:
            fits = self._waiting + len(places) <= _MOST_WAITING
            if fits:
                self._noted.append(noted)
                self._waiting += len(places)
        if not fits:
            self._count("dropped", len(places))

    def write(self) -> None:
        """Write what was noted; where somebody has the home alone it stays noted. Errors are logged, without a text."""
        with self._writing:
            with self._noting:
                taken, self._noted, self._waiting = self._noted, [], 0
            if not taken and datetime.now(UTC) < self._prune_next and not self._may_be_forgotten:
                return
            try:
                with at_work(self._sample.settings.layout, "wbrag serve records usage", wait=False):
                    self._write(taken)
            except BusyError:
                with self._noting:
                    self._noted = taken + self._noted
                    self._waiting += sum(len(each.places) for each in taken)
            except Exception as error:  # a request must not fail for it, and the next write may work
                _log.error("recorded queries could not be written: %s", where(error))
                self._count("dropped", sum(len(each.places) for each in taken))

    def close(self) -> None:
        """Write what is left, and end."""
        self._stopping.set()
        self._thread.join()
        self.write()

    def _work(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.write()

    @property
    def _may_be_forgotten(self) -> bool:
        """Whether the tombstones are others than at the last write, by a look that reads nothing."""
        return self._tombstones_seen != _changed_at(tombstones_file(self._sample.settings.home))

    def _write(self, taken: list[_Noted]) -> None:
        now = datetime.now(UTC)
        self._tombstones_seen = _changed_at(tombstones_file(self._sample.settings.home))
        tombstones = read_tombstones(self._sample.settings.home)
        if self._tombstones != tombstones:
            self._tombstones, self._not_before = tombstones, now
        current = [each for each in taken if each.asked_at >= self._not_before]
        self._count("forgotten", sum(len(each.places) for each in taken if each.asked_at < self._not_before))
        for benchmark in self._benchmarks:
            recorded = self._sample.of(benchmark)
            rows = recorded_rows([each for each in current if each.benchmark == benchmark], texts=self._sample.texts)
            kept = tombstones.without_forgotten_questions(rows)
            self._count("forgotten", rows.height - kept.height)
            if kept.height:
                self._segments[benchmark] = recorded.append(kept, self._segments.get(benchmark, ""), now)
                self._count("recorded", kept.height)
            recorded.prune(now)
        self._prune_next = now + _PRUNING


def recorded_rows(noted: Sequence[_Noted], *, texts: bool) -> pl.DataFrame:
    """RECORDED rows of what was noted."""
    if not noted:
        return RECORDED.empty()
    asked = [
        (request, place, each.asked_at, each.release, question)
        for request, each in enumerate(noted)
        for place, question in zip(each.places, each.questions, strict=True)
    ]
    reasons = [_why_left_out(question, texts=texts) for *_, question in asked]
    shown = ["" if reason else question for (*_, question), reason in zip(asked, reasons, strict=True)]
    queries = pl.DataFrame(asked, schema=_ASKED, orient="row").with_columns(
        pl.Series("question_id", question_ids(shown), pl.String),
        pl.Series("question", shown, pl.String),
        pl.Series("left_out", reasons, pl.String),
    )
    hits = pl.concat([each.hits.with_columns(request=pl.lit(at, pl.Int32)) for at, each in enumerate(noted)])
    found = (
        hits.sort("request", "query", "rank")
        .group_by("request", "query", maintain_order=True)
        .agg(
            found=pl.len().cast(pl.Int32),
            units=(pl.col("origin") == WRITEBACK).sum().cast(pl.Int32),
            best_score=pl.col("score").first().cast(pl.Float32),
            passages=pl.concat_str("origin", pl.lit(":"), "passage_id"),
        )
    )
    return (
        queries.join(found, on=["request", "query"], how="left", maintain_order="left")
        .with_columns(
            pl.col("found", "units").fill_null(0), pl.col("passages").fill_null(pl.lit([], pl.List(pl.String)))
        )
        .select(list(RECORDED.schema))
    )


def _changed_at(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_mtime_ns


def _why_left_out(question: str, *, texts: bool) -> str:
    if not texts:
        return UNWANTED
    if len(question) > _LONGEST:
        return LONG
    return PERSONAL if private_data(question, _KINDS) else ""
