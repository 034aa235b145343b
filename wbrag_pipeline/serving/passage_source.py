"""What the adapters for other libraries stand on: something that finds passages, in a home or behind a server.

::

    source = passage_source(home=".wbrag", benchmark="support", labels=["staff"])
    source = passage_source(url="http://127.0.0.1:8080", token=token)
    source.search("How do I reset my password?", top_k=4)         # list[RetrievedPassage], best first

Each adapter opens one by the same arguments and turns what it finds into its library's own type. Both kinds find the
same. A source holds nothing of a search, so any number of retrievers and threads may share one.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypedDict

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.retrieved_passage import SECONDS, PassageSource


class SourcePlace(TypedDict, total=False):
    """The arguments of ``passage_source`` but the token, as adapters take them beside their own and hand them on."""

    benchmark: str | None
    home: str | Path | None
    labels: Collection[str] | None
    url: str | None
    timeout: float


class SourceOptions(SourcePlace, total=False):
    """All arguments of ``passage_source``."""

    token: str | None


def passage_source(
    *,
    benchmark: str | None = None,
    home: str | Path | None = None,
    labels: Collection[str] | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = SECONDS,
) -> PassageSource:
    """The source in a home, or the one behind the address of ``wbrag serve``.

    benchmark: needed for a home; left out for a server it is the one that the server has first.
    home: searched by the settings of the environment (``WBRAG_ENCODER`` …). It is opened and verified here, which
        takes seconds. labels: the access labels that the reader has; where passages have some and none are given, a
        search is refused.
    url: with ``token``, which decides about labels. timeout: seconds of one request.

    Raises InputError where the two kinds are mixed; for a home what ``LiveRetriever`` raises.
    """
    if (home is None) == (url is None):
        raise InputError("one of both is needed: a folder, or the address of a server", field="home or url")
    if url is not None:
        from wbrag_pipeline.serving.server_passages import ServerPassages

        if labels is not None:
            hint = "give a token that was made with them: wbrag token --label …"
            raise InputError("a server takes access labels from a token only", field="labels", hint=hint)
        return ServerPassages(url, token=token, benchmark=benchmark, timeout=timeout)
    from wbrag_pipeline.rag.methods import with_canonical_method
    from wbrag_pipeline.serving.home_passages import HomePassages
    from wbrag_pipeline.serving.live import LiveRetriever
    from wbrag_pipeline.settings import Settings

    if token is not None:
        hint = "give labels, or the url of a server"
        raise InputError("a home has no tokens, only a server has", field="token", hint=hint)
    if benchmark is None:
        raise InputError("is needed to search a home", field="benchmark", hint="wbrag status lists what there is")
    settings = with_canonical_method(Settings.from_environment(home=home))
    settings.layout.check_layout()
    return HomePassages(LiveRetriever(settings, benchmark), labels=labels)
