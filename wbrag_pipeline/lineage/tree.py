"""One id followed through the lineage views, as a tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from wbrag_pipeline.lineage.close_ids import unknown
from wbrag_pipeline.lineage.curation_history import decisions
from wbrag_pipeline.lineage.node import LineageRow, Node, change, count_of, effect, one_line, recorded_time, rows_of
from wbrag_pipeline.lineage.refreshes import decision_node, passage_history, unit_history

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_UNIT_KEY = ("variant", "benchmark", "unit_id")
# In words; what the generator wrote at once needs none.
_WRITTEN_BY = {
    "generator_repaired": "the generator, at its second try",
    "extractive_fallback": "the extractive fallback: no draft of the generator could be used",
}
_BY_ID = "SELECT variant, benchmark, unit_id FROM units WHERE unit_id = $id"


def trace(connection: DuckDBPyConnection, identifier: str) -> Node:
    """The node of ``identifier`` (see ``Lineage.trace``), from the lineage views of ``connection``."""
    origin, _, bare = identifier.partition(":")
    nodes: list[Node] = []
    if origin == "writeback":
        nodes = _units(connection, _BY_ID, id=bare)
    elif origin == "corpus":
        nodes = _passages(connection, bare)
    if not nodes:  # no origin given, or a passage whose own id begins like one
        bare = identifier
        nodes = [
            *_units(connection, _BY_ID, id=bare),
            *_passages(connection, bare),
            *_training_questions(connection, bare),
            *_test_questions(connection, bare),
        ]
    if not nodes:
        raise unknown(connection, identifier)
    if len(nodes) == 1:
        return nodes[0]
    return Node(bare, {"names": f"{len(nodes)} things"}, tuple(nodes))


# Units. All related rows are fetched for all asked-for units at once (a popular passage has hundreds of them) and by
# a plain list of ids: joined to a choice made by SQL, the views are unfolded into each other and take minutes.


def _units(connection: DuckDBPyConnection, chosen: str, **parameters: str | list[str]) -> list[Node]:
    """Nodes of the units that ``chosen`` selects as (variant, benchmark, unit_id), by benchmark, variant and id."""
    keys = {_unit_key(row) for row in rows_of(connection, chosen, **parameters)}
    if not keys:
        return []
    ids = sorted({unit_id for *_, unit_id in keys})
    rows = rows_of(
        connection,
        "SELECT * FROM units WHERE unit_id IN (SELECT unnest($ids)) ORDER BY benchmark, variant, unit_id",
        ids=ids,
    )
    sources = rows_of(
        connection, "SELECT * FROM unit_sources WHERE unit_id IN (SELECT unnest($ids)) ORDER BY position", ids=ids
    )
    releases = rows_of(
        connection,
        """
        SELECT variant, benchmark, held.unit_id, release, whole.recorded_at, whole.run_id, whole.manifest_sha256,
            whole.units
        FROM (SELECT * FROM release_units WHERE unit_id IN (SELECT unnest($ids))) AS held
        JOIN releases AS whole USING (variant, benchmark, release)
        ORDER BY release""",
        ids=ids,
    )
    questions = rows_of(
        connection,
        """
        SELECT benchmark, variant AS tried_under, release, question_id, got.passage_id AS unit_id, got.rank,
            asked.question, asked.score_without, asked.score_with
        FROM (
            SELECT * FROM evaluation_passages
            WHERE origin = 'writeback' AND passage_id IN (SELECT unnest($ids))) AS got
        JOIN evaluations AS asked USING (variant, benchmark, release, question_id)
        ORDER BY release, variant, question_id, got.rank""",
        ids=ids,
    )
    decided = decisions(connection, ids)
    # The unit's variant need not be the evaluation's: a write-back corpus can be tried under another method.
    refreshed_of = _grouped(unit_history(connection, ids), *_UNIT_KEY)
    sources_of, releases_of = _grouped(sources, *_UNIT_KEY), _grouped(releases, *_UNIT_KEY)
    questions_of = _grouped(questions, "benchmark", "unit_id")
    return [
        _unit(
            row,
            sources_of.get(_unit_key(row), []),
            releases_of.get(_unit_key(row), []),
            questions_of.get((row["benchmark"], row["unit_id"]), []),
            decided.get(_unit_key(row)),
            refreshed_of.get(_unit_key(row), []),
        )
        for row in rows
        if _unit_key(row) in keys
    ]


def _gate(row: LineageRow) -> str:
    """How the unit's sources passed, in words."""
    if row["fallback"]:
        return "no passage passed alone: the first by rank were taken"
    if row["gate"] == "rescue":
        return "rescued: what retrieval found does not answer the question, each source alone does"
    if row["gate"] is None:  # recorded by a version that did not tell
        return "each source passed alone, or the question was rescued"
    return "each source passed alone"


def _unit(
    row: LineageRow,
    sources: list[LineageRow],
    releases: list[LineageRow],
    questions: list[LineageRow],
    decision: Node | None,
    refreshed: list[LineageRow],
) -> Node:
    facts = {
        "title": row["title"],
        "benchmark": row["benchmark"],
        "made from": f"training question {row['question_id']}: {row['question']}",
        "score": change(row["score_no_retrieval"], "without retrieval", row["score_rag"], "with"),
        "scored by": "a weak label: a logged answer that somebody found good" if row["label"] == "weak" else None,
        "document gate": _gate(row),
        "tokens": f"{row['source_tokens']} in its sources, {row['unit_tokens']} in the unit",
        "made again": None if row["is_current"] else "no: the newest run did not make it",
    }
    children = [*(_source(source, row["corpus"]) for source in sources), _made_by(row)]
    if decision:
        children.append(decision)
    children.extend(_in_release(release) for release in releases)
    if questions:
        tested = tuple(_tested(question, row["variant"]) for question in questions)
        children.append(Node(f"retrieved for {count_of(len(tested), 'test question')}", {}, tested))
    children.extend(decision_node(decision) for decision in refreshed)
    return Node(f"unit {row['unit_id']}", facts, tuple(children))


def _made_by(row: LineageRow) -> Node:
    return Node(
        f"made by run {row['run_id']}",
        {
            "generator": row["generator_fingerprint"],
            "distiller": row["distiller"],
            "written by": _WRITTEN_BY.get(row["written_by"]),
            "prompt version": row["prompt_version"],
            "encoder": row["encoder"],
            "method": row["method"],
            "gates": ", ".join(f"{name} {one_line(value)}" for name, value in json.loads(row["gates"]).items()),
            "variant": row["variant"],
            "recorded": recorded_time(row),
        },
    )


def _in_release(release: LineageRow) -> Node:
    return Node(
        f"in release {release['release']}",
        {
            "units": release["units"],
            "manifest sha256": release["manifest_sha256"],
            "run": release["run_id"],
            "recorded": recorded_time(release),
        },
    )


def _tested(question: LineageRow, made_under: str) -> Node:
    """A test question that got a unit; its variant is told where it is not the one that the unit was made under."""
    tried = question["tried_under"]
    return Node(
        f"test question {question['question_id']}: {question['question']}",
        {
            "release": question["release"],
            "variant": tried if tried != made_under else None,
            "rank of the unit": question["rank"],
            "score": effect(question),
        },
    )


def _source(source: LineageRow, corpus: str) -> Node:
    return Node(
        f"from passage {source['passage_id']} of corpus {corpus}",
        {
            "content sha256": source["content_hash"],
            "retrieval rank": source["rank"],
            "retrieval score": source["retrieval_score"],
            "score alone": source["standalone_score"],
        },
    )


# Passages and questions


def _passages(connection: DuckDBPyConnection, passage_id: str) -> list[Node]:
    """One node a corpus that has a passage of this id: the units made from it and the test questions that got it."""
    hashes = rows_of(
        connection,
        """
        SELECT corpus, string_agg(DISTINCT content_hash, ', ' ORDER BY content_hash) AS hashes,
            count(DISTINCT content_hash) AS versions, count(DISTINCT (variant, benchmark, unit_id)) AS units
        FROM unit_sources
        WHERE passage_id = $id
        GROUP BY corpus""",
        id=passage_id,
    )
    questions = rows_of(
        connection,
        """
        SELECT got.corpus, benchmark, variant, release, question_id, got.rank_without, got.rank_with,
            asked.question, asked.score_without, asked.score_with
        FROM (
            SELECT corpus, benchmark, variant, release, question_id,
                min(rank) FILTER (side = 'without') AS rank_without, min(rank) FILTER (side = 'with') AS rank_with
            FROM evaluation_passages
            WHERE origin = 'corpus' AND passage_id = $id
            GROUP BY ALL) AS got
        JOIN evaluations AS asked USING (variant, benchmark, release, question_id)
        ORDER BY got.corpus, benchmark, variant, release, question_id""",
        id=passage_id,
    )
    found = {row["corpus"]: row for row in hashes}
    refreshed = passage_history(connection, passage_id)
    nodes = []
    for corpus in sorted({*found, *refreshed, *(row["corpus"] for row in questions)}):
        known = found.get(corpus)
        chosen = "SELECT variant, benchmark, unit_id FROM unit_sources WHERE passage_id = $id AND corpus = $corpus"
        made = _units(connection, chosen, id=passage_id, corpus=corpus) if known else []
        got = tuple(_got(row) for row in questions if row["corpus"] == corpus)
        facts = {
            "content sha256": known["hashes"] if known else None,
            "changed": f"{known['versions']} versions were distilled" if known and known["versions"] > 1 else None,
            "made into": count_of(known["units"] if known else 0, "unit"),
        }
        if got:
            made.append(Node(f"retrieved for {count_of(len(got), 'test question')}", {}, got))
        made.extend(refreshed.get(corpus, []))
        nodes.append(Node(f"passage {passage_id} of corpus {corpus}", facts, tuple(made)))
    return nodes


def _got(row: LineageRow) -> Node:
    return Node(
        f"test question {row['question_id']}: {row['question']}",
        {
            "benchmark": row["benchmark"],
            "variant": row["variant"],
            "release": row["release"],
            "rank without write-back": row["rank_without"],
            "rank with write-back": row["rank_with"],
            "score": effect(row),
        },
    )


def _training_questions(connection: DuckDBPyConnection, question_id: str) -> list[Node]:
    """One node a benchmark whose training question of this id became units."""
    benchmarks = rows_of(
        connection,
        "SELECT benchmark, max(question) AS question FROM units WHERE question_id = $id GROUP BY ALL ORDER BY ALL",
        id=question_id,
    )
    return [
        Node(
            f"training question {question_id} of benchmark {row['benchmark']}",
            {"question": row["question"]},
            tuple(
                _units(
                    connection,
                    """
                    SELECT variant, benchmark, unit_id FROM units
                    WHERE question_id = $id AND benchmark = $benchmark""",
                    id=question_id,
                    benchmark=row["benchmark"],
                )
            ),
        )
        for row in benchmarks
    ]


def _test_questions(connection: DuckDBPyConnection, question_id: str) -> list[Node]:
    """One node an evaluation that asked the question: what it got, and where the units among that came from."""
    asked = rows_of(
        connection,
        "SELECT * FROM evaluations WHERE question_id = $id ORDER BY benchmark, variant, release",
        id=question_id,
    )
    return [
        Node(
            f"test question {question_id} of benchmark {row['benchmark']}",
            {
                "question": row["question"],
                "variant": row["variant"],
                "release": row["release"],
                "run": row["run_id"],
                "score": effect(row),
                "got without write-back": ", ".join(row["passages_without"]),
                "got with write-back": ", ".join(row["passages_with"]),
            },
            tuple(_retrieved_units(connection, row)),
        )
        for row in asked
    ]


def _retrieved_units(connection: DuckDBPyConnection, asked: LineageRow) -> list[Node]:
    """The write-back units that one row of ``evaluations`` got, under whatever variant they were made."""
    got = [passage.partition(":")[2] for passage in asked["passages_with"] if passage.startswith("writeback:")]
    chosen = """
        SELECT variant, benchmark, unit_id FROM units
        WHERE benchmark = $benchmark AND unit_id IN (SELECT unnest($got))"""
    return _units(connection, chosen, benchmark=asked["benchmark"], got=got) if got else []


# Rows


def _unit_key(row: LineageRow) -> tuple[str, ...]:
    return tuple(row[name] for name in _UNIT_KEY)


def _grouped(rows: list[LineageRow], *names: str) -> dict[tuple[str, ...], list[LineageRow]]:
    groups: dict[tuple[str, ...], list[LineageRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups
