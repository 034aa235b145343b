"""Addresses: taken apart, and never with a password, which is not repeated either."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.publishing.conftest import MakeStore, Releases
from tests.publishing.test_publish import to, wbrag
from wbrag_pipeline.errors import InputError, VectorStoreError
from wbrag_pipeline.publishing.publish import publish
from wbrag_pipeline.publishing.target_address import parse_target

SECRET = "s3cr3t-Pa55"


@pytest.mark.parametrize(
    "given",
    [
        f"pgvector:postgresql://u:{SECRET}@h/d#t",
        f"pgvector:postgres://u:{SECRET}@h/d#t",
        f"pgvector:postgresql://u@h/d?password={SECRET}#t",
        f"pgvector:postgresql://u@h/d?sslmode=require&password={SECRET}#t",
        f"pgvector:postgresql://u@h/d?sslpassword={SECRET}#t",
        f"pgvector:host=h user=u password={SECRET}#t",
        f"pgvector:host=h user=u password = '{SECRET} x'#t",
        f"pgvector:postgresql://u:{SECRET}@@h/d#t",
        f"pgvector:postgresql://u:a#{SECRET}@h/d#t",
        f"pgvector:postgresql://u:{SECRET}@h:port:5432/d?x#t",
        f"pgvector:{SECRET}#t",
        f"qdrant:http://u:{SECRET}@h:6333#c",
        f"qdrant:https://{SECRET}@h:6333#c",
        f"qdrant:http://h:6333?api_key={SECRET}#c",
        f"qdrant:http://h:6333#{SECRET}#c",
        f"qdrant:http://h:{SECRET}/#c",
        f"qdrant:ftp://{SECRET}/#c",
        f"lancedb:s3://key:{SECRET}@bucket/x#t",
        f"lancedb:s3://bucket/x?secret={SECRET}#t",
        f"lancedb:db://{SECRET}#t",
        f"unknown:{SECRET}#t",
        f"{SECRET}",
        f"pgvector:postgresql://u:{SECRET}@h/d",
        f"qdrant:http://u:{SECRET}@h#",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(releases: Releases, given: str) -> None:
    releases.release({"one": "The first unit."})
    code, output = wbrag("publish", "b", "--to", given)
    assert code == 2 and SECRET not in output, output
    files = [file for file in releases.settings.home.rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


@pytest.mark.parametrize("variable", ["PGPASSWORD", "~/.pgpass", "PGSERVICE"])
def test_it_is_told_where_a_password_belongs(variable: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_target(f"pgvector:postgresql://u:{SECRET}@h/d#t")
    assert variable.replace("PGSERVICE", "service=NAME") in str(raised.value)


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8), key_value=st.booleans())
def test_no_password_in_a_dsn_passes_or_is_told(password: str, key_value: bool) -> None:
    from urllib.parse import quote

    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    dsn = f"host=h password='{escaped}'" if key_value else f"postgresql://u:{quote(password, safe='')}@h/d"
    with pytest.raises(InputError) as raised:
        parse_target(f"pgvector:{dsn}#t")
    assert password not in str(raised.value) and dsn not in str(raised.value)


def test_a_password_comes_from_the_environment_and_is_kept_nowhere(
    releases: Releases, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.release({"one": "The first unit."})
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    for kind in ("pgvector", "qdrant"):
        to(releases, make_store(kind))
    files = [file for file in releases.settings.home.rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_a_service_file_is_libpqs_own_business(
    releases: Releases, postgres: str, make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store("pgvector")
    host = postgres.partition("?host=")[2]
    (tmp_path / "services").write_text(f"[rag]\nhost={host}\nuser=postgres\ndbname=postgres\npassword={SECRET}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    releases.release({"one": "The first unit."})
    address = parse_target(f"pgvector:service=rag#{store.address.rpartition('#')[2]}")
    assert publish(releases.settings, "b", "c", address).written == 1
    assert SECRET not in releases.settings.layout.published.read_text()


@pytest.mark.parametrize(
    "given", ["pgvector:postgresql://u@127.0.0.1:1/d#t", "qdrant:http://127.0.0.1:1#c"], ids=["pgvector", "qdrant"]
)
def test_a_store_that_cannot_be_reached_is_told_without_the_password(
    releases: Releases, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("no_proxy", "*")
    releases.release({"one": "The first unit."})
    with pytest.raises(VectorStoreError) as raised:
        publish(releases.settings, "b", "c", parse_target(given))
    assert given in str(raised.value) and "refused" in str(raised.value).lower() and SECRET not in str(raised.value)
    assert raised.value.exit_code == 1


def test_what_a_store_says_is_shown_less_the_password(
    releases: Releases, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("qdrant_client")
    from qdrant_client.http.exceptions import ResponseHandlingException

    from wbrag_pipeline.publishing.qdrant_target import QdrantTarget

    def fail(*_: object) -> None:
        raise ResponseHandlingException(OSError(f"the key {SECRET} is wrong\nFailing row contains (a text)."))

    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    monkeypatch.setattr(QdrantTarget, "held", fail)
    releases.release({"one": "The first unit."})
    with pytest.raises(VectorStoreError, match="the key … is wrong") as raised:
        to(releases, make_store("qdrant"))
    assert SECRET not in str(raised.value) and "a text" not in str(raised.value)


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, and says the key again."""

    keys: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.keys.append(self.headers.get("api-key", ""))
        body = json.dumps({"status": {"error": f"not with {self.headers.get('api-key')}"}}).encode()
        self.send_response(403, f"no {self.headers.get('api-key')}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection:UserWarning")
def test_the_key_of_a_qdrant_server_is_sent_and_never_shown(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("qdrant_client")
    releases.release({"one": "The first unit."})
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        code, output = wbrag("publish", "b", "--to", f"qdrant:http://127.0.0.1:{server.server_port}#c")
        server.shutdown()
        thread.join()
    assert code == 1 and "403" in output and SECRET not in output
    assert set(Echo.keys) == {SECRET}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the client leaves its lock file open
def test_what_a_damaged_or_locked_store_says_names_the_target(releases: Releases, make_store: MakeStore) -> None:
    releases.release({"one": "The first unit."})
    lance, qdrant = make_store("lancedb"), make_store("qdrant")
    folder = Path(lance.address.removeprefix("lancedb:").rpartition("#")[0])
    for file in folder.rglob("*.manifest"):
        file.write_bytes(b"no manifest")
    with pytest.raises(VectorStoreError) as raised:
        to(releases, lance)
    assert lance.address in str(raised.value)
    with qdrant.client(), pytest.raises(VectorStoreError, match="already accessed"):  # type: ignore[attr-defined]
        to(releases, qdrant)


def test_a_full_disk_of_the_home_is_not_told_as_the_stores(
    releases: Releases, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise PermissionError("no")

    releases.release({"one": "The first unit."})
    monkeypatch.setattr("wbrag_pipeline.publishing.publish.record_publication", full)
    with pytest.raises(PermissionError):
        to(releases, make_store("qdrant"))


def test_a_folder_is_absolute_in_the_record(
    releases: Releases, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store("qdrant")
    releases.release({"one": "The first unit."})
    folder = Path(store.address.removeprefix("qdrant:").rpartition("#")[0])
    monkeypatch.chdir(folder.parent)
    publish(releases.settings, "b", "c", parse_target(f"qdrant:{os.path.relpath(folder)}#passages"))
    (entry,) = json.loads(releases.settings.layout.published.read_text())["publications"]
    assert entry["target"] == store.address
