"""A copy of the model on a Ray cluster: Ray Serve's vLLM server, asked in JSON. Only where Ray is installed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ray.serve.llm.deployment import LLMServer


class RayReplica(LLMServer):  # type: ignore[misc]  # Ray is not followed, see pyproject.toml
    """A replica that takes a chat completion's body as text and hands the reply back as text.

    So Ray Data's workers, which start for each dataset, need not import vLLM to know the types of its requests; that
    alone takes them half a minute.
    """

    async def complete(self, request: Mapping[str, Any]) -> AsyncIterator[dict[str, str]]:
        """``request["body"]``: the body. Yields ``{"reply": …}`` once; a refusal is a reply with ``error``."""
        from ray.serve.llm.openai_api_models import ChatCompletionRequest

        async for reply in await self.chat(ChatCompletionRequest(**json.loads(request["body"]))):
            yield {"reply": reply.model_dump_json()}
