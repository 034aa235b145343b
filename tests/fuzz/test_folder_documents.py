"""Documents and ``.labels`` with anything in them: a reading gives passages, or an InputError that names the file."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datasets.made_documents import docx, paragraph, pdf
from tests.fuzz.mutating import mutated
from tests.fuzz.test_corpus_files import read_or_refused
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.documents.folder_reading import read_folder
from wbrag_pipeline.datasets.label_keys import label_key
from wbrag_pipeline.errors import InputError

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

YAML = b"---\ntitle: Pay\nlabels: [hr, finance]\ndate: 2024-05-01\n---\n# Pay\n\n**Bands** are [read](x.md) in `May`.\n"
TOML = b'+++\ntitle = "Pay"\nlabels = ["hr"]\ndate = 2024-05-01\n+++\nSalary bands.\n'
JSON = b'{"title": "Pay", "labels": ["hr"], "date": "2024-05-01"}\n\nSalary bands.\n'
PIECES = (
    "---\n~+++\n~...\n~labels: [hr]\n~Labels: hr\n~- ~\n~<!-- ~ -->~{~}~[~](~**~`~&a ~*a~<<: ~x: ~text ~"
    '# ~? ~!!x ~"~\ufeff~```\n~    '
).split("~")


@in_one_folder
@given(
    data=st.binary(max_size=200)
    | mutated(YAML)
    | mutated(TOML)
    | mutated(JSON)
    | st.lists(st.sampled_from(PIECES), max_size=25).map(lambda found: "".join(found).encode()),
    name=st.sampled_from(["a.md", "a.txt"]),
)
def test_documents(tmp_path: Path, data: bytes, name: str) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / "z.txt").write_text("Always there.")
    (tmp_path / name).write_bytes(data)
    read_or_refused(tmp_path)


MDX = (
    b"---\nlabels: [hr]\n---\nimport X from 'x'\n\n<Tabs a={'b'}>\n\n## Pay\n\n{/* no */}\n\n```js\n<A>\n```\n</Tabs>\n"
)
NOTEBOOK = b'{"cells": [{"cell_type": "markdown", "source": ["# Pay"]}, {"cell_type": "code", "source": "x = 1"}]}'
HTML = b"<title>Pay</title><meta name=labels content=hr><main><h1>Pay</h1><ul><li>a<pre>b</pre><table><tr><td>c</table>"
RST = b":labels: hr\n\nPay\n===\n\n- `a`_ |b| ``c``\n\n.. note:: d\n\n.. x:: y\n   :z:\n\n   e\n\n+---+\n| f |\n+---+\n"
OF_OTHER_KINDS = {
    "a.mdx": MDX,
    "a.ipynb": NOTEBOOK,
    "a.html": HTML,
    "a.rst": RST,
    "a.docx": docx(paragraph("Pay", "berschrift1") + paragraph("Salary bands.")),
    "a.pdf": pdf(["Salary bands.", "Review in March."]),
}


@in_one_folder
@given(
    found=st.sampled_from(sorted(OF_OTHER_KINDS.items())).flatmap(
        lambda kind: st.tuples(st.just(kind[0]), mutated(kind[1]))
    )
)
def test_documents_of_other_kinds(tmp_path: Path, found: tuple[str, bytes]) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / "z.txt").write_text("Always there.")
    (tmp_path / found[0]).write_bytes(found[1])
    read_or_refused(tmp_path)


@in_one_folder
@given(data=st.binary(max_size=100) | mutated(b"# who may read\nhr  # and others\n\nfinance\n"))
def test_labels_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_text("Text.")
    (tmp_path / ".labels").write_bytes(data)
    try:
        found = read_folder(tmp_path, BadDocuments())
    except InputError as error:
        assert ".labels" in str(error)
    else:
        assert all(map(len, found["labels"])), "a .labels file that is passed over shows the folder"


FENCES = st.sampled_from(
    [pair.split("|") for pair in "---|---,---|----,-----|---,---|...,---|,--- |---\t,—|—,--|--,***|***,|".split(",")]
)
BEFORE = st.sampled_from(
    "~\n~ \n\n~\ufeff~\u200b\n~<!-- (c) -->\n~<!--\nx\n\ny -->\n\n~# Pay\n~# Pay\n\n~\u2028".split("~")
)
KEYS = st.sampled_from(
    (
        "labels~Labels~LABELS~label~\"labels\"~'Labels'~labels ~lab\u200bels~\uff4c\uff41\uff42\uff45\uff4c\uff53~"
        "l\u0430bels~access_labels~? labels\n~lables~x:\n  labels~- labels~a: 1\nlabels~a: 1\n\nlabels"
    ).split("~")
)
VALUES = st.sampled_from(
    [" [hr]", " hr", "\n- hr", "\n  - hr", " [hr, finance]", "\t[hr]", "[hr]", ' ["hr"]', " hr; finance", " 'hr'"]
)


@in_one_folder
@given(
    fences=FENCES,
    before=BEFORE,
    key=KEYS,
    value=VALUES,
    name=st.sampled_from(["a.md", "a.txt"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_labels_at_the_head_of_a_document_are_read_or_refused(
    tmp_path: Path, fences: list[str], before: str, key: str, value: str, name: str, ends: str
) -> None:
    opening, closing = (f"{fence}\n" if fence else "" for fence in fences)
    for file in tmp_path.iterdir():
        file.unlink()
    text = f"{before}{opening}{key}:{value}\n{closing}\nSalary bands are reviewed in March.\n"
    (tmp_path / name).write_text(text.replace("\n", ends), encoding="utf-8", newline="")
    try:
        (labels,) = read_folder(tmp_path, BadDocuments())["labels"]
    except InputError as error:
        assert f"{name}, line " in str(error) and "labels" in str(error)
    else:
        assert "hr" in labels, text


@given(key=st.text(max_size=12))
def test_any_key_can_be_looked_at(key: str) -> None:
    assert label_key(key) in ("labels", "unclear", None)
    if key.casefold() in ("label", "labels"):
        assert label_key(key) == "labels"
