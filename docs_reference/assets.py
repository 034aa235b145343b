"""The page on the Dagster graph: assets, jobs, schedules and sensors, from ``wbrag_pipeline.definitions``."""

from __future__ import annotations

import inspect
from typing import Any

from docs_reference.markdown import code, table
from wbrag_pipeline.definitions import defs

_ASSETS = """# Dagster assets

`wbrag ui` opens Dagster on these definitions; `workspace.yaml` and `dg dev` load the same module,
`wbrag_pipeline.definitions`. Assets of the group `corpus` have one partition for each corpus, all others one partition
for each benchmark. What the tables hold is told in [Tables](tables.md).

"""


def page() -> str:
    """The page as Markdown."""
    graph = defs.resolve_asset_graph()
    rows = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: (graph.get(key).group_name, key.to_user_string())):
        node = graph.get(key)
        parents = ", ".join(code(parent.to_user_string()) for parent in sorted(node.parent_keys))
        rows.append((code(key.to_user_string()), node.group_name, parents, node.description or ""))
    parts = [_ASSETS + table(("asset", "group", "made from", "what it is"), rows)]
    parts.append("## Jobs\n\n" + table(("job", "what it does"), [_named(job) for job in defs.jobs or ()]))
    automatic = [*(defs.schedules or ()), *(defs.sensors or ())]
    parts.append(
        "## Schedules and sensors\n\n" + table(("name", "what it does"), [_named(found) for found in automatic])
    )
    return "\n".join(parts)


def _named(found: Any) -> tuple[str, str]:
    return code(found.name), found.description or (inspect.getdoc(found) or "").partition("\n\n")[0]
