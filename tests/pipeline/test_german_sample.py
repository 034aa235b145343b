"""The German sample: reproducible, honest, and trained, released and served in German by the embedded reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from domains_and_languages import make_german_sample
from wbrag_pipeline import api
from wbrag_pipeline.generation.generator import SpeaksLanguages
from wbrag_pipeline.releases.store import Release, promote
from wbrag_pipeline.sentences import split_sentences
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings

pytest.importorskip("sentencex")
pytest.importorskip("snowballstemmer")

SAMPLE = Path(make_german_sample.__file__).parent / "german"
READ = {
    "Wer hat den Vorsitz von dem Ruderclub Ahsental?",
    "Wer leitete den Bau von der Kolkbrücke?",
    "Als was arbeitete Matthias Grohne?",
    "Wodurch wurde Ida Lenz bekannt?",
    "Wann wurde die Marienbrücke gebaut?",
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_sample_is_what_its_script_writes() -> None:
    for name, text in make_german_sample.files().items():
        assert (SAMPLE / name).read_text(encoding="utf-8") == text, f"python -m {make_german_sample.__name__}"


def test_every_answer_stands_in_a_passage_and_no_question_in_both_splits() -> None:
    texts = [row["contents"] for row in rows("corpus")]
    train, test = rows("train"), rows("test")
    for row in train + test:
        assert any(answer in text for text in texts for answer in row["golden_answers"]), row
    assert not {row["question"] for row in train} & {row["question"] for row in test}
    assert len(set(texts)) == len(texts) > 150
    assert {row["metadata"]["seen"] for row in test} == {"same", "near", "new"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Release]:
    """The sample, trained on those questions that the embedded reader, an English one, makes units of."""
    folder = tmp_path_factory.mktemp("german")
    settings = Settings(home=folder / "home", validation_share=0)
    kept = [json.dumps(row, ensure_ascii=False) for row in rows("train") if row["question"] in READ]
    assert len(kept) == len(READ)
    (folder / "train.jsonl").write_text("\n".join(kept), encoding="utf-8")
    # The pages of several subjects; the others only crowd them out.
    pages = [json.dumps(row, ensure_ascii=False) for row in rows("corpus") if " (" in row["contents"].splitlines()[0]]
    (folder / "corpus.jsonl").write_text("\n".join(pages), encoding="utf-8")
    api.add_corpus("ahsental", folder / "corpus.jsonl", settings, language="de")
    api.add_benchmark(
        "ahsental", corpus="ahsental", train=folder / "train.jsonl", test=SAMPLE / "test.jsonl", settings=settings
    )
    return settings, api.train("ahsental", settings)


def test_units_are_german_sentences_of_their_sources_and_nothing_of_ours(trained: tuple[Settings, Release]) -> None:
    _, release = trained
    units, texts = release.units(), " ".join(" ".join(row["contents"].split()) for row in rows("corpus"))
    assert units.height > 0
    for title, text in units.select("title", "text").iter_rows():
        assert title in texts
        for sentence in split_sentences(text, "de"):
            assert sentence in texts


def test_the_release_records_the_language_and_is_served_in_it(trained: tuple[Settings, Release]) -> None:
    settings, release = trained
    assert release.language == "de"
    promote(settings.releases("ahsental"), release.name, actor="test", reason="test")
    # What is served stays what was validated, also when the entry changes afterwards.
    for declared in ("de", "fr"):
        api.add_corpus("ahsental", settings.home.parent / "corpus.jsonl", settings, language=declared, replace=True)
        served = LiveRetriever(settings, "ahsental")
        generator = served._view.system.generator
        assert isinstance(generator, SpeaksLanguages) and generator.language == "de"
        assert generator.prompt_version == "extractive-1-de"
