"""The layout of ``WBRAG_HOME``: from what something is to its path, and from a path back to what it belongs to.

::

    home.json                                which layout this is
    tokens.jsonl                             hashes of bearer tokens and their access labels, for wbrag serve
    corpora/*.yaml benchmarks/*.yaml         the registry
    tables/TABLE/[VARIANT/]PARTITION.parquet
    indexes/CORPUS/SPACE/3f9a…/              a state of the corpus; current.json and committed.json name states
    collections/*.json                       which collections this home has in stores outside of it
    indexes/embeddings/                      vectors by content hash
    releases/VARIANT/BENCHMARK/r000001/      CANDIDATE and CURRENT name releases
    reports/VARIANT/BENCHMARK.html
    questions/BENCHMARK.parquet              questions that a language model wrote from the corpus
    usage/VARIANT/BENCHMARK/*.parquet        queries that wbrag serve recorded, where it was asked to
    lineage/  cache/  experiments/  forgotten/  locks/  dagster/
    published.json                           where units were published to, and this home's id there
    remote.json                              what was last seen of each remote, see ``remote.seen_versions``
    webserver.json                           where wbrag ui listens, for wbrag add
    dagster-elsewhere.json                   folders outside the home where Dagster kept records of this home

A name becomes a path component by ``path_name``. No other module joins these parts by itself.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.storage import sha256_of_text, stored_json, write_json

LAYOUT = 2
# What only an earlier layout has in a home without home.json. The registry, the completions, the vectors and the
# lineage are the same in all layouts so far.
_DERIVED = ("tables", "releases", "reports", "experiments")
_LONGEST = 80  # characters of a path component that comes from one name
# Tables whose partitions are corpora; those of the others are benchmarks.
CORPUS_TABLES = ("passages", "documents", "shown", "shown_later", "corpus_changes", "retired_units", "retiring_units")
# Those of them that no setting changes: what a corpus says.
SOURCE_TABLES = ("passages", "documents", "shown", "shown_later")


@dataclass(frozen=True)
class Owner:
    """Whose a stored file is, as path components: a corpus' or a benchmark's, or neither's."""

    corpus: str | None = None
    benchmark: str | None = None


@dataclass(frozen=True)
class Home:
    """One ``WBRAG_HOME``."""

    folder: Path

    def table(self, table: str, variant: str, partition: str) -> Path:
        """A stage's table. ``variant`` is one path component, "" for a table that no setting changes."""
        return self.folder / "tables" / table / variant / f"{path_name(partition)}.parquet"

    def source_note(self, corpus: str) -> Path:
        """Small JSON file: which source files the passages' table was read from."""
        return self.table("passages", "", corpus).with_suffix(".source.json")

    def corpus_index(self, corpus: str, space: str) -> Path:
        """Folder of a corpus' states under one encoder in one store; ``space`` is one path component."""
        return self.folder / "indexes" / path_name(corpus) / space

    @property
    def collections(self) -> Path:
        """Folder of notes on the collections that this home has in other stores, see ``retrieval.stores``."""
        return self.folder / "collections"

    @property
    def embeddings(self) -> Path:
        """Folder of encoded passages by content hash, shared by corpora and encoders."""
        return self.folder / "indexes" / "embeddings"

    def releases(self, variant: str, benchmark: str) -> Path:
        """Folder of one benchmark's releases: r000001/ …, CANDIDATE and CURRENT."""
        return self.folder / "releases" / variant / path_name(benchmark)

    def usage(self, variant: str, benchmark: str) -> Path:
        """Folder of the recorded queries of one benchmark, see ``usage.recorded_queries``."""
        return self.folder / "usage" / variant / path_name(benchmark)

    def questions(self, benchmark: str) -> Path:
        """The training questions of a benchmark that were written from its corpus."""
        return self.folder / "questions" / f"{path_name(benchmark)}.parquet"

    def report(self, variant: str, page: str) -> Path:
        """An HTML report."""
        return self.folder / "reports" / variant / f"{path_name(page) if page != '_overview' else page}.html"

    @property
    def experiments(self) -> Path:
        """Folder of all experiments: stages/ (tables by content), results/ and the report."""
        return self.folder / "experiments"

    @property
    def completions(self) -> Path:
        """SQLite file of the completion cache and the ledger."""
        return self.folder / "cache" / "completions.sqlite"

    @property
    def access_tokens(self) -> Path:
        """JSON lines: the hashes of bearer tokens and whose labels they give, see ``serving.access_tokens``."""
        return self.folder / "tokens.jsonl"

    @property
    def locks(self) -> Path:
        """Folder of those who are at work here, see ``run_locks``."""
        return self.folder / "locks"

    @property
    def lineage(self) -> Path:
        """Folder of the append-only event files and of lineage.duckdb."""
        return self.folder / "lineage"

    @property
    def published(self) -> Path:
        """JSON file: the collections that units were published to, see ``publishing.publications``."""
        return self.folder / "published.json"

    @property
    def withdrawals(self) -> Path:
        """JSON file: forgotten units that must still leave collections which could not be reached."""
        return self.folder / "forgotten" / "withdrawals.json"

    @property
    def remotes(self) -> Path:
        """JSON file: the remotes that this home sent releases to or took them from, see ``remote.seen_versions``."""
        return self.folder / "remote.json"

    @property
    def webserver(self) -> Path:
        """JSON file: the address of the newest ``wbrag ui`` over this home, which may have ended."""
        return self.folder / "webserver.json"

    def note_dagster(self, folder: Path) -> None:
        """Note where Dagster keeps its records if that is outside the home: forgetting must look there too."""
        folder, known = folder.absolute(), self.dagster_elsewhere()
        if folder not in known and not folder.resolve().is_relative_to(self.folder.resolve()):
            write_json(self._elsewhere, {"folders": [str(path) for path in (*known, folder)]})

    def dagster_elsewhere(self) -> list[Path]:
        """Folders outside the home where Dagster ever kept records of it. Raises IntegrityError for a damaged note."""
        try:
            return [Path(path) for path in stored_json(self._elsewhere)["folders"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            hint = 'write {"folders": []} into it, with the folders that DAGSTER_HOME named'
            raise IntegrityError(self._elsewhere, f"is damaged; {hint}") from error

    @property
    def _elsewhere(self) -> Path:
        return self.folder / "dagster-elsewhere.json"

    def owner(self, file: Path) -> Owner:
        """Whose ``file`` is, by its place in the layout: names that occur elsewhere in the path say nothing."""
        try:
            parts = file.relative_to(self.folder).parts
        except ValueError:
            return Owner()
        match parts:
            case ("tables", table, *_, _) if table in CORPUS_TABLES:
                return Owner(corpus=_stem(file))
            case ("tables", _, *_, _) | ("reports", _, _) | ("questions", _):
                return Owner(benchmark=_stem(file))
            case ("indexes", corpus, _, *_) if corpus != "embeddings":
                return Owner(corpus=corpus)
            case ("releases" | "usage", _, benchmark, *_):
                return Owner(benchmark=benchmark)
            case ("experiments", "results", _, _, _):
                return Owner(benchmark=_stem(file))
            case _:
                return Owner()

    def check_layout(self) -> None:
        """Raise InputError, with what to do, where an earlier or a later version made what is here."""
        note = self.folder / "home.json"
        try:
            found = stored_json(note)["layout"]
        except (FileNotFoundError, NotADirectoryError):  # a home that cannot be is told of by the first write
            found = 1 if any((self.folder / name).is_dir() for name in _DERIVED) else LAYOUT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(note, f'is damaged; write {{"layout": {LAYOUT}}} into it') from error
        if found == LAYOUT:
            return
        if isinstance(found, int) and found < LAYOUT:
            raise InputError(
                f"was made by an earlier version (layout {found}; this version reads layout {LAYOUT})",
                file=self.folder,
                hint="wbrag upgrade moves its tables, indexes and releases aside and keeps the registry, the "
                "completion cache, the vectors and the lineage; wbrag run then makes the rest again",
            )
        raise InputError(f"has layout {found}, which a later version made", file=note, hint="use that version")

    def mark_layout(self) -> None:
        """Note the layout in a home that is about to get its first table."""
        note = self.folder / "home.json"
        if not note.exists():
            write_json(note, {"layout": LAYOUT})

    def upgrade(self) -> list[Path]:
        """Move what an earlier layout derived into ``earlier-layout/``; gives the folders that moved.

        What cannot be made again stays in its place: registry, completion cache, vectors, tombstones, lineage.
        """
        with suppress(InputError):
            self.check_layout()
            return []
        aside, moved = self.folder / "earlier-layout", []
        indexes = self.folder / "indexes"
        old = [self.folder / name for name in _DERIVED]
        old += [path for path in indexes.glob("*") if path != self.embeddings] if indexes.is_dir() else []
        for path in (path for path in old if path.is_dir()):
            target = aside / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            moved.append(target)
        write_json(self.folder / "home.json", {"layout": LAYOUT})
        return moved


def path_name(name: str) -> str:
    """A name as one path component. Different names are different components.

    Letters, digits and ``._+=,-`` stay, ``/`` becomes ``--`` as in the Hugging Face cache. Where anything else had to
    be changed or cut, ``@`` and a hash of the whole name are added; no name that stays as it is has an ``@``.
    """
    plain = name.replace("/", "--")
    text = re.sub(r"[^A-Za-z0-9._+=,-]+", "-", plain).strip("-.")
    # Three dashes in a row could be "/-" or "-/".
    if text == plain and "--" not in name and "---" not in plain and 0 < len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}@{sha256_of_text(name)[:8]}"


def _stem(file: Path) -> str:
    """The partition: names may have dots, so only what the layout adds is taken off."""
    endings = (".source.json", ".parquet", ".html", ".md")
    return next((file.name.removesuffix(end) for end in endings if file.name.endswith(end)), file.name)
