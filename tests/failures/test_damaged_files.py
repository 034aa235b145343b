"""A damaged file of every kind that a home holds: refused by name with the remedy, or made again; never read wrong.

The kinds are those of a home that a real run made. A file of a kind that is not listed here fails the test.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forgetting.conftest import original
from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import published
from wbrag_pipeline.datasets import tombstones
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.evaluation.experiments.artifact_cache import ArtifactCache
from wbrag_pipeline.evaluation.experiments.results import MATRIX, Results
from wbrag_pipeline.forgetting.forget import forget, resume
from wbrag_pipeline.forgetting.journal import Journal
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.store import build_release, candidate, current, promote
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state, committed_state, current_state
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import remove_directory
from wbrag_pipeline.training.stages import Made

__all__ = ["original"]

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[: len(data) // 2],
    "zeroed": lambda data: bytes(len(data)),
    "a bit flipped": lambda data: bytes(byte ^ 16 if n == len(data) // 2 else byte for n, byte in enumerate(data)),
}
# Files that nobody reads: Dagster's own, locks, and pages for people, which the next run writes anew.
UNREAD = re.compile(r"dagster/.*|(.*/)?\.lock|reports/.*|tables/passages/towns\.source\.json")


@dataclass(frozen=True)
class Kind:
    """read: what depends on the file. remedy: what its refusal says. repair: that remedy, done."""

    files: str
    read: Callable[[Settings, Path], Any]
    remedy: str
    hint: Callable[[Settings, Path], object]


def served(settings: Settings, file: Path | None = None) -> Any:
    found = LiveRetriever(settings, "towns", load_encoder()).search(["Who founded Corvane?"], 5, labels=())
    return found.hits.select("passage_id", "origin", "title", "text").rows()


def released(settings: Settings, file: Path) -> Any:
    release = current(settings.releases("towns"))
    release.verify()
    return release.units().rows(), release.index(load_encoder()).ids.to_list()


def release_anew(settings: Settings, file: Path) -> None:
    folder, curated = settings.releases("towns"), tables.CURATED_UNITS.read(settings.table("curated_units", "towns"))
    new = build_release(published(curated), load_encoder(), folder, {})
    promote(folder, new.name, actor="test", reason="repaired")


def reindexed(settings: Settings, file: Path) -> Any:
    """What an index that has to be made again is made from."""
    state = current_state(settings, "towns")
    assert state is not None
    remove_directory(state.folder)
    build_corpus_index(settings, "towns", load_encoder())
    return served(settings)


def index_again(settings: Settings, file: Path) -> None:
    build_corpus_index(settings, "towns", load_encoder())
    commit_state(settings, "towns")


def table(settings: Settings, file: Path) -> Any:
    (kind,) = [kind for kind in tables.ALL if kind.name == file.relative_to(settings.home).parts[1]]
    return kind.read(file).rows()


def answered(settings: Settings, file: Path) -> Any:
    cost = costs(file)
    with CompletionCache(file).recording("test"):
        known = CompletionCache(file).get_many(["nothing"])
    return [row.usage for row in cost], known


def recorded(settings: Settings, file: Path) -> Any:
    with Lineage(settings.layout.lineage).connect() as connection:
        views = ("units", "unit_states", "unit_history", "releases", "release_decisions", "refreshes", "evaluations")
        return [connection.execute(f"SELECT count(*) FROM {view}").fetchall() for view in views]


def cached_table(settings: Settings, file: Path) -> Any:
    return in_the_cache(settings).read().rows()


def in_the_cache(settings: Settings) -> Any:
    made = tables.RETRIEVALS.read(settings.table("retrievals", "towns"))
    return ArtifactCache(settings.layout.experiments / "stages").table(
        "retrievals", tables.RETRIEVALS, ("x",), lambda key: Made(made)
    )


def resulted(settings: Settings, file: Path) -> Any:
    return Results(settings, "reader").read(MATRIX, ["towns"]).rows()


def result_anew(settings: Settings, file: Path) -> None:
    Results(settings, "reader").write(MATRIX, "towns", [])


def known(settings: Settings, file: Path) -> Any:
    registry = Registry.load(settings.home)
    return registry.splits("towns").train.rows(), registry.passages("towns").rows()


def from_backup(settings: Settings, file: Path) -> None:
    shutil.copyfile(settings.home.parent / "backup", file)


def remove(settings: Settings, file: Path) -> None:
    file.unlink()


STATE = r"indexes/towns/[^/]+/[0-9a-f]{16}/"
RELEASE = r"releases/[^/]+/towns/"
KINDS = {
    "layout of the home": Kind(
        r"home\.json",
        lambda s, file: s.layout.check_layout() or True,
        "write .* into it",
        lambda s, file: file.write_text('{"layout": 2}'),
    ),
    "entry of the registry": Kind(r"(corpora|benchmarks)/towns\.yaml", known, r"\(|: ", from_backup),
    "tombstones": Kind(r"forgotten/tombstones\.json", known, "restore it from a backup", from_backup),
    "journal": Kind(r"forgotten/journal\.json", lambda s, file: Journal.found(s.home), "remove it and forget", remove),
    "stage table": Kind(r"tables/[a-z_]+/.+\.parquet", table, "make it again|run", from_backup),
    "passages of a state": Kind(STATE + r"passages\.parquet", served, "make it again with: wbrag run", index_again),
    "ids of a state": Kind(STATE + r"ids\.arrow", served, "make it again with: wbrag run", index_again),
    "index of a state": Kind(STATE + r"index\.faiss", served, "make it again with: wbrag run", index_again),
    "manifest of a state": Kind(STATE + r"(manifest|origin)\.json", served, "make it again with: wbrag", index_again),
    "pointer to a state": Kind(
        r"indexes/towns/[^/]+/current.json", served, "make it again with: wbrag run", index_again
    ),
    "committed state": Kind(
        r"indexes/towns/[^/]+/committed.json",
        lambda s, file: bool(committed_state(s, "towns")) or True,
        "",
        index_again,
    ),
    "embedding segment": Kind(
        r"indexes/embeddings/.+/(content\.parquet|vectors\.npy)",
        reindexed,
        "delete the folder, and its vectors are made again",
        lambda s, file: remove_directory(file.parent),
    ),
    "file of a release": Kind(
        RELEASE + r"r\d{6}/(units\.parquet|release\.json|index/.+)", released, "wbrag run", release_anew
    ),
    # For the record alone: a changed letter in it changes nothing.
    "validation of a release": Kind(
        RELEASE + r"r\d{6}/validation\.json",
        lambda s, file: current(s.releases("towns")).validation is not ...,
        "remove it",
        remove,
    ),
    "pointer to a release": Kind(RELEASE + "CURRENT", released, "wbrag release promote", release_anew),
    "note of the candidate": Kind(
        RELEASE + "CANDIDATE", lambda s, file: candidate(s.releases("towns")).units().rows(), "", release_anew
    ),
    "completions": Kind(r"cache/completions\.sqlite", answered, "move it away", from_backup),
    "recording": Kind(r"lineage/events/.+\.parquet", recorded, "restore it, or move it away", from_backup),
    "lineage database": Kind(r"lineage/lineage\.duckdb", recorded, "", remove),
    "table of an experiment": Kind(r"experiments/stages/.+\.parquet", cached_table, "", remove),
    "result of an experiment": Kind(
        r"experiments/results/.+\.parquet", resulted, "make it again with: wbrag experiment matrix towns", result_anew
    ),
}


@pytest.fixture(scope="module")
def whole(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained home, and the few things that training alone does not leave."""
    home = tmp_path_factory.mktemp("whole") / "home"
    shutil.copytree(original, home)
    settings = Settings(home=home)
    in_the_cache(settings)
    result_anew(settings, home)
    tombstones.add_tombstones(home, tombstones.Tombstones(questions=frozenset({"0" * 64})))
    (settings.releases("towns") / "CANDIDATE").write_text("r000001\n", encoding="utf-8")
    recorded(settings, home)
    return home


def _kinds_of(name: str) -> list[str]:
    return [kind for kind, made in KINDS.items() if re.fullmatch(made.files, name)]


def test_every_file_is_of_one_kind(whole: Path) -> None:
    names = [str(file.relative_to(whole)) for file in whole.rglob("*") if file.is_file()]
    strange = {name: _kinds_of(name) for name in names if not UNREAD.fullmatch(name) and len(_kinds_of(name)) != 1}
    assert strange == {}, "say in KINDS what becomes of it when it is damaged"
    missing = {*KINDS} - {kind for name in names for kind in _kinds_of(name)} - {"journal"}
    assert missing == set()


def _one_of_each(whole: Path, kind: Kind) -> Iterator[Path]:
    """Files of a kind; of stage tables and recordings one of each name."""
    seen = set()
    for file in sorted(path for path in whole.rglob("*") if path.is_file()):
        name = str(file.relative_to(whole))
        if re.fullmatch(kind.files, name) and not UNREAD.fullmatch(name):
            described = re.sub(r"[0-9TZ.-]+-[^/]*\.(\w+\.parquet)", r"\1", name)
            if described not in seen:
                seen.add(described)
                yield file.relative_to(whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*KINDS} - {"journal"}))
def test_damage_is_refused_or_repaired(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    kind = KINDS[name]
    home = tmp_path / "home"
    monkeypatch.setenv("WBRAG_HOME", str(home))
    settings = Settings(home=home)
    shutil.copytree(whole, home, ignore=shutil.ignore_patterns("dagster"))
    hits = served(settings)
    for relative in _one_of_each(whole, kind):
        file = home / relative
        for damage, spoil in DAMAGES.items():
            before = kind.read(settings, file)
            shutil.copyfile(file, tmp_path / "backup")
            file.write_bytes(spoil(file.read_bytes()))
            for read, wanted in ((served, hits), (kind.read, before)):
                try:
                    assert read(settings, file) == wanted, (relative, damage)
                except WbragError as error:
                    assert re.search(kind.remedy, str(error)), (relative, damage, str(error))
                    named = {file.name, file.parent.name}
                    assert any(part in str(error) for part in named), str(error)
            if kind.hint is from_backup or file.exists():
                kind.hint(settings, file)
            assert kind.read(settings, file) == before, (relative, damage)
            assert served(settings) == hits, (relative, damage)
            shutil.rmtree(home)
            shutil.copytree(whole, home, ignore=shutil.ignore_patterns("dagster"))


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "forgotten").mkdir()
    for data in (b"{", b"\0\0", b"[]"):
        (tmp_path / "forgotten" / "journal.json").write_bytes(data)
        with pytest.raises(WbragError, match=r"journal\.json: is damaged; remove it and forget again"):
            Journal.found(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        (r"cache/completions\.sqlite", "move it away, then: wbrag forget --resume"),
        (RELEASE + r"r\d{6}/units\.parquet", "remove the folder, then: wbrag forget --resume"),
        (RELEASE + r"r\d{6}/index/index\.faiss", "remove the folder, then: wbrag forget --resume"),
        (STATE + r"index\.faiss", "remove the folder, then: wbrag forget --resume"),
        (STATE + r"passages\.parquet", "remove the folder, then: wbrag forget --resume"),
        (r"tables/curated_units/.+\.parquet", r"remove it \(stop.*wbrag forget --resume"),
        (r"lineage/events/.+\.curation\.parquet", r"remove it \(stop.*wbrag forget --resume"),
    ],
)
def test_forgetting_says_what_stands_in_its_way(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: str, remedy: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.delenv("DAGSTER_HOME")
    settings = Settings(home=home)
    shutil.copytree(whole, home, ignore=shutil.ignore_patterns("dagster"))
    file = next(path for path in sorted(home.rglob("*")) if re.fullmatch(files, str(path.relative_to(home))))
    file.write_bytes(DAMAGES["cut short"](file.read_bytes()))
    with pytest.raises(WbragError, match=remedy) as refused:
        forget(settings, "passage", ["0"])
    named = getattr(refused.value, "file", file)
    assert str(named) in str(refused.value) and named in (file, *file.parents)
    shutil.rmtree(named) if named.is_dir() else named.unlink()
    assert resume(settings).ids == ("0",)


def test_a_damaged_older_state_stops_no_indexing(whole: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(whole, home, ignore=shutil.ignore_patterns("dagster"))
    settings = Settings(home=home)
    older = settings.corpus_index("towns") / ("0" * 16)
    older.mkdir()
    (older / "passages.parquet").write_bytes(b"none")
    manifest, encoded = build_corpus_index(settings, "towns", load_encoder())
    assert manifest.count == 18 and not encoded and served(settings)
