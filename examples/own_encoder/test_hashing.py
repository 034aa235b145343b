"""The suite that every encoder keeps to."""

import pytest
from wbrag_hashing import HashingEncoder

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.testing import EncoderConformance


class TestHashing(EncoderConformance):
    def make(self) -> HashingEncoder:
        return HashingEncoder("hashing:4096")

    def others(self) -> list[HashingEncoder]:
        return [HashingEncoder("hashing:256"), HashingEncoder("hashing:512")]


@pytest.mark.parametrize("name", ["hashing:", "hashing:many", "hashing:0"])
def test_a_dimension_that_is_none_is_said(name: str) -> None:
    with pytest.raises(InputError, match="is no dimension"):
        HashingEncoder(name)
