"""``--search hybrid`` and ``bm25`` from the corpus to what is served: train, ask, refresh, forget, release, serve."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.pipeline.conftest import write_tiny
from tests.serving.web import running
from wbrag_pipeline.api import add_benchmark, add_corpus, ask, evaluate, train
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import find_subject
from wbrag_pipeline.forgetting.trace_search import search_home
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.retrieval.corpus import build_corpus_index, current_state, open_knowledge_base
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.lexical_index import lexical_index_of, open_lexical_index
from wbrag_pipeline.serving.access_tokens import AccessTokens, new_token
from wbrag_pipeline.serving.http.web_app import web_app
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.serving.service_limits import ServiceLimits
from wbrag_pipeline.settings import Settings

# A passage that only some may read, with a word that no other passage has.
CLOSED = {
    "id": "closed",
    "contents": '"Harbour dues"\nThe dues of the harbour of Corvane are four zorkmids.',
    "labels": ["hr"],
}
DUES = "What are the dues of the harbour of Corvane?"
QUESTIONS = ["Who founded Aldermoor?", "What did Eskmere live from?", DUES]


class Home:
    """A home with the towns and what is closed, searched in one way."""

    def __init__(self, folder: Path, search: str, **settings: Any) -> None:
        self.settings = Settings(home=folder / "home", search=search, **settings)
        self.file, training, test = write_tiny(folder / "files")
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(CLOSED) + "\n")
        add_corpus("towns", self.file, self.settings)
        add_benchmark("towns", corpus="towns", train=training, test=test, settings=self.settings)
        train("towns", self.settings)

    def rewrite(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        rows = [change(json.loads(line)) for line in self.file.read_text("utf-8").splitlines()]
        self.file.write_text("".join(json.dumps(row) + "\n" for row in rows if row), "utf-8")

    @property
    def state(self) -> Path:
        found = current_state(self.settings, "towns")
        assert found is not None
        return found.folder

    @property
    def words(self) -> list[str]:
        return open_lexical_index(self.state / "lexical", self.state / "passages.parquet").words.to_list()

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.state)): p.read_bytes() for p in self.state.rglob("*") if p.is_file()}

    def from_nothing(self) -> dict[str, bytes]:
        """The files of the same state when it is built again."""
        shutil.rmtree(self.state)
        build_corpus_index(self.settings, "towns", load_encoder())
        return self.files()

    def wbrag(self, *arguments: str) -> str:
        variables = {"WBRAG_HOME": str(self.settings.home), "WBRAG_SEARCH": self.settings.search}
        done = CliRunner().invoke(app, list(arguments), env=variables)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    return Home(tmp_path, getattr(request, "param", "hybrid"))


@pytest.mark.slow
@pytest.mark.parametrize("home", ["hybrid", "bm25"], indirect=True)
def test_a_life_with_words(home: Home) -> None:
    search = home.settings.search
    release = current(home.settings.releases("towns"))
    assert release.made["settings"]["search"] == search and release.units().height > 3
    assert "zorkmids" in home.words
    assert f"search {search}" in home.wbrag("status") and f"searched by {search}" in home.wbrag("doctor")

    # Training, evaluation, asking and serving search alike, and each reader finds what he may see.
    found = evaluate("towns", home.settings)
    assert found.summary.questions == 12
    live = LiveRetriever(home.settings, "towns")
    for labels in ([], ["hr"]):
        for question in QUESTIONS:
            asked = ask(question, "towns", home.settings, labels=labels).passages["passage_id"].to_list()
            assert asked == live.search([question], labels=labels).hits.sort("rank")["passage_id"].to_list()
            assert ("closed" in asked) <= (labels == ["hr"])
    assert live.search([DUES], labels=["hr"]).hits["passage_id"][0] == "closed"
    assert home.wbrag("ask", "Who founded Aldermoor?", "-b", "towns", "--label", "hr")

    # A refresh: a passage goes and one comes; the state is that of a build from nothing.
    other = {"id": "new", "contents": '"Quern"\nThe quern of Brackwater grinds barley.'}
    home.rewrite(lambda row: other if row["id"] == "17" else row)
    home.wbrag("refresh", "towns", "--no-train")
    assert "quern" in home.words
    refreshed = home.files()
    assert "lexical/words.parquet" in refreshed and home.from_nothing() == refreshed
    assert live.search(["What does the quern grind?"], labels=[]).hits["passage_id"][0] == "new"

    # Forgetting: the words of the passage go, in every state, and the state is again that of a build from nothing.
    home.wbrag("forget", "passage", "closed", "--corpus", "towns")
    for states in home.state.parent.glob("*/lexical/words.parquet"):
        assert "zorkmids" not in pl.read_parquet(states)["word"]
    forgotten = home.files()
    assert "zorkmids" not in home.words and home.from_nothing() == forgotten
    assert "closed" not in live.search([DUES], labels=["hr"]).hits["passage_id"]
    assert "verified" in home.wbrag("doctor")

    # Another release, promoted and rolled back.
    train("towns", home.settings)
    assert home.wbrag("release", "list", "towns")
    assert live.search(["Who founded Aldermoor?"], labels=[]).release


@pytest.mark.parametrize("home", ["hybrid", "bm25"], indirect=True)
def test_it_is_served_over_labels(home: Home) -> None:
    tokens = home.settings.layout.access_tokens
    service = SearchService(("towns",), lambda name: LiveRetriever(home.settings, name), limits=ServiceLimits())
    service.open()
    with running(web_app(service, AccessTokens(tokens))) as server:
        for labels in ([], ["hr"]):
            with httpx.Client(base_url=server.url, timeout=60) as client:
                client.headers["Authorization"] = f"Bearer {new_token(tokens, labels, '')}"
                body = {"queries": [DUES], "topk": 5}
                found = [row["id"] for row in client.post("/retrieve", json=body).json()["result"][0]]
                assert ("closed" in found) == bool(labels)
                assert len(found) == 5
                # The order is the ranking's, also where a passage before another has a lower score.
                body = {"query": DUES, "max_num_results": 5}
                data = client.post("/v1/vector_stores/towns/search", json=body).json()["data"]
                assert [row["attributes"]["id"] for row in data] == found


def test_what_the_default_search_makes_is_what_it_always_made(tmp_path: Path) -> None:
    """No file more, and none of another search's places."""
    dense = Home(tmp_path, "dense")
    assert {name.split("/")[0] for name in dense.files()} == {
        "passages.parquet", "ids.arrow", "index.faiss", "manifest.json", "origin.json",
    }  # fmt: skip
    assert not [path for path in dense.settings.home.rglob("*") if "lexical" in path.name or "hybrid" in path.name]
    # And another search beside it changes none of it, nor is a vector made again.
    before = dense.files()
    hybrid = dense.settings.with_(search="hybrid")
    _, encoded = build_corpus_index(hybrid, "towns", load_encoder())
    assert encoded == 0 and dense.files() == before
    index = current_state(hybrid, "towns")
    assert index is not None
    assert {name: (index.folder / name).read_bytes() for name in before} == before


def test_a_word_that_is_left_behind_is_a_trace(home: Home) -> None:
    """The vocabulary is looked into, and numbers that say how often a passage had a word."""
    files = StoredFiles(home.settings, Registry.load(home.settings.home))
    subject = find_subject(files, "passage", ["closed"], "towns")
    aside = home.settings.home.parent / "aside"
    shutil.copytree(home.state / "lexical", aside)
    home.wbrag("forget", "passage", "closed", "--corpus", "towns")
    assert not [trace for trace in search_home(files, subject).traces if "lexical" in trace]

    def traces() -> list[str]:
        return [trace for trace in search_home(files, subject).traces if "lexical" in trace]

    folder = home.state / "lexical"
    shutil.rmtree(folder)
    shutil.copytree(aside, folder)  # as it was before
    assert len(traces()) == 1 and "words.parquet" in traces()[0]
    # With a manifest that says it was made of these passages.
    manifest = json.loads((folder / "manifest.json").read_text())
    origin = json.loads((home.state / "origin.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | origin))
    assert len(traces()) == 1 and "words that the passages beside it do not have" in traces()[0]
    # And a copy of which nobody knows what it was made from.
    shutil.rmtree(folder)
    shutil.copytree(aside, home.settings.home / "kept" / "lexical")
    assert any("kept" in trace and "nobody knows" in trace for trace in traces())


def test_a_damaged_index_of_words_is_refused_and_made_again(home: Home) -> None:
    file = home.state / "lexical" / "counts.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError, match=r"counts\.npy"):
        open_knowledge_base(home.settings, "towns", load_encoder())
    build_corpus_index(home.settings, "towns", load_encoder())
    assert file.read_bytes() == whole
    passages = pl.read_parquet(home.state / "passages.parquet")
    assert open_lexical_index(home.state / "lexical", home.state / "passages.parquet").equals(
        lexical_index_of(passages)
    )


@pytest.mark.slow
def test_vectors_elsewhere_and_words_in_the_home(tmp_path: Path) -> None:
    """The same passages and scores whichever store holds the vectors."""
    pytest.importorskip("lancedb")
    here = Home(tmp_path / "here", "hybrid")
    there = Home(tmp_path / "there", "hybrid", store=f"lancedb:{tmp_path / 'lance'}")
    assert "lexical/words.parquet" in there.files() and "index.faiss" not in there.files()
    replies = [
        [ask(q, "towns", home.settings, labels=["hr"]).passages.select("passage_id", "score") for q in QUESTIONS]
        for home in (here, there)
    ]
    assert all(one.equals(other) for one, other in zip(*replies, strict=True))


def test_hyde_is_refused_with_words_alone(tmp_path: Path) -> None:
    variables = {"WBRAG_HOME": str(tmp_path / "home")}
    done = CliRunner().invoke(
        app, ["run", "sample_nq", "--limit", "5", "--method", "hyde+naive", "--search", "bm25"], env=variables
    )
    assert "--search hybrid" in str(getattr(done.exception, "hint", "")) and "bm25" in str(done.exception)
