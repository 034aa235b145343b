"""Bearer tokens: only hashes are stored, the file is followed, and a file that cannot be read lets nobody in."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.access_tokens import ANONYMOUS, AccessTokens, new_token, read_tokens
from wbrag_pipeline.serving.refused_request import RefusedRequest


def line(token: str, *labels: str, **fields: object) -> str:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return json.dumps({"sha256": digest, "labels": labels, **fields})


def status(tokens: AccessTokens, token: str) -> int:
    with pytest.raises(RefusedRequest) as refused:
        tokens.reader(f"Bearer {token}")
    return refused.value.status


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.jsonl"


def test_a_new_token_gives_its_labels_and_is_stored_as_a_hash_alone(file: Path) -> None:
    one, other = new_token(file, ["hr", " staff ", "hr"], "bot"), new_token(file, [], "")
    tokens = AccessTokens(file)
    assert tokens.reader(f"Bearer {one}").labels == {"hr", "staff"} and tokens.reader(f"bearer  {one} ").name == "bot"
    assert tokens.reader(f"Bearer {other}") == ANONYMOUS and one != other
    stored = file.read_text()
    assert (
        one not in stored
        and one.removeprefix("wbrag_") not in stored
        and hashlib.sha256(one.encode()).hexdigest() in stored
    )
    assert status(tokens, hashlib.sha256(one.encode()).hexdigest()) == 401  # the hash is no token


def test_who_sends_no_token_sees_what_is_for_everybody(file: Path) -> None:
    assert AccessTokens(file).reader(None) == ANONYMOUS and not ANONYMOUS.labels


def test_a_token_that_is_added_or_withdrawn_counts_at_once(file: Path) -> None:
    tokens = AccessTokens(file)
    assert status(tokens, "a") == 401
    file.write_text(line("a", "hr"))
    assert tokens.reader("Bearer a").labels == {"hr"}
    file.write_text(line("a", "it"))  # the same size, perhaps within one tick of the clock
    assert tokens.reader("Bearer a").labels == {"it"}
    file.write_text(line("b", "it"))
    assert status(tokens, "a") == 401 and tokens.reader("Bearer b").labels == {"it"}
    file.unlink()
    assert status(tokens, "b") == 401


@pytest.mark.parametrize("damage", [b"{", b"\xff", b"[]", b'{"sha256": "x", "labels": []}'])
def test_while_the_file_cannot_be_read_no_token_is_accepted(
    file: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text(line("a", "hr"))
    tokens = AccessTokens(file)
    file.write_bytes(damage)
    assert [status(tokens, "a"), status(tokens, "b")] == [503, 503]
    assert tokens.reader(None) == ANONYMOUS
    assert len([record for record in caplog.records if "no token is accepted" in record.getMessage()]) == 1
    file.write_text(line("a", "hr"))
    assert tokens.reader("Bearer a").labels == {"hr"}


SHA = "0" * 64
BAD_LINES = {
    "no object": ("[]", None),
    "a label as text": (f'{{"sha256": "{SHA}", "labels": "hr"}}', "labels"),
    "labels that are null": (f'{{"sha256": "{SHA}", "labels": null}}', "labels"),
    "no labels": (f'{{"sha256": "{SHA}"}}', "labels"),
    "an empty label": (f'{{"sha256": "{SHA}", "labels": [""]}}', "labels"),
    "a label with a comma": (f'{{"sha256": "{SHA}", "labels": ["a,b"]}}', "labels"),
    "labels twice": (f'{{"sha256": "{SHA}", "labels": [], "labels": ["hr"]}}', None),
    "a token instead of its hash": ('{"sha256": "wbrag_abc", "labels": []}', "sha256"),
    "another field": (f'{{"sha256": "{SHA}", "labels": [], "token": "x"}}', "token"),
    "a hash twice": (f'{{"sha256": "{SHA}", "labels": []}}\n{{"sha256": "{SHA}", "labels": ["hr"]}}', "sha256"),
    "a name of two lines": (f'{{"sha256": "{SHA}", "labels": [], "name": "a\\nb"}}', "name"),
    "a name that steers the terminal": (f'{{"sha256": "{SHA}", "labels": [], "name": "\\u001b[2J"}}', "name"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_wrong_line_is_told_by_file_line_and_field_without_its_content(file: Path, name: str) -> None:
    text, field = BAD_LINES[name]
    file.write_text(f"{line('a', 'hr')}\n\n{text}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        AccessTokens(file)
    assert (error.value.file, error.value.line, error.value.field) == (file, 3 + text.count("\n"), field)
    assert "wbrag_abc" not in str(error.value)
    with pytest.raises(InputError):
        new_token(file, ["hr"], "")
    assert file.read_text(encoding="utf-8").endswith(f"{text}\n")  # nothing was added


@pytest.mark.parametrize(("labels", "name"), [(["a;b"], ""), ([""], ""), ([], "two\nlines")])
def test_a_token_of_bad_labels_or_name_is_not_made(file: Path, labels: list[str], name: str) -> None:
    with pytest.raises(InputError):
        new_token(file, labels, name)
    assert not file.exists()


def test_every_hash_is_compared_and_in_constant_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("\n".join(line(token) for token in "abcd"))
    tokens = AccessTokens(file)
    compared: list[bytes] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append(one) or real(one, other))
    for token in "ad":
        compared.clear()
        tokens.reader(f"Bearer {token}")
        assert len(compared) == 4


@given(st.binary(max_size=200))
def test_any_bytes_are_tokens_or_an_error_that_names_the_file(content: bytes) -> None:
    file = Path("tokens.jsonl")
    try:
        assert all(len(digest) == 32 for digest in read_tokens(file, content))
    except InputError as error:
        assert error.file == file


@given(
    st.dictionaries(st.text("abc", min_size=1), st.lists(st.text("xyz", min_size=1), max_size=3), max_size=5),
    st.text("abcd", min_size=1),
)
def test_a_token_gives_exactly_the_labels_of_its_line(entries: dict[str, list[str]], asked: str) -> None:
    content = "\n".join(line(token, *labels) for token, labels in entries.items()).encode()
    readers = read_tokens(Path("t"), content)
    found = readers.get(hashlib.sha256(asked.encode()).digest())
    assert (found.labels if found else None) == (frozenset(entries[asked]) if asked in entries else None)
