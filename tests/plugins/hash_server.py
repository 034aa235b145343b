"""The suites' stand-in model behind an OpenAI-compatible server on the loopback address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request
from wbrag_pipeline.testing import HashEngine


@contextmanager
def hash_server(engine: HashEngine) -> Iterator[str]:
    """Its address as long as the block lasts. A request that the engine fails is answered with an error 500."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(200, {"data": [{"id": "tiny"}, {"id": "small"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.path.endswith("/chat/completions"):
                self._reply(404, {"error": "no such route"})
                return
            found: dict[int, Completion] = {}
            engine.complete([request_of(body)], found.__setitem__)
            if found[0].failed:
                self._reply(500, {"error": "failed"})
            elif found[0].finish_reason == "context":
                self._reply(400, {"error": "maximum context length is 60 tokens"})
            else:
                self._reply(200, reply_with(found[0]))

        def _reply(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *parts: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def request_of(body: dict[str, Any]) -> Request:
    return Request(
        tuple(Message(turn["role"], turn["content"]) for turn in body["messages"]),
        body["max_tokens"],
        choices=tuple(body.get("structured_outputs", {}).get("choice", ())),
        logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
        stop=tuple(body.get("stop", ())),
    )


def reply_with(completion: Completion) -> dict[str, Any]:
    tokens = [
        {
            "token": token.text,
            "logprob": token.logprob,
            "top_logprobs": [{"token": text, "logprob": logprob} for text, logprob in token.top],
        }
        for token in completion.tokens
    ]
    return {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": completion.text},
                "finish_reason": completion.finish_reason,
                "logprobs": {"content": tokens} if tokens else None,
            }
        ],
        "usage": {"prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens},
    }
