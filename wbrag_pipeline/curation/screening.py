"""Units that must not be searched whatever they say: they speak to the model, or hold what is private."""

from __future__ import annotations

from collections.abc import Sequence

from wbrag_pipeline.curation.instructions import addressed_to_the_model
from wbrag_pipeline.curation.unit import QUARANTINED, Unit
from wbrag_pipeline.datasets.private_data import private_data
from wbrag_pipeline.languages import ENGLISH


def quarantine(units: Sequence[Unit], private_kinds: Sequence[str]) -> None:
    """Quarantine, in place, those of ``units`` that must not be searched; the whole unit, not its sentence."""
    for unit in units:
        if unit.published and (reason := objection(unit.title, unit.text, private_kinds, unit.language)):
            unit.leave(QUARANTINED, reason)


def objection(title: str, text: str, private_kinds: Sequence[str], language: str = ENGLISH) -> str | None:
    """What speaks against searching a text, or None. language: of the text; telephone numbers are written by it."""
    for part in (title, text, f"{title}\n{text}"):
        if reason := addressed_to_the_model(part):
            return reason
        if found := private_data(part, private_kinds, language):
            return f"holds {found}"
    return None
