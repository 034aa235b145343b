"""``wbrag export``: a folder with the units of a release, in the form that another tool reads.

The folder is complete or not there. What has access labels is left out, unless it is asked for: a file has no search
that could hide it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.publishing.dataset_folder import write_dataset
from wbrag_pipeline.publishing.document_files import (
    write_jsonl,
    write_langchain,
    write_llama_index,
    write_parquet_units,
)
from wbrag_pipeline.publishing.exported_units import ExportedUnits, units_to_export
from wbrag_pipeline.publishing.flashrag_corpus import write_flashrag
from wbrag_pipeline.publishing.publish import release_as_it_stands
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing_directory

# Each writes into an empty folder.
_WRITERS: Mapping[str, Callable[[ExportedUnits, Path], None]] = {
    "jsonl": write_jsonl,
    "parquet": write_parquet_units,
    "langchain": write_langchain,
    "llamaindex": write_llama_index,
    "huggingface": write_dataset,
}
EXPORT_FORMATS = ("flashrag", *_WRITERS)


@dataclass(frozen=True)
class Exported:
    """What was written.

    wanted, release: as of ``Published``. units: how many. left_out, passages_left_out: units and passages with access
    labels that are not in it. passages: of the corpus, for FlashRAG; 0 else. files: names in the folder.
    """

    wanted: str
    release: str
    units: int
    left_out: int
    passages: int
    passages_left_out: int
    files: tuple[str, ...]


def export(
    settings: Settings,
    benchmark: str,
    corpus: str,
    form: str,
    folder: Path,
    *,
    release: str = "",
    with_labels: bool = False,
) -> Exported:
    """Write a release's units, "" for the served one, into a new folder.

    with_labels: also what only some readers may see; its labels are in the files.

    Raises InputError for an unknown form, or a folder that holds something already.
    """
    if form not in EXPORT_FORMATS:
        raise InputError(f"{form!r} is no format", field="--format", hint=f"one of {', '.join(EXPORT_FORMATS)}")
    folder = folder.absolute()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} is there already", field="--out", hint="name a new folder")
    if folder.resolve().is_relative_to(settings.home.resolve()):
        raise InputError(f"{folder} lies inside the home", field="--out", hint="name a folder elsewhere")
    found = release_as_it_stands(settings, benchmark, corpus, release, actor="wbrag export")
    units = units_to_export(found, benchmark, with_labels=with_labels)
    passages = passages_left_out = 0
    if folder.is_dir():
        folder.rmdir()
    with replacing_directory(folder) as new:
        if form == "flashrag":
            passages, passages_left_out = write_flashrag(settings, corpus, units, new, with_labels=with_labels)
        else:
            _WRITERS[form](units, new)
        files = tuple(sorted(str(file.relative_to(new)) for file in new.rglob("*") if file.is_file()))
    return Exported(
        wanted=release or found.name,
        release=found.name,
        units=units.table.height,
        left_out=units.left_out,
        passages=passages,
        passages_left_out=passages_left_out,
        files=files,
    )
