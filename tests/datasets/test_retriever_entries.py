"""A retriever in the registry: where a corpus stands, with no secret in its entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.removing import plan_removal
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import Home


def entry(home: Path, *lines: str) -> Path:
    file = home / "corpora" / "support.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def test_an_entry_is_read_as_it_was_written(wbrag_home: Path) -> None:
    entry(wbrag_home, "url: http://host:8000/retrieve", "token_env: TOKEN", "description: Ours")
    corpus = Registry.load(wbrag_home).corpus("support")
    assert corpus.retriever == RetrieverEntry("http://host:8000/retrieve", token_env="TOKEN")
    assert (corpus.path, corpus.files, corpus.place) == (None, [], "http://host:8000/retrieve")
    assert RetrieverEntry.parse({key: value for key, value in corpus.retriever.fields.items() if value}) == (
        corpus.retriever
    )


def test_an_openai_vector_store_names_files_so_its_ids_are_made_of_texts() -> None:
    assert RetrieverEntry.parse({"url": "https://a/v1/vector_stores/x/search", "format": "openai"}).ids == "text"


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (("description: nothing",), "path"),
        (("url: http://a/b", "path: c.jsonl"), "path"),
        (("url: http://a/b", 'split: "100"'), "split"),
        (("url: http://a/b", "entry_point: a:b"), "url"),
        (("format: openai",), "url"),
        (("url: ftp://a/b",), "url"),
        (("url: http://",), "url"),
        (("url: http://a:99999/b",), "url"),
        (("url: 'http://[::1/b'",), "url"),
        (("url: http://a/b", "format: soap"), "format"),
        (("url: http://a/b", "ids: mine"), "ids"),
        (("entry_point: no colon",), "entry_point"),
        (("entry_point: 'a:b()'",), "entry_point"),
        (("entry_point: a:b", "token_env: TOKEN"), "token_env"),
    ],
)
def test_a_broken_entry_is_refused_by_file_and_field(wbrag_home: Path, lines: tuple[str, ...], field: str) -> None:
    file = entry(wbrag_home, *lines)
    with pytest.raises(InputError) as refused:
        Registry.load(wbrag_home)
    assert (refused.value.file, refused.value.field) == (file, field)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@a/b",
        "http://s3cret@a/b",
        "http://a/b?key=s3cret",
        "http://a/b#s3cret",
        "s3cret",
        "http://a b/s3cret",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as refused:
        RetrieverEntry.parse({"url": url})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("token", ["sk-s3cret", "Bearer s3cret", "s3cret/=="])
def test_a_token_in_the_place_of_a_variable_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(InputError) as refused:
        RetrieverEntry.parse({"url": "http://a/b", "token_env": token})
    assert "s3cret" not in str(refused.value)


def test_a_retriever_is_removed_as_a_corpus_is(wbrag_home: Path) -> None:
    file = entry(wbrag_home, "url: http://host:8000/retrieve")
    plan = plan_removal(Home(wbrag_home), "corpus", "support")
    assert (plan.entry, plan.yours) == (file, ())


def test_a_retriever_has_no_file_to_read(wbrag_home: Path) -> None:
    entry(wbrag_home, "url: http://host:8000/retrieve")
    with pytest.raises(InputError, match="retriever"):
        Registry.load(wbrag_home).passages("support")
