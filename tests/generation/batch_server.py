"""A scripted server that also takes batches, and lets them end in every way there is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from tests.generation.scripted_server import FAULTS, ScriptedServer, json_reply


def _well(number: int) -> str:
    return "completed"


class BatchServer(ScriptedServer):
    """``ends(n)`` says how the nth batch (from 1) ends, after ``looks`` looks at it.

    "completed", or "expired" and "cancelled", of which every second request is answered; "failed"; "silent" leaves out
    every second request without a word; "lost" completes, but the answer to its creation does not arrive.
    ``single``: how often each prompt came by itself. batched: how often in a batch. deleted: files taken away.
    """

    def __init__(
        self, *args: Any, ends: Callable[[int], str] = lambda n: "completed", looks: int = 1, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.ends, self.looks = ends, looks
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.batched: list[str] = []
        self.deleted: list[str] = []
        self.hold = False

    async def _reply(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        route = path.removeprefix(self.base).partition("?")[0]
        if route == "/files":
            return await self._write(writer, json_reply({"id": self._uploaded(body)}))
        if found := re.fullmatch(r"/files/(.+)/content", route):
            known = found[1] in self.files
            return await self._write(writer, (200, {}, self.files[found[1]]) if known else json_reply({}, 404))
        if found := re.fullmatch(r"/files/(.+)", route):
            self.deleted.append(found[1])
            return await self._write(writer, json_reply({"deleted": True}))
        if route == "/batches" and body:
            made = self._created(json.loads(body)["input_file_id"])
            return made["ends"] != "lost" and await self._write(writer, json_reply(made))
        if route == "/batches":
            return await self._write(writer, json_reply({"data": list(self.batches.values())[::-1]}))
        if found := re.fullmatch(r"/batches/(.+)", route):
            batch = self.batches.get(found[1])
            return await self._write(writer, json_reply(self._looked_at(batch)) if batch else json_reply({}, 404))
        return await super()._reply(path, body, writer)

    def _uploaded(self, body: bytes) -> str:
        head, _, rest = body.partition(b'filename="requests.jsonl"')
        assert b'name="purpose"' in body and b"batch" in head + rest
        lines = rest.partition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
        name = f"file-{len(self.files)}"
        self.files[name] = lines
        return name

    def _created(self, file: str) -> dict[str, Any]:
        number = len(self.batches) + 1
        batch = {"id": f"batch-{number}", "status": "validating", "input_file_id": file, "looks": 0}
        self.batches[f"batch-{number}"] = batch | {"ends": self.ends(number)}
        return self.batches[f"batch-{number}"]

    def _looked_at(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["looks"] += 1
        if batch["status"] in ("validating", "in_progress") and not self.hold:
            batch["status"] = "in_progress"
            if batch["looks"] >= self.looks:
                self._end(batch)
        return batch

    def _end(self, batch: dict[str, Any]) -> None:
        ends = batch["ends"]
        batch["status"] = {"lost": "completed", "silent": "completed"}.get(ends, ends)
        if ends == "failed":
            batch["errors"] = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
            return
        answers, errors = [], []
        for place, line in enumerate(self.files[batch["input_file_id"]].splitlines()):
            asked = json.loads(line)
            assert asked["method"] == "POST" and asked["url"] == "/v1/chat/completions"
            if ends in ("expired", "cancelled", "silent") and place % 2:
                if ends == "expired":
                    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
                    errors.append({"custom_id": asked["custom_id"], "response": None, "error": error})
                continue
            prompt = asked["body"]["messages"][-1]["content"]
            self.batched.append(prompt)
            fault = self.fault(prompt, self.batched.count(prompt))
            if fault == "broken line":
                answers.append("{broken")
                continue
            status, _, data = FAULTS[fault](prompt) if fault else self.chat(asked["body"])
            response = {"status_code": status, "request_id": "x", "body": json.loads(data)}
            (answers if status == 200 else errors).append(
                {"id": f"r{place}", "custom_id": asked["custom_id"], "response": response, "error": None}
            )
        for name, lines in (("output_file_id", answers[::-1]), ("error_file_id", errors)):
            if lines:  # in whatever order
                batch[name] = f"file-{len(self.files)}"
                told = [line if isinstance(line, str) else json.dumps(line) for line in lines]
                self.files[batch[name]] = ("\n".join(told) + "\n").encode()
