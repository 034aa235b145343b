"""The setting's values: which engine they name, and what is said where its library is missing."""

from __future__ import annotations

import importlib.util

import pytest

from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.generation.engines import check_generator, engine_named


@pytest.mark.parametrize("name", ["reader", "vllm:m", "openai:http://a/v1#m", "ray:m@v1"])
def test_names_that_there_are(name: str) -> None:
    check_generator(name)


@pytest.mark.parametrize("name", ["", "ray", "ray:", "rays:m", "reader:m"])
def test_names_that_there_are_not(name: str) -> None:
    with pytest.raises(InputError, match="ray:…"):
        check_generator(name)


@pytest.mark.parametrize(("name", "part", "extra"), [("vllm:m", "vllm", "gpu"), ("ray:m", "ray", "ray")])
def test_a_missing_library_is_named_with_the_extra_that_brings_it(name: str, part: str, extra: str) -> None:
    if importlib.util.find_spec(part) is not None:
        pytest.skip(f"{part} is installed here")
    with pytest.raises(MissingPartError, match=f"(?i){part}") as caught:
        engine_named(name, {})
    assert extra in str(caught.value)
