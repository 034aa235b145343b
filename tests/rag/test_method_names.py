"""The method's string: every name there is, options there and back, and messages that say what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import path_name
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.methods import METHODS, TRANSFORMS, method_named
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.rag.self_rag import SelfRag
from wbrag_pipeline.settings import Settings


def test_every_name_makes_its_method_with_the_papers_defaults() -> None:
    assert {name: method_named(name).name for name in METHODS} == {name: name for name in METHODS}
    assert method_named("flare") == Flare(0.8, 0.4, 3)
    assert method_named("self_rag") == SelfRag(0.2, 1.0, 1.0, 0.5)
    assert method_named("replug") == RePlug(1.0)
    for name in METHODS:
        if name != "none":
            assert method_named(f"hyde+{name}") == Hyde(METHODS[name]())


def test_options_are_read_and_spelled_in_one_way() -> None:
    assert method_named("flare:rounds=2, theta=0.6") == Flare(theta=0.6, rounds=2)
    assert method_named("flare:rounds=2,theta=0.6").name == "flare:theta=0.6,rounds=2"
    assert method_named("flare:theta=0.80").name == "flare"
    assert method_named("hyde:question=no+replug:temperature=0.1") == Hyde(RePlug(0.1), question=False)
    assert method_named("hyde:question=no+naive").name == "hyde:question=no+naive"
    assert method_named("hyde:question=yes+naive") == Hyde(NaiveRag())


@given(theta=st.floats(0, 1), beta=st.floats(0, 1), rounds=st.integers(1, 99))
def test_a_name_says_all_of_a_method(theta: float, beta: float, rounds: int) -> None:
    method = Flare(theta, beta, rounds)
    assert method_named(method.name) == method
    assert path_name(method.name)


def test_other_options_lie_in_another_folder() -> None:
    names = ["flare", "flare:theta=0.6", "hyde+flare", "self_rag:threshold=0.5"]
    assert len({Settings(method=name).variant for name in names}) == len(names)


@pytest.mark.parametrize("name", ["", "rag", "hyde", "hyde+", "hyde+none", "hyde+hyde+naive", "naive+flare", "+naive"])
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match="field 'method'") as caught:
        method_named(name)
    assert all(known in str(caught.value) for known in (*METHODS, *(f"{t}+naive" for t in TRANSFORMS)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flare:gamma=1", r"flare has no option 'gamma=1' \(it has theta, beta, rounds\)"),
        ("flare:theta", "flare has no option 'theta'"),
        ("flare:theta=0.5,", "flare has no option ''"),
        ("naive:k=3", r"naive has no option 'k=3' \(it has none\)"),
        ("hyde:method=1+naive", r"\(it has question\)"),
        ("flare:theta=0.5,theta=0.6", "field 'theta': is given twice"),
        ("flare:theta=high", "field 'theta': must be a number, not 'high'"),
        ("flare:theta=1.5", r"field 'theta': must lie in \[0, 1\], not 1.5"),
        ("flare:beta=nan", "field 'beta': must lie in"),
        ("flare:rounds=1.5", "field 'rounds': must be a whole number"),
        ("flare:rounds=0", "field 'rounds': must be at least 1"),
        ("replug:temperature=0", "field 'temperature': must be more than 0"),
        ("replug:temperature=inf", "field 'temperature'"),
        ("self_rag:useful=-1", "field 'useful': must be at least 0"),
        ("self_rag:threshold=2", "field 'threshold'"),
        ("hyde:question=maybe+naive", "field 'question': must be yes or no"),
    ],
)
def test_a_wrong_option_is_named(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        method_named(name)
