"""The embedded reader's network: offsets, labels, and readings that depend on their own pair only."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from safetensors import safe_open

from wbrag_pipeline import minilm
from wbrag_pipeline.cpu_arithmetic import VARIABLE
from wbrag_pipeline.generation.reader import network
from wbrag_pipeline.generation.reader.network import ADAPTER_DIR, ReaderNetwork, Reading

EIFFEL = (
    "Eiffel Tower\nIt was designed by the company of Gustave Eiffel and completed in 1889 as the entrance to the "
    "World's Fair. It is 330 metres tall and stands on the Champ de Mars in Paris."
)
BREAD = (
    "Sourdough\nSourdough is a bread made by the fermentation of dough using wild lactobacillaceae and yeast. "
    "Lactic acid gives it a sour taste and improved keeping qualities."
)
PAIRS = [
    ("When was the Eiffel Tower completed?", EIFFEL),
    ("Who designed the Eiffel Tower?", EIFFEL),
    ("Which city is the Eiffel Tower in?", EIFFEL),
    ("When was the Eiffel Tower completed?", BREAD),
    ("Where does it stand?", "Zoë’s café — naïve 東京 text \U0001f600 stands\tin   Malmö."),
    ("Who?", ""),
]


@pytest.fixture(params=["fp32", "bf16"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both kinds of machine, whichever this one is; bf16 without its instructions is slow and no other."""
    monkeypatch.setenv(VARIABLE, request.param)
    return str(request.param)


@cache
def reader_in(arithmetic: str) -> ReaderNetwork:
    return ReaderNetwork.load()


@pytest.fixture
def reader(arithmetic: str) -> ReaderNetwork:
    return reader_in(arithmetic)


@pytest.fixture
def readings(reader: ReaderNetwork) -> list[Reading]:
    return reader.read("span", PAIRS)


def test_importing_the_module_does_not_import_torch() -> None:
    code = "import sys, wbrag_pipeline.generation.reader.network; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_finds_plain_facts(readings: list[Reading]) -> None:
    assert readings[0].text == "1889"
    assert "Eiffel" in readings[1].text
    assert "Paris" in readings[2].text


def test_text_is_the_cut_that_the_offsets_name(readings: list[Reading]) -> None:
    for (_, context), reading in zip(PAIRS, readings, strict=True):
        assert reading.text == context[reading.start : reading.end]
        assert reading.probabilities == ()
    assert readings[4].text, "an odd context still gets a span"


def test_an_unrelated_passage_does_not_answer(readings: list[Reading]) -> None:
    right, wrong = readings[0], readings[3]
    assert right.score > right.null_score
    assert wrong.score < wrong.null_score


def test_an_empty_context_answers_nothing(readings: list[Reading]) -> None:
    empty = readings[5]
    assert (empty.text, empty.start, empty.end) == ("", 0, 0)
    assert empty.score < empty.null_score


@pytest.mark.parametrize("kind", ["span", "yes_no", "verdict"])
def test_a_reading_does_not_depend_on_the_other_pairs(reader: ReaderNetwork, kind: network.HeadKind) -> None:
    together = reader.read(kind, PAIRS * 8)
    alone = [reader.read(kind, [pair])[0] for pair in PAIRS]
    fresh = ReaderNetwork.load().read(kind, PAIRS[::-1])[::-1]
    assert together == alone * 8  # to the last bit: readings are cached
    assert fresh == alone


def test_a_long_context_is_cut_not_refused(reader: ReaderNetwork) -> None:
    lengthy = EIFFEL + " Nothing more is said here." * 300
    assert reader.read("span", [("When was the Eiffel Tower completed?" * 40, lengthy)])[0].end <= len(lengthy)
    assert reader.read("span", [(PAIRS[0][0], lengthy)])[0].text == "1889"


def test_yes_no_labels(reader: ReaderNetwork) -> None:
    assert network.YES_NO_LABELS == ("False", "True", "UNDECIDED")
    on_subject, off_subject = reader.read(
        "yes_no", [("is sourdough a bread", BREAD), ("is the eiffel tower in paris", BREAD)]
    )
    for reading in (on_subject, off_subject):
        assert sum(reading.probabilities) == pytest.approx(1, abs=1e-5)
    assert max(on_subject.probabilities) == on_subject.probabilities[1]
    assert max(off_subject.probabilities) == off_subject.probabilities[2]


def test_verdict_labels(reader: ReaderNetwork) -> None:
    assert network.VERDICT_LABELS == ("REFUTES", "SUPPORTS", "NOT ENOUGH INFO")
    claims = ["The Eiffel Tower was completed in 1889.", "The Eiffel Tower is in London."]
    true, false = reader.read("verdict", [(claim, EIFFEL) for claim in claims])
    unknown = reader.read("verdict", [(claims[0], BREAD)])[0]
    assert true.probabilities[1] > true.probabilities[0]
    # Which of two claims is the truer one, not the label itself: a small model, and one sentence.
    assert true.probabilities[1] > false.probabilities[1]
    assert max(unknown.probabilities) == unknown.probabilities[2]


def test_nothing_is_read_of_nothing(reader: ReaderNetwork) -> None:
    assert reader.read("span", []) == []


def test_an_unknown_kind_is_refused(reader: ReaderNetwork) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        reader.read("essay", PAIRS)  # type: ignore[arg-type]


def test_a_word_of_the_question_is_marked_in_the_context() -> None:
    encoder = network.PairEncoder(minilm.load_tokenizer())
    question, context = encoder.pieces(["Who is the Zolgensma inventor?", "ZOLGENSMA is sold. Who made it?"])
    ids, types = encoder.join(question, context)
    assert len(ids) == len(types) == len(question.ids) + len(context.ids) + 3
    marked = {context.ids[at] for at, kind in enumerate(types[len(question.ids) + 2 : -1]) if kind == 2}
    name = encoder.pieces(["zolgensma"])[0].ids
    assert len(name) > 1, "a word of several pieces, so that all of them are looked at"
    assert marked == set(name)  # and neither "is" and "who" nor the question mark


def test_the_adapter_is_small_and_no_pickle() -> None:
    path = ADAPTER_DIR / "adapter.safetensors"
    assert path.stat().st_size < 3_000_000
    with safe_open(path, framework="pt") as stored:
        assert {"span.weight", "yes_no.weight", "verdict.weight", "token_types"} <= set(stored.keys())
    config = json.loads((ADAPTER_DIR / "config.json").read_text())
    assert config["network"]["max_tokens"] == 192


def test_the_fingerprint_changes_with_the_adapter(reader: ReaderNetwork, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(ADAPTER_DIR / "adapter.safetensors")
    tensors["span.bias"] = tensors["span.bias"] + 1
    save_file(tensors, tmp_path / "adapter.safetensors")
    (tmp_path / "config.json").write_text((ADAPTER_DIR / "config.json").read_text())
    changed = ReaderNetwork.load(tmp_path)
    assert changed.fingerprint != reader.fingerprint
    assert ReaderNetwork.load().fingerprint == reader.fingerprint
    # The start and end logits of every token rise by one each, the null score's with them; heads are fp32 always.
    plain, raised = (r.read("span", PAIRS[:1])[0] for r in (reader, changed))
    assert raised.score - plain.score == pytest.approx(2, abs=1e-4)


def test_both_arithmetics_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for arithmetic in ("fp32", "bf16"):
        monkeypatch.setenv(VARIABLE, arithmetic)
        reader = ReaderNetwork.load()
        found[arithmetic] = reader.fingerprint, reader.read("span", PAIRS), reader.read("verdict", PAIRS)
    assert found["fp32"][0] != found["bf16"][0], "a cache would mix them"
    for exact, rounded in zip(found["fp32"][1], found["bf16"][1], strict=True):
        assert exact.text == rounded.text
        # Logits lie between -12 and 12; six layers of bf16 move them by some steps of 2^-8.
        assert exact.score == pytest.approx(rounded.score, abs=0.5) and exact.score != rounded.score
    for exact, rounded in zip(found["fp32"][2], found["bf16"][2], strict=True):
        assert exact.probabilities == pytest.approx(rounded.probabilities, abs=0.1)


def test_loading_without_an_adapter_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"adapter\.safetensors"):
        ReaderNetwork.load(tmp_path)
