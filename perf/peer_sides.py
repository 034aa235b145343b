"""One side of ``perf.peer`` in a process of its own, this project or FlashRAG: ``python -m perf.peer_sides ours``.

A line of JSON on the standard input names what to do, ``["build", {…}]``; the answer is a line of JSON with what came
out, the seconds of wall and of CPU time that it took, and the most memory that the process had until then. FlashRAG is
used as its own documentation does, through ``Index_Builder`` and ``DenseRetriever``; nothing of this package is
imported on that side.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

# Both cut a passage after so many tokens: the model's own limit.
LONGEST = 256
CORPUS = "peer"


class FlashRag:
    """FlashRAG's index builder and dense retriever, over a model in a folder."""

    def __init__(self, model: str, folder: str) -> None:
        self._model, self._folder = model, Path(folder)
        self.retriever: Any = None

    def build(self, corpus: str, batch: int, vectors: list[str]) -> None:
        """Index a corpus. vectors: those of earlier builds, in order; then nothing is encoded."""
        import numpy as np
        from flashrag.retriever.index_builder import Index_Builder

        place, known = self._folder / Path(corpus).stem, None
        place.mkdir(parents=True, exist_ok=True)
        if vectors:
            known = str(place / "known")
            np.concatenate([np.memmap(self._vectors(file), mode="r", dtype=np.float32) for file in vectors]).tofile(
                known
            )
        Index_Builder(
            retrieval_method="minilm",
            model_path=self._model,
            corpus_path=corpus,
            save_dir=str(place),
            max_length=LONGEST,
            batch_size=batch,
            use_fp16=False,
            pooling_method="mean",
            instruction="",
            faiss_type="Flat",
            embedding_path=known,
            save_embedding=known is None,
        ).build_index()

    def open(self, corpus: str, batch: int) -> None:
        """Open the index of a corpus, for searches with these many questions a batch."""
        from flashrag.retriever import DenseRetriever

        place = self._folder / Path(corpus).stem
        # ``instruction``: with None it looks for the language of each question, which no instruction depends on here.
        self.retriever = DenseRetriever(
            {
                "retrieval_method": "minilm",
                "retrieval_topk": 10,
                "index_path": str(place / "minilm_Flat.index"),
                "corpus_path": corpus,
                "save_retrieval_cache": False,
                "use_retrieval_cache": False,
                "retrieval_cache_path": None,
                "use_reranker": False,
                "silent_retrieval": True,
                "retrieval_query_max_length": 128,
                "retrieval_pooling_method": "mean",
                "retrieval_use_fp16": False,
                "retrieval_batch_size": batch,
                "instruction": "",
                "retrieval_model_path": self._model,
                "use_sentence_transformer": False,
                "faiss_gpu": False,
            }
        )

    def single(self, questions: list[str], top_k: int) -> list[Any]:
        """Search them one by one: the ids that were found and the seconds, for each."""
        found = []
        for question in questions:
            begin = time.perf_counter()
            shown = self.retriever.search(question, num=top_k)
            found.append(([row["id"] for row in shown], time.perf_counter() - begin))
        return found

    def batch(self, questions: list[str], top_k: int) -> list[list[str]]:
        """Search them in one call: the ids that were found."""
        return [[row["id"] for row in shown] for shown in self.retriever.batch_search(questions, num=top_k)]

    def _vectors(self, corpus: str) -> Path:
        return self._folder / Path(corpus).stem / "emb_minilm.memmap"


class Ours:
    """This project, as its commands use it: a corpus is registered, read and indexed as a state in a home."""

    def __init__(self, model: str, folder: str) -> None:
        from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
        from wbrag_pipeline.settings import Settings

        self._encoder, self._settings = load_encoder(), Settings(home=Path(folder))
        self._views: dict[str, Any] = {}

    def build(self, corpus: str, batch: int, vectors: list[str]) -> None:
        """Index a corpus; what the home's embedding store has is not encoded again."""
        from wbrag_pipeline.datasets.adding import add_corpus
        from wbrag_pipeline.datasets.registry import Registry
        from wbrag_pipeline.refresh.corpus_stages import refresh_corpus

        add_corpus(self._settings.home, Path(corpus).stem, Path(corpus))
        refresh_corpus(self._settings, Registry.load(self._settings.home), Path(corpus).stem, self._encoder, run="perf")

    def open(self, corpus: str, batch: int) -> None:
        """Open the index of a corpus, alone and with units beside it, one for each tenth passage."""
        from perf.load import units_that_say
        from wbrag_pipeline import tables
        from wbrag_pipeline.retrieval.corpus import open_knowledge_base
        from wbrag_pipeline.retrieval.index import build_index, open_index

        name = Path(corpus).stem
        alone = open_knowledge_base(self._settings, name, self._encoder).unrestricted()
        units = units_that_say(tables.PASSAGES.load(self._settings, name).gather_every(10))
        folder = self._settings.home / "units"
        shutil.rmtree(folder, ignore_errors=True)
        vectors = self._encoder.encode_passages(units["title"].to_list(), units["text"].to_list())
        build_index(vectors, units["unit_id"], folder, self._encoder)
        self._views = {"one": alone, "two": alone.with_writeback(units, open_index(folder, self._encoder))}

    def single(self, questions: list[str], top_k: int, indexes: str = "one") -> list[Any]:
        """Search them one by one: the ids that were found and the seconds, for each."""
        found = []
        for question in questions:
            begin = time.perf_counter()
            shown = self._search([question], top_k, indexes)
            found.append(([row["passage_id"] for row in shown], time.perf_counter() - begin))
        return found

    def batch(self, questions: list[str], top_k: int, indexes: str = "one") -> list[list[str]]:
        """Search them in one call: the ids that were found."""
        found: list[list[str]] = [[] for _ in questions]
        for row in self._search(questions, top_k, indexes):
            found[row["query"]].append(row["passage_id"])
        return found

    def _search(self, questions: list[str], top_k: int, indexes: str) -> list[dict[str, Any]]:
        view = self._views[indexes]
        rows: list[dict[str, Any]] = view.hits_with_text(view.search(questions, top_k)).to_dicts()
        return rows


def most_memory() -> float:
    """The most memory that this process ever had, MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


def main() -> None:
    """Do what the standard input says until it ends."""
    side, threads, model, folder = sys.argv[1:]
    import torch

    torch.set_num_threads(int(threads))
    answers, sys.stdout = sys.stdout, sys.stderr  # FlashRAG prints
    worker = {"ours": Ours, "theirs": FlashRag}[side](model, folder)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        result = getattr(worker, name)(**arguments)
        seconds = (time.perf_counter() - wall, time.process_time() - cpu)
        print(json.dumps([result, *seconds, most_memory()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
