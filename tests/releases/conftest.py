"""The encoder that can be worked by hand."""

from tests.retrieval.conftest import compass

__all__ = ["compass"]
