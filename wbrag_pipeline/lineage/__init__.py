"""What came from what: which passages, question, scores, model and run stand behind a knowledge unit, and back.

::

    lineage = Lineage(settings.layout.lineage)
    lineage.record_units(run_id, settings.variant, "nq", "wiki18", units=units, gated_docs=gated_docs, ...)
    print(render_tree(lineage.trace("u_3f2a91")))

Recording adds a file and never waits for anybody (``events``); reading goes through DuckDB views over those files
(``views``); ``trace`` follows one id through them (``tree``). Recording a run's facts again changes nothing for
readers: the views show the newest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.lineage import events, refreshes, tree, views
from wbrag_pipeline.lineage.events import Number
from wbrag_pipeline.lineage.node import Node, render_tree

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Lineage", "Node", "render_tree"]


class Lineage:
    """The lineage kept in one folder (``settings.layout.lineage``): ``events/*.parquet`` and ``lineage.duckdb``.

    Nothing is made on disk before the first recording or reading. Every ``record_…`` takes ``at``, the time to record
    (with a time zone; now when None), and gives the path of the event file, which is there whole or not at all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = folder / "events"

    def record_stage(
        self,
        run_id: str,
        asset: str,
        partition: str,
        variant: str,
        rows: int,
        seconds: float,
        figures: Mapping[str, Number],
        *,
        at: datetime | None = None,
    ) -> Path:
        """Record that a stage made a table of ``rows`` rows in ``seconds``; ``figures`` are its own numbers."""
        frame = pl.DataFrame(
            {
                "asset": asset,
                "partition": partition,
                "rows": rows,
                "seconds": float(seconds),
                "figures": events.as_json(figures),
            }
        )
        return events.write(self.events, "stages", frame, run_id, variant, at)

    def record_units(
        self,
        run_id: str,
        variant: str,
        benchmark: str,
        corpus: str,
        *,
        units: pl.DataFrame,
        gated_docs: pl.DataFrame,
        generator_fingerprint: str,
        encoder: str,
        method: str,
        gates: Mapping[str, Number],
        at: datetime | None = None,
    ) -> Path:
        """Record where all units of one benchmark came from.

        units, gated_docs: KNOWLEDGE_UNITS and the GATED_DOCS they were distilled from; no units is a fact as well.
        gates: the thresholds in force, as ``Settings.thresholds``.
        Raises IntegrityError when a table breaks its schema or a unit belongs to another benchmark.
        """
        frame = events.unit_rows(units, gated_docs, benchmark).with_columns(
            benchmark=pl.lit(benchmark),
            corpus=pl.lit(corpus),
            generator_fingerprint=pl.lit(generator_fingerprint),
            encoder=pl.lit(encoder),
            method=pl.lit(method),
            gates=pl.lit(events.as_json(gates)),
        )
        return events.write(self.events, "units", frame, run_id, variant, at)

    def record_curation(
        self, run_id: str, variant: str, benchmark: str, curated: pl.DataFrame, *, at: datetime | None = None
    ) -> Path:
        """Record what became of all units of one benchmark, and why.

        curated: CURATED_UNITS; its texts are left out. Raises IntegrityError when the table breaks its schema.
        """
        frame = events.curation_rows(curated).with_columns(benchmark=pl.lit(benchmark))
        return events.write(self.events, "curation", frame, run_id, variant, at)

    def known_from(self, variant: str, benchmark: str) -> dict[str, datetime]:
        """When each unit was first recorded: since then the system has known it."""
        with self.connect() as connection:
            rows = connection.execute(
                """
                SELECT unit_id, min(recorded_at) FROM recorded_units
                WHERE variant = $variant AND benchmark = $benchmark AND unit_id IS NOT NULL GROUP BY unit_id
                """,
                {"variant": variant, "benchmark": benchmark},
            ).fetchall()
        return dict(rows)

    def record_release(
        self,
        run_id: str,
        variant: str,
        benchmark: str,
        release: str,
        unit_ids: Sequence[str],
        manifest_sha256: str,
        *,
        at: datetime | None = None,
    ) -> Path:
        """Record which units a write-back release holds."""
        frame = pl.DataFrame(
            {
                "benchmark": [benchmark],
                "release": [release],
                "manifest_sha256": [manifest_sha256],
                "unit_ids": [list(unit_ids)],
            }
        )
        return events.write(self.events, "releases", frame, run_id, variant, at)

    def record_release_decisions(
        self, run_id: str, variant: str, benchmark: str, decisions: Sequence[Mapping[str, str]]
    ) -> Path | None:
        """Record what was decided about releases: promote, rollback or hold_back.

        decisions: mappings of decision_id, decided_at (ISO 8601), action, release, previous, actor and reason. Those
        that are recorded already are left out; None when that leaves nothing.
        """
        import duckdb

        try:
            with self.connect() as connection:
                known = {row[0] for row in connection.execute("SELECT decision_id FROM release_decisions").fetchall()}
        except (IntegrityError, duckdb.Error):
            known = set()  # readers see each decision once, however often it is recorded
        fresh = [dict(decision) for decision in decisions if decision["decision_id"] not in known]
        if not fresh:
            return None
        frame = pl.DataFrame(fresh).with_columns(
            pl.col("decided_at").str.to_datetime(time_unit="us", time_zone="UTC"), benchmark=pl.lit(benchmark)
        )
        return events.write(self.events, "release_decisions", frame, run_id, variant, None)

    def record_publication(
        self, run_id: str, variant: str, benchmark: str, release: str, target: str, action: str, units: int
    ) -> Path:
        """Record that units were written to a collection (``publish``), or left it (``remove``, ``withdraw``)."""
        facts = {"benchmark": benchmark, "release": release, "target": target, "action": action, "units": units}
        return events.write(self.events, "publications", pl.DataFrame([facts]), run_id, variant, None)

    def record_evaluation(
        self,
        run_id: str,
        variant: str,
        benchmark: str,
        corpus: str,
        release: str,
        evaluation: pl.DataFrame,
        *,
        at: datetime | None = None,
    ) -> Path:
        """Record which passages each test question got without and with ``release``, and both scores.

        evaluation: EVALUATION; its answers, given and golden, are left out.
        Raises IntegrityError when the table breaks its schema.
        """
        frame = events.evaluation_rows(evaluation).with_columns(
            benchmark=pl.lit(benchmark), corpus=pl.lit(corpus), release=pl.lit(release)
        )
        return events.write(self.events, "evaluations", frame, run_id, variant, at)

    def record_refresh(
        self,
        run_id: str,
        variant: str,
        corpus: str,
        *,
        from_state: str | None,
        to_state: str,
        counts: Mapping[str, int],
        changes: pl.DataFrame,
        retired: pl.DataFrame,
        at: datetime | None = None,
    ) -> Path:
        """Record what a refresh of a corpus did.

        from_state, to_state: names of the corpus' states; None before the first.
        counts: passages added, updated, relabelled, deleted and skipped.
        changes, retired: CORPUS_CHANGES, and RETIRED_UNITS with what that meant for the served units.
        Raises IntegrityError when a table breaks its schema.
        """
        frame = refreshes.refresh_row(corpus, from_state, to_state, counts, changes, retired)
        return events.write(self.events, "refreshes", frame, run_id, variant, at)

    def connect(self) -> DuckDBPyConnection:
        """A DuckDB connection for reading, to be closed by the caller (it is a context manager).

        Views: ``units``, ``unit_sources``, ``unit_states``, ``unit_history``, ``stages``, ``releases``,
        ``release_units``, ``release_decisions``, ``serving``, ``publications``, ``refreshes``, ``refresh_passages``,
        ``refresh_units``, ``evaluations``, ``evaluation_passages``, ``events``; ``recorded_*`` are all recordings, the
        superseded ones too. They are empty while nothing is recorded, and a new recording shows in the next query.
        Raises IntegrityError, naming the file, when an event file is damaged.
        """
        return views.connect(self.folder)

    def stage_seconds(self, variant: str, partition: str) -> dict[str, float]:
        """Wall seconds of each stage of one partition, from its newest recording; stages in the order they ran."""
        with self.connect() as connection:
            rows = connection.execute(
                """
                SELECT asset, arg_max(seconds, recorded_at) FROM stages
                WHERE variant = $variant AND "partition" = $partition GROUP BY asset ORDER BY max(recorded_at), asset
                """,
                {"variant": variant, "partition": partition},
            ).fetchall()
        return dict(rows)

    def trace(self, identifier: str) -> Node:
        """Everything known about a unit, a passage or a question, as a tree.

        ``identifier`` may carry the origin that evaluation writes (``corpus:17``, ``writeback:u_ab12``), which then
        decides what it names. An id that names several things (a passage of two corpora, a passage and a question)
        gives a root with all of them. Raises InputError, with close ids, when nothing has that id, NotBuiltError when
        nothing is recorded yet, and IntegrityError when an event file is damaged.
        """
        import duckdb

        with self.connect() as connection:
            try:
                return tree.trace(connection, identifier)
            except duckdb.Error as error:  # damage inside a file whose footer is whole
                raise events.damage(self.events, error) from error
