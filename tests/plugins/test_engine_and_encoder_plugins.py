"""Engines and encoders of other packages: how a setting names them, what is recorded, what is said of broken ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.installing import Install, install
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.generation.engines import check_generator, engine_named, load_generator
from wbrag_pipeline.plugins import ENCODERS_GROUP, ENGINES_GROUP, METHODS_GROUP
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.settings import DEFAULT_ENCODER

__all__ = ["install"]  # a fixture

ENGINE = '''
from wbrag_pipeline.generation.engine_protocol import Completion
from wbrag_pipeline.generation.text_engine import TextEngine

class Parrot(TextEngine):
    """Says the last word of the prompt."""

    def __init__(self, name, arguments):
        self.name = name
        self.loud = arguments.get("loud", False)

    def complete_one(self, request):
        word = request.messages[-1].content.split()[-1]
        return Completion(word.upper() if self.loud else word)
'''
ENCODER = '''
import numpy as np

class Letters:
    """How often each of the first letters of the alphabet is there."""

    arithmetic = "cpu-fp32"

    def __init__(self, name):
        self.name = name
        self.dimension = int(name.removeprefix("letters:"))

    def encode_passages(self, titles, texts, progress=None):
        return self.encode_queries([a + b for a, b in zip(titles, texts, strict=True)], progress)

    def encode_queries(self, questions, progress=None):
        counts = [[text.count(chr(97 + n)) + 0.1 for n in range(self.dimension)] for text in questions]
        vectors = np.array(counts, dtype=np.float32).reshape(-1, self.dimension)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
'''


def test_an_engine_is_named_by_what_stands_before_the_colon(install: Install) -> None:
    install("parrots", {ENGINES_GROUP: {"parrot": "parrots:Parrot"}}, {"parrots.py": ENGINE})
    check_generator("parrot:ara")
    generator = load_generator("parrot:ara", None, '{"loud": true}')
    (answer,) = generator.answer(["Who is here?"], [[]], OPEN_QA)
    assert (answer.text, generator.name) == ("HERE?", "parrot:ara")
    for name in ("parrot", "parrot:", "parot:ara"):
        with pytest.raises(
            InputError, match=r"use reader, transformers:…, vllm:…, openai:…, openai-batch:…, ray:…, parrot:…"
        ):
            check_generator(name)


def test_an_engine_without_a_fingerprint_has_that_of_its_code_name_and_arguments(install: Install) -> None:
    site = install("parrots", {ENGINES_GROUP: {"parrot": "parrots:Parrot"}}, {"parrots.py": ENGINE})
    made = [engine_named(*of).fingerprint for of in [("parrot:a", {}), ("parrot:b", {}), ("parrot:a", {"loud": True})]]
    assert len(set(made)) == 3 and engine_named("parrot:a", {}).fingerprint == made[0]
    (site / "parrots.py").write_text(ENGINE + "\n")
    assert engine_named("parrot:a", {}).fingerprint != made[0]


def test_an_engines_own_fingerprint_stays(install: Install) -> None:
    source = ENGINE.replace("self.name = name\n", 'self.name = name\n        self.fingerprint = "ara-1"\n')
    install("parrots", {ENGINES_GROUP: {"parrot": "parrots:Parrot"}}, {"parrots.py": source})
    assert engine_named("parrot:a", {}).fingerprint == "ara-1"


def test_an_encoder_is_named_with_its_argument(install: Install) -> None:
    install("letters", {ENCODERS_GROUP: {"letters": "letters:Letters"}}, {"letters.py": ENCODER})
    encoder, other = load_encoder("letters:8"), load_encoder("letters:9")
    assert (encoder.name, encoder.dimension, other.dimension) == ("letters:8", 8, 9)
    assert len(encoder.fingerprint) == 64 and encoder.fingerprint != other.fingerprint
    assert np.linalg.norm(encoder.encode_queries(["abba"])) == pytest.approx(1.0)
    assert load_encoder("letters:8") is encoder


def test_sentence_transformers_names_and_folders_stay_what_they_are(install: Install, tmp_path: Path) -> None:
    install("sneaky", {ENCODERS_GROUP: {"sentence-transformers": "x:y", "C": "x:y"}})
    assert load_encoder().name == DEFAULT_ENCODER
    with pytest.raises(InputError, match="there is no such folder"):
        load_encoder("./letters:8")
    with pytest.raises(InputError, match="cannot be loaded as an encoder"):
        load_encoder("C:/models/e5")


def test_an_encoder_plug_in_that_is_not_there_is_said(install: Install) -> None:
    with pytest.raises(InputError, match=r"no plug-in 'letters' is installed for 'letters:11' \(there is none\)"):
        load_encoder("letters:11")
    install("letters", {ENCODERS_GROUP: {"letters": "letters:Letters"}}, {"letters.py": ENCODER})
    with pytest.raises(InputError, match=r"no plug-in 'numbers' is installed for 'numbers:8' \(there is letters\)"):
        load_encoder("numbers:8")


def test_an_encoder_may_load_another(install: Install) -> None:
    source = ENCODER + (
        "\ndef shorter(name):\n"
        "    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder\n"
        "    inner = load_encoder('letters:4')\n"
        "    made = Letters('letters:3')\n"
        "    made.name = name\n"
        "    return made\n"
    )
    offers = {ENCODERS_GROUP: {"letters": "letters:Letters", "shorter": "letters:shorter"}}
    install("letters", offers, {"letters.py": source})
    assert load_encoder("shorter:x").dimension == 3


BROKEN_ENGINES = {
    "import error": ("import no_such_library", "cannot be imported: ModuleNotFoundError"),
    "no engine": (ENGINE + "\nParrot = lambda name, arguments: 7", "is no Engine: it has no name, fingerprint, cap"),
    "half an engine": (
        "class Parrot:\n    def __init__(self, *given): self.name = given[0]\n",
        "it has no capabilities",
    ),
    "no callable": ("Parrot = 'ara'", "cannot be made: TypeError: 'str' object is not callable"),
    "other arguments": (ENGINE.replace("name, arguments", "name"), "cannot be made: TypeError"),
    "own error": (ENGINE.replace("self.name = name", "raise OSError('no cage')"), "cannot be made: OSError: no cage"),
    "another name": (ENGINE.replace("self.name = name", "self.name = 'ara'"), "must give 'parrot:ara' as its name"),
}


@pytest.mark.parametrize("fault", BROKEN_ENGINES)
def test_a_broken_engine_is_named_and_others_work(install: Install, fault: str) -> None:
    source, said = BROKEN_ENGINES[fault]
    install("parrots", {ENGINES_GROUP: {"parrot": "parrots:Parrot"}}, {"parrots.py": source}, "0.3")
    check_generator("openai:http://a/v1#m")
    check_generator("reader")
    assert engine_named("openai:http://a/v1#m", {}).name == "openai:http://a/v1#m"
    with pytest.raises(InputError) as caught:
        engine_named("parrot:ara", {})
    assert said in str(caught.value)
    assert "field 'generator'" in str(caught.value) and "of parrots 0.3" in str(caught.value)


def test_a_plug_in_that_cannot_be_imported_is_told_of_before_anything_is_loaded(install: Install) -> None:
    install("parrots", {ENGINES_GROUP: {"parrot": "parrots:Parrot"}}, {"parrots.py": "1 / 0"})
    with pytest.raises(InputError, match="cannot be imported: ZeroDivisionError"):
        check_generator("parrot:ara")


def test_errors_of_ours_pass_as_they_are(install: Install) -> None:
    source = ENGINE.replace("self.name = name", "raise MissingPartError('a parrot', 'pip install parrot')")
    source = "from wbrag_pipeline.errors import MissingPartError\n" + source
    install("parrots", {ENGINES_GROUP: {"parrot": "parrots:Parrot"}}, {"parrots.py": source})
    with pytest.raises(MissingPartError, match="a parrot is not installed"):
        engine_named("parrot:ara", {})


@pytest.mark.parametrize("name", ["vllm", "reader"])
def test_the_names_of_built_in_engines_are_taken(install: Install, name: str) -> None:
    install("parrots", {ENGINES_GROUP: {name: "parrots:Parrot"}}, {"parrots.py": ENGINE})
    with pytest.raises(InputError, match=f"the plug-in '{name}' has the name of a built-in one"):
        check_generator(f"{name}:m")
    check_generator("reader")
    check_generator("openai:http://a/v1#m")


def test_a_frozen_encoder_must_give_its_fingerprint(install: Install) -> None:
    source = ENCODER.replace("class Letters:", "class Letters:\n    __slots__ = ('name', 'dimension')\n")
    install("letters", {ENCODERS_GROUP: {"letters": "letters:Letters"}}, {"letters.py": source})
    with pytest.raises(InputError, match="is no Encoder: it has no fingerprint"):
        load_encoder("letters:7")


def test_help_and_other_commands_import_no_plug_in(install: Install, tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'imported')!r}, 'w').close()\n" + ENGINE
    groups = (METHODS_GROUP, ENGINES_GROUP, ENCODERS_GROUP)
    site = install("parrots", {group: {"parrot": "parrots:Parrot"} for group in groups}, {"parrots.py": source})
    root = Path(__file__).parents[2]
    for arguments in (["--help"], ["run", "--help"], ["ask", "--help"], ["run", "no-such-benchmark"]):
        program = f"import sys; sys.path.insert(0, {str(site)!r}); from wbrag_pipeline.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=root, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "imported").exists(), arguments
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "sample_nq", "--method", "parrot"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and (tmp_path / "imported").exists()
    assert done.stderr.startswith("error: field 'method': the plug-in 'parrot' is no dataclass")


@pytest.mark.parametrize("arguments", ["{bad", "[1]", "1"])
def test_engine_arguments_are_a_json_object_with_the_reader_too(arguments: str) -> None:
    with pytest.raises(InputError, match="not a JSON object") as refused:
        load_generator("reader", None, arguments)
    assert refused.value.field == "engine_arguments"
