"""The towns of ``tests.serving.web``, in this process and behind a server, as every adapter is given them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.serving.web import Running, Towns, running
from wbrag_pipeline.serving.home_passages import HomePassages
from wbrag_pipeline.serving.retrieved_passage import PassageSource

SECRET = "salary of the director"
QUESTION = "who made the zipper"
# Arguments of an adapter that open the towns for a reader with these labels.
Opening = Callable[..., dict[str, Any]]


@pytest.fixture
def server(towns: Towns) -> Iterator[Running]:
    with running(towns.app(towns.service("b", "b2", top_k=50))) as found:
        yield found


@pytest.fixture
def in_process(towns: Towns) -> PassageSource:
    return HomePassages(towns.retriever("b"), labels=[])


@pytest.fixture(params=["home", "server"])
def opening(request: pytest.FixtureRequest, towns: Towns) -> Opening:
    """Both kinds of sources, by an adapter's own arguments; the encoder is that of the tests in both."""
    if request.param == "home":
        retriever = towns.retriever("b")
        return lambda *labels: {"source": HomePassages(retriever, labels=labels)}
    url = request.getfixturevalue("server").url
    return lambda *labels: {"url": url, "token": towns.token(*labels) if labels else None}
