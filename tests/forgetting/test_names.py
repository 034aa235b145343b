"""Forgetting takes a corpus' or a benchmark's own, whatever they are called."""

from __future__ import annotations

from itertools import permutations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forgetting.conftest import Written
from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.home import path_name
from wbrag_pipeline.settings import Settings

# Folders of a home, tables, and what ``path_name`` changes or what looks like an ending.
NAMES = (
    *("tables", "indexes", "releases", "reports", "results", "stages", "experiments", "dagster", "lineage", "cache"),
    *(table.name for table in tables.ALL),
    *("a.b", "a.b.parquet", "a.parquet", "a", "source", "a.source", "v1--2", "naive", "reader", "x" * 64),
)


@pytest.mark.parametrize(
    "names",
    [("wiki", "passages"), ("passages", "wiki"), ("tables", "indexes"), ("a.b", "a.b.parquet"), ("v1--2", "v1-2")],
)
def test_a_passage_of_one_corpus_goes_and_not_that_of_another_named_like_a_folder(
    written: Written, names: tuple[str, str]
) -> None:
    one, other = names
    for name, says in zip(names, ("one", "other"), strict=True):
        written.corpus(
            name, [{"id": "8", "text": f"The {says} says eight."}, {"id": "9", "text": f"The {says}: nine."}]
        )
    certificate = forget(written.settings, "passage", ["8"], corpus=one)
    assert [(row["corpus"], row["passage_id"]) for row in certificate.passages] == [(one, "8")]
    assert set(written.stored(one)) == {"9"}
    assert set(written.stored(other)) == {"8", "9"}


@pytest.mark.parametrize("one", ["evaluation", "retrievals", "releases", "results", "questions", "v.1"])
def test_a_question_of_one_benchmark_goes_and_not_that_of_another_named_like_a_table(
    written: Written, one: str
) -> None:
    written.corpus("wiki", [{"id": "1", "text": "Something else."}])
    for name in (one, "other"):
        written.benchmark(
            name, "wiki", [{"id": f"{n}", "question": f"What of {name}, number {n}?", "answer": "x"} for n in (1, 2)]
        )
        answered = [("1", f"What of {name}, number 1?", "yes", 0.0, "yes", 1.0)]
        scores = rows_of(tables.UTILITY_SCORES, answered)
        tables.UTILITY_SCORES.store(scores, written.settings, name)
        # A table that has ids alone, as the experiments keep their results.
        file = written.settings.layout.experiments / "results" / "study" / "kept" / f"{path_name(name)}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"question_id": ["1", "2"]}).write_parquet(file)
    forget(written.settings, "question", ["1"], benchmark=one)
    kept = written.settings.layout.experiments / "results" / "study" / "kept"
    left = {
        name: (
            tables.QUESTIONS.load(written.settings, name)["question_id"].to_list(),
            tables.UTILITY_SCORES.load(written.settings, name).height,
            pl.read_parquet(kept / f"{path_name(name)}.parquet")["question_id"].to_list(),
        )
        for name in (one, "other")
    }
    assert left == {one: (["2"], 0, ["2"]), "other": (["1", "2"], 1, ["1", "2"])}


@given(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
def test_a_path_names_its_own_corpus_and_benchmark_among_any_others(names: list[str]) -> None:
    settings = Settings(home="/somewhere")
    corpora = {name: Corpus(name, settings.home) for name in names}
    benchmarks = {
        name: Benchmark(name, "open_qa", "f1", corpus, settings.home, None)
        for name, corpus in zip(names, next(permutations(names)), strict=True)
    }
    home = StoredFiles(settings, Registry(corpora, benchmarks))
    for name in names:
        for table in tables.ALL:
            owner = home.scope(settings.table(table.name, name))
            corpus = name if table.name in ("passages", "corpus_changes", "retired_units") else benchmarks[name].corpus
            assert owner == (corpus, None if corpus == name and owner[1] is None else name)
        assert home.scope(settings.layout.corpus_index(name, "e") / "3f" / "passages.parquet") == (name, None)
        assert home.scope(settings.releases(name) / "r000001" / "units.parquet") == (benchmarks[name].corpus, name)
