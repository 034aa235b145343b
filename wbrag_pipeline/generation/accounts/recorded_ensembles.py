"""RePlug's answers with a memory: what the ensembles said before is not asked again, and every call is counted.

The mixing itself is in ``ensemble``; this is to it what ``recorded_engine`` is to single completions.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wbrag_pipeline.generation import ensemble
from wbrag_pipeline.generation.accounts.budget import in_affordable_parts
from wbrag_pipeline.generation.accounts.completions import Remembered
from wbrag_pipeline.generation.accounts.recorded_engine import RecordedEngine
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.generation.valid_values import valid_count, valid_list, valid_probability, valid_text
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.storage import sha256_of_text

_log = logging.getLogger(__name__)
_AT_ONCE = 64


@dataclass(frozen=True)
class EnsembleAnswer:
    """What an ensemble said.

    tokens: each token's text and its probability in the mixture. outcome: "stop", "length" (cut at the token limit),
    "context" (none of its prompts fits) or "failed". dropped: prompts that were left out because they do not fit.
    unproved: tokens that the engine's heads of distributions do not prove. missing: of these, the most of a mixture
    that was not shown.
    """

    text: str
    tokens: Sequence[tuple[str, float]]
    outcome: str
    dropped: int = 0
    unproved: int = 0
    missing: float = 0.0

    @property
    def final(self) -> bool:
        """Whether asking again would bring the same: only such answers are worth keeping."""
        return self.outcome in ("stop", "length")

    def to_json(self) -> list[Any]:
        """As JSON values, see ``from_json``."""
        rest = [self.outcome, self.dropped, self.unproved, self.missing]
        return [self.text, [list(pair) for pair in self.tokens], *rest]

    @classmethod
    def from_json(cls, value: Any) -> EnsembleAnswer:
        """The final answer that ``to_json`` was made of. Raises ValueError for what cannot be one.

        Earlier versions did not store the last three numbers: they are 0 then.
        """
        text, tokens, outcome, dropped, unproved, missing = valid_list([*valid_list(value), 0, 0, 0][:6], 6)
        pairs = (valid_list(pair, 2) for pair in valid_list(tokens))
        made = tuple((valid_text(piece), valid_probability(probability)) for piece, probability in pairs)
        counts = (valid_count(dropped), valid_count(unproved), valid_probability(missing))
        answer = cls(valid_text(text), made, outcome, *counts)
        if not answer.final:
            raise ValueError("an ensemble that failed was stored")
        return answer


class RecordedEnsembles:
    """Answers ensembles through ``asker``'s engine, cache and ledger. A call is one prompt, however many tokens."""

    def __init__(self, asker: RecordedEngine) -> None:
        self._asker = asker
        self._pieces: dict[int, str] = {}

    def answer(self, rows: Sequence[Sequence[Request]], shares: Sequence[Sequence[float]]) -> list[EnsembleAnswer]:
        """One answer a row, from the mixture of its prompts (one at least) by its shares, which sum to 1.

        Prompts that do not fit are left out, and the other shares sum to 1 again. ``dropped`` is how many.
        """
        answers: list[EnsembleAnswer] = []
        with progress_bar("answering from each passage", len(rows)) as advance:
            for first in range(0, len(rows), _AT_ONCE):
                some = slice(first, first + _AT_ONCE)
                answers += self._answer(rows[some], shares[some])
                advance(len(rows[some]))
        return answers

    def _answer(self, rows: Sequence[Sequence[Request]], shares: Sequence[Sequence[float]]) -> list[EnsembleAnswer]:
        engine, cache = self._asker.engine, self._asker.cache
        keys = [
            sha256_of_text("ensemble", engine.fingerprint, json.dumps(share), row[0].sampling, *engine.render(row))
            for row, share in zip(rows, shares, strict=True)
        ]
        known = cache.get_many(keys, EnsembleAnswer.from_json) if cache else Remembered[EnsembleAnswer]()
        places = {key: place for place, key in enumerate(keys) if key not in known}
        with self._asker.recorder() as record:
            found = sum(len(row) for row, key in zip(rows, keys, strict=True) if key in known)
            if found or known.damaged:
                record({}, Usage(calls=found, cached=found, entries_damaged=known.damaged))
            going = [self._begun(rows[place], shares[place]) for place in places.values()]

            def finished(index: int) -> None:
                made, (key, place) = going[index], list(places.items())[index]
                pieces = [(self._piece(token), probability) for token, probability in made.chosen]
                calls, dropped = max(1, len(made.prompts)), len(rows[place]) - len(made.prompts)
                unproved, missing = len(made.unproved), max(made.unproved, default=0.0)
                text, outcome = engine.decode(made.ids), made.outcome or "failed"
                known[key] = EnsembleAnswer(text, pieces, outcome, dropped, unproved, missing)
                spent = Usage(
                    calls=calls,
                    failed=calls * (made.outcome == "failed"),
                    prompt_tokens=sum(len(prompt) for prompt in made.prompts),
                    completion_tokens=calls * len(pieces),
                )
                record({key: known[key].to_json()} if known[key].final else {}, spent)

            most = [self._asker.most_together(rows[place]) for place in places.values()]
            for some in in_affordable_parts(most):
                ensemble.decode_ensembles(engine, going[some], lambda index, first=some.start: finished(first + index))  # type: ignore[misc]
        return [known[key] for key in keys]

    def _begun(self, requests: Sequence[Request], shares: Sequence[float]) -> ensemble.Ensemble:
        """The prompts as token ids; one that does not fit goes, and the other shares sum to 1 again."""
        engine = self._asker.engine
        coded = engine.encode(requests)
        kept = [(ids, share) for ids, share in zip(coded, shares, strict=True) if ids]
        total = math.fsum(share for _, share in kept)
        if not kept or total <= 0.0:  # no share is left: the prompts that fit are as good as not there
            return ensemble.Ensemble((), (), 0, outcome="context")
        fits = [request for request, ids in zip(requests, coded, strict=True) if ids]
        made = ensemble.Ensemble([ids for ids, _ in kept], [share / total for _, share in kept], fits[0].max_tokens)
        if fits[0].choices:
            begun = [Request(fits[0].messages, 1, prefix=choice) for choice in fits[0].choices]
            start = len(kept[0][0])
            made.choices = tuple(ids[start:] for ids in engine.encode(begun))
        return made

    def _piece(self, token: int) -> str:
        if token not in self._pieces:
            self._pieces[token] = self._asker.engine.decode([token])
        return self._pieces[token]


def count_unproved(asker: RecordedEngine, answers: Sequence[EnsembleAnswer]) -> None:
    """Count the tokens that the heads of distributions do not prove, and say how much these did not show."""
    unproved = sum(answer.unproved for answer in answers)
    if unproved:
        _log.warning(
            "%s shows only the likeliest tokens: of %s tokens of replug's answers it is not proved that no other is "
            "likelier; at most %.1f %% of a mixture was not shown",
            asker.engine.name,
            f"{unproved:,}",
            100.0 * max(answer.missing for answer in answers),
        )
    asker.count(Usage(tokens_unproved=unproved))
