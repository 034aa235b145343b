"""The bodies of requests and replies; OpenAPI's schemas are made from these.

Requests are read strictly: a field that is not known, or of another type, is refused and never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue


def _whole(value: object) -> object:
    """JSON knows one kind of number: 3.0 is the whole number 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=1), BeforeValidator(_whole)]  # in this order, or the schema loses the bound
Query = Annotated[str, Field(min_length=1)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RetrieveRequest(_Request):
    """Search-R1's request; FlashRAG's and verl's clients send it too."""

    queries: list[Query] = Field(min_length=1, description="Questions, each searched on its own")
    topk: Count | None = Field(None, description="Passages a query; left out: as the release was validated")
    return_scores: bool = Field(False, description="Give each passage's score beside it")
    benchmark: str | None = Field(None, description="Which of the served benchmarks; left out: the first")


class FoundDocument(BaseModel):
    """A passage or a unit.

    ``contents``: its title in quotes on the first line, and its text below. ``sources``: ids of the passages that a
    unit was made of.
    """

    id: str
    contents: str
    origin: Literal["corpus", "writeback"]
    sources: list[str]


class ScoredDocument(BaseModel):
    """A document and its inner product with the query."""

    document: FoundDocument
    score: float


class RetrieveReply(BaseModel):
    """One list a query, best first. ``release`` is empty where the corpus alone is served."""

    result: list[list[ScoredDocument]] | list[list[FoundDocument]]
    release: str


class RankingOptions(_Request):
    """Of the vector store search. ``ranker`` is taken and changes nothing: there is one ranking."""

    ranker: str | None = None
    score_threshold: float | None = Field(None, description="Leave out what scores less")


class VectorStoreSearchRequest(_Request):
    """OpenAI's request."""

    query: Query | Annotated[list[Query], Field(min_length=1)] = Field(description="A question, or several")
    max_num_results: Count = Field(10, le=50)
    ranking_options: RankingOptions | None = None
    rewrite_query: Literal[False] | None = None
    filters: None = None


class TextContent(BaseModel):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class VectorStoreResult(BaseModel):
    """A passage or a unit. ``file_id`` is ``origin:id``; attributes hold origin, id, release and a unit's sources."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, str | float | bool]
    content: list[TextContent]


class VectorStoreSearchReply(BaseModel):
    """OpenAI's page of results; there is only the one."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[VectorStoreResult]
    has_more: bool = False
    next_page: str | None = None


class TextPart(_Request):
    """A part of a message; text is the only kind."""

    type: Literal["text"]
    text: Query


class ChatMessage(_Request):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Query | Annotated[list[TextPart], Field(min_length=1)]
    name: str | None = None

    @property
    def text(self) -> str:
        """All its text."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


_ASKED: dict[str, JsonValue] = {
    "contains": {"type": "object", "properties": {"role": {"const": "user"}}, "required": ["role"]}
}
_IGNORED = Field(None, description="Taken and not used: answers are given as the release was validated")


class ChatRequest(_Request):
    """OpenAI's request. The last message of the user is the question; earlier messages are not read."""

    model: str = Field(description="The benchmark")
    messages: list[ChatMessage] = Field(min_length=1, json_schema_extra=_ASKED)
    stream: Literal[False] | None = None
    n: Literal[1] | None = None
    temperature: Any = _IGNORED
    top_p: Any = _IGNORED
    max_tokens: Any = _IGNORED
    max_completion_tokens: Any = _IGNORED
    seed: Any = _IGNORED
    stop: Any = _IGNORED
    user: Any = _IGNORED
    metadata: Any = _IGNORED
    store: Any = _IGNORED
    presence_penalty: Any = _IGNORED
    frequency_penalty: Any = _IGNORED


class AnswerMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    """The one answer."""

    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"]


class AnswerPassage(BaseModel):
    """A passage or unit that the answer was given from."""

    id: str
    origin: Literal["corpus", "writeback"]
    title: str
    text: str
    score: float
    sources: list[str]


class ChatReply(BaseModel):
    """OpenAI's completion, and beside it the release and the passages that the answer was given from."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    release: str
    passages: list[AnswerPassage]


class ServedModel(BaseModel):
    """A benchmark that is served."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["wbrag"] = "wbrag"


class ModelsReply(BaseModel):
    """OpenAI's list of models: the benchmarks."""

    object: Literal["list"] = "list"
    data: list[ServedModel]


class Health(BaseModel):
    """Whether the server is there."""

    status: Literal["ok"] = "ok"


class RemoteHealth(BaseModel):
    """Whether the last look at the remote failed; what is here serves on. The server's log says why."""

    failing: bool
    seconds_since_success: float


class Readiness(BaseModel):
    """The release of each benchmark, "" for the corpus alone, and of those that follow a remote how that goes."""

    status: Literal["ready"] = "ready"
    releases: dict[str, str]
    remotes: dict[str, RemoteHealth] | None = None


class ErrorDetail(BaseModel):
    """What is wrong, and what to do."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorReply(BaseModel):
    """OpenAI's error object."""

    error: ErrorDetail
