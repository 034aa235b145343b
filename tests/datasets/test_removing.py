"""Removing a corpus or a benchmark: what goes, what stays, and that it can be added anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError, NotBuiltError
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import write_text


@pytest.fixture
def settings(wbrag_home: Path, tmp_path: Path) -> Settings:
    """Two benchmarks over one corpus, with a few files of each where a run leaves them."""
    settings = Settings(home=wbrag_home)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "c.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
    for split in ("train", "test"):
        line = f'{{"id": "{split}", "question": "{split}?", "golden_answers": ["a"]}}\n'
        (mine / f"{split}.jsonl").write_text(line, encoding="utf-8")
    add_corpus(settings.home, "tables", mine / "c.jsonl")  # a name that a folder of the home has too
    for name in ("nq", "nq.dev"):
        add_benchmark(
            settings.home, name, task="open_qa", corpus="tables", train=mine / "train.jsonl", test=mine / "test.jsonl"
        )
        tables.QUESTIONS.store(tables.QUESTIONS.empty(), settings, name)
        tables.RETRIEVALS.store(tables.RETRIEVALS.empty(), settings.with_(top_k=7), name)
        write_text(settings.releases(name) / "r000001" / "release.json", "{}")
        write_text(settings.releases(name) / "CURRENT", "r000001\n")
        write_text(settings.report(name), "page")
    tables.PASSAGES.store(tables.PASSAGES.empty(), settings, "tables")
    write_text(settings.corpus_index("tables") / "abc" / "ids.parquet", "ids")
    write_text(settings.layout.embeddings / "one" / "vectors.npy", "vectors")
    write_text(settings.layout.lineage / "events" / "e.parquet", "events")
    return settings


def of(settings: Settings, *words: str) -> set[str]:
    names = (str(file.relative_to(settings.home)) for file in settings.home.rglob("*") if file.is_file())
    return {name for name in names if any(word in name for word in words)}


def remove(*arguments: str, answer: str = "") -> str:
    done = CliRunner().invoke(app, ["remove", *arguments], input=answer)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.output


def test_where_nobody_can_answer_nothing_goes_and_the_flag_is_told(settings: Settings) -> None:
    before = of(settings, "")
    with pytest.raises(InputError, match=r"nothing was changed \(--yes"):
        remove("benchmark", "nq")
    assert of(settings, "") == before


def test_a_benchmark_goes_with_all_that_was_made_of_it_and_no_other(settings: Settings) -> None:
    before = of(settings, "")
    assert len(of(settings, "nq.dev")) == 6
    output = remove("benchmark", "nq", "--yes")
    assert "and 5 files that were made of it" in output and "benchmark nq is removed" in output
    gone = before - of(settings, "")
    assert len(gone) == 6 and not [name for name in gone if "nq.dev" in name]
    assert "nq" not in Registry.load(settings.home).benchmarks
    assert not settings.releases("nq").exists() and settings.releases("nq.dev").is_dir()


def test_nothing_changes_on_a_dry_run_or_without_a_yes(settings: Settings) -> None:
    before = of(settings, "")
    assert remove("benchmark", "nq", "--dry-run").endswith("nothing was changed\n")
    with pytest.raises(InputError, match="nothing was changed"):
        remove("benchmark", "nq", answer="n\n")
    assert of(settings, "") == before
    assert "is removed" in remove("benchmark", "nq", answer="y\n")


def test_a_corpus_goes_after_its_benchmarks_and_leaves_what_is_shared(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nq\.dev, nq are over it \(first: wbrag remove benchmark nq\.dev && wbrag"):
        remove("corpus", "tables", "--yes")
    for name in ("nq", "nq.dev"):
        remove("benchmark", name, "--yes")
    remove("corpus", "tables", "--yes")
    left = of(settings, "tables/", "indexes/", "releases/", "reports/", "corpora/", "benchmarks/", "lineage/")
    assert left == {"indexes/embeddings/one/vectors.npy", "lineage/events/e.parquet"}
    assert add_corpus(settings.home, "tables", tmp_path / "mine" / "c.jsonl").passages == 1


def test_what_is_not_there_or_built_in_is_told(settings: Settings) -> None:
    with pytest.raises(InputError, match="there is no benchmark 'nope'"):
        remove("benchmark", "nope", "--yes")
    with pytest.raises(InputError, match="'sample_nq' is built in"):
        remove("benchmark", "sample_nq", "--yes")


def test_ask_picks_no_benchmark_whose_entry_is_gone(settings: Settings) -> None:
    from wbrag_pipeline.commands.ask import last_trained

    (settings.home / "benchmarks" / "nq.dev.yaml").unlink()  # by hand: its releases stay
    assert last_trained(settings) == "nq"
    (settings.home / "benchmarks" / "nq.yaml").unlink()
    with pytest.raises(NotBuiltError):
        last_trained(settings)
