"""Questions from a corpus: which passages are drawn, and that a question trains only after it was asked back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.asking_model import asking_model
from tests.generation.scripted_engine import ScriptedEngine
from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import NOTHING_FORGOTTEN, Tombstones, question_hashes
from wbrag_pipeline.datasets.written_questions import add_written_benchmark, plan_written_benchmark
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import Completion
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES, SYNTHETIC
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.question_writing import (
    WrittenSet,
    drawn_passages,
    require_writer,
    round_trip,
    write_questions,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the corpus ``towns``, indexed; one passage has an access label."""
    folder = tmp_path_factory.mktemp("asked")
    corpus, _, _ = write_tiny(folder)
    rows = corpus.read_text().splitlines()
    rows[0] = rows[0].replace("{", '{"labels": ["staff"], ', 1)
    corpus.write_text("\n".join(rows) + "\n")
    settings = Settings(home=folder / "home")
    add_corpus(settings.home, "towns", corpus)
    refresh_corpus(settings, Registry.load(settings.home), "towns", HashEncoder(), run="index")
    yield folder


def context_of(home: Path, model: Generator) -> StageContext:
    settings = Settings(home=home / "home", top_k=6, generator="scripted:model")
    registry = Registry.load(settings.home)
    planned = plan_written_benchmark(settings.home, "asked", corpus="towns", replace=True)
    registry.benchmarks["asked"] = planned
    return StageContext.of(
        settings, "asked", registry=registry, encoder=lambda s: HashEncoder(), generator=lambda s: model
    )


def passages_of(home: Path, number: int = 100, draw: int = 0) -> pl.DataFrame:
    return drawn_passages(PASSAGES.load_lazily(Settings(home=home / "home"), "towns"), number, draw)


def test_passages_are_drawn_by_their_ids_and_fewer_are_among_more(home: Path) -> None:
    all_of_them = passages_of(home)
    assert all_of_them.height == 18 and set(PASSAGES.schema) == set(all_of_them.columns)
    few = passages_of(home, 5)
    assert few["passage_id"].to_list() == all_of_them["passage_id"].head(5).to_list()
    assert passages_of(home, 5, draw=1)["passage_id"].to_list() != few["passage_id"].to_list()


def test_questions_come_with_answer_passage_and_its_access_labels(home: Path) -> None:
    found = write_questions(asking_model(), passages_of(home), 2, NOTHING_FORGOTTEN)
    by_question = {row["question"]: row for row in found.questions.iter_rows(named=True)}
    assert len(by_question) == 12
    assert by_question["Who founded Aldermoor?"]["golden_answers"] == ["Tessa Quill"]
    assert by_question["Who founded Aldermoor?"]["labels"] == ["staff"]
    assert by_question["Who founded Corvane?"]["labels"] == []
    # Twelve passages tell of no town: what the model writes of these speaks of the passage.
    assert found.dropped == {"speaks of its passage or tells the prompt back": 12}


def test_what_another_passage_asks_too_is_asked_once_and_the_forgotten_never(home: Path) -> None:
    again = passages_of(home)
    twice = pl.concat([again, again.with_columns(pl.col("passage_id") + "-copy")])
    gone = Tombstones(questions=frozenset().union(*question_hashes(pl.Series(["Who founded Aldermoor?"]))))
    found = write_questions(asking_model(), twice, 2, gone)
    assert found.questions.height == 11 and found.questions["question_id"].is_unique().all()
    assert found.dropped["asks what another one asks"] == 12 and found.dropped["was forgotten"] == 1


def test_questions_with_personal_data_are_dropped(home: Path) -> None:
    passage = passages_of(home, 1).with_columns(
        title=pl.lit("Help desk"), text=pl.lit("The help desk of Aldermoor answers under jo@aldermoor.org all day.")
    )
    reply = "Question: Under which address does the help desk of Aldermoor answer?\nAnswer: jo@aldermoor.org"
    found = write_questions(LanguageModel(ScriptedEngine(lambda request: reply)), passage, 2, NOTHING_FORGOTTEN)
    assert found.questions.is_empty() and found.dropped == {"holds personal data": 1}


def test_a_failed_call_is_counted(home: Path) -> None:
    failing = LanguageModel(ScriptedEngine(lambda request: Completion("", finish_reason="failed")))
    found = write_questions(failing, passages_of(home, 3), 2, NOTHING_FORGOTTEN)
    assert found.questions.is_empty() and found.dropped == {"was not written: the call failed": 3}


def test_what_does_not_come_back_to_its_passage_is_dropped_with_its_reason(home: Path) -> None:
    passages = passages_of(home)
    # Known without a passage: the answer of one town. Answered otherwise: a year is told for any other question.
    model = asking_model(knows=frozenset({"Odo Marsh"}))
    written = write_questions(model, passages, 2, NOTHING_FORGOTTEN).questions
    wrong = written["question"].str.contains("Who founded Corvane")
    written = written.with_columns(
        golden_answers=pl.when(wrong).then(pl.lit(["wool"])).otherwise(pl.col("golden_answers"))
    )
    lost = written.with_columns(
        passage_id=pl.when(pl.col("question").str.contains("Who founded Dunhollow"))
        .then(pl.lit(passages.filter(pl.col("title") == "Mira Stone")["passage_id"][0]))
        .otherwise(pl.col("passage_id"))
    )
    found = round_trip(context_of(home, model), WrittenSet(lost, {"earlier": 1}), passages)
    left = set(found.questions["question"])
    assert left and not left & {"Who founded Brackwater?", "Who founded Corvane?", "Who founded Dunhollow?"}
    assert found.dropped["earlier"] == 1
    assert found.dropped["is answered without its passage too"] == 1
    assert found.dropped["is answered otherwise from its passage than it was written"] == 1
    assert found.dropped["does not find its passage among the first 6"] >= 1
    assert found.questions.height == 12 - sum(found.dropped.values()) + 1


def test_the_embedded_reader_is_refused_with_what_to_do(home: Path) -> None:
    with pytest.raises(InputError, match="--generator transformers:MODEL"):
        require_writer("reader")
    with pytest.raises(InputError, match="cannot write questions"):
        write_questions(Reader(), passages_of(home, 2), 2, NOTHING_FORGOTTEN)


def test_units_of_written_questions_have_the_labels_of_the_passage(home: Path) -> None:
    """Access labels carry over: through the sources, as for every unit."""
    model = asking_model()
    context = context_of(home, model)
    written = round_trip(context, write_questions(model, passages_of(home), 2, NOTHING_FORGOTTEN), passages_of(home))
    add_written_benchmark(context.settings.home, context.benchmark, written.questions, written_by="test", replace=True)
    context = context_of(home, model)
    asked = stages.questions(context)
    assert asked.figures["train_synthetic"] == written.questions.height == asked.figures["train"] > 0
    assert set(asked.table["label"]) == {SYNTHETIC}
    passages = PASSAGES.load_lazily(context.settings, "towns")
    found = stages.retrievals(context, asked.table).table
    scores = stages.utility_scores(context, asked.table, found, passages).table
    gated = stages.gated_docs(context, asked.table, found, scores, passages)
    assert gated.figures["taught_by_synthetic_questions"] > 0
    units = stages.knowledge_units(context, gated.table, passages).table
    of_staff = units.filter(pl.col("question").str.contains("Aldermoor"))
    assert of_staff.height and all(labels == ["staff"] for labels in of_staff["labels"].to_list())


def test_ids_do_not_change_with_what_else_is_asked(home: Path) -> None:
    found = write_questions(asking_model(), passages_of(home), 2, NOTHING_FORGOTTEN).questions
    first = found.row(0, named=True)
    assert first["question_id"] == "q_" + sha256_of_text(first["passage_id"], first["question"])[:16]
    fewer = write_questions(asking_model(), passages_of(home), 1, NOTHING_FORGOTTEN).questions
    assert set(fewer["question_id"]) < set(found["question_id"])
