"""Files of text: reports go and are made again by the next run; records keep their other values, logs other lines."""

from __future__ import annotations

import json
from pathlib import Path

from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.home import path_name
from wbrag_pipeline.storage import write_json, write_text

_RECORDS = (".json", ".jsonl", ".ndjson")
_LOGS = (".log", ".out", ".err", ".txt", ".csv", "")
# A person wrote these: they are named, not changed.
_WRITTEN = (".yaml", ".yml", ".toml")


def remove_reports(home: StoredFiles, benchmarks: set[str]) -> int:
    """Remove every report of these benchmarks; gives how many files went."""
    names = {path_name(name) for name in benchmarks}
    found = [path for path in (home.settings.home / "reports").rglob("*") if path.is_file() and path.stem in names]
    for path in found:
        path.unlink()
    return len(found)


def forget_in_text(file: Path, subject: Subject) -> bool:
    """Take the phrases out of a text file, or the file away; whether it changed."""
    if file.suffix in _WRITTEN or not subject.phrases.hit(text := decoded_text(file)):
        return False
    redact = subject.phrases.redact
    if file.suffix == ".json":
        write_json(file, json.loads(redact(text)))
    elif file.suffix in _RECORDS:
        write_text(file, "".join(redact(line) + "\n" for line in text.splitlines()))
    elif file.suffix in _LOGS:
        write_text(file, redact(text))
    else:
        file.unlink()
    return True


def decoded_text(file: Path) -> str:
    """A file's bytes as text; what is no UTF-8 stands between words."""
    return file.read_bytes().decode("utf-8", errors="replace")
