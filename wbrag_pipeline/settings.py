"""The settings: one model, of which environment variables, flags, Dagster's configuration and paths are derived.

Adding a setting is adding a field to ``Settings`` and using it. Its name gives the environment variable
(``WBRAG_TOP_K``), the flag (``--top-k``) and the field of the Dagster resource. ``changes`` names the first table
whose content it changes: that table and all that are made from it are kept apart by it, so no setting overwrites what
another one made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import field_validator

from wbrag_pipeline.checked_model import Setting, json_object
from wbrag_pipeline.checked_model import setting_field as _setting
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.home import CORPUS_TABLES, SOURCE_TABLES, Home, path_name
from wbrag_pipeline.ray_cluster import cluster_address
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.store_address import checked_remote, parse_store

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_GENERATOR = "reader"
DEFAULT_METHOD = "naive"
DEFAULT_REASONING_TOKENS = 2048

# The tables of a benchmark in the order in which they are made.
TABLES_IN_ORDER = (
    "questions",
    "retrievals",
    "utility_scores",
    "gated_docs",
    "knowledge_units",
    "curated_units",
    "evaluation",
)
# Settings that name the engines. They are in every path from where they matter on, whatever their value.
_ENGINES = ("encoder", "generator", "method")
# Those that name what is searched; together they are one part of a path.
_SPACE = ("encoder", "store", "index", "search")
# What decides nothing of what is made: where it is, what it may cost, and how Dagster runs and shows it.
_NOT_RECORDED = {"home", "remote", "prices", "max_tokens", "max_cost", "webserver", "refresh_cron", "owners", "workers"}
_LONGEST = 160  # characters of a variant in a path


class Settings(Gates):
    """Everything that decides a run's output, apart from the data."""

    home: Path = _setting(Path(".wbrag"), "Folder of everything that is stored")
    encoder: str = _setting(
        DEFAULT_ENCODER,
        "Sentence encoder of both indexes: a sentence-transformers name or a folder",
        changes="retrievals",
    )
    store: str = _setting(
        "faiss",
        "Where the vectors of both indexes lie: faiss or lancedb (in the home), lancedb:FOLDER, pgvector:DSN or "
        "qdrant:URL",
        changes="retrievals",
    )
    index: str = _setting(
        "auto",
        "Kind of the corpus' index: flat (exact), ivf or hnsw (approximate), auto by size, or a kind of FAISS' "
        "index_factory",
        changes="retrievals",
    )
    search: Literal["dense", "bm25", "hybrid"] = _setting(
        "dense",
        "How passages and units are found: dense, by vectors; bm25, by words; hybrid, by both, fused by rank",
        changes="retrievals",
    )
    generator: str = _setting(
        DEFAULT_GENERATOR,
        "What answers and distils: reader, transformers:MODEL, openai:URL#MODEL, openai-batch:URL#MODEL, vllm:MODEL "
        "or ray:MODEL",
        changes="utility_scores",
    )
    engine_arguments: str = _setting(
        "",
        'Arguments of the generator\'s engine as a JSON object, for example {"tensor_parallel_size": 2}',
        changes="utility_scores",
    )
    reasoning_tokens: int = _setting(
        DEFAULT_REASONING_TOKENS,
        "Tokens that a reasoning model behind openai: may think before each answer, where it cannot be told not to",
        ge=0,
    )
    num_fewshot: int = _setting(
        0,
        "Examples in the prompts of a language model, up to 4: for base models, and for small ones",
        changes="utility_scores",
        ge=0,
        le=4,
    )
    reduce_answers: bool = _setting(
        False,
        "Reduce answers that are whole sentences, where a phrase was asked for, to what they add to the question, or "
        "score them as they are",
        changes="utility_scores",
    )
    method: str = _setting(
        DEFAULT_METHOD,
        "RAG method: none, naive, replug, self_rag, flare, or hyde+naive and so on; options as flare:theta=0.6",
        changes="utility_scores",
    )
    top_k: int = _setting(5, "Passages a question (K)", changes="utility_scores", short="-k", ge=1)
    rescue_depth: int = _setting(
        20,
        "Where the top K leaves a training question unanswered, look for passages down to this rank; 0 is the "
        "paper's form",
        changes="gated_docs",
        ge=0,
    )
    scorer: Literal["gold", "judge"] = _setting(
        "gold", "What the gates go by: gold answers, or judge, the generator's own verdict", changes="utility_scores"
    )
    limit: int | None = _setting(
        None, "At most so many questions a split, drawn by a hash of their ids", changes="questions", ge=1
    )
    validation_share: float = _setting(
        0.1,
        "Share of the training questions kept from training, to compare releases by; 0 promotes without comparing",
        changes="questions",
        ge=0,
        le=0.5,
    )
    fuse_labels: bool = _setting(
        False, "Make units of passages with different access labels too", changes="knowledge_units"
    )
    curate: bool = _setting(
        True, "Curate units before they are published, or publish them as distilled", changes="curated_units"
    )
    private: str = _setting(
        "credentials,email,phone,card,account,ssn",
        "Private data that keeps a unit from being published; or none",
        changes="curated_units",
    )
    merge: Literal["auto", "score", "rescore", "rrf"] = _setting(
        "auto",
        "How passages and units are merged: score, by the encoder's scores of both; rescore, the same for a retriever "
        "of yours, whose passages are scored again; rrf, by rank; auto is score over an index and rescore over a "
        "retriever",
        changes="evaluation",
    )
    skip_bad: bool = _setting(
        False, "Leave out and count documents and rows of a corpus that cannot be read, or refuse the corpus"
    )
    seed: int = _setting(0, "Seed of the bootstrap, and of what experiments draw; it changes no table of a run", ge=0)
    failure_share: float = _setting(
        0.01,
        "Share of a stage's generator calls that may fail for good before the stage ends in an error",
        ge=0,
        le=1,
    )
    workers: str = _setting(
        "", "Where passages and questions of a run are encoded: in this process, or ray:ADDRESS, over a Ray cluster"
    )
    prices: Path | None = _setting(
        None, "YAML file of what your models cost: by model, the prices per million prompt and completion tokens"
    )
    max_tokens: int | None = _setting(
        None, "Prompt and completion tokens that one command may use; it stops before there are more", ge=1
    )
    max_cost: float | None = _setting(
        None, "Money that one command may spend, in the currency of the prices; it stops before it is more", gt=0
    )

    remote: str = _setting(
        "",
        "Where releases are shared with other machines: s3://BUCKET/PATH, gs://…, az://… or file:///FOLDER; what is "
        "promoted here is sent there, and what is served follows it",
    )
    webserver: str = _setting(
        "",
        "Address of the Dagster webserver over this home; wbrag add and wbrag remove make it load the new entries",
        no_flag="no flag: it is the deployment's, and wbrag ui notes its own",
    )
    refresh_cron: str = _setting(
        "0 2 * * *",
        "When Dagster refreshes the indexed corpora, as a cron line, in UTC",
        no_flag="no flag: read when the code location loads",
    )
    owners: str = _setting(
        "team:knowledge-base",
        "Who answers for the assets in Dagster: mail addresses and team:NAME, with commas between",
        no_flag="no flag: read when the code location loads",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **override: Any) -> Self:
        """Settings from WBRAG_HOME, WBRAG_ENCODER, …; ``override`` wins where it is not None.

        Raises InputError, naming the variable, for a value that cannot be taken.
        """
        environment = os.environ if environment is None else environment
        found: dict[str, Any] = {}
        for setting in all_settings():
            if (given := override.get(setting.name)) is not None:
                found[setting.name] = given
            elif text := environment.get(setting.variable):
                try:
                    cls(**{setting.name: text})  # type: ignore[arg-type]
                except InputError as error:
                    raise InputError(error.problem, field=setting.variable, hint=error.hint) from None
                found[setting.name] = text
        if unknown := override.keys() - cls.model_fields.keys():
            raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
        found["home"] = Path(found.get("home", ".wbrag")).expanduser().absolute()
        return cls(**found)

    def with_(self, **change: Any) -> Self:
        """A copy with some settings changed."""
        return type(self)(**{**dict(self), **change})

    def record(self) -> dict[str, Any]:
        """All settings but the home and what may be spent, as JSON values: what a release records."""
        return self.model_dump(mode="json", exclude=_NOT_RECORDED)

    def recorded(self, record: Mapping[str, Any]) -> Self:
        """These settings with what a release recorded; settings that it does not know stay as they are."""
        return self.with_(**{name: value for name, value in record.items() if name in type(self).model_fields})

    @field_validator("store")
    @classmethod
    def _store_without_password(cls, store: str) -> str:
        return str(parse_store(store, "store"))

    @field_validator("engine_arguments")
    @classmethod
    def _engine_arguments_in_json(cls, engine_arguments: str) -> str:
        json_object(engine_arguments, "engine_arguments", '{"tensor_parallel_size": 2}')
        return engine_arguments

    @field_validator("remote")
    @classmethod
    def _remote_without_password(cls, remote: str) -> str:
        return checked_remote(remote, "remote")

    @field_validator("workers")
    @classmethod
    def _workers_of_a_known_kind(cls, workers: str) -> str:
        cluster_address(workers)
        return workers

    # What a stage sees of several settings together.

    @property
    def search_space(self) -> str:
        """Encoder, store, kind of index and search as one path component: what is searched, and how."""
        usual = type(self).model_fields
        rest = [getattr(self, name) for name in _SPACE[1:] if getattr(self, name) != usual[name].default]
        return path_name("\n".join([self.encoder, *rest]))

    @property
    def search_depth(self) -> int:
        """Passages that are retrieved for a training question."""
        return max(self.top_k, self.rescue_depth)

    @property
    def query_transform(self) -> str:
        """What changes the questions before they are searched, and what it goes by; "" where nothing does."""
        transforms, plus, _ = self.method.rpartition("+")
        return f"{transforms} {self.generator} {self.engine_arguments} {self.top_k}" if plus else ""

    # Where things are.

    @property
    def variant(self) -> str:
        """Search space, generator and method as one path component: what a release is searched and answered with."""
        return _joined([self.search_space, path_name(self.generator), path_name(self.method)])

    def variant_of(self, table: str) -> str:
        """All settings that change ``table``, as one path component: engines by name, others where not the default."""
        if table in CORPUS_TABLES:
            return "" if table in SOURCE_TABLES else self.search_space
        place = TABLES_IN_ORDER.index(table)
        facts = [
            (setting, getattr(self, setting.name))
            for setting in all_settings()
            if setting.changes and TABLES_IN_ORDER.index(setting.changes) <= place
        ]
        named = {setting.name: path_name(value) for setting, value in facts if setting.name in _ENGINES}
        if "encoder" in named:
            named["encoder"] = self.search_space
        parts = [named[name] for name in _ENGINES if name in named]
        others = {s.name: value for s, value in facts if s.name not in (*_ENGINES, *_SPACE) and value != s.default}
        if table == "retrievals":
            usual = type(self)()
            names = ("search_depth", "query_transform")
            others |= {name: getattr(self, name) for name in names if getattr(self, name) != getattr(usual, name)}
        parts += [f"{name}={path_name(str(value))}" for name, value in sorted(others.items())]
        return _joined(parts)

    @property
    def layout(self) -> Home:
        """The home's layout."""
        return Home(self.home)

    def table(self, table: str, partition: str) -> Path:
        """Parquet file of a stage's table."""
        return self.layout.table(table, self.variant_of(table), partition)

    def corpus_index(self, corpus: str) -> Path:
        """Folder of the corpus' states, each its passages and their index."""
        return self.layout.corpus_index(corpus, self.search_space)

    def releases(self, benchmark: str) -> Path:
        """Folder of the releases of one benchmark: r000001/ …, CANDIDATE and CURRENT."""
        return self.layout.releases(self.variant, benchmark)

    def usage(self, benchmark: str) -> Path:
        """Folder of the queries that were recorded while the benchmark was served."""
        return self.layout.usage(self.variant, benchmark)

    def report(self, benchmark: str) -> Path:
        """HTML report of one benchmark."""
        return self.layout.report(self.variant_of("evaluation"), benchmark)

    @property
    def overview(self) -> Path:
        """HTML page over several benchmarks; no benchmark's name begins with an underscore."""
        return self.layout.report(self.variant_of("evaluation"), "_overview")


def all_settings() -> list[Setting]:
    """Every setting: the engines first, then in the order of the fields."""
    found = [
        Setting(name, field.annotation, field.default, field.description or "", **field.json_schema_extra)  # type: ignore[arg-type]
        for name, field in Settings.model_fields.items()
    ]
    return sorted(found, key=lambda setting: setting.name not in ("home", *_ENGINES))


def _joined(parts: list[str]) -> str:
    """Several path components as one; a long one is cut and has a hash of the whole."""
    joined = "~".join(parts)
    return joined if len(joined) <= _LONGEST else f"{joined[:_LONGEST]}~{sha256_of_text(joined)[:8]}"
