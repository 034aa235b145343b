"""Messages as one text, by the tokenizer's own chat template where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wbrag_pipeline.generation.engine_protocol import Message, Request


class ChatTemplate:
    """A tokenizer's template, or a plain one.

    plain: the text holds no special tokens and still wants them. system: the template takes system messages as such;
    known once something was rendered.
    """

    def __init__(self, tokenizer: Any, arguments: Mapping[str, Any] | None = None) -> None:
        """``tokenizer`` is a Hugging Face one; ``arguments`` go to its template (``enable_thinking``, say)."""
        self._tokenizer, self._arguments = tokenizer, dict(arguments or {})
        self.plain = not getattr(tokenizer, "chat_template", None)
        self.system = True

    def render(self, request: Request) -> str:
        """The prompt up to and with ``request.prefix``."""
        if self.plain:
            return plain_prompt(request.messages) + request.prefix
        turns = list(request.messages)
        if self.system:
            try:
                return self._apply(turns) + request.prefix
            except Exception as error:
                # Some templates (Gemma 2, Mistral 7B) know no system role and raise jinja2's TemplateError.
                if type(error).__name__ not in ("TemplateError", "UndefinedError"):
                    raise
                self.system = False
        if len(turns) > 1 and turns[0].role == "system":
            turns[:2] = [Message("user", f"{turns[0].content}\n\n{turns[1].content}")]
        return self._apply(turns) + request.prefix

    def _apply(self, turns: list[Message]) -> str:
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        return str(
            self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **self._arguments)
        )


def plain_prompt(messages: tuple[Message, ...]) -> str:
    """For base models: the turns with blank lines between, and a cue for the answer, as before each example's."""
    turns = [f"Answer: {turn.content}" if turn.role == "assistant" else turn.content for turn in messages]
    return "\n\n".join([*turns, "Answer:"])
