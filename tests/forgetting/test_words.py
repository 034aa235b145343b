"""No word of a forgotten passage is left in an index of words: in any script, whenever the command is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.forgetting.conftest import Written
from tests.forgetting.test_phrases import SCRIPTS
from tests.state_machine.system import Killed, killed_before
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.forgetting.forget import forget, resume
from wbrag_pipeline.forgetting.journal import Journal
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state, open_knowledge_base
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.lexical_index import split_words
from wbrag_pipeline.settings import Settings

STAYS = "What stays is here, and nobody minds that."
ENCODER = HashEncoder()


def indexed(written: Written, text: str) -> Settings:
    """A corpus of a text and of one that stays, twice: a word is in an older state too."""
    settings = written.settings.with_(search="hybrid")
    for more in ("", " And more."):
        written.corpus("c", [{"id": "1", "text": text}, {"id": "2", "text": STAYS + more}])
        build_corpus_index(settings, "c", ENCODER)
        commit_state(settings, "c")
    return settings


def vocabulary(home: Path) -> set[str]:
    """Every word in every such file of the home, under whatever name."""
    files = [*home.rglob("words.parquet"), *home.rglob(".words*.parquet")]
    return {word for file in files for word in pl.read_parquet(file)["word"]}


def words_of(text: str) -> set[str]:
    return set(split_words(pl.Series([text]))[0]) - set(split_words(pl.Series([STAYS + " And more."]))[0])


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_word_of_a_forgotten_passage_is_left(written: Written, script: str) -> None:
    settings = indexed(written, SCRIPTS[script])
    gone = words_of(SCRIPTS[script])
    assert gone and gone <= vocabulary(settings.home)
    forget(settings, "passage", ["1"])
    assert not gone & vocabulary(settings.home)
    base = open_knowledge_base(settings, "c", ENCODER)
    assert base.search([SCRIPTS[script]], 5)["passage_id"].to_list() == ["2"]


@pytest.mark.slow
def test_no_word_is_left_whenever_the_command_was_killed(written: Written, tmp_path: Path) -> None:
    secret = "Anna was paid seventeen thousand zorkmids in cash."
    settings = indexed(written, secret)
    shutil.copytree(settings.home, tmp_path / "before")
    number, finished = 0, False
    while not finished:
        shutil.rmtree(settings.home)
        shutil.copytree(tmp_path / "before", settings.home)
        try:
            with killed_before(number):
                forget(settings, "passage", ["1"])
            finished = True
        except Killed:
            begun = Journal.found(settings.home) is not None
            resume(settings) if begun else forget(settings, "passage", ["1"])
        assert not words_of(secret) & vocabulary(settings.home), number
        number += 7
    assert number > 20 and StoredFiles(settings, Registry.load(settings.home)).walk().missed == []
