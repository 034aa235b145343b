"""Whatever was done to a corpus before: refreshing it ends where a build from nothing ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NIGHTLY
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.refresh.retiring import retire
from wbrag_pipeline.releases.store import current, promote
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state, current_state
from wbrag_pipeline.retrieval.passage_changes import changes_between, counts
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.train import train_candidate

COLOURS = ("red", "green", "blue")
TOWNS = ("Aldermoor", "Brackwater", "Corvane")
QUESTIONS = pl.DataFrame(
    [(f"q{i}", f"What colour is the gate of {town}?", [colour]) for i, town in enumerate(TOWNS) for colour in ["red"]],
    schema=tables.SPLIT.schema,
    orient="row",
)


class WordEncoder:
    """A text is the sum of its words' directions, so that texts with the same words are near."""

    name, dimension, fingerprint, arithmetic = "words", 16, "w" * 64, "by-hand"

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Any = None) -> Any:
        return self.encode_queries([f"{title} {text}" for title, text in zip(titles, texts, strict=True)])

    def encode_queries(self, questions: Sequence[str], progress: Any = None) -> Any:
        rows = [
            np.sum([self._word(word) for word in question.split()] or [self._word("")], axis=0)
            for question in questions
        ]
        found = np.array(rows, dtype=np.float32).reshape(-1, self.dimension)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    @staticmethod
    def _word(word: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        return np.random.default_rng(seed).normal(size=16)


# A corpus: ids in some order, each a town whose gate has a colour, perhaps with a second sentence, and labels.
FACTS = st.tuples(st.sampled_from(TOWNS), st.sampled_from(COLOURS), st.booleans(), st.sampled_from(["", "hr", "it"]))
CORPORA = st.dictionaries(st.sampled_from("abcdef"), FACTS, min_size=1, max_size=6)


def passages_of(corpus: dict[str, tuple[str, str, bool, str]]) -> pl.DataFrame:
    rows = []
    for name, (town, colour, more, label) in corpus.items():
        text = f"The gate of {town} is {colour}." + (" It is old." if more else "")
        rows.append((name, town, text, sha256_of_text(town, text), [label] if label else [], town, None))
    return tables.PASSAGES.check(pl.DataFrame(rows, schema=tables.PASSAGES.schema, orient="row"))


def refresh(place: Settings, corpus: dict[str, tuple[str, str, bool, str]], encoder: Any) -> int:
    """What the corpus' assets do; gives how many passages were encoded."""
    tables.PASSAGES.store(passages_of(corpus), place, "c")
    _, encoded = build_corpus_index(place, "c", encoder)
    state = current_state(place, "c")
    assert state is not None
    retire(place, ["b"], pl.scan_parquet(state.passages), encoder, actor="test")
    commit_state(place, "c")
    return encoded


def train(place: Settings, encoder: Any) -> pl.DataFrame:
    """What the benchmark's assets do, with a generator that sees the gates' colour where it is red."""
    passages = tables.PASSAGES.load(place, "c")
    texts = dict(passages.select("passage_id", "text").iter_rows())

    def answer(question: str, ids: tuple[str, ...]) -> str:
        town = question.removesuffix("?").split()[-1]
        return "red" if any(f"{town} is red" in texts[name] for name in ids) else "unknown"

    questions = place.home / "train.jsonl"
    rows = QUESTIONS.rename({"question_id": "id"}).to_dicts()
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    benchmark = Benchmark("b", "open_qa", "accuracy", "c", questions, None)
    registry = Registry({"c": Corpus("c", questions)}, {"b": benchmark})
    settings = place.with_(top_k=3, curate=False)
    context = StageContext.of(
        settings, "b", registry=registry, encoder=lambda _: encoder, generator=lambda _: Scripted(answer), run="test"
    )
    made = train_candidate(context)
    promote(place.releases("b"), made.name, actor="test", reason="trained")
    return tables.RETRIEVALS.load(settings, "b")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def state_bytes(place: Settings) -> dict[str, bytes]:
    state = current_state(place, "c")
    assert state is not None
    return bytes_of(state.folder)


@settings(max_examples=100 if NIGHTLY else 12)
@given(script=st.lists(CORPORA, min_size=1, max_size=5))
def test_refreshing_gives_what_a_build_from_nothing_gives(
    tmp_path_factory: pytest.TempPathFactory, script: list[dict[str, tuple[str, str, bool, str]]]
) -> None:
    home, known = tmp_path_factory.mktemp("home"), set[str]()
    place, encoder = Settings(home=home, encoder="words"), WordEncoder()
    for step, corpus in enumerate(script):
        passages = passages_of(corpus)
        # No text is encoded that the state before had.
        assert refresh(place, corpus, encoder) <= len(set(passages["content_hash"]) - known)
        known = set(passages["content_hash"])
        check_what_is_served(place, passages)
        retrievals = train(place, encoder)
        scratch = Settings(home=home / f"scratch{step}", encoder="words")
        refresh(scratch, corpus, WordEncoder())
        assert train(scratch, WordEncoder()).equals(retrievals)
        assert state_bytes(place) == state_bytes(scratch)
        assert place.table("passages", "c").read_bytes() == scratch.table("passages", "c").read_bytes()
        assert current(place.releases("b")).units().equals(current(scratch.releases("b")).units())


def check_what_is_served(place: Settings, passages: pl.DataFrame) -> None:
    """After a refresh and before any training, nothing is served that the corpus no longer says, or to others."""
    if not place.releases("b").exists():
        return
    now = {row["passage_id"]: row for row in passages.iter_rows(named=True)}
    for unit in current(place.releases("b")).units().iter_rows(named=True):
        sources = [now[name] for name in unit["source_passage_ids"]]
        assert [source["content_hash"] for source in sources] == unit["source_hashes"]
        assert unit["labels"] == sorted({label for source in sources for label in source["labels"]})
        for sentence in unit["text"].split(". "):
            assert any(sentence.rstrip(".") in source["text"] for source in sources)


@given(before=CORPORA, after=CORPORA)
def test_changes_lead_from_one_state_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = changes_between(passages_of(before).lazy(), passages_of(after).lazy())
    said = dict(changes.select("passage_id", "change").iter_rows())
    for name in before.keys() | after.keys():
        if name not in before:
            assert said[name] == "added"
        elif name not in after:
            assert said[name] == "deleted"
        elif before[name] == after[name]:
            assert name not in said
        else:
            assert said[name] == ("relabelled" if before[name][:3] == after[name][:3] else "updated")
    assert [name for name in changes["passage_id"] if name in after] == [name for name in after if name in said]
    found = counts(changes, len(after))
    assert found["skipped"] == len([name for name in after if before.get(name) == after[name]])
    assert sum(found.values()) - found["deleted"] == len(after)


def test_a_passage_that_is_dated_counts_as_relabelled_and_an_earlier_version_s_state_as_undated() -> None:
    undated = passages_of(dict.fromkeys("ab", ("Ash", "red", False, "")))
    dated = undated.with_columns(
        said_at=pl.when(passage_id="b").then(pl.lit(datetime(2024, 5, 1, tzinfo=UTC))).otherwise(pl.col("said_at"))
    )
    for before in (undated, undated.drop("said_at")):
        assert changes_between(before.lazy(), undated.lazy()).is_empty()
        assert changes_between(before.lazy(), dated.lazy()).select("passage_id", "change").rows() == [
            ("b", "relabelled")
        ]
    assert changes_between(dated.lazy(), dated.lazy()).is_empty()
