"""The deployment's settings as one Dagster resource, editable in the Launchpad of every run."""

from typing import Any, Optional

import dagster as dg
from pydantic import Field, create_model

from wbrag_pipeline.rag.methods import with_canonical_method
from wbrag_pipeline.settings import Setting, Settings, all_settings


class _Deployment(dg.ConfigurableResource):  # type: ignore[type-arg]
    @property
    def settings(self) -> Settings:
        """The package's own ``Settings``. Raises InputError for values out of range and for an earlier home."""
        given = {setting.name: getattr(self, setting.name) for setting in all_settings()}
        settings = with_canonical_method(Settings.from_environment(**given))
        settings.layout.check_layout()
        return settings


def _field(setting: Setting) -> Any:
    kind = setting.kind if setting.kind in (bool, int, float) else str
    description = f"{setting.description}; default ${setting.variable} or {setting.default!s}"
    return (Optional[kind], Field(default=None, description=description))  # noqa: UP045 - Dagster reads this form


# A field a setting; what is left out is the environment's value or the default.
Deployment: Any = create_model(
    "Deployment", __base__=_Deployment, **{setting.name: _field(setting) for setting in all_settings()}
)
Deployment.__doc__ = "What this deployment runs with. What is left out is the environment's value or the default."


def run_config(settings: Settings) -> dict[str, Any]:
    """The configuration of the resource ``deployment`` that makes it these settings."""
    return {"config": {"home": str(settings.home), **{k: v for k, v in settings.record().items() if v is not None}}}
