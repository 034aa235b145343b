"""The question and the answer in what an application was given and gave: plain text, chat messages, or an object.

Messages are those of OpenAI's chat API (``role`` and ``content``, the content text or parts), of OpenTelemetry's
conventions for generative AI (``role`` and ``parts``), and of LangChain (``type`` and ``content``).
"""

from __future__ import annotations

from typing import Any

from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value

_QUESTION_KEYS = ("question", "query", "user_input", "input", "prompt", "text", "message", "messages", "content")
_ANSWER_KEYS = "answer output response result completion text generations content message messages choices".split()
_ASKING = ("user", "human")
_ANSWERING = ("assistant", "ai", "model")
_LONGEST_JSON = 1 << 20  # characters of a text that is looked into as JSON
_DEEPEST = 8


def question_in(value: object) -> str:
    """The question in what was given: the last that a user said. Empty where there is none."""
    return _text_in(_opened(value), _QUESTION_KEYS, _ASKING, 0)


def answer_in(value: object) -> str:
    """The answer in what came back: the last that the assistant said. Empty where there is none."""
    return _text_in(_opened(value), tuple(_ANSWER_KEYS), _ANSWERING, 0)


def shown_passages(value: object) -> tuple[str, ...]:
    """Ids of passages in a list of ids, texts or documents; the text where a document has no id."""
    found = _opened(value)
    if isinstance(found, dict):
        found = next((found[key] for key in ("documents", "results", "passages", "context") if key in found), [])
    return tuple(named for one in found if (named := _passage(one))) if isinstance(found, list) else ()


def _passage(one: object) -> str:
    if isinstance(one, dict):
        inner: dict[str, Any] = document if isinstance(document := one.get("document"), dict) else one
        metadata: dict[str, Any] = found if isinstance(found := inner.get("metadata"), dict) else {}
        keys = ("document.id", "id", "_id", "passage_id", "doc_id")
        texts = ("document.content", "page_content", "content", "contents", "text")
        told = [inner.get(key) for key in keys] + [metadata.get("id")] + [inner.get(key) for key in texts]
        one = next((value for value in told if value not in (None, "")), "")
    return str(one).strip() if isinstance(one, (str, int)) and not isinstance(one, bool) else ""


def _opened(value: object) -> object:
    """The value in a text that is JSON, an object or a list; any other as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"') or len(value) > _LONGEST_JSON:
        return value
    try:
        return json_value(value)
    except BadJson:
        return value


def _text_in(value: object, keys: tuple[str, ...], roles: tuple[str, ...], depth: int) -> str:
    if depth > _DEEPEST:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return _last_said(value, keys, roles, depth)
    if isinstance(value, dict):
        if (role := _role(value)) is not None:
            return _said(value, keys, roles, depth) if role in roles else ""
        for key in keys:
            if key in value and (text := _text_in(value[key], keys, roles, depth + 1)):
                return text
    return ""


def _last_said(items: list[Any], keys: tuple[str, ...], roles: tuple[str, ...], depth: int) -> str:
    spoken = [item for item in items if isinstance(item, dict) and _role(item) is not None]
    if spoken:
        said = [item for item in spoken if _role(item) in roles]
        return _said(said[-1], keys, roles, depth) if said else ""
    texts = (_text_in(item, keys, roles, depth + 1) for item in items)
    return next((text for text in texts if text), "")


def _role(message: dict[str, Any]) -> str | None:
    role = message.get("role", message.get("type") if "content" in message else None)
    return role.casefold() if isinstance(role, str) and role.casefold() != "text" else None


def _said(message: dict[str, Any], keys: tuple[str, ...], roles: tuple[str, ...], depth: int) -> str:
    content = message.get("content", message.get("parts"))
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, list):
        parts = [part if isinstance(part, str) else _part(part) for part in content]
        return "\n".join(part for part in parts if part).strip()
    return _text_in(content, keys, roles, depth + 1)


def _part(part: object) -> str:
    if not isinstance(part, dict) or part.get("type", "text") not in ("text", "input_text", "output_text"):
        return ""
    text = part.get("text", part.get("content"))
    return text.strip() if isinstance(text, str) else ""
