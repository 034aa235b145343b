"""When a completion has begun to repeat itself without end, as small models do until their token limit.

The rule is that of vLLM's ``repetition_detection`` (``vllm.sampling_params.RepetitionDetectionParams``), so that all
engines that have it end a completion at the same token.
"""

from __future__ import annotations

from collections.abc import Sequence

# The same run of so many tokens, so many times one after the other. Of fewer tokens are the zeros of a large number.
SHORTEST, LONGEST, TIMES = 3, 64, 4
VLLM_PARAMETERS = {"min_pattern_size": SHORTEST, "max_pattern_size": LONGEST, "min_count": TIMES}


def repeats_itself(tokens: Sequence[int]) -> bool:
    """Whether ``tokens`` end with one run of 3 to 64 tokens four times in a row."""
    most = min(LONGEST, len(tokens) // TIMES)
    return any(_ends_with_a_run_of(size, tokens) for size in range(SHORTEST, most + 1))


def _ends_with_a_run_of(size: int, tokens: Sequence[int]) -> bool:
    if tokens[-1] != tokens[-1 - size]:  # what nearly every size fails at
        return False
    tail = tokens[-size * TIMES :]
    return all(tail[place] == tail[place + size] for place in range(len(tail) - size))
