"""Bodies in and out: what a request's JSON holds, and the reply to one that is refused."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value
from wbrag_pipeline.serving.refused_request import RefusedRequest

Body = TypeVar("Body", bound=BaseModel)

# What to do about fields that other servers have and this one does not.
_INSTEAD = {
    "labels": "access labels come from the token in the Authorization header, never from the request",
    "access_labels": "access labels come from the token in the Authorization header, never from the request",
    "filters": "filters are not supported; leave it out",
    "rewrite_query": "queries are searched as the release was validated; leave it out or false",
    "stream": "answers come in one piece; leave it out or false",
    "n": "there is one answer to a question; leave it out or 1",
}


async def body_of(request: Request, model: type[Body]) -> Body:
    """The request's JSON as ``model``. Raises RefusedRequest (400 or 415) that names the field."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        problem = "the body must be JSON: send it with the header Content-Type: application/json"
        raise RefusedRequest(415, "not_json", problem)
    try:
        value = json_value((await request.body()).decode("utf-8"))
    except UnicodeDecodeError:
        raise RefusedRequest(400, "not_json", "the body is not UTF-8 text") from None
    except BadJson as bad:
        raise RefusedRequest(400, "not_json", f"the body is no JSON: {bad.problem}") from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _refusal_of(error, model) from None


def refusal_reply(refused: RefusedRequest) -> Response:
    """The reply to a refused request. All of it is ASCII: a field's name may hold what is no Unicode text."""
    return Response(json.dumps(refused.body), refused.status, refused.headers, "application/json")


def _refusal_of(error: ValidationError, model: type[BaseModel]) -> RefusedRequest:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    field = path[0] if path else None
    problem = first["msg"][:1].lower() + first["msg"][1:]
    if field in _INSTEAD:
        problem = _INSTEAD[field]
    elif first["type"] == "extra_forbidden":
        problem = f"is not known; there is {', '.join(model.model_fields)}"
    place = f"field '{field}': " if field else "the body: "
    return RefusedRequest(400, "bad_field", place + problem, param=field)
