"""Files of text: reports go and are made again by the next run; records keep their other values, logs other lines."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

from wbrag_pipeline.forgetting.folder_walk import remove_file
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.home import path_name
from wbrag_pipeline.storage import write_json, write_text

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_RECORDS = (".json", ".jsonl", ".ndjson")
_LOGS = (".log", ".out", ".err", ".txt", ".csv", "")
# A person wrote these: they are named, not changed.
_WRITTEN = (".yaml", ".yml", ".toml")


def remove_reports(home: StoredFiles, benchmarks: set[str]) -> int:
    """Remove every report of these benchmarks; gives how many files went."""
    names = {path_name(name) for name in benchmarks}
    found = [file for file in home.files() if file.is_relative_to(home.home / "reports") and file.stem in names]
    for file in found:
        remove_file(file)
    return len(found)


def forget_in_text(file: Path, subject: Subject) -> bool:
    """Take the phrases out of a text file, or the file away; whether it changed."""
    if file.suffix in _WRITTEN or not subject.phrases.hit(text := decoded_text(file)):
        return False
    redact = subject.phrases.redact
    there = file.resolve()
    if file.suffix == ".json":
        write_json(there, json.loads(redact(text)))
    elif file.suffix in _RECORDS:
        write_text(there, "".join(redact(line) + "\n" for line in text.splitlines()))
    elif file.suffix in _LOGS:
        write_text(there, redact(text))
    else:
        remove_file(file)
    return True


def decoded_text(file: Path) -> str:
    """A file's bytes as text, UTF-16 where it says so at its beginning; what is no text stands between words."""
    data = file.read_bytes()
    return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8", errors="replace")
