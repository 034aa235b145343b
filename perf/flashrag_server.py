"""FlashRAG's dense retriever behind ``/retrieve``: ``python -m perf.flashrag_server CORPUS MODEL FOLDER``.

FlashRAG has no server in its repository. This is the smallest one over its own class, of the form of Search-R1's
``retrieval_server.py``: FastAPI, uvicorn, one ``batch_search`` a request in FastAPI's threads. Nothing of this project
is imported. The index is built first; then ``serving ADDRESS`` is printed, as ``wbrag serve`` prints it.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

from perf.peer_sides import FlashRag


def main() -> None:
    """Build the index, and serve until the process is ended."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    corpus, model, folder = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # FlashRAG prints
    Path(folder).mkdir(parents=True, exist_ok=True)
    side = FlashRag(model, folder)
    side.build(corpus, batch=32, vectors=[])
    side.open(corpus, batch=256)
    app = FastAPI()

    class Asked(BaseModel):
        queries: list[str]
        topk: int
        return_scores: bool = False

    def retrieve(asked: Asked) -> dict[str, Any]:
        found, scores = side.retriever.batch_search(asked.queries, num=asked.topk, return_score=True)
        return {
            "result": [
                [{"document": document, "score": score} for document, score in zip(*row, strict=True)]
                for row in zip(found, scores, strict=True)
            ]
        }

    retrieve.__annotations__["asked"] = Asked  # or FastAPI looks for the name in this module
    app.post("/retrieve")(retrieve)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        print(f"serving http://127.0.0.1:{listening.getsockname()[1]}", file=answers, flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
