"""The thresholds of both gates, which are settings."""

from __future__ import annotations

from wbrag_pipeline.checked_model import CheckedModel
from wbrag_pipeline.checked_model import setting_field as _setting


class Gates(CheckedModel):
    """Thresholds of both gates (paper, sections 3.2 and 3.3; defaults of its section 4.1). All compare strictly."""

    tau_s: float = _setting(0.1, "Least score with retrieval, in [0, 1]", changes="gated_docs", ge=0, le=1)
    tau_delta: float = _setting(
        0.01, "Least gain of retrieval over no retrieval, in [0, 1]", changes="gated_docs", ge=0, le=1
    )
    tau_doc: float = _setting(
        0.01, "Least gain of one passage alone over no retrieval, in [0, 1]", changes="gated_docs", ge=0, le=1
    )
    n_min: int = _setting(2, "Passages kept by rank where none passes the document gate", changes="gated_docs", ge=1)

    @property
    def thresholds(self) -> dict[str, float | int]:
        """The four by name, for the record."""
        return {name: getattr(self, name) for name in Gates.model_fields}
