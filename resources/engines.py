"""Encoder and generator. Both are loaded at first use and kept for the life of the process.

``setup_for_execution`` stays empty on purpose: Dagster calls it for every step, also for those that never ask.
"""

import dagster as dg

from wbrag_pipeline.generation.engines import deployed_generator
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.settings import Settings


class EncoderResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The sentence encoder: on a GPU where there is one, or over the cluster that the settings name."""

    def load(self, settings: Settings) -> Encoder:
        """The encoder that the deployment names."""
        return deployed_encoder(settings)


class GeneratorResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What answers and distils: the embedded reader on a CPU, or a language model on a GPU or a server.

    Keys of a server are read from WBRAG_API_KEY or OPENAI_API_KEY and never from here: this is shown in the UI.
    """

    def load(self, settings: Settings) -> Generator:
        """The generator that the deployment names, with the deployment's completion cache."""
        return deployed_generator(settings)
