"""Forgetting, step by step: plan on disk, tombstones, every kind of place, the search, the certificate.

Each step takes away what is there and does nothing where nothing is, so a killed command is finished by doing all of
them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import add_tombstones
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.forgetting.certificate import Certificate, kept_out
from wbrag_pipeline.forgetting.corpus_indexes import forget_embeddings, forget_in_corpus_indexes
from wbrag_pipeline.forgetting.folder_walk import remove_file
from wbrag_pipeline.forgetting.journal import Journal
from wbrag_pipeline.forgetting.parquet_files import forget_in_table
from wbrag_pipeline.forgetting.question_splits import QuestionSplit
from wbrag_pipeline.forgetting.record_database import KEEPS, record_databases
from wbrag_pipeline.forgetting.release_folders import forget_in_releases
from wbrag_pipeline.forgetting.sqlite_files import empty_completions, is_sqlite, redact_sqlite
from wbrag_pipeline.forgetting.stored_files import OWN, TABLE_FILES, StoredFiles
from wbrag_pipeline.forgetting.subject import Subject, SubjectKind, find_subject
from wbrag_pipeline.forgetting.text_files import forget_in_text, remove_reports
from wbrag_pipeline.forgetting.trace_search import Searched, search_home
from wbrag_pipeline.forgetting.unfinished import (
    finish_withdrawals,
    note_unfinished,
    with_withdrawals,
    withdraw_from_shared,
)
from wbrag_pipeline.publishing.withdrawals import withdraw
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.collections import drop_unneeded
from wbrag_pipeline.run_locks import WHOLE_HOME, at_work
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import locked
from wbrag_pipeline.store_address import parse_store

_log = logging.getLogger("wbrag.forgetting")
# How places in other stores begin: the store's address follows.
_COLLECTIONS = "collections in "
_RECORDS = "Dagster's records in "


def forget(
    settings: Settings,
    kind: SubjectKind,
    ids: Sequence[str],
    *,
    corpus: str | None = None,
    benchmark: str | None = None,
    split: QuestionSplit | None = None,
    wait: bool = True,
    tell: Callable[[str], object] = _log.warning,
) -> Certificate:
    """Forget what these ids name, with everything derived from it. An unfinished one is finished first.

    Waits until nothing else is at work in the home, and whatever begins meanwhile waits for it; see ``run_locks``.

    wait: False raises BusyError, naming what is at work, instead of waiting for it.
    tell: called with a sentence each time that somebody must be waited for.

    A collection that units were published to, or a remote, that cannot be reached is named in the certificate
    (``not_withdrawn``); ``resume`` tries it again.

    Raises InputError for ids that name nothing, and WbragError, naming the files, when the search at the end finds a
    trace: then the journal stays and the command can be given again.
    """
    with at_work(settings.layout, "wbrag forget", alone=[WHOLE_HOME], wait=wait, tell=tell):
        journal = Journal.found(settings.home)
        # The same command again after a kill: what it names may be half gone, so the journal is what counts.
        if journal is not None and (journal.subject.kind, journal.subject.ids) != (kind, tuple(ids)):
            _carry_out(settings, journal)
            journal.close()
            journal = None
        if journal is None:
            home = StoredFiles(settings, Registry.load(settings.home))
            journal = Journal.begin(settings.home, find_subject(home, kind, ids, corpus, benchmark, split))
        certificate = _carry_out(settings, journal)
    journal.close()  # last, so a command that is killed before its certificate is out can be given again
    return certificate


def resume(settings: Settings, *, wait: bool = True, tell: Callable[[str], object] = _log.warning) -> Certificate:
    """Finish what was begun: in the home, or where units are published that could not be withdrawn.

    wait, tell: as for ``forget``. Raises InputError when nothing was left unfinished.
    """
    with at_work(settings.layout, "wbrag forget", alone=[WHOLE_HOME], wait=wait, tell=tell):
        journal = Journal.found(settings.home)
        if journal is None:
            withdrawn = finish_withdrawals(settings)
            if withdrawn is None:
                raise InputError("nothing was left unfinished", hint="wbrag forget passage ID begins")
            return withdrawn
        certificate = _carry_out(settings, journal)
    journal.close()
    return certificate


def _carry_out(settings: Settings, journal: Journal) -> Certificate:
    home, subject = StoredFiles(settings, Registry.load(settings.home)), journal.subject
    add_tombstones(settings.home, subject.tombstones)
    withdrawn = withdraw(settings, subject.unit_ids)
    for target in withdrawn:
        journal.add(f"published/{target.target}", target.units)
    _remove_left_overs(home)
    for place, count in forget_in_corpus_indexes(home, subject).items():
        journal.add(f"indexes/{place}", count)
    journal.add("indexes/embeddings", forget_embeddings(home, subject))
    for place, count in forget_in_releases(home, subject).items():
        journal.add(f"releases/{place}", count)
    shared = withdraw_from_shared(settings.layout)
    for target in shared:
        journal.add(f"published/{target.target}", target.units)
    dropped = drop_unneeded(settings.layout, erase=bool(subject.passages))
    for store, count in dropped.counts.items():
        journal.add(f"{_COLLECTIONS}{store}", count)
    # The units' events tell which benchmarks are concerned, so reports go before tables.
    journal.add("reports", remove_reports(home, _benchmarks(home, subject)))
    with locked(settings.layout.lineage / "events"):  # nobody merges recordings meanwhile
        for file in home.parquet():
            if not _has_its_own_step(home, file):
                with suppress(OSError, pl.exceptions.PolarsError):  # what cannot be read is named by the search
                    journal.add(_place(home, file), forget_in_table(file, subject, home))
    _remove_lineage_database(home)
    journal.add("cache/completions.sqlite", empty_completions(home))
    for file in home.files():
        if file.suffix in TABLE_FILES or file.name.endswith(("-wal", "-shm")):
            continue
        with suppress(FileNotFoundError, PermissionError):
            if is_sqlite(file):
                journal.add(_place(home, file), redact_sqlite(file, subject.phrases))
            else:
                journal.add(_place(home, file), int(forget_in_text(file, subject)))
    problems = _redact_databases(home, journal)
    searched = search_home(home, subject)
    if traces := list(dict.fromkeys([*problems, *searched.traces])):
        shown = "; ".join(traces[:5]) + (" …" if len(traces) > 5 else "")
        raise WbragError(
            f"not forgotten yet, {len(traces)} files hold traces: {shown} "
            "(stop what is running, fix these files, then: wbrag forget --resume)"
        )
    elsewhere = [f"{other}: was made when this home lay there; drop it in its store" for other in dropped.others]
    searched = replace(searched, unread=(*searched.unread, *elsewhere))
    certificate = with_withdrawals(
        _certificate(home, journal, searched), [replace(one, units=0) for one in (*withdrawn, *shared)]
    )
    if certificate.not_withdrawn:
        note_unfinished(settings.layout, certificate, subject.unit_ids)
    return certificate


def _redact_databases(home: StoredFiles, journal: Journal) -> list[str]:
    """Redact Dagster's records where a database holds them; what kept it from that, each with its configuration."""
    problems, phrases = [], journal.subject.phrases
    for configuration in home.dagster_configurations:
        for database in record_databases(configuration):
            try:
                place = f"{_RECORDS}{database.address}"
                # Noted first: a command that is killed while it redacts must rewrite the tables when it is resumed.
                journal.add(place, database.count(phrases))
                if place in journal.counts:
                    database.redact(phrases)
            except WbragError as error:
                problems.append(f"{configuration}: {error}")
    return problems


def _certificate(home: StoredFiles, journal: Journal, searched: Searched) -> Certificate:
    subject = journal.subject
    corpora = {corpus for corpus, _, _ in subject.passages}
    yours = [home.registry.corpora[name].place for name in sorted(corpora) if name in home.registry.corpora]
    for name in sorted({name for name, _, _ in subject.questions} & set(home.registry.benchmarks)):
        entry = home.registry.benchmarks[name]
        yours += [str(file) for file in (entry.train, entry.test) if file and file.absolute() in home.yours]
    return Certificate(
        subject.kind,
        subject.ids,
        journal.began,
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        tuple({"corpus": c, "passage_id": p, "content_sha256": h} for c, p, h in subject.passages),
        tuple({"unit_id": unit, "sha256": sha256} for unit, sha256 in subject.units),
        tuple({"benchmark": name, "split": split, "question_id": asked} for name, split, asked in subject.questions),
        dict(sorted(journal.counts.items())),
        tuple(dict.fromkeys(yours)),
        kept_out(subject),
        {"files": searched.files, "bytes": searched.bytes},
        searched.unread,
        stores=tuple(one for place in sorted(journal.counts) if (one := _what_its_store_keeps(place))),
    )


def _what_its_store_keeps(place: str) -> dict[str, str] | None:
    """Where a store or database outside the home may keep what went from it; None for a place inside."""
    if place.startswith(_RECORDS):
        return {"store": place.removeprefix(_RECORDS), "keeps": KEEPS}
    if place.startswith(_COLLECTIONS):
        store = place.removeprefix(_COLLECTIONS)
        return {"store": store, "keeps": backend_at(parse_store(store)).keeps}
    return None


def _has_its_own_step(home: StoredFiles, file: Path) -> bool:
    return any(file.is_relative_to(home.home / name) for name in ("indexes", "releases"))


def _benchmarks(home: StoredFiles, subject: Subject) -> set[str]:
    """Benchmarks whose reports may show it."""
    corpora = {corpus for corpus, _, _ in subject.passages}
    named = {name for name, _, _ in (*subject.questions, *subject.touched)}
    over = {name for corpus in corpora for name in home.registry.benchmarks_of(corpus)}
    return set(home.registry.benchmarks) if subject.units else named | over


def _remove_left_overs(home: StoredFiles) -> None:
    """What killed runs left under temporary names."""
    ours = [home.home / name for name in ("tables", "lineage", "reports", "cache", "experiments", "usage", "questions")]
    own = (home.home / OWN).iterdir()  # a half-written journal holds phrases
    for path in (*own, *(file for file in home.files() if any(file.is_relative_to(folder) for folder in ours))):
        if fnmatch(path.name, ".*.tmp*"):
            path.unlink()


def _remove_lineage_database(home: StoredFiles) -> None:
    """The DuckDB file holds views alone and is made again by the next look; a view's cache is a trace nobody needs."""
    for path in home.settings.layout.lineage.glob("lineage.duckdb*"):
        remove_file(path)


def _place(home: StoredFiles, file: Path) -> str:
    for root in home.roots:
        if file.is_relative_to(root):
            parts = file.relative_to(root).parts
            return "/".join(parts[:2]) if parts[0] in ("tables", "dagster", "lineage") else str(file.relative_to(root))
    return str(file)
