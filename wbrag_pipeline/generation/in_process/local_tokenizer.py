"""What an engine that has the model's tokenizer at hand answers by it alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.in_process.chat_template import ChatTemplate

_log = logging.getLogger(__name__)


class LocalTokenizer:
    """The part of ``engine_protocol.Engine`` that asks no model; the engine gives its Hugging Face tokenizer."""

    name: str
    _template_arguments: Mapping[str, Any]
    _rendered: dict[Request, str] | None = None

    @property
    def _tokenizer(self) -> Any:
        raise NotImplementedError

    @property
    def _context(self) -> int:
        """Tokens that prompt and completion may have together."""
        raise NotImplementedError

    def render(self, requests: Sequence[Request]) -> list[str]:
        """With the model's chat template, or a plain one where it has none."""
        # Asked for twice, by the cache's key and by ``complete``.
        known = self._rendered or {}
        texts = [known.get(request) or self._template.render(request) for request in requests]
        self._rendered = dict(zip(requests, texts, strict=True))
        return texts

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """By the model's tokenizer, after its chat template."""
        coded = []
        for request, text in zip(requests, self.render(requests), strict=True):
            ids = tuple(self._tokenizer.encode(text, add_special_tokens=self._template.plain))
            coded.append(ids if len(ids) + request.max_tokens <= self._context else ())
        return coded

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """By the model's tokenizer."""
        return [len(self._tokenizer.encode(text, add_special_tokens=False)) for text in texts]

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """By the model's tokenizer."""
        vocabulary = self._tokenizer.get_vocab()
        return [vocabulary.get(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """By the model's tokenizer."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    @cached_property
    def _template(self) -> ChatTemplate:
        template = ChatTemplate(self._tokenizer, self._template_arguments)
        if template.plain:
            _log.warning("%s has no chat template: it gets a plain one, and may be no chat model", self.name)
        return template
