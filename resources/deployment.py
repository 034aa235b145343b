"""The deployment's settings as one Dagster resource, editable in the Launchpad of every run."""

import dagster as dg
from pydantic import Field

from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.settings import Gates, Settings

_DEFAULTS = Settings()


class Deployment(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What this deployment runs with. An empty string takes the environment's value (WBRAG_HOME, …) or the default."""

    home: str = Field(
        default="", description="Folder of all tables, indexes and releases; default $WBRAG_HOME or .wbrag"
    )
    encoder: str = Field(default="", description="Encoder of both indexes, a sentence-transformers name")
    generator: str = Field(default="", description="What answers and distils, for example: reader")
    method: str = Field(default="", description="RAG method for scoring and evaluating, for example: naive")
    scorer: str = Field(
        default="", description="What the gates go by: gold (the default) or judge, for unlabelled questions"
    )
    curate: str = Field(default="", description="Units are curated before they are published: on (the default) or off")
    private: str = Field(
        default="", description="Private data that keeps a unit out: credentials,email,phone,card,account,ssn; or none"
    )
    top_k: int = Field(default=_DEFAULTS.top_k, description="Passages a question (K)")
    tau_s: float = Field(default=_DEFAULTS.gates.tau_s, description="Least score with retrieval")
    tau_delta: float = Field(default=_DEFAULTS.gates.tau_delta, description="Least gain of retrieval over none")
    tau_doc: float = Field(default=_DEFAULTS.gates.tau_doc, description="Least gain of one passage alone over none")
    n_min: int = Field(default=_DEFAULTS.gates.n_min, description="Passages taken by rank when none passes alone")
    limit: int = Field(default=0, description="At most so many questions a split; 0 is all")
    fuse_labels: bool = Field(
        default=_DEFAULTS.fuse_labels,
        description="Make units of passages with different access labels; only who has all of them sees such a unit",
    )
    validation_share: float = Field(
        default=_DEFAULTS.validation_share,
        description="Share of the training questions that is kept from training, to compare releases by; 0 is none",
    )
    rescue_depth: int = Field(
        default=-1,
        description="Rank down to which passages are looked at for training questions that the top K does not answer; "
        f"0 is none, negative takes $WBRAG_RESCUE_DEPTH or {_DEFAULTS.rescue_depth}",
    )
    seed: int = Field(default=_DEFAULTS.seed, description="Seed of the bootstrap")
    failure_share: float = Field(
        default=-1.0,
        description="Share of a stage's generator calls that may fail for good; "
        f"negative takes $WBRAG_FAILURE_SHARE or {_DEFAULTS.failure_share}",
    )

    @property
    def settings(self) -> Settings:
        """The same as the package's own ``Settings``. Raises InputError for values out of range."""
        settings = Settings.from_environment(
            home=self.home or None,
            encoder=self.encoder or None,
            generator=self.generator or None,
            method=self.method or None,
            scorer=self.scorer or None,
            curate=self.curate or None,
            private=self.private or None,
            top_k=self.top_k,
            gates=Gates(self.tau_s, self.tau_delta, self.tau_doc, self.n_min),
            limit=self.limit or None,
            seed=self.seed,
            failure_share=self.failure_share if self.failure_share >= 0 else None,
            fuse_labels=self.fuse_labels,
            validation_share=self.validation_share,
            rescue_depth=self.rescue_depth if self.rescue_depth >= 0 else None,
        )
        # One spelling of a method: it is part of every path.
        return settings.with_(method=method_named(settings.method).name)
