"""What the server says of itself, and whether it keeps to it: schemathesis asks what is allowed, and what is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.scripted import Scripted
from tests.serving.web import Running, Towns, running
from wbrag_pipeline.serving.http.openapi_page import openapi
from wbrag_pipeline.serving.service_limits import ServiceLimits


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    towns = Towns(tmp_path_factory.mktemp("openapi") / "home")
    towns.promote(towns.release("u1", "Velcro was the idea of a Swiss engineer."))
    generator = Scripted(lambda question, passages: "an answer")
    with running(towns.app(towns.service(generator=generator))) as found:
        yield found


OPERATIONS = [
    f"{method.upper()} {path}"
    for path, methods in openapi(ServiceLimits(), ["b"], answers=True)["paths"].items()
    for method in methods
]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_server_does_what_its_description_says(server: Running, name: str, mode: GenerationMode) -> None:
    """No request makes it fail, replies have the shapes promised, bad requests are refused and good ones are not."""
    described = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    method, path = name.split(" ", 1)
    operation = described[path][method]

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=settings.default.max_examples // 3, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate()

    if mode is GenerationMode.NEGATIVE and "requestBody" not in operation.definition.raw:
        pytest.skip("there is nothing to get wrong")
    check()


def test_the_page_needs_nothing_from_elsewhere(server: Running) -> None:
    with server.client() as client:
        reply = client.get("/docs")
        described = client.get("/openapi.json").json()
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|<link|<img|https?:|//", reply.text)
    for path in described["paths"]:
        assert path in reply.text
    assert {"/retrieve", "/v1/vector_stores/{benchmark}/search", "/v1/chat/completions"} <= set(described["paths"])


def test_limits_are_in_the_description(wbrag_home: Path) -> None:
    towns = Towns(wbrag_home)
    with running(towns.app(towns.service(queries=7, top_k=9))) as found, found.client() as client:
        described = client.get("/openapi.json").json()
    fields = described["components"]["schemas"]["RetrieveRequest"]["properties"]
    assert fields["queries"]["maxItems"] == 7 and fields["topk"]["anyOf"][0]["maximum"] == 9
    assert "/v1/chat/completions" not in described["paths"]  # it answers nothing
    assert "labels" not in json.dumps(described["components"]["schemas"])
    assert fields["benchmark"]["anyOf"][0]["enum"] == ["b"]
