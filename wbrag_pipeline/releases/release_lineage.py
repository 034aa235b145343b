"""What the lineage is told of releases: what one holds, and how a pointer moved."""

from __future__ import annotations

from pathlib import Path

from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.pointer import moves_of
from wbrag_pipeline.releases.store import Release, current
from wbrag_pipeline.storage import sha256_of_file


def record_release(lineage: Lineage, release: Release, run_id: str, variant: str, benchmark: str) -> None:
    """Record which units a release holds."""
    units = release.units()["unit_id"].to_list()
    lineage.record_release(
        run_id, variant, benchmark, release.name, units, sha256_of_file(release.folder / "release.json")
    )


def record_served(lineage: Lineage, folder: Path, run_id: str, variant: str, benchmark: str) -> None:
    """Record what the served release of a folder holds, and the moves of its pointer."""
    record_release(lineage, current(folder), run_id, variant, benchmark)
    lineage.record_release_decisions(run_id, variant, benchmark, moves_of(folder))
