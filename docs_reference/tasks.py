"""The page on tasks and metrics, from ``datasets.tasks`` and ``datasets.metrics``."""

from __future__ import annotations

from docs_reference.markdown import code, docstring, table
from wbrag_pipeline.datasets.metrics import ALIASES, METRICS
from wbrag_pipeline.datasets.tasks import TASKS

_TASKS = """# Tasks and metrics

## Tasks

A benchmark names one task (`wbrag add benchmark --task`). The task says what an answer may be, which instruction is put
before the question, and which metric judges the answer unless the benchmark names another one.

"""

_METRICS = """
## Metrics

All metrics lie between 0 and 1 and are printed times 100. An answer is compared with each gold answer and the best
comparison counts. Before the comparison both are normalised: lower case, no ASCII punctuation, no English articles,
single spaces. `accuracy_unicode` normalises for all languages.

"""


def page() -> str:
    """The page as Markdown."""
    rows = [
        (
            code(task.name),
            ", ".join(code(choice) for choice in task.choices) or "free text",
            code(task.metric),
            task.instruction,
        )
        for task in TASKS.values()
    ]
    metrics = [
        f"### {name}\n\n{docstring(metric)}\n{_aliases(name)}".rstrip() + "\n" for name, metric in METRICS.items()
    ]
    return _TASKS + table(("task", "answers", "default metric", "instruction"), rows) + _METRICS + "\n".join(metrics)


def _aliases(metric: str) -> str:
    known = [code(alias) for alias, name in ALIASES.items() if name == metric]
    return f"Also accepted: {', '.join(known)}.\n" if known else ""
