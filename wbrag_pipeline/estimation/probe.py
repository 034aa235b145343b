"""A handful of a benchmark's own prompts, really sent: what a prompt has in tokens here, and how long an answer takes.

The answers go to the completion cache, so the run does not ask for them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.estimation.token_rule import TokenRule, fitted
from wbrag_pipeline.generation.accounts.ledger import accounting
from wbrag_pipeline.generation.engine_protocol import ThinksFirst
from wbrag_pipeline.generation.generator import Generator, Passage, Usage
from wbrag_pipeline.generation.language_model import LanguageModel

STAGE = "probe"
# Questions of one probe, and of these the ones that a unit is written for.
QUESTIONS, UNITS = 8, 2
# A generated token takes about as long as so many that are read.
_GENERATED = 8.0
_ANSWER_TOKENS, _EVIDENCE_TOKENS, _UNIT_TOKENS = 32, 768, 256
# What of the tokens of evidence and unit together is the unit's.
_UNITS_SHARE = 0.5


@dataclass(frozen=True)
class Probe:
    """What was measured. asked: what the probe itself spent.

    seconds_a_call, seconds_a_token: wall time; that of a token counts generated ones ``_GENERATED`` times, 0 where the
    engine counts none.
    """

    rule: TokenRule
    asked: Usage
    seconds_a_call: float = 0.0
    seconds_a_token: float = 0.0

    def seconds(self, spent: Usage) -> float:
        """How long so many calls take at this pace."""
        if self.seconds_a_token:
            return self.seconds_a_token * _work(spent)
        return self.seconds_a_call * spent.sent


NO_PROBE = Probe(TokenRule(), Usage())


def probe(
    generator: Generator,
    rehearsed: Callable[[], Generator],
    questions: Sequence[str],
    passages: Sequence[Sequence[Passage]],
    task: Task,
    *,
    partition: str = "",
) -> Probe:
    """Ask the first of these questions without and with their passages, and have two units written.

    rehearsed: a generator that makes up what the real one would send, with the plain ``TokenRule``; a fresh one each
    time. Questions that are all answered already measure nothing: then the next ones are asked.
    """
    total = Usage()
    for first in range(0, len(questions), QUESTIONS):
        some = slice(first, first + QUESTIONS)
        measured = _measured(generator, rehearsed(), questions[some], passages[some], task, partition)
        if total.add(*(real for real, _ in measured)).sent:
            return _probe(generator, measured, total)
    return NO_PROBE


def _measured(
    generator: Generator,
    rehearsed: Generator,
    questions: Sequence[str],
    passages: Sequence[Sequence[Passage]],
    task: Task,
    partition: str,
) -> list[tuple[Usage, Usage]]:
    """What three batches really took, and what was supposed: answers without passages, answers with them, units."""
    read = [row for row in passages if row]
    with_text = [question for question, row in zip(questions, passages, strict=True) if row]
    batches: list[Callable[[Generator], object]] = [
        # What an engine does once, such as loading a model, is no part of any answer.
        lambda model: model.answer(questions[:1], [()], task),
        lambda model: model.answer(questions[1:], [()] * len(questions[1:]), task),
        lambda model: model.answer(with_text, read, task),
        lambda model: model.distill(with_text[:UNITS], [row[:UNITS] for row in read[:UNITS]]),
    ]
    found = []
    with accounting(STAGE, partition=partition):
        for ask in batches:
            before, supposed = replace(generator.usage), replace(rehearsed.usage)
            ask(rehearsed)
            ask(generator)
            found.append((generator.usage.since(before), rehearsed.usage.since(supposed)))
    return found


def _probe(generator: Generator, measured: Sequence[tuple[Usage, Usage]], total: Usage) -> Probe:
    _, (unread, few), (read, many), (written, _) = measured
    timed, answers = Usage().add(unread, read, written), Usage().add(unread, read)
    rule = TokenRule()
    if unread.prompt_tokens + read.prompt_tokens:
        tokens, calls = (unread.prompt_tokens, read.prompt_tokens), (unread.sent, read.sent)
        a, b = fitted(_pieces(few, many, rule), tokens, calls)
        completions = dict[int, float]()
        if answers.sent:
            said = answers.completion_tokens - answers.reasoning_tokens
            completions[_ANSWER_TOKENS] = said / answers.sent
        if written.sent:
            said = written.completion_tokens - written.reasoning_tokens
            completions[_UNIT_TOKENS] = min(float(_UNIT_TOKENS), _UNITS_SHARE * said / max(1, written.sent // 2))
            completions[_EVIDENCE_TOKENS] = (1 - _UNITS_SHARE) * said / max(1, written.sent // 2)
        thought = timed.reasoning_tokens / max(1, timed.sent)
        most = _room_to_think(generator) if thought else 0
        rule = TokenRule(a, b, completions, thought, most, probed=True)
    timed = timed if timed.sent else total
    seconds_a_token = timed.seconds / _work(timed) if _work(timed) else 0.0
    return Probe(rule, total, timed.seconds / max(1, timed.sent), seconds_a_token)


def _pieces(few: Usage, many: Usage, rule: TokenRule) -> tuple[int, int]:
    """The prompts' pieces of text, out of what the plain rule made of them."""
    short, long = (round(usage.prompt_tokens - rule.b * usage.sent) for usage in (few, many))
    return short, long


def _work(spent: Usage) -> float:
    return spent.prompt_tokens + _GENERATED * spent.completion_tokens


def _room_to_think(generator: Generator) -> int:
    if isinstance(generator, LanguageModel) and isinstance(generator.engine, ThinksFirst):
        return generator.engine.room_to_think
    return 0
