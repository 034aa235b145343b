"""What tokens cost, from a small YAML file of the user's.

::

    gpt-4o-mini:
      prompt: 0.15          # of a million prompt tokens
      completion: 0.60      # of a million completion tokens
      cached_prompt: 0.075  # of a million prompt tokens that the service has read before; left out: as others
      batch: 0.5            # what part of these prices openai-batch: pays; left out: 1
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.files.plain_files import text_of_file
from wbrag_pipeline.datasets.files.strict_yaml import BadYaml, yaml_value
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Usage

_LARGEST = 1 << 20  # bytes
_MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Of a million tokens each, in whatever currency; ``batch`` is a factor for all of them."""

    prompt: float
    completion: float
    cached_prompt: float | None = None
    batch: float = 1.0

    def cost(self, spent: Usage, *, cached: bool = False) -> float:
        """What so many tokens cost; cached: as if the service had read all prompts before."""
        prompt = self.cached_prompt if cached and self.cached_prompt is not None else self.prompt
        return self.batch * (prompt * spent.prompt_tokens + self.completion * spent.completion_tokens) / _MILLION


def money(amount: float) -> str:
    """An amount with as many decimals as say something."""
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:.4f}"


def prices_of(file: Path, generator: str) -> Prices:
    """What the generator of that name costs by the file: by its whole name, or by its model's.

    ``batch`` counts for ``openai-batch:`` alone. Raises InputError that names file, model and field for anything that
    is not as above, and for a model that is not there.
    """
    models = _models(file)
    model = generator.rpartition("#")[2] if "#" in generator else generator.partition(":")[2] or generator
    names = (generator, model, model.rpartition("@")[0])
    name = next((name for name in names if name in models), None)
    if name is None:
        known = ", ".join(models) or "it names none"
        raise InputError(f"has no prices of {model}", file=file, field="prices", hint=f"add it beside: {known}")
    found = _prices(file, name, models[name])
    return (
        found if generator.startswith("openai-batch:") else Prices(found.prompt, found.completion, found.cached_prompt)
    )


def _models(file: Path) -> dict[str, Any]:
    try:
        found = yaml_value(text_of_file(file, _LARGEST, follow_link=True))
    except BadYaml as bad:
        raise InputError(f"broken YAML: {bad.problem}", file=file, line=bad.line) from None
    except OSError as error:
        raise InputError(f"cannot be read: {str(error.strerror).lower()}", file=file, field="prices") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise InputError("is no list of models", file=file, hint="write `MODEL:` and below it `prompt: 0.15` and so on")
    return found


def _prices(file: Path, model: str, given: Any) -> Prices:
    known = [field.name for field in fields(Prices)]
    if not isinstance(given, dict):
        raise InputError("has no prices below it", file=file, field=model, hint=f"keys: {', '.join(known)}")
    for key, value in given.items():
        place = f"{model}: {key}"
        if key not in known:
            raise InputError("is not a key here", file=file, field=place, hint=f"keys: {', '.join(known)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0 or (key == "batch" and value > 1):
            most = " of at most 1" if key == "batch" else ""
            raise InputError(f"must be a number{most}, not {value!r}", file=file, field=place)
    for key in ("prompt", "completion"):
        if key not in given:
            raise InputError("is missing", file=file, field=f"{model}: {key}", hint=f"add a line `{key}: ...`")
    return Prices(**{key: float(value) for key, value in given.items()})
