"""The encoder that can be worked by hand."""

import pytest

from tests.retrieval.conftest import CompassEncoder


@pytest.fixture
def compass() -> CompassEncoder:
    return CompassEncoder()
