"""The certificate: what went, by place and by hash, without a word of its text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wbrag_pipeline.forgetting.subject import Subject, lines_of
from wbrag_pipeline.storage import write_text


@dataclass(frozen=True)
class Certificate:
    """What was forgotten.

    passages, units, questions: ids with the hash of what they said. places: rows, vectors, values or files that went,
    by place. yours: the user's own files, which may still hold the text. kept_out: what is not read from them again,
    and what is. searched: files and bytes read at the end. unread: what was not, with the reason. targets: collections
    that units were published to, and places on remotes (target, benchmark), with what keeps it from being known that
    none is left there (problem, "" for nothing) and where the store may keep what was removed (keeps). stores: those
    that held vectors of it (store), and where they may keep what was dropped (keeps).
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
    kept_out: tuple[str, ...]
    searched: dict[str, int]
    unread: tuple[str, ...]
    targets: tuple[dict[str, str], ...] = ()
    stores: tuple[dict[str, str], ...] = ()

    @property
    def not_withdrawn(self) -> tuple[dict[str, str], ...]:
        """The targets that may still hold some of it."""
        return tuple(target for target in self.targets if target["problem"])

    def write(self, file: Path) -> None:
        """Write it as JSON in ASCII: an id in it must not steer the terminal that the file is shown at."""
        write_text(file, json.dumps(self.to_json(), indent=2, sort_keys=True) + "\n")

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        removed = lines_of(
            ((passage["corpus"], passage["passage_id"], passage["content_sha256"]) for passage in self.passages),
            ((unit["unit_id"], unit["sha256"]) for unit in self.units),
            ((asked["benchmark"], asked["split"], asked["question_id"]) for asked in self.questions),
        )
        places = [f"  {count:>7}  {place}" for place, count in self.places.items()]
        yours = [f"  {path}" for path in self.yours]
        return [
            f"Forgotten at {self.finished}: {self.kind} {', '.join(self.ids)}",
            *removed,
            "From:" if places else "Nothing was left of it.",
            *places,
            *(["Your own files, which are not changed and may hold it still:", *yours] if yours else []),
            "From now on:",
            *(f"  {line}" for line in self.kept_out),
            f"Searched {self.searched['files']} files ({self.searched['bytes']:,} bytes) afterwards: no trace.",
            *(
                ["Not searched, and may hold it still:", *(f"  {place}" for place in self.unread)]
                if self.unread
                else []
            ),
            *(f"Made again without it in {one['store']}: {one['keeps']}." for one in self.stores if one["keeps"]),
            *(f"Withdrawn from {target['target']}: {target['keeps']}." for target in self.targets if target["keeps"]),
            *(
                [
                    "NOT withdrawn from these places, where it may still be found:",
                    *(f"  {target['target']}: {target['problem']}" for target in self.not_withdrawn),
                    "Put that right, then: wbrag forget --resume",
                ]
                if self.not_withdrawn
                else []
            ),
        ]


def kept_out(subject: Subject) -> tuple[str, ...]:
    """What the tombstones keep out from now on, and what they do not, in sentences."""
    case = "with any case, punctuation and blanks"
    passage = f"The text of these passages is not read again, under any id and title, in any corpus, {case}."
    if subject.kind == "source":
        named = (f"Nothing is read from the source {source!r} of {corpus}." for corpus, source in subject.documents)
        other = "Under another name of the source, a passage that was changed is new text and is read."
        return (*named, passage, other)
    if subject.kind == "passage":
        cut = "The sentences that only they held are not read again from the same source, however it is cut."
        return passage, cut, "A sentence that was changed is new text and is read, and so is one in another source."
    if subject.kind == "unit":
        return (
            f"No unit is made again with the text of these units, {case}, nor from the same question and sources.",
            "The sources stay, and may be found.",
        )
    return (
        f"These questions are not asked again, under any id, in any benchmark, {case}.",
        "A question in other words is another question.",
    )
