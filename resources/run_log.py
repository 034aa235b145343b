"""What a person at a terminal wants to read of a run: the stages' own lines, and warnings. Nothing of the machinery."""

import logging
import sys

import dagster as dg

from wbrag_pipeline.terminal import printable


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        step = getattr(record, "dagster_meta", {}).get("step_key") or ""
        message = getattr(record, "dagster_meta", {}).get("orig_message") or record.getMessage()
        return printable(f"  {step:<16} {message}")


def _of_a_stage(record: logging.LogRecord) -> bool:
    return getattr(record, "dagster_event", None) is None and record.levelno >= logging.INFO


@dg.logger(None, description="The stages' own lines on stderr, without Dagster's events.")
def run_log(context: dg.InitLoggerContext) -> logging.Logger:
    """A logger for ``wbrag run``; the UI shows all events as ever."""
    logger = logging.Logger("wbrag", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain())
    handler.addFilter(_of_a_stage)
    logger.addHandler(handler)
    return logger
