"""One notion of language: where sentences end, what is told, which code a corpus has; English stays what it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.generation.scripted_engine import ScriptedEngine
from tests.scripted import Scripted
from wbrag_pipeline import sentences
from wbrag_pipeline.cli import app
from wbrag_pipeline.curation.details import details_of
from wbrag_pipeline.curation.statements import statements_of
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.metrics import accuracy, accuracy_unicode
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.generation.engine_protocol import Message
from wbrag_pipeline.generation.generator import Passage, in_language, language_of
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.writing.prompts import to_write_in
from wbrag_pipeline.languages import NAMES, SENTENCE_MARKS, SENTENCE_RULES, detected_language, told
from wbrag_pipeline.sentences import is_fragment, split_sentences
from wbrag_pipeline.storage import sha256_of_text

pytest.importorskip("sentencex")
pytest.importorskip("py3langid")

SENTENCES = {
    "de": [
        "Die Anlage wurde z. B. von Dr. Hans Meyer gebaut.",
        "Am 3. Oktober 1990 kam sie zum Land, d. h. zum Kreis.",
        "„Sie läuft noch.“",
        "Das Museum liegt im 2. Stock an der Hauptstr. 12.",
        "Es wurde im 19. Jahrhundert gegründet.",
        "König Ludwig II. ließ es bauen.",
        "»Wir kommen wieder!«, rief sie.",
        "Er lebte bis 1848.",
        "Danach kostete es ca. 3,5 Mio. Euro.",
        "Im Jahr 44 v. Chr. war alles anders.",
    ],
    "fr": [
        "M. Dupont est arrivé le 3 oct. à Paris.",
        "Il a dit : « Je pars. »",
        "Puis Mme Leroy l'a suivi, p. ex. en train.",
        "Est-ce vrai ?",
        "Oui !",
    ],
    "es": [
        "El Sr. García llegó a EE. UU. en 1990.",
        "¿Cuándo salió?",
        "¡No se sabe!",
        "La Dra. Ruiz, p. ej., dijo que no.",
    ],
    "ru": ["Завод основан в 1905 г. в г. Пермь.", "Директор — И. И. Иванов.", "Потом он уехал."],
    "ar": ["تأسس المتحف عام 1950.", "هل يقع في المدينة القديمة؟", "نعم!", "يفتح يوميا."],
    "hi": ["यह संग्रहालय पुराना है।", "यह नदी के पास है।"],
    "hu": ["Ez a ház nagy.", "Ott lakik Kovács J. Péter.", "Jó?"],  # no rules: end marks, and initials
    "xx": ["Aba bo.", "Co du!"],
}
SAMPLE = Path(__file__).parents[1] / "wbrag_pipeline" / "sample" / "corpus.jsonl"
PINNED = ["4a5764714667", "f0b467743495", "c39ee81a70f9"]
UNSPACED = {
    "ja": ["博物館は1998年に開館した。", "館長は田中さんです！", "今は休みです。"],
    "zh": ["北京是首都！", "那里有很多人。"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_end_where_the_language_ends_them(language: str) -> None:
    assert split_sentences(" ".join(SENTENCES[language]), language) == SENTENCES[language]


@pytest.mark.parametrize("language", UNSPACED)
def test_sentences_without_blanks_end_at_their_marks(language: str) -> None:
    assert split_sentences("".join(UNSPACED[language]), language) == UNSPACED[language]


def test_english_rules_break_german_which_is_why_a_corpus_has_a_language() -> None:
    assert split_sentences("Am 3. Oktober kam er.") == ["Am 3.", "Oktober kam er."]
    assert split_sentences("Am 3. Oktober kam er.", "de") == ["Am 3. Oktober kam er."]


def test_an_unknown_language_is_not_taken_for_english() -> None:
    """sentencex takes English for a code that it does not know: "Mr." would end no Hungarian sentence."""
    assert split_sentences("Ott van Mr. Nagy jön.", "hu") == ["Ott van Mr.", "Nagy jön."]
    assert "its abbreviations are not known" in "".join(told("hu"))


@given(
    st.text(alphabet="aAbZ äß.!?… »«„“()'12مа。3-\n", max_size=60),
    st.sampled_from(["de", "fr", "ru", "ar", "ja", "xx"]),
)
def test_sentences_joined_are_the_text_again(text: str, language: str) -> None:
    pieces = split_sentences(text, language)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece == piece.strip() and piece for piece in pieces)


def test_a_sentence_in_quotes_of_any_language_is_no_fragment() -> None:
    assert not any(map(is_fragment, ("„Sie läuft noch.“", "« Je pars. »", "»Sie läuft.«", "هل هو؟", "यह है।")))
    assert is_fragment("Sie läuft noch und")


def test_every_language_with_rules_has_a_name() -> None:
    assert NAMES.keys() >= SENTENCE_RULES | SENTENCE_MARKS


def test_english_prompts_stay_and_others_are_told_which_language_to_write() -> None:
    messages = (Message("system", "Answer."), Message("user", "Wann?"))
    assert to_write_in("en", messages) == messages
    system, user = to_write_in("de", messages)
    assert "German" in system.content and system.content.startswith("Answer.\n") and user == messages[1]
    assert "xx" in to_write_in("xx", messages)[0].content


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("die Große Wumme", "Große Wumme"),
        ("GROSSE WUMME", "große Wumme"),
        ("des Färberbachs", "Färberbachs"),
        ("el río", "río"),
        ("３月", "3月"),
    ],
)
def test_answers_are_compared_without_articles_of_their_language(answer: str, gold: str) -> None:
    assert accuracy_unicode(answer, [gold]) == 1.0


def test_flashrags_metrics_stay_english() -> None:
    assert accuracy("the mill", ["mill"]) == 1.0
    assert accuracy("GROSSE Wumme", ["Große Wumme"]) == 0.0


def corpus_file(folder: Path, texts: list[str]) -> Path:
    file = folder / "corpus.jsonl"
    rows = [{"id": str(i), "title": f"T{i}", "text": text} for i, text in enumerate(texts)]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


GERMAN = ["Das Museum liegt im Tal und wurde am 3. Oktober 1912 von der Stadt eröffnet."] * 3


def test_a_corpus_keeps_its_language_and_its_benchmarks_have_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    add_corpus(home, "tal", corpus_file(tmp_path, GERMAN), language="de")
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"id": "1", "question": "Wo liegt es?", "golden_answers": ["im Tal"]}\n', encoding="utf-8")
    test = tmp_path / "test.jsonl"
    test.write_text('{"id": "1", "question": "Wo ist es?", "golden_answers": ["im Tal"]}\n', encoding="utf-8")
    add_benchmark(home, "tal", task="open_qa", corpus="tal", train=questions, test=test)
    registry = Registry.load(home)
    assert (registry.corpus("tal").language, registry.language_of("tal")) == ("de", "de")
    assert registry.language_of("sample_nq") == "en"
    assert "language: de" in (home / "corpora" / "tal.yaml").read_text(encoding="utf-8")


def test_a_retriever_has_a_language_too(tmp_path: Path) -> None:
    entry = tmp_path / "corpora" / "suche.yaml"
    entry.parent.mkdir()
    entry.write_text("url: http://localhost:8000/retrieve\nformat: search-r1\nlanguage: de\n", encoding="utf-8")
    assert Registry.load(tmp_path).corpus("suche").language == "de"


@pytest.mark.parametrize("code", ["German", "DE", "de-AT", "d", "deutsch", "12"])
def test_what_is_no_code_of_a_language_is_refused_and_nothing_is_written(tmp_path: Path, code: str) -> None:
    with pytest.raises(InputError, match="is no language") as refused:
        add_corpus(tmp_path / "home", "tal", corpus_file(tmp_path, GERMAN), language=code)
    assert refused.value.field == "language"
    assert not (tmp_path / "home" / "corpora").exists()


def test_a_bad_language_in_an_entry_names_the_file(tmp_path: Path) -> None:
    entry = tmp_path / "corpora" / "tal.yaml"
    entry.parent.mkdir()
    entry.write_text("path: ../corpus.jsonl\nlanguage: Deutsch\n", encoding="utf-8")
    with pytest.raises(InputError, match="is no language") as refused:
        Registry.load(tmp_path)
    assert (refused.value.file, refused.value.field) == (entry, "language")


def test_long_rows_are_cut_where_sentences_of_the_language_end(tmp_path: Path) -> None:
    file = corpus_file(tmp_path, ["Am 3. Oktober 1912 wurde es eröffnet. " * 5])
    cut = read_corpus(file, split=10, language="de")["text"].to_list()
    assert {part.count("Oktober") for part in cut} == {1} and len(cut) == 5
    assert all(part.startswith("Am 3. Oktober") for part in cut)


def test_a_folder_is_cut_where_sentences_of_the_language_end(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("Die Feier am 3. Oktober war bei Dr. Lenz im großen Saal. " * 40, encoding="utf-8")
    assert all(text.startswith("Die Feier") for text in read_corpus(folder, language="de")["text"])
    assert not all(text.startswith("Die Feier") for text in read_corpus(folder)["text"])


def test_the_language_of_the_texts_is_suggested_where_another_is_declared(tmp_path: Path) -> None:
    file, home = corpus_file(tmp_path, GERMAN), str(tmp_path / "home")
    said = CliRunner().invoke(app, ["add", "corpus", "tal", str(file), "--home", home]).output
    assert "most texts look like German" in said and "--language de" in said
    said = CliRunner().invoke(app, ["add", "corpus", "tal", str(file), "--home", home, "--replace", "--language", "de"])
    assert "look like" not in said.output and "language German: sentences are cut by its own rules" in said.output
    said = CliRunner().invoke(app, ["add", "corpus", "tal", str(file), "--home", home, "--replace", "--language", "fr"])
    assert "no contradiction is found" in said.output and "most texts look like German" in said.output


def test_without_its_library_a_language_is_refused_and_english_is_told_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sentencex", "py3langid", "py3langid.langid"):
        monkeypatch.setitem(sys.modules, module, None)
    sentences._segmenter.cache_clear()
    file, home = corpus_file(tmp_path, GERMAN), tmp_path / "home"
    with pytest.raises(MissingPartError, match="languages"):
        add_corpus(home, "tal", file, language="de")
    assert not (home / "corpora").exists()
    said = CliRunner().invoke(app, ["add", "corpus", "tal", str(file), "--home", str(home)]).output
    assert "language English: not compared with the texts" in said
    sentences._segmenter.cache_clear()


def test_english_texts_are_told_nothing(tmp_path: Path) -> None:
    file = corpus_file(tmp_path, ["The museum lies in the valley and was opened by the town in October 1912."])
    said = CliRunner().invoke(app, ["add", "corpus", "tal", str(file), "--home", str(tmp_path / "home")]).output
    assert "language" not in said


def test_texts_too_short_or_too_mixed_tell_no_language() -> None:
    assert detected_language(["Ja.", "12"]) == ""
    english = "The museum lies in the valley and was opened by the town."
    assert detected_language([GERMAN[0], english]) == ""
    assert detected_language([GERMAN[0], GERMAN[0], english]) == "de"


# A generator in a language.


def test_a_language_model_is_told_to_write_german_where_it_writes_and_not_where_it_points() -> None:
    engine = ScriptedEngine(lambda request: "Ahse")
    model = LanguageModel(engine)
    german = in_language(model, "de")
    assert in_language(model, "en") is model and language_of(german) == "de"
    assert german.usage is model.usage and german.prompt_version == f"{model.prompt_version}-de"
    assert german.fingerprint != model.fingerprint
    passages = [[Passage("p", "Ahse", "Die Ahse ist ein Fluss.")]]
    german.answer(["Welcher Fluss?"], passages, task_named("open_qa"))
    assert "German" not in engine.asked[-1].messages[0].content
    german.distill(["Welcher Fluss?"], passages)
    told = [request.messages[0].content for request in engine.asked[1:]]
    assert ["German" in content for content in told] == [False, *[True] * (len(told) - 1)]  # the first only copies
    model.distill(["Welcher Fluss?"], passages)
    assert "German" not in engine.asked[-1].messages[0].content


def test_a_generator_that_knows_of_no_language_is_asked_the_same_in_all() -> None:
    scripted = Scripted(lambda claim, passages: "SUPPORTS")
    assert in_language(scripted, "de") is scripted and language_of(scripted) == "en"


def test_english_is_cut_and_compared_as_it_was_before_there_were_languages() -> None:
    """Of the sample's first passages, by the code of 26 November 2026, before languages."""
    passages = read_corpus(SAMPLE, first=300).select("title", "text").rows()
    sentences = [sentence for _, text in passages for sentence in split_sentences(text)]
    details = [(d.tokens, d.numbers, d.names, d.turns) for d in map(details_of, sentences)]
    said = [(repr(s), value) for title, text in passages for s, value, _ in statements_of(title, text)]
    found = [sha256_of_text(repr(kind)) for kind in (sentences, details, said)]
    assert [hash_[:12] for hash_ in found] == PINNED
