"""Replies of search servers, and a server behind a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy
from wbrag_pipeline.retrievers.http_retriever import HttpRetriever

URL = "http://search.test/retrieve"
QUICK = RetryPolicy(in_flight=4, tries=2, timeout=5.0, first_wait=0.001)
SEARCH_R1: dict[str, Any] = {
    "result": [
        [
            {"document": {"id": "7", "contents": '"Velcro"\nA Swiss engineer had the idea.'}, "score": 0.7},
            {"document": {"id": "9", "contents": '"Burrs"\nThey stick to dogs.', "labels": ["hr"]}, "score": 0.2},
        ],
        [],
    ]
}
OPENAI: dict[str, Any] = {
    "object": "vector_store.search_results.page",
    "search_query": ["Who?"],
    "data": [
        {
            "file_id": "file-1",
            "filename": "velcro.md",
            "score": 0.7,
            "attributes": {"labels": "hr; finance"},
            "content": [{"type": "text", "text": "A Swiss engineer"}, {"type": "text", "text": "had the idea."}],
        }
    ],
    "has_more": False,
    "next_page": None,
}
Answer = Callable[[httpx.Request, Any], httpx.Response]


def behind(answer: Answer, entry: RetrieverEntry | None = None, policy: RetryPolicy = QUICK) -> HttpRetriever:
    """A retriever whose server is ``answer(request, body)``."""

    def handle(request: httpx.Request) -> httpx.Response:
        return answer(request, json.loads(request.content))

    return HttpRetriever(entry or RetrieverEntry(URL), policy, httpx.MockTransport(handle))
