"""One text in several spellings of Unicode, and languages other than English: overlap, recall, rescue and leaks."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.metrics import METRICS, accuracy, accuracy_unicode, accuracy_words, answers_held, score
from wbrag_pipeline.datasets.question_files import read_questions, shared_questions
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.datasets.tombstones import Tombstones
from wbrag_pipeline.evaluation.recall import answer_recall
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import SPLIT
from wbrag_pipeline.training.leaks import leaked_answers

TWINS = {
    "decomposed": ("Wer leitet das Büro in Köln?", unicodedata.normalize("NFD", "Wer leitet das Büro in Köln?")),
    "full-width letters": ("What is ABC 12?", "Ｗｈａｔ ｉｓ ＡＢＣ １２？"),
    "full-width punctuation": ("谁管理档案室?", "谁管理档案室？"),
    "Arabic punctuation": ("من كتب الكتاب?", "من كتب الكتاب؟"),
    "curly quotes": ('What does "No entry" mean?', "What does “No entry” mean?"),
    "German quotes": ('Was heißt "Halt"?', "Was heißt „Halt“?"),
    "curly apostrophe": ("Who's the keeper?", "Who’s the keeper?"),
    "no apostrophe": ("Who's the keeper?", "Whos the keeper"),
    "dashes": ("What happened 1914-1918?", "What happened 1914–1918?"),
    "soft hyphen": ("Who wrote it?", "Who wr\u00adote it?"),
    "zero-width blank": ("Who wrote it?", "Who\u200b wrote it?"),
    "no-break blank": ("Who wrote it?", "Who\u00a0wrote it?"),
    "blanks in Chinese": ("谁管理档案室", "谁 管理 档案室"),
    "sharp s": ("Wie groß ist es?", "WIE GROSS IST ES?"),
    "English articles": ("Who wrote the program?", "Who wrote program?"),
    "German articles": ("Wer baute die Brücke?", "Wer baute Brücke?"),
    "French articles": ("Qui est le gardien de l'eau ?", "Qui est gardien de eau ?"),
    "ligature": ("Who made the ﬁlm?", "Who made the film?"),
}


def split(*questions: str) -> pl.DataFrame:
    rows = [(f"q{n}", question, ["x"]) for n, question in enumerate(questions)]
    return pl.DataFrame(rows, schema=SPLIT.schema, orient="row")


@pytest.mark.parametrize(("first", "second"), TWINS.values(), ids=TWINS)
def test_a_question_is_found_in_both_splits_in_any_spelling(first: str, second: str) -> None:
    assert shared_questions(split("other?", first), split(second)).rows() == [("q1", "q0", first)]


OTHERS = [
    ("What is C++?", "What is C#?"),
    ("Did he die?", "Did he?"),
    ("Wer baute die Brücke?", "Wer baute die Brucke?"),
    ("谁管理档案室?", "谁管理食堂?"),
    ("???", "!!!"),
    ("Was kostet 1,5?", "Was kostet 2,5?"),
]


@pytest.mark.parametrize(("first", "second"), OTHERS)
def test_other_questions_are_no_twins(first: str, second: str) -> None:
    assert shared_questions(split(first), split(second)).is_empty()


HELD = {
    "Chinese": ("档案室由李华管理。", "李华"),
    "Japanese": ("東京は日本の\n首都です。", "日本の首都"),
    "Thai": ("กรุงเทพเป็นเมืองหลวง", "เมืองหลวง"),
    "Korean with a particle": ("수도는 서울이다.", "서울"),
    "decomposed": (unicodedata.normalize("NFD", "Der Leiter ist Jürgen Größl."), "Jürgen Größl"),
    "full width": ("Gate ４ opens at ６", "gate 4"),
    "curly quotes": ("He said “no entry”.", '"No entry"'),
    "an en dash": ("It lasted 1914–1918.", "1914"),
    "thousands": ("It has 1,000 rooms.", "1000"),
    "points": ("He lives in the U.S. now.", "US"),
    "an article": ("It is the valve.", "a valve"),
    "a German article": ("Es gehört der Mühle.", "die Mühle"),
    "Arabic with an article": ("هذا هو الكتاب الجديد", "كتاب"),
    "an article alone": ("It is vitamin A.", "A"),
    "a Spanish name in English": ("He went to La Plata in May.", "La Plata"),
}


@pytest.mark.parametrize(("text", "gold"), HELD.values(), ids=HELD)
def test_an_answer_is_found_in_any_language(text: str, gold: str) -> None:
    assert accuracy_unicode(text, [gold]) == accuracy_unicode(text, ["none", gold]) == 1.0
    assert accuracy_unicode(text, ["nothing of it"]) == accuracy_unicode(text, []) == accuracy_unicode(text, [""]) == 0


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("I do not know", "no"),
        ("a smartphone", "art"),
        ("42.5 kg", "5"),
        ("the Mueller", "Müller"),
        ("internationals", "international"),
    ],
)
def test_parts_of_words_are_no_answers(text: str, gold: str) -> None:
    assert accuracy_unicode(text, [gold]) == 0.0


ascii_words = st.lists(st.sampled_from(["Ada", "the", "U.S.", "1,000", "F-3", "valve", "a", "it's", "no"]), max_size=6)


@given(text=ascii_words, gold=ascii_words)
def test_english_is_compared_as_by_accuracy_words(text: list[str], gold: list[str]) -> None:
    said, wanted = " ".join(text), [" ".join(gold)]
    assert accuracy_unicode(said, wanted) == accuracy_words(said, wanted)


@given(texts=st.lists(st.text(max_size=20), max_size=4), gold=st.lists(st.text(max_size=8), max_size=3))
def test_any_text_is_compared(texts: list[str], gold: list[str]) -> None:
    many = answers_held(pl.Series(texts, dtype=pl.String), [gold] * len(texts))
    assert many.cast(pl.Float64).to_list() == [accuracy_unicode(text, gold) for text in texts]


def test_a_column_is_scored_like_its_rows() -> None:
    series = pl.Series(["李华。", None, "x"], dtype=pl.String)
    assert score("acc_unicode", series, [["李华"], ["x"], ["y"]]).to_list() == [1.0, None, 0.0]
    assert score("accuracy_unicode", ["李华。"], [["李华"]]) == [1.0]
    assert list(METRICS) == ["accuracy", "accuracy_words", "accuracy_unicode", "exact_match", "f1"]


def test_files_in_another_form_of_unicode_score_as_before(tmp_path: Path) -> None:
    question, text, answer = "Wer leitet das Büro?", "Das Büro leitet Jürgen Größl.", "Jürgen Größl"
    found = []
    for form in ("NFC", "NFD"):
        (tmp_path / "c.csv").write_text(unicodedata.normalize(form, f"id,title,text\n1,Büro,{text}\n"), "utf-8")
        (tmp_path / "q.csv").write_text(
            unicodedata.normalize(form, f"id,question,answer\n1,{question},{answer}\n"), "utf-8"
        )
        found.append((read_corpus(tmp_path / "c.csv"), read_questions(tmp_path / "q.csv")))
    (passages, questions), (passages_nfd, questions_nfd) = found
    assert passages.equals(passages_nfd) and questions.equals(questions_nfd)
    assert accuracy(passages_nfd["text"][0], questions["golden_answers"][0].to_list()) == 1.0


def test_what_was_forgotten_decomposed_is_not_read_composed(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(
        '{"id": "1", "title": "Büro", "text": "Grün."}\n{"id": "2", "text": "Rot."}', "utf-8"
    )
    passages = read_corpus(tmp_path / "c.jsonl")
    of_earlier = sha256_of_text(unicodedata.normalize("NFD", "Büro"), unicodedata.normalize("NFD", "Grün."))
    left = Tombstones(passages=frozenset({of_earlier})).without_forgotten_passages(passages, "c")
    assert left["passage_id"].to_list() == ["2"]


def test_recall_finds_a_chinese_answer() -> None:
    row = dict.fromkeys(tables.EVALUATION.schema) | {
        "question_id": "1",
        "question": "谁管理档案室？",
        "golden_answers": ["李华"],
        "passages_without": ["corpus:1"],
        "passages_with": [],
    }
    evaluation = pl.DataFrame([row], schema=tables.EVALUATION.schema)
    passages = pl.DataFrame({"passage_id": ["1"], "title": ["档案室"], "text": ["档案室由李华管理。"]})
    assert answer_recall(OPEN_QA, evaluation, passages.lazy(), tables.KNOWLEDGE_UNITS.empty()) == (1.0, 0.0)


def test_a_chinese_answer_that_no_source_holds_is_a_leak() -> None:
    units = pl.DataFrame({"unit_id": ["u"], "question_id": ["1"], "question": ["谁管理档案室？"], "title": ["t"]})
    units = units.with_columns(text=pl.lit("档案室由李华管理。"), source_passage_ids=pl.lit(["1"]))
    sources = pl.DataFrame({"passage_id": ["1"], "title": ["档案室"], "text": ["档案室在二楼。"]})
    questions = pl.DataFrame([("1", "谁管理档案室？", ["李华"])], schema=SPLIT.schema, orient="row")
    assert leaked_answers(units, sources, questions) == 1
    assert leaked_answers(units, sources.with_columns(text=pl.lit("档案室由李华管理。")), questions) == 0
    assert leaked_answers(units, sources.clear(), questions) == 1
