"""An OpenAI-compatible server on the loopback address that misbehaves to order."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

# What goes wrong with one send: the name of a fault, or "" for a proper reply.
Faults = Callable[[str, int], str]
Reply = tuple[int, dict[str, str], bytes]


class ScriptedServer:
    """Answers "echo <last word of the prompt>". ``fault(prompt, nth)`` names what to do with the nth send of a prompt.

    sends: how often each prompt came. most: the most requests that were in the server at one time. bodies: of all chat
    requests. heads: the headers of all requests. A subclass that speaks another dialect overrides ``base``, ``models``,
    ``chat`` and ``other``.
    """

    base = "/v1"

    def __init__(self, fault: Faults = lambda prompt, nth: "", delay: float = 0.0, model: str = "tiny") -> None:
        self.fault, self.delay, self.model = fault, delay, model
        self.sends: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.within = self.most = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.split("\r\n")
                self.heads.append(head)
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                self.keys.update(line.split()[-1] for line in lines if line.lower().startswith("authorization"))
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self._reply(first.split()[1], body, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _reply(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False to cut the connection."""
        if path == f"{self.base}/models":
            return await self._write(writer, self.models())
        if path.partition("?")[0] != f"{self.base}/chat/completions":
            return await self._write(writer, self.other(path, json.loads(body or b"{}")))
        asked = json.loads(body)
        prompt = asked["messages"][-1]["content"]
        self.bodies.append(asked)
        self.sends[prompt] += 1
        self.within += 1
        self.most = max(self.most, self.within)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            fault = self.fault(prompt, self.sends[prompt])
            if fault == "hang":
                await asyncio.sleep(3600)
            if fault == "cut":
                return False
            good = self.chat(asked)
            if fault == "cut in the body":
                writer.write(_head(200, {}, len(good[2])) + good[2][: len(good[2]) // 2])
                await writer.drain()
                return False
            if not fault:
                self.answered[prompt] += 1
            return await self._write(writer, FAULTS[fault](prompt) if fault else good)
        finally:
            self.within -= 1

    async def _write(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        status, headers, data = reply
        writer.write(_head(status, headers, len(data)) + data)
        await writer.drain()
        return True

    def models(self) -> Reply:
        return json_reply({"data": [{"id": self.model, "owned_by": "scripted"}]})

    def other(self, path: str, asked: dict[str, Any]) -> Reply:
        """What another route than that of chat completions says."""
        return json_reply({"error": "no such route"}, 404)

    def chat(self, asked: dict[str, Any]) -> Reply:
        """The reply to a chat completion that nothing goes wrong with."""
        return json_reply(self._completion(asked["messages"][-1]["content"]))

    def _completion(self, prompt: str) -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": echo(prompt)}, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def echo(prompt: str) -> str:
    return f"echo {prompt.rsplit(maxsplit=1)[-1]}"


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return status, headers, json.dumps(value).encode()


def _head(status: int, headers: dict[str, str], length: int) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", "Content-Type: application/json"]
    return "\r\n".join([*lines, *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()), "", ""]).encode()


_OTHER = {"message": {"content": "wrong"}, "finish_reason": "stop"}
FAULTS: dict[str, Callable[[str], Reply]] = {
    "429": lambda prompt: json_reply({"error": "slow down"}, 429),
    "429 retry-after": lambda prompt: json_reply({"error": "slow down"}, 429, Retry_After="0.05"),
    "429 one second": lambda prompt: json_reply({"error": "slow down"}, 429, Retry_After="1"),
    "429 for an hour": lambda prompt: json_reply({"error": "slow down"}, 429, Retry_After="3600"),
    "500": lambda prompt: json_reply({"error": "oops"}, 500),
    "401": lambda prompt: json_reply({"error": "bad key"}, 401),
    "context": lambda prompt: json_reply({"error": "maximum context length is 8 tokens"}, 400),
    "400": lambda prompt: json_reply({"error": "no"}, 400),
    "no json": lambda prompt: (200, {}, b'{"choices": [{"mess'),
    "other shape": lambda prompt: json_reply([1, 2]),
    "no text": lambda prompt: json_reply({"choices": [{"message": {}, "finish_reason": "stop"}]}),
    "two choices": lambda prompt: json_reply({"choices": [_OTHER, _OTHER]}),
    "no choices": lambda prompt: json_reply({"choices": []}),
    "wrong counts": lambda prompt: json_reply({"choices": [_OTHER], "usage": {"prompt_tokens": -1}}),
}
