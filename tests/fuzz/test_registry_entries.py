"""Registry files with anything in them: loading gives a registry whose paths can be asked for, or an InputError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutating import mutated
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

VALID = {
    "corpora": b"path: ../a.jsonl\ndescription: 'My: own'\n",
    "benchmarks": b"task: open_qa\nmetric: em\ncorpus: sample\ntrain: a.jsonl\ntest: b.jsonl\nanswers: none\n",
}
VALUES = st.text(max_size=15) | st.sampled_from(
    [
        "~nobody_at_all/x",
        "x" * 5_000,
        "~",
        "open_qa",
        "sample",
        '"a\\0b"',
        '"\\ud800"',
        "a\tb",
        "no",
        "1_0",
        "*x",
        "&x y",
    ]
)


@pytest.mark.parametrize("kind", list(VALID))
@in_one_folder
@given(data=st.data())
def test_entries(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    keys = st.sampled_from(["path", "task", "corpus", "train", "test", "metric", "name", "answers", "overlap"])
    lines = st.lists(st.tuples(keys, VALUES), max_size=6).map(
        lambda found: "".join(f"{key}: {value}\n" for key, value in found).encode("utf-8", "surrogatepass")
    )
    file = tmp_path / kind / "x.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data.draw(st.binary(max_size=150) | mutated(VALID[kind]) | lines))
    try:
        registry = Registry.load(tmp_path)
        if kind == "corpora":
            registry.passages("x")
        else:
            registry.splits("x")
    except InputError as error:
        str(error).encode()
