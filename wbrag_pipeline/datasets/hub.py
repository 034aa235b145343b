"""The six benchmarks of the paper from their FlashRAG releases on the Hugging Face hub.

The releases lie in the dataset repository RUC-NLPIR/FlashRAG_datasets (CC BY-SA 4.0), one folder a benchmark. Only
NQ has a test split; the others are tested on dev, as in the paper (section 4.1: 3,610 questions of NQ, and so on).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.datasets.adding import AddedBenchmark, add_benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.errors import InputError

REPOSITORY = "RUC-NLPIR/FlashRAG_datasets"


@dataclass(frozen=True)
class HubRelease:
    """One benchmark on the hub: its task (whose metric is the paper's), its folder, and the split to test on."""

    task: str
    folder: str
    test: str = "dev"


RELEASES: dict[str, HubRelease] = {
    "nq": HubRelease("open_qa", "nq", test="test"),
    "boolq": HubRelease("yes_no", "boolq"),
    "fever": HubRelease("fact_verification", "fever"),
    "zsre": HubRelease("slot_filling", "zsre"),
    "hotpotqa": HubRelease("multi_hop_qa", "hotpotqa"),
    "squad": HubRelease("extractive_qa", "squad"),
}


@dataclass(frozen=True)
class HubFiles:
    """Both splits of one release as files, and the commit of the repository that they come from."""

    train: Path
    test: Path
    revision: str


def release_named(name: str) -> HubRelease:
    """The release of that name, in any case. Raises InputError that lists the six."""
    if name.lower() not in RELEASES:
        hint = f"one of {', '.join(RELEASES)}; add other benchmarks from files"
        raise InputError(f"there is no benchmark {name!r} to fetch from the hub", field="name", hint=hint)
    return RELEASES[name.lower()]


def fetch_flashrag(
    name: str, cache_dir: Path, *, endpoint: str | None = None, repo: str = REPOSITORY, revision: str = "main"
) -> HubFiles:
    """Download both splits of a release, or take them from ``cache_dir``, and return where they lie.

    cache_dir: a hub cache (``huggingface_hub`` lays it out by repository and commit); nothing is fetched twice.
    endpoint: address of the hub or of a mirror; None is ``HF_ENDPOINT`` or https://huggingface.co.
    revision: branch, tag or commit. Both files come from the one commit that it means now.

    Raises InputError for an unknown name, and when the files can neither be reached nor found in the cache. No token
    is sent: the releases are public.
    """
    release = release_named(name)
    train, commit = _download(repo, f"{release.folder}/train.jsonl", revision, cache_dir, endpoint)
    test, _ = _download(repo, f"{release.folder}/{release.test}.jsonl", commit, cache_dir, endpoint)
    return HubFiles(train, test, commit)


def add_benchmark_from_hub(
    home: Path,
    name: str,
    *,
    corpus: str,
    replace: bool = False,
    endpoint: str | None = None,
    repo: str = REPOSITORY,
    revision: str = "main",
) -> AddedBenchmark:
    """Fetch one of the six releases into ``home/hub`` and register it under its own name over ``corpus``.

    Training questions that the test split asks too are dropped and counted, and the repository's commit
    is recorded as the entry's ``source``. Raises InputError as ``fetch_flashrag`` and ``add_benchmark`` do.
    """
    release = release_named(name)
    Registry.load(home).corpus(corpus)  # a misspelt corpus is better found before the download
    files = fetch_flashrag(name, home / "hub", endpoint=endpoint, repo=repo, revision=revision)
    return add_benchmark(
        home,
        name.lower(),
        task=release.task,
        metric=TASKS[release.task].metric,
        corpus=corpus,
        train=files.train,
        test=files.test,
        description=f"FlashRAG release of {release.folder}, tested on its {release.test} split",
        overlap="drop",
        source=f"hf://datasets/{repo}@{files.revision}/{release.folder}",
        replace=replace,
    )


def _download(repo: str, file: str, revision: str, cache_dir: Path, endpoint: str | None) -> tuple[Path, str]:
    """The file's path in the cache, ``.../snapshots/<commit>/<file>``, and that commit."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = hf_hub_download(
            repo,
            file,
            repo_type="dataset",
            revision=revision,
            cache_dir=cache_dir,
            endpoint=endpoint,
            token=False,
        )
    except Exception as error:  # the library lets its HTTP client's errors through, which differ between versions
        cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) and error.__cause__ else error
        why = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise InputError(
            f"cannot fetch {file} of {repo} from {endpoint or constants.ENDPOINT}: {why}",
            hint="check the network, or set HF_ENDPOINT to a mirror's address; or download the train and test files "
            "by hand and add them as files",
        ) from error
    path = Path(found)
    return path, path.parents[file.count("/")].name
