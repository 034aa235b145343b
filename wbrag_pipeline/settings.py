"""What a deployment chooses, and where under ``WBRAG_HOME`` each thing lies.

Three dials name the engines (`encoder`, `generator`, `method`); together they are the *variant*, which is part of
the path of everything they made, so switching a dial never overwrites what another setting made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import InputError

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_GENERATOR = "reader"
DEFAULT_METHOD = "naive"
DEFAULT_RESCUE_DEPTH = 20


@dataclass(frozen=True)
class Gates:
    """Thresholds of METHOD (paper, section 3 and table of defaults). Both gates compare strictly.

    tau_s: least score with retrieval, in [0, 1].
    tau_delta: least gain of retrieval over no retrieval.
    tau_doc: least gain of one passage alone over no retrieval.
    n_min: passages taken by rank when none passes the document gate.
    """

    tau_s: float = 0.1
    tau_delta: float = 0.01
    tau_doc: float = 0.01
    n_min: int = 2

    def __post_init__(self) -> None:
        for name in ("tau_s", "tau_delta", "tau_doc"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"must lie in [0, 1], not {getattr(self, name)}", field=name)
        if self.n_min < 1:
            raise InputError(f"must be at least 1, not {self.n_min}", field="n_min")


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run's output, apart from the data."""

    home: Path = field(default_factory=lambda: Path(".wbrag"))
    encoder: str = DEFAULT_ENCODER
    generator: str = DEFAULT_GENERATOR
    method: str = DEFAULT_METHOD
    scorer: str = "gold"  # what the gates go by: "gold" answers, or "judge", the generator's own verdict
    curate: str = "on"  # "off" publishes every unit as it was distilled, as the paper does
    private: str = "credentials,email,phone,card,account,ssn"  # which private data keeps a unit out; or "none"
    top_k: int = 5
    gates: Gates = field(default_factory=Gates)
    limit: int | None = None  # at most so many questions a split, the first ones; None is all
    seed: int = 0
    failure_share: float = 0.01  # a stage ends in an error when more than this share of its generator calls failed
    fuse_labels: bool = False  # whether a unit may be made of passages that different readers may see
    validation_share: float = 0.1  # of the training questions: kept from training, to compare releases by; 0 is none
    # Down to which rank passages are looked at for training questions that the top K does not answer, see
    # writeback.rescue. With 0 such questions teach nothing, as in the paper.
    rescue_depth: int = DEFAULT_RESCUE_DEPTH

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise InputError(f"must be at least 1, not {self.top_k}", field="top_k")
        if self.rescue_depth < 0:
            raise InputError(f"must be at least 0, not {self.rescue_depth}", field="rescue_depth")
        if self.scorer not in ("gold", "judge"):
            raise InputError(f"must be gold or judge, not {self.scorer!r}", field="scorer")
        if self.curate not in ("on", "off"):
            raise InputError(f"must be on or off, not {self.curate!r}", field="curate")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"must be at least 1, not {self.limit}", field="limit")
        if not 0.0 <= self.failure_share <= 1.0:
            raise InputError(f"must lie in [0, 1], not {self.failure_share}", field="failure_share")
        if not 0.0 <= self.validation_share <= 0.5:
            raise InputError(f"must lie in [0, 0.5], not {self.validation_share}", field="validation_share")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **override: Any) -> Settings:
        """Settings from WBRAG_HOME, _ENCODER, _GENERATOR, …; ``override`` wins where it is not None."""
        found: dict[str, Any] = {
            name: environment[f"WBRAG_{name.upper()}"]
            for name in ("encoder", "generator", "method", "scorer", "curate", "private")
            if environment.get(f"WBRAG_{name.upper()}")
        }
        found["home"] = Path(environment.get("WBRAG_HOME") or ".wbrag")
        if depth := environment.get("WBRAG_RESCUE_DEPTH"):
            if not depth.isdecimal():
                raise InputError(f"{depth!r} is no rank", field="WBRAG_RESCUE_DEPTH", hint="for example 20; 0 is none")
            found["rescue_depth"] = int(depth)
        if share := environment.get("WBRAG_FAILURE_SHARE"):
            try:
                found["failure_share"] = float(share)
            except ValueError:
                raise InputError(
                    f"{share!r} is no number", field="WBRAG_FAILURE_SHARE", hint="for example 0.01"
                ) from None
        found.update({name: value for name, value in override.items() if value is not None})
        found["home"] = Path(found["home"]).expanduser().absolute()
        return cls(**found)

    def with_(self, **change: Any) -> Settings:
        """A copy with some fields changed."""
        return replace(self, **change)

    # Where things lie. One function a kind of thing, so that the layout is read here and nowhere else.

    @property
    def variant(self) -> str:
        """Encoder, generator and method as one folder name; what else makes other units, where it is not the usual."""
        judged = () if self.scorer == "gold" else (self.scorer,)
        plain = () if self.curate == "on" else ("uncurated",)
        rescued = () if self.rescue_depth == DEFAULT_RESCUE_DEPTH else (f"rescue{self.rescue_depth}",)
        return "~".join((slug(self.encoder), slug(self.generator), slug(self.method), *judged, *plain, *rescued))

    @property
    def rescues(self) -> bool:
        """Whether training looks deeper than the top K."""
        return self.rescue_depth > self.top_k

    @property
    def search_depth(self) -> int:
        """Passages that are retrieved for a training question."""
        return max(self.top_k, self.rescue_depth)

    def table(self, asset: str, partition: str) -> Path:
        """Parquet file of a stage's table. Corpora and retrievals do not depend on the whole variant."""
        searched = f"{slug(self.encoder)}~top{self.search_depth}"
        transform, plus, _ = self.method.partition("+")
        if plus:  # what a query transform finds depends on who imagines (HyDE)
            searched += f"~{slug(self.generator)}~{slug(transform)}"
        elsewhere = {
            "passages": "",
            "corpus_changes": slug(self.encoder),
            "retired_units": slug(self.encoder),
            "retiring_units": slug(self.encoder),
            "retrievals": searched,
        }
        variant = elsewhere.get(asset, self.variant)
        return self.home / "tables" / asset / variant / f"{slug(partition)}.parquet"

    def corpus_index(self, corpus: str) -> Path:
        """Folder of the corpus' states, each its passages and their FAISS index, and CURRENT, which names one."""
        return self.home / "indexes" / slug(corpus) / slug(self.encoder)

    def source_note(self, corpus: str) -> Path:
        """Small JSON file: which source files the passages' table was read from."""
        return self.table("passages", corpus).with_suffix(".source.json")

    @property
    def embeddings(self) -> Path:
        """Folder of encoded passages by what they say, shared by corpora and encoders."""
        return self.home / "indexes" / "embeddings"

    def releases(self, benchmark: str) -> Path:
        """Folder of the write-back releases of one benchmark: r000001/ …, CANDIDATE and CURRENT."""
        return self.home / "releases" / self.variant / slug(benchmark)

    def report(self, benchmark: str) -> Path:
        """HTML report of one benchmark."""
        return self.home / "reports" / self.variant / f"{slug(benchmark)}.html"

    @property
    def overview(self) -> Path:
        """HTML page over several benchmarks; no benchmark's name begins with an underscore."""
        return self.home / "reports" / self.variant / "_overview.html"

    @property
    def experiments(self) -> Path:
        """Folder of all experiments: stages/ (tables by content), results/ and the report."""
        return self.home / "experiments"

    @property
    def completions(self) -> Path:
        """SQLite file of everything a generator ever answered."""
        return self.home / "cache" / "completions.sqlite"

    @property
    def lineage(self) -> Path:
        """Folder of the append-only event files and of lineage.duckdb."""
        return self.home / "lineage"


def slug(name: str) -> str:
    """A name as one path component: letters, digits, dot, dash and underscore stay, runs of others become one dash."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
    if not text:
        raise InputError(f"{name!r} cannot be used as a name", hint="use letters and digits")
    return text
