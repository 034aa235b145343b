"""What a method needs of an endpoint is found out once, before anything is sent, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.generation.dialects import LlamaCpp
from tests.generation.scripted_engine import ScriptedEngine
from tests.generation.scripted_server import ScriptedServer
from tests.scripted import Scripted
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.engine_protocol import Capabilities
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.rag.abilities import uses_of
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


@pytest.mark.parametrize("method", ["naive", "flare"])
def test_a_wrong_model_or_a_server_that_is_down_is_told_before_anything_is_read_or_indexed(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("wbrag_pipeline.training.preflight.deployed_encoder", loaded.append)
    quick = {"engine_arguments": '{"tries": 2, "first_wait": 0.001}', "method": method}
    with ScriptedServer(model="served") as server:
        there = Settings(home=tmp_path, generator=f"openai:{server.url}#asked-for", **quick)
        with pytest.raises(InputError, match="serves 'served' and not 'asked-for'"):
            run_pipeline(there, ["sample_nq"])
    down = Settings(home=tmp_path, generator=f"openai:{server.url}#served", **quick)
    with pytest.raises(WbragError, match="is the server running"):
        run_pipeline(down, ["sample_nq"])
    assert not loaded and not {"tables", "indexes", "dagster"} & {path.name for path in tmp_path.iterdir()}


def test_what_a_generator_can_serve_is_listed_use_by_use() -> None:
    weak = LanguageModel(ScriptedEngine(capabilities=Capabilities(0, False, False, False)))
    found = {use.name: use for use in uses_of(weak)}
    assert set(found) == {*METHODS, "hyde+naive", "--scorer judge", "tasks with choices"}
    verdicts = {name: use.verdict for name, use in found.items()}
    assert verdicts["naive"] == verdicts["self_rag"] == verdicts["--scorer judge"] == "runs"
    assert found["flare"].lacks == ("continuing a given beginning",) and verdicts["flare"] == "cannot run"
    assert verdicts["replug"] == "cannot run" and "free text" in verdicts["tasks with choices"]


def test_doctor_shows_what_an_endpoint_can_serve(tmp_path: Path) -> None:
    def doctor(model: str) -> Any:
        name = f"openai:{server.url.removesuffix('/v1')}#{model}"
        return CliRunner().invoke(app, ["doctor", "--home", str(tmp_path), "--generator", name])

    with LlamaCpp() as server:
        shown = doctor("tiny")
        assert shown.exit_code == 0
        for row in ("has its API at /v1", "context of 2,048 tokens", "replug ", "next-token distributions"):
            assert row in shown.output
        assert "cannot run" not in shown.output
        wrong = doctor("large")
    assert wrong.exit_code == 1 and "serves '/models/tiny.gguf' and not 'large'" in wrong.output
    assert "cannot run" not in wrong.output and "replug" not in wrong.output
