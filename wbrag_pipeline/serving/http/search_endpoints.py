"""The endpoints that search and answer: Search-R1's, and OpenAI's vector store search and chat completion."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wbrag_pipeline.serving.http.hit_shapes import answer_passages, search_r1_result, vector_store_results
from wbrag_pipeline.serving.http.json_reply import body_of
from wbrag_pipeline.serving.http.messages import ChatRequest, RetrieveRequest, VectorStoreSearchRequest
from wbrag_pipeline.serving.http.request_gate import reader_of
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.search_service import SearchService


@dataclass(frozen=True)
class SearchEndpoints:
    """The endpoints over one service; each is a function from a request to its reply, or raises RefusedRequest."""

    service: SearchService

    async def retrieve(self, request: Request) -> Response:
        """``POST /retrieve``."""
        asked = await body_of(request, RetrieveRequest)
        labels = reader_of(request).labels
        found = await self.service.search(asked.benchmark, asked.queries, asked.topk, labels)
        result = search_r1_result(found.hits, len(asked.queries), scores=asked.return_scores)
        return JSONResponse({"result": result, "release": found.release})

    async def vector_store_search(self, request: Request) -> Response:
        """``POST /v1/vector_stores/{benchmark}/search``."""
        benchmark = self.service.name_of(request.path_params["benchmark"])
        asked = await body_of(request, VectorStoreSearchRequest)
        queries = [asked.query] if isinstance(asked.query, str) else asked.query
        most = asked.max_num_results
        if "max_num_results" not in asked.model_fields_set:
            most = min(most, self.service.limits.top_k)
        labels = reader_of(request).labels
        fields = ("query", "max_num_results")
        found = await self.service.search(benchmark, queries, most, labels, fields=fields)
        threshold = asked.ranking_options.score_threshold if asked.ranking_options else None
        return JSONResponse(
            {
                "object": "vector_store.search_results.page",
                "search_query": queries,
                "data": vector_store_results(found.hits, found.release, most=most, threshold=threshold),
                "has_more": False,
                "next_page": None,
            }
        )

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``."""
        if not self.service.answers:
            problem = "this server only searches; its operator starts it with --answer to have answers too"
            raise RefusedRequest(404, "answers_off", problem)
        asked = await body_of(request, ChatRequest)
        benchmark = self.service.name_of(asked.model)
        questions = [message.text for message in asked.messages if message.role == "user"]
        if not questions:
            raise RefusedRequest(400, "no_question", "there is no message of the user to answer", param="messages")
        release, answered = await self.service.answer(benchmark, questions[-1:], reader_of(request).labels)
        answer = answered.answers[0]
        if answer.failed:
            raise RefusedRequest(502, "generator_failed", "the generator failed on this question; try again later")
        return JSONResponse(
            {
                "id": f"chatcmpl-{uuid.uuid4().hex}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": benchmark,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": answered.texts[0]},
                        "finish_reason": "stop" if answer.finished else "length",
                    }
                ],
                "release": release,
                "passages": answer_passages(answered.hits),
            }
        )

    async def models(self, request: Request) -> Response:
        """``GET /v1/models``."""
        served = [{"id": n, "object": "model", "created": 0, "owned_by": "wbrag"} for n in self.service.benchmarks]
        return JSONResponse({"object": "list", "data": served})
