"""Valid files with some bytes changed: closer to what breaks a reader than bytes drawn at random."""

from __future__ import annotations

from hypothesis import strategies as st

# What has a meaning to one reader or another.
_PIECES = [
    b"",
    b"\0",
    b"\n",
    b"\r",
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"---\n",
    b"+++\n",
    b"#",
    b"\\ud800",
    b"\xff",
]
_PIECES += [
    b"\xef\xbb\xbf",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!set ",
    b"? ",
    b"- ",
    b"labels",
    b"Labels: [hr]\n",
    b"<!--",
    b"-->",
    b"9" * 50,
]


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """``valid`` after some changes: bytes replaced, put in, taken out, repeated, or the end cut off."""
    data = valid
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 20)))
        new = draw(st.sampled_from(_PIECES) | st.binary(max_size=4) | st.just(data[at:end] * 2))
        data = data[:at] + new + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data
