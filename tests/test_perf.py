"""The scripts beside the package, perf/ and reader_training/: each runs, on an input so small that its figures mean
nothing.
"""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perf import backfill, curation, encode, generate, load, peer, read, refresh, scale, serve, store_refresh, verdicts
from reader_training import choose_passage, held_back, train_reader
from reader_training.examples import FILES
from reader_training.examples import held_back as is_held_back
from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.generation.reader import choosing
from wbrag_pipeline.generation.reader.network import ReaderNetwork
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.train import train_candidate

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for folder in ("perf", "reader_training") for path in (ROOT / folder).glob("*.py"))
NUMBER = r"\s+[\d.,]+"

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a script's main function with arguments and gives what it prints."""

    def main(script: Any, *arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, arguments)])
        script.main()
        return capsys.readouterr().out

    return main


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the tiny benchmark ``towns`` has been trained with the default settings."""
    folder = tmp_path_factory.mktemp("towns")
    home = folder / "home"
    corpus, train, test = write_tiny(folder)
    add_corpus(home, "towns", corpus)
    add_benchmark(home, "towns", task="open_qa", corpus="towns", train=train, test=test)
    settings, registry = Settings(home=home), Registry.load(home)
    refresh_corpus(settings, registry, "towns", load_encoder(settings.encoder), run="r")
    train_candidate(StageContext.of(settings, "towns", registry=registry))
    return home


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_script_can_be_imported(file: Path) -> None:
    importlib.import_module(f"{file.parent.name}.{file.stem}")


@pytest.mark.slow
def test_encode(run: Run) -> None:
    shown = run(encode, "--passages", 40, "--per-file", 2)
    assert "40 passages, 12 questions" in shown
    assert re.search(rf"ratio, to plain in order{NUMBER}", shown)
    same = re.search(r"same top 10 +([\d.]+) %", shown)
    assert same and float(same[1]) > 90


def test_read(run: Run) -> None:
    import torch

    threads = torch.get_num_threads()
    try:
        shown = run(read, "--pairs", 8)
    finally:
        torch.set_num_threads(threads)
    assert re.search("embedded reader, (bfloat16|float32), 8 pairs", shown)
    assert re.search(rf"one thread{NUMBER} pairs a second", shown)
    assert re.search(rf"ratio{NUMBER}, 0 of 8 answers differ", shown)


def test_verdicts(run: Run) -> None:
    shown = run(verdicts, "reader", "--sentences", 2)
    for kind in ("of the passage", "of another passage", "a number changed", "negated"):
        assert re.search(rf"{kind} +2 sentences: +[0-2] stated, +[0-2] contradicted", shown)


def test_curation(run: Run) -> None:
    shown = run(curation, "--pairs", 1, "--units", 12)
    assert "missed merges, near copy: 0 of 1" in shown
    assert "false merges: 0 of 7 (0.0 %)" in shown
    assert re.search(rf"12 units:{NUMBER} s,{NUMBER} CPU-seconds", shown)


def test_refresh_of_a_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.datasets.documents.folder_reading._TOO_RECENT", -(10**15))
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("The gate is red.")
    shown = run(refresh, str(tmp_path))
    assert "2 documents, 2 passages" in shown and "2 not opened" in shown and "same passages: yes" in shown


def test_refresh(run: Run) -> None:
    shown = run(refresh, "--passages", 120)
    assert "120 passages" in shown
    assert "1 deleted" in shown
    assert "same state, byte for byte: yes" in shown


@pytest.mark.slow
def test_backfill(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_HOME", "put back at the end")
    shown = run(backfill, "--datasets", 3, "--trained", 2)
    assert "3 datasets of 10 questions" in shown
    assert re.search(rf"definitions:{NUMBER} CPU-seconds", shown)
    assert re.search(rf"a run:{NUMBER} CPU-seconds, of these{NUMBER} in the assets", shown)
    assert re.search(rf"wbrag status{NUMBER}, wbrag lineage{NUMBER} CPU-seconds", shown)


@pytest.mark.slow
def test_serve(run: Run) -> None:
    shown = run(serve, "--passages", 40, "--seconds", 0.5, "--connections", "2,4")
    assert "40 passages, K 5" in shown and "FAILED" not in shown
    for name in ("FAISS alone", "bare loop: encoder, FAISS", "/retrieve, 2 connections", "/retrieve, 4 connections"):
        assert re.search(rf"{name}{NUMBER} a second   p50{NUMBER} ms   p99{NUMBER} ms", shown)


@pytest.mark.slow
def test_load(run: Run) -> None:
    shown = run(load, "--passages", 60, "--queries", 200, "--connections", 4, "--swap", 0.2)
    assert re.search(rf"/retrieve, 4 connections{NUMBER} a second", shown)
    assert (
        "failed: none" in shown and "shown to the wrong reader: 0" in shown and not re.search(r" 0 promotions", shown)
    )


# What of FlashRAG is called, over random vectors.
FLASHRAG = """
import json
import numpy as np
class Index_Builder:
    def __init__(self, corpus_path, save_dir, embedding_path, save_embedding, **_):
        self.rows = len(open(corpus_path, encoding="utf-8").readlines())
        self.folder, self.known = save_dir, embedding_path
    def build_index(self):
        if self.known is None:
            np.zeros((self.rows, 4), dtype=np.float32).tofile(f"{self.folder}/emb_minilm.memmap")
        else:
            assert np.fromfile(self.known, dtype=np.float32).size == self.rows * 4
        open(f"{self.folder}/minilm_Flat.index", "w").close()
class DenseRetriever:
    def __init__(self, config):
        open(config["index_path"]).close()
        self.corpus = [json.loads(line) for line in open(config["corpus_path"], encoding="utf-8")]
    def search(self, question, num):
        return self.corpus[:num]
    def batch_search(self, questions, num):
        return [self.corpus[:num] for _ in questions]
"""


@pytest.mark.slow
def test_peer(run: Run, tmp_path: Path) -> None:
    (package := tmp_path / "flashrag" / "retriever").mkdir(parents=True)
    (package / "__init__.py").write_text("from flashrag.retriever.index_builder import DenseRetriever\n")
    (package / "index_builder.py").write_text(FLASHRAG)
    shown = run(peer, "--flashrag", tmp_path, "--passages", 40, "--parts", 2, "--rounds", 1)
    for name in ("indexing, ours", "indexing, FlashRAG"):
        assert re.search(rf"{name}{NUMBER} passages a CPU-second", shown)
    for name in ("single, ours", "single, ours, two indexes", "single, FlashRAG"):
        assert re.search(rf"{name}{NUMBER} queries a CPU-second.*p50{NUMBER} ms", shown)
    assert re.search(rf"batch: two indexes ÷ one{NUMBER} ", shown)
    assert re.search(r"same top 10: \d+\.\d\d % of the passages, over 256 questions", shown)


@pytest.mark.slow
def test_scale(run: Run) -> None:
    shown = run(scale, "--passages", "200,400", "--index", "flat")
    for step in scale.STEPS:
        line = rf"^{step} +(?:200|400) +[\d.]+ m?s +[\d.]+ m?s +[\d.]+ GiB of +[\d.]+"
        assert len(re.findall(line, shown, re.M)) == 2, shown
    assert shown.count("recall 1.000") == 2 and shown.count("in memory") == len(scale.STEPS)


@pytest.mark.slow
def test_store_refresh(run: Run, postgres: str) -> None:
    shown = run(store_refresh, "--passages", "1000", "--dimension", "16", "--index", "hnsw")
    rows = [list(map(int, re.findall(r"[\d,]+", line)[:3])) for line in shown.replace(",", "").splitlines()[1:]]
    assert rows[0][0] > 1000 and all(inserted + updated < 100 for inserted, updated, _ in rows[1:]), shown


def test_generate_counts_calls(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The sample's 2,300 passages would take a minute to encode; what is retrieved does not matter here.
    monkeypatch.setattr(generate, "load_encoder", lambda name: HashEncoder())
    shown = run(generate, "gating", trained, "--benchmarks", "sample_boolq", "--limit", 3)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if line[0] == "|"]
    figures = {name: [float(cell.replace(",", "")) for cell in cells] for name, *cells in rows[2:]}
    assert list(figures) == ["sample_boolq", "towns"]
    for plain, lazy, ratio, plain_tokens, lazy_tokens, token_ratio in figures.values():
        assert 0 < lazy <= plain and 0 < lazy_tokens <= plain_tokens
        assert ratio == round(lazy / plain, 2) and token_ratio == round(lazy_tokens / plain_tokens, 2)
    assert re.search(r"moved 27 times on each sample benchmark: [\d,]+ calls wanted, \d+ sent", shown)


def test_choose_passage(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "COSINE_WEIGHT", choosing.COSINE_WEIGHT)  # put back at the end
    shown = run(choose_passage, "--home", trained, "towns").splitlines()
    assert [line.split()[:3] for line in shown[:-1]] == [["towns", "w", str(w)] for w in choose_passage.WEIGHTS]
    best = float(shown[-1].removeprefix("towns  best passage known "))
    assert all(0 <= float(line.split()[-1]) <= best <= 100 for line in shown[:-1])


def context(number: int, held: bool) -> Iterator[str]:
    """Contexts about one founder, on the wanted side of the split."""
    for year in itertools.count(1000):
        text = f"Aldermoor {number} was founded by Tessa Quill in {year} and has a small port."
        if is_held_back(text) == held:
            yield text


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder with the three files of training data: a dozen records of each kind, two thirds to train on."""
    made: dict[str, list[dict[str, Any]]] = {kind: [] for kind in FILES}
    for number in range(12):
        texts = context(number, held=number % 3 == 0)
        for source, answer in itertools.product(("squad", "zsre"), ("Tessa Quill", None)):
            text, question = next(texts), f"Who founded Aldermoor {number}?"
            start = text.index(answer) if answer else None
            row = {"source": source, "question": question, "context": text, "answer": answer, "answer_start": start}
            made["span"].append(row)
        answer = ("True", "False")[number % 2]
        made["yes_no"].append({"question": f"is aldermoor {number} old", "context": next(texts), "answer": answer})
        verdict = ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")[number // 3 % 3]
        made["verdict"].append({"claim": f"Aldermoor {number} is old.", "context": next(texts), "verdict": verdict})
    for kind, name in FILES.items():
        with gzip.open(tmp_path / name, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in made[kind])
    return tmp_path


@pytest.mark.slow
def test_train_reader_and_held_back(run: Run, records: Path) -> None:
    adapter = records / "adapter"
    work = ("--out", records / "work", "--adapter", adapter)
    run(train_reader, "--data", records, *work, "--epochs", 1, "--processes", 1, "--batch", 2)
    assert json.loads((adapter / "config.json").read_text())["training"]["epochs"] == 1
    ReaderNetwork.load(adapter)
    figures = json.loads(run(held_back, "--data", records, "--adapter", adapter))
    assert {name: figures[name] for name in figures if name.startswith("n_")} == {
        "n_squad": 4,
        "n_zsre": 4,
        "n_yes_no": 4,
        "n_verdict": 4,
    }
    assert all(0 <= value <= 1 for name, value in figures.items() if not name.startswith("n_"))
