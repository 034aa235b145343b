"""Conformance suites for plug-ins: what this package relies on, as tests that a plug-in's author runs.

::

    from wbrag_pipeline.testing import MethodConformance

    class TestMajority(MethodConformance):
        def make(self):
            return MajorityVote()

Run the file with pytest. The plug-in has to be installed (``pip install --editable .``), since its name is looked up.
"""

from wbrag_pipeline.testing.encoder_conformance import EncoderConformance
from wbrag_pipeline.testing.engine_conformance import EngineConformance
from wbrag_pipeline.testing.hash_engine import HashEngine
from wbrag_pipeline.testing.method_conformance import MethodConformance
from wbrag_pipeline.testing.retriever_conformance import RetrieverConformance
from wbrag_pipeline.testing.store_conformance import StoreConformance

__all__ = [
    "EncoderConformance",
    "EngineConformance",
    "HashEngine",
    "MethodConformance",
    "RetrieverConformance",
    "StoreConformance",
]
