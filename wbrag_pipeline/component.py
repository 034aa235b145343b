"""The dg component: a knowledge base as a part of somebody's own Dagster project, configured in YAML.

::

    dg scaffold defs wbrag_pipeline.KnowledgeBase handbook --home /srv/wbrag

    # defs/handbook/defs.yaml
    type: wbrag_pipeline.KnowledgeBase
    attributes:
      home: /srv/wbrag
      generator: openai:http://vllm:8000/v1#Qwen/Qwen2.5-7B-Instruct
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component
from pydantic import BaseModel, Field, create_model

from resources.deployment import fields_of_settings
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.settings import all_settings

_DEFINITIONS = "wbrag_pipeline.definitions"


class ScaffoldParameters(BaseModel):
    """What ``dg scaffold defs`` asks for."""

    home: str = Field(default=".wbrag", description="Folder of everything that is stored; relative to the project")


class KnowledgeBaseScaffolder(dg.Scaffolder[ScaffoldParameters]):
    """Writes ``defs.yaml`` with the home; every other setting has its default until it is named there."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParameters]:
        """The parameters."""
        return ScaffoldParameters

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParameters]) -> None:
        """Write the file."""
        scaffold_component(request, request.params.model_dump())


class _Component(dg.Component, dg.Model, dg.Resolvable):
    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What ``dg list components`` shows."""
        return dg.ComponentTypeSpec(
            description="Train the knowledge base of a RAG system: corpora, benchmarks, releases, their schedules.",
            produces=["asset", "asset_check", "job", "schedule", "sensor"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets, checks, jobs, schedules and sensors over the home, which stands relative to the project.

        The attributes become the environment of the code location, so that runs, schedules and sensors see them too.
        Raises InputError where the project has loaded a component with another home: one code location, one home.
        """
        given = {setting: getattr(self, setting.name) for setting in all_settings()}
        for setting, value in given.items():
            if value is not None:
                path = setting.kind is Path
                os.environ[setting.variable] = str(context.project_root / Path(value).expanduser() if path else value)
        loaded = sys.modules.get(_DEFINITIONS)
        from wbrag_pipeline.definitions import HOME, defs

        if loaded and Path(os.environ.get("WBRAG_HOME", HOME)).absolute() != HOME:
            raise InputError(
                f"this code location shows {HOME} already", field="home", hint="one code location for each home"
            )
        return defs


KnowledgeBaseComponent: Any = dg.scaffold_with(KnowledgeBaseScaffolder)(
    create_model("KnowledgeBase", __base__=_Component, **fields_of_settings())
)
KnowledgeBaseComponent.__doc__ = (
    "A knowledge base in a Dagster project of your own: ``dg scaffold defs wbrag_pipeline.KnowledgeBase NAME``. Its "
    "attributes are the settings; one that is left out has the environment's value or the default."
)
