"""The certificate: what went, by place and by hash, without a word of its text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wbrag_pipeline.storage import write_text


@dataclass(frozen=True)
class Certificate:
    """What was forgotten.

    passages, units, questions: ids with the hash of what they said. places: rows, vectors, values or files that went,
    by place. yours: files outside the home that still hold the text. searched: files and bytes read at the end.
    """

    kind: str
    ids: tuple[str, ...]
    began: str
    finished: str
    passages: tuple[dict[str, str], ...]
    units: tuple[dict[str, str], ...]
    questions: tuple[dict[str, str], ...]
    places: dict[str, int]
    yours: tuple[str, ...]
    searched: dict[str, int]

    def write(self, file: Path) -> None:
        """Write it as JSON in ASCII: an id in it must not steer the terminal that the file is shown at."""
        write_text(file, json.dumps(self.to_json(), indent=2, sort_keys=True) + "\n")

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        removed = [
            *(f"  passage  {p['corpus']}:{p['passage_id']}  sha256 {p['content_sha256']}" for p in self.passages),
            *(f"  unit     {u['unit_id']}  sha256 {u['sha256']}" for u in self.units),
            *(f"  question {q['benchmark']}:{q['question_id']}" for q in self.questions),
        ]
        places = [f"  {count:>7}  {place}" for place, count in self.places.items()]
        yours = [f"  {path}" for path in self.yours]
        return [
            f"Forgotten at {self.finished}: {self.kind} {', '.join(self.ids)}",
            *removed,
            "From:" if places else "Nothing was left of it.",
            *places,
            *(
                ["Your own files, which may hold it still (it will not be read from them again):", *yours]
                if yours
                else []
            ),
            f"Searched {self.searched['files']} files ({self.searched['bytes']:,} bytes) afterwards: no trace.",
        ]
