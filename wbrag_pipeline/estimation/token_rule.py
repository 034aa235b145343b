"""Tokens of a call that was not made: of the prompt by its text, of the completion by its kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from wbrag_pipeline.estimation.scenarios import AT_MOST, CERTAIN, Scenario
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.text_engine import estimated_tokens

# How far the sum over many prompts may be off: where prompts were counted by the engine, and where none was.
_OFF_PROBED, _OFF_SUPPOSED = 1.15, 1.6
# Tokens that a completion is expected to have, by the room that its request gives.
_USUAL_SHARE = 0.35
_VERDICT = 2.0
# What an engine may add for the JSON around a choice.
_AROUND_A_CHOICE = 32


@dataclass(frozen=True)
class TokenRule:
    """tokens of a prompt = ``a`` · pieces of its text + ``b``.

    completions: tokens of a completion by the room of its request, where a probe has seen some.
    reasoning: tokens that a model thinks before each answer, and ``most_reasoning`` those that it may.
    probed: whether an engine has counted prompts.
    """

    a: float = 1.0
    b: float = 12.0
    completions: dict[int, float] = field(default_factory=dict)
    reasoning: float = 0.0
    most_reasoning: int = 0
    probed: bool = False

    def of_prompt(self, request: Request, scenario: Scenario) -> int:
        """Tokens of the prompt; where least or most is asked for, as few or many as it may be off."""
        texts = [message.content for message in request.messages]
        off = _OFF_PROBED if self.probed else _OFF_SUPPOSED
        tokens = self.a * sum(estimated_tokens([*texts, request.prefix])) + self.b
        return round(tokens / off if scenario is CERTAIN else tokens * off if scenario is AT_MOST else tokens)

    def of_completion(self, request: Request, scenario: Scenario) -> int:
        """Tokens of the completion."""
        if scenario is CERTAIN:
            return 1
        if scenario is AT_MOST:
            around = _AROUND_A_CHOICE if request.choices else 0
            return request.max_tokens + around + self.most_reasoning
        usual = self.completions.get(request.max_tokens, _USUAL_SHARE * request.max_tokens)
        return max(1, round((_VERDICT if request.choices else usual) + self.reasoning))


def fitted(pieces: tuple[int, int], tokens: tuple[int, int], calls: tuple[int, int]) -> tuple[float, float]:
    """``a`` and ``b`` of two batches of prompts, of which one has longer texts; ``b`` is 0 where they do not say."""
    (short, long), (few, many), (n, m) = pieces, tokens, calls
    determinant = short * m - long * n
    a, b = 0.0, 0.0
    if n and m and determinant:
        a, b = (few * m - many * n) / determinant, (short * many - long * few) / determinant
    if a >= 0.0 and b >= 0.0 and a + b > 0.0:
        return a, b
    return (few + many) / max(1, short + long), 0.0
