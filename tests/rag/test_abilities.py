"""What a method needs of an endpoint is found out once, before anything is sent, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generation.scripted_engine import ScriptedEngine
from tests.generation.scripted_server import ScriptedServer
from tests.scripted import Scripted
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import Capabilities
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.rag.methods import METHODS, check_able, method_named
from wbrag_pipeline.settings import Settings

LACKING = {
    "replug": (Capabilities(20, True, True, False), "next-token distributions: replug"),
    "self_rag": (Capabilities(None, True, True, True), "log-probabilities: self_rag, flare and the judge"),
    "flare": (Capabilities(0, True, False, True), "continuing a given beginning: flare"),
    "hyde+replug": (Capabilities(20, True, True, False), "replug"),
}


@pytest.mark.parametrize("name", LACKING)
def test_a_method_says_what_it_lacks(name: str) -> None:
    found, said = LACKING[name]
    with pytest.raises(InputError, match=said):
        check_able(LanguageModel(ScriptedEngine(capabilities=found)), method_named(name))


def test_what_needs_nothing_runs_on_anything_and_everything_can_do_all() -> None:
    bare, whole = LanguageModel(ScriptedEngine(capabilities=Capabilities(None, False, False, False))), ScriptedEngine()
    for name in ("none", "naive", "hyde+naive"):
        check_able(bare, method_named(name))
    for name in METHODS:
        check_able(LanguageModel(whole), method_named(name), judges=True)
        check_able(Scripted(lambda question, ids: ""), method_named(name), judges=True)  # lacks nothing it knows of
    with pytest.raises(InputError, match="the judge"):
        check_able(bare, method_named("naive"), judges=True)


@pytest.mark.parametrize(("method", "scorer"), [("replug", "gold"), ("flare", "gold"), ("naive", "judge")])
def test_a_run_stops_before_its_first_prompt(tmp_path: Path, method: str, scorer: str) -> None:
    with ScriptedServer() as server:
        settings = Settings(home=tmp_path, generator=f"openai:{server.url}#tiny", method=method, scorer=scorer)
        for _ in range(2):
            with pytest.raises(InputError, match="offers no"):
                run_pipeline(settings, ["sample_nq"])
        # A server is asked what it can do once a process, with a question of no benchmark.
        assert all("fruit" in prompt for prompt in server.sends)
        probes = server.sends.total()
        with pytest.raises(InputError, match="offers no"):
            run_pipeline(settings, ["sample_nq"])
        assert server.sends.total() == probes
    assert not (tmp_path / "tables").exists() and not (tmp_path / "dagster").exists()
