"""Fetching FlashRAG releases from a server on this machine that speaks the hub's protocol for files."""

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.hub import RELEASES, REPOSITORY, add_benchmark_from_hub, fetch_flashrag
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.errors import InputError

COMMIT = "5eb464920f16249636739594a12691f4ad4295f7"
GOLD = {"yes_no": "True", "fact_verification": "SUPPORTS"}


class Hub(ThreadingHTTPServer):
    """Serves ``/datasets/REPOSITORY/resolve/REVISION/FILE``; ``requests`` lists what was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def _answer(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        body = b""
        start = f"/datasets/{REPOSITORY}/resolve/"
        revision, _, name = self.path.removeprefix(start).partition("/")
        if not self.path.startswith(start) or revision not in {"main", COMMIT}:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
        elif name not in self.server.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
        else:
            body = self.server.files[name]
            self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_GET = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        pass


def _split(split: str, gold: str, *questions: str) -> bytes:
    rows = [{"id": f"{split}_{i}", "question": q, "golden_answers": [gold]} for i, q in enumerate(questions)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def hub() -> Iterator[Hub]:
    files: dict[str, bytes] = {}
    for release in RELEASES.values():
        gold = GOLD.get(release.task, "x")
        files[f"{release.folder}/train.jsonl"] = _split("train", gold, "one?", "two?", "three?")
        for split in {"dev", release.test}:
            files[f"{release.folder}/{split}.jsonl"] = _split(split, gold, "four?", "Two")
    server = Hub(files)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server on this machine may be asked even where the environment says HF_HUB_OFFLINE=1."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "text"}\n')
    add_corpus(tmp_path / "home", "wiki", tmp_path / "corpus.jsonl")
    return tmp_path / "home"


@pytest.mark.parametrize("name", RELEASES)
def test_each_of_the_six_is_fetched_and_registered(hub: Hub, home: Path, name: str) -> None:
    added = add_benchmark_from_hub(home, name, corpus="wiki", endpoint=hub.address)
    benchmark = Registry.load(home).benchmark(name)
    assert benchmark == added.benchmark
    assert benchmark.source == f"hf://datasets/{REPOSITORY}@{COMMIT}/{name}"
    assert benchmark.metric == TASKS[benchmark.task].metric
    assert benchmark.test.name == ("test.jsonl" if name == "nq" else "dev.jsonl")
    assert benchmark.train.is_relative_to(home / "hub")
    # "two?" is a test question too, so it is not trained on.
    assert (added.train_questions, added.test_questions, added.dropped) == (2, 2, 1)
    assert Registry.load(home).splits(name).train["question"].to_list() == ["one?", "three?"]
    assert all("authorization" not in {key.lower() for key in headers} for _, _, headers in hub.requests)


def test_both_files_come_from_one_commit_and_only_once(hub: Hub, tmp_path: Path) -> None:
    first = fetch_flashrag("NQ", tmp_path / "cache", endpoint=hub.address)
    assert first.revision == COMMIT
    assert [path.split("/resolve/")[1] for command, path, _ in hub.requests if command == "GET"] == [
        "main/nq/train.jsonl",
        f"{COMMIT}/nq/test.jsonl",
    ]
    assert fetch_flashrag("nq", tmp_path / "cache", endpoint=hub.address) == first
    assert sum(command == "GET" for command, _, _ in hub.requests) == 2


def test_what_was_fetched_serves_without_a_network(hub: Hub, tmp_path: Path) -> None:
    fetched = fetch_flashrag("nq", tmp_path / "cache", endpoint=hub.address)
    nobody = "http://127.0.0.1:9"
    assert fetch_flashrag("nq", tmp_path / "cache", endpoint=nobody) == fetched
    with pytest.raises(InputError) as caught:
        fetch_flashrag("squad", tmp_path / "cache", endpoint=nobody)
    message = str(caught.value)
    assert message.startswith(f"cannot fetch squad/train.jsonl of {REPOSITORY} from {nobody}: ")
    assert "refused" in message and "HF_ENDPOINT" in message and "by hand" in message


def test_nothing_is_registered_when_the_hub_lacks_a_file(hub: Hub, home: Path) -> None:
    del hub.files["squad/dev.jsonl"]
    with pytest.raises(InputError, match=r"cannot fetch squad/dev\.jsonl of .*: .*404"):
        add_benchmark_from_hub(home, "squad", corpus="wiki", endpoint=hub.address)
    with pytest.raises(InputError, match=r"cannot fetch nq/train\.jsonl of some/where from"):
        add_benchmark_from_hub(home, "nq", corpus="wiki", endpoint=hub.address, repo="some/where")
    assert not (home / "benchmarks").exists()


def test_mistakes_are_found_before_anything_is_fetched(hub: Hub, home: Path) -> None:
    with pytest.raises(InputError, match=r"no benchmark 'triviaqa' to fetch from the hub \(one of nq, boolq, fever"):
        add_benchmark_from_hub(home, "triviaqa", corpus="wiki", endpoint=hub.address)
    with pytest.raises(InputError, match=r"there is no corpus 'wikipedia' \(one of sample, wiki\)"):
        add_benchmark_from_hub(home, "nq", corpus="wikipedia", endpoint=hub.address)
    assert hub.requests == []
