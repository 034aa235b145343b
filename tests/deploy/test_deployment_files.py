"""What cannot be started without containers: that the files fit each other, the settings and Dagster's own schemas.

``scripts/deployment-check`` starts the same topology as processes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema, validate_concurrency_config
from dagster._core.workspace.config_schema import process_workspace_config
from dagster._core.workspace.load_target import WorkspaceFileTarget
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.pipeline import INSTANCE, dagster_home
from wbrag_pipeline.serving.service_limits import ServiceLimits
from wbrag_pipeline.settings import Settings, all_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VARIABLES = {setting.variable for setting in all_settings()} | {"WBRAG_API_KEY"}
# Of the deployment itself: which image, where the code location is, what compose mounts and serves.
OF_THE_DEPLOYMENT = {"WBRAG_CODE_HOST", "WBRAG_CODE_PORT", "WBRAG_IMAGE", "WBRAG_SERVE", "WBRAG_SOURCES"}


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compose() -> Any:
    return parsed(DEPLOY / "compose.yaml")


def is_an_instance(config: dict[str, Any]) -> None:
    found = validate_config(dagster_instance_config_schema(), config)
    assert found.success, found.errors
    validate_concurrency_config(config)


# Dagster's own files.


def test_dagster_takes_the_instance_and_finds_its_storage() -> None:
    config = parsed(DEPLOY / "dagster.yaml")
    is_an_instance(config)
    assert config["storage"] == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}


def test_a_laptop_and_a_deployment_load_one_model_at_a_time(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    laptop, deployment = yaml.safe_load(INSTANCE), parsed(DEPLOY / "dagster.yaml")
    is_an_instance(laptop)
    assert laptop["concurrency"] == deployment["concurrency"]
    assert laptop.items() <= deployment.items()
    assert laptop["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}
    folder = dagster_home(Settings(home=wbrag_home))
    assert (folder / "dagster.yaml").read_text(encoding="utf-8") == INSTANCE


def test_an_instance_of_the_users_own_stays(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    file = dagster_home(Settings(home=wbrag_home)) / "dagster.yaml"
    file.write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    dagster_home(Settings(home=wbrag_home))
    assert file.read_text(encoding="utf-8") == "telemetry:\n  enabled: false\n"


def test_the_workspace_is_one_code_server(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = parsed(DEPLOY / "workspace.yaml")
    monkeypatch.setenv("WBRAG_CODE_HOST", "code-location")
    monkeypatch.setenv("WBRAG_CODE_PORT", "4000")
    found = process_workspace_config(workspace)
    assert found.success, found.errors
    (server,) = found.value["load_from"]  # type: ignore[index]
    assert server["grpc_server"] == {"host": "code-location", "port": 4000, "location_name": "wbrag_pipeline"}
    # The name that `dagster dev` and dg give it, so that runs and backfills of one are those of the other.
    (local,) = parsed(ROOT / "workspace.yaml")["load_from"]
    assert local["python_module"]["location_name"] == server["grpc_server"]["location_name"]


def test_wbrag_ui_opens_a_code_location_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: started.extend(arguments))
    done = CliRunner().invoke(app, ["ui"])
    assert done.exit_code == 0, done.output
    (origin,) = WorkspaceFileTarget([started[started.index("-w") + 1]]).create_origins()
    assert origin.location_name == "wbrag_pipeline"
    assert origin.loadable_target_origin.module_name == "wbrag_pipeline.definitions"


# Compose.


def test_the_services_are_those_that_the_script_starts_and_vllm_waits_for_its_profile(compose: Any) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "code-location", "webserver", "daemon", "serve", "vllm"}
    assert [name for name, service in services.items() if service.get("profiles")] == ["vllm"]
    script = (DEPLOY / "processes.py").read_text(encoding="utf-8")
    for name in ("code-location", "webserver", "daemon"):
        assert f'"{name}": [' in script, name
    assert services["daemon"]["command"][2].startswith("python -m resources.pools && exec dagster-daemon run")
    assert "code-server" in services["code-location"]["command"]  # `api grpc` could not load definitions again


def test_what_a_service_names_is_there(compose: Any) -> None:
    for name, service in compose["services"].items():
        for other, how in (service.get("depends_on") or {}).items():
            assert "healthcheck" in compose["services"][other] and how == {"condition": "service_healthy"}, name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith("${WBRAG_SOURCES"), (name, volume)
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} has no login and must not listen to the network"
    host, port = (compose["x-wbrag"]["environment"][f"WBRAG_CODE_{part}"] for part in ("HOST", "PORT"))
    assert host in compose["services"] and port in compose["services"][host]["command"]


def test_every_variable_of_ours_is_a_setting() -> None:
    for file in (DEPLOY / "compose.yaml", KUBERNETES / "values.yaml", KUBERNETES / "serve.yaml", DEPLOY / "Dockerfile"):
        named = set(re.findall(r"WBRAG_[A-Z_]+", file.read_text(encoding="utf-8")))
        assert named <= VARIABLES | OF_THE_DEPLOYMENT, file.name
        assert named & VARIABLES, file.name


def test_no_password_is_written_down(compose: Any) -> None:
    for service in compose["services"].values():
        for variable, value in (service.get("environment") or {}).items():
            if "PASSWORD" in variable or "KEY" in variable or "URL" in variable:
                assert "${" in str(value), variable


def test_docker_compose_takes_the_file() -> None:
    """Where it is installed; read by Docker Compose 2.40.3 on 26 November 2026."""
    docker = next(filter(_works, (("docker", "compose"), ("docker-compose",))), None)
    if docker is None:
        pytest.skip("docker compose is not installed")
    command = [*docker, "-f", str(DEPLOY / "compose.yaml"), "--profile", "vllm", "config", "--quiet"]
    done = subprocess.run(
        command, env={**os.environ, "POSTGRES_PASSWORD": "x"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _works(command: tuple[str, ...]) -> bool:
    """A docker without the compose plugin is there and does not."""
    found = shutil.which(command[0]) is not None
    return found and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode


# The image.


def test_the_image_copies_what_is_there_and_installs_extras_that_are() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [part for line in re.findall(r"^COPY (.+)$", text, re.M) for part in line.split()[:-1]]
    for part in (part for part in copied if not part.startswith("--")):
        assert (ROOT / part).exists() and part in let_in, part
    assert let_in == {part for part in copied if not part.startswith("--")}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (asked,) = re.findall(r'"\.\[\$\{EXTRA\},([a-z,]+)\]"', text)
    assert {*asked.split(","), "cpu", "gpu"} <= set(extras)


def test_a_volume_is_the_users_of_the_image_to_write(compose: Any) -> None:
    """A named volume over a folder that the image lacks belongs to root, and no run could write its log."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    made = re.search(r"mkdir -p ([^\\]+)", text)
    given = re.search(r"chown -R wbrag ([^\n]+)", text)
    assert made and given
    for volume in compose["x-wbrag"]["volumes"]:
        name, at, *_ = volume.split(":")
        if name in compose["volumes"]:
            assert at in made[1].split(), volume
            assert any(at == folder or at.startswith(f"{folder}/") for folder in given[1].split()), volume


# Kubernetes.


def test_pods_may_write_the_home_and_have_time_to_answer() -> None:
    (uid,) = re.findall(r"--uid (\d+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    user = {"runAsUser": int(uid), "runAsNonRoot": True, "fsGroup": int(uid)}
    values = parsed(KUBERNETES / "values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    assert deployment["podSecurityContext"] == launcher["runK8sConfig"]["podSpecConfig"]["securityContext"] == user
    (pod,) = [
        part["spec"]["template"]["spec"]
        for part in yaml.safe_load_all((KUBERNETES / "serve.yaml").read_text(encoding="utf-8"))
        if part["kind"] == "Deployment"
    ]
    assert pod["securityContext"] == user
    (server,) = pod["containers"]
    assert [mount["readOnly"] for mount in server["volumeMounts"]] == [True]
    assert not {"--answer", "--usage-share"} & {*server["args"]}  # these write
    assert pod["terminationGracePeriodSeconds"] > ServiceLimits().seconds + 5


def test_compose_gives_serve_time_to_answer(compose: Any) -> None:
    assert int(compose["services"]["serve"]["stop_grace_period"].removesuffix("s")) > ServiceLimits().seconds + 1


def test_the_values_make_an_instance_that_dagster_takes() -> None:
    values = parsed(KUBERNETES / "values.yaml")
    added, retries = values["additionalInstanceConfig"], values["dagsterDaemon"]["runRetries"]
    # As the chart writes it into dagster.yaml.
    coordinator = {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}
    is_an_instance({"run_coordinator": coordinator, **added})
    assert added["concurrency"] == parsed(DEPLOY / "dagster.yaml")["concurrency"]
    assert not values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    same = parsed(DEPLOY / "dagster.yaml")["run_retries"]
    assert (retries["enabled"], retries["maxRetries"]) == (same["enabled"], same["max_retries"])
    assert retries["retryOnAssetOrOpFailure"] is same["retry_on_asset_or_op_failure"] is False
    with pytest.raises(dg.DagsterInvalidConfigError):  # what the comment in the values says
        limited = {**coordinator, "config": {"max_concurrent_runs": 10}}
        is_an_instance({"run_coordinator": limited, **added})


def test_runs_get_the_home_and_the_settings_of_the_code_location() -> None:
    (deployment,) = parsed(KUBERNETES / "values.yaml")["dagster-user-deployments"]["deployments"]
    assert deployment["includeConfigInLaunchedRuns"] == {"enabled": True}
    assert "dagsterApiGrpcArgs" not in deployment and deployment["codeServerArgs"] == [
        "-m",
        "wbrag_pipeline.definitions",
    ]
    assert {env["name"]: env["value"] for env in deployment["env"]}["WBRAG_HOME"] == "/srv/wbrag"


def test_every_pod_has_the_same_home_and_the_service_finds_its_pods() -> None:
    (deployment,) = parsed(KUBERNETES / "values.yaml")["dagster-user-deployments"]["deployments"]
    serve, service = yaml.safe_load_all((KUBERNETES / "serve.yaml").read_text(encoding="utf-8"))
    claim, secret = yaml.safe_load_all((KUBERNETES / "home.yaml").read_text(encoding="utf-8"))
    pod = serve["spec"]["template"]
    assert pod["spec"]["volumes"] == deployment["volumes"]
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (container,) = pod["spec"]["containers"]
    assert container["volumeMounts"] == [{**mount, "readOnly": True} for mount in deployment["volumeMounts"]]
    assert [{"name": secret["metadata"]["name"]}] == deployment["envSecrets"]
    labels = pod["metadata"]["labels"]
    assert service["spec"]["selector"] == serve["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    image = deployment["image"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    for kind in (serve, service, claim, secret):
        assert kind["apiVersion"] and kind["kind"] and kind["metadata"]["name"]
