"""How much the pipeline costs around a bare engine, and which calls are never sent: ``python -m perf.generate``.

    python -m perf.generate                    # both parts, in the environment that scripts/setup-vllm makes
    python -m perf.generate gating [HOME]      # only the calls: any environment; also of the runs in HOME

engine: the same rendered prompts go through ``LanguageModel.answer`` (templates, cache, ledger, fitting) and through
``vllm.LLM.generate``, in turns, on a random tiny Llama. With so small a model the engine does almost nothing for a
prompt, so this is the worst case for what is around it. Medians of the turns count, and prefix caches are emptied
between them.

gating: calls and prompt tokens that a language model would be sent if its scores were the reader's: the lazy order
against the plain formula 2N + |kept|·K + |kept| (paper, section 4.5), of which the last |kept| are alike on both sides.
Then the stages run again under 27 sets of thresholds, and what the generator is sent for that is counted. Rescue and
the validation split are off, as in the paper.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.datasets.tasks import OPEN_QA, Task
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.generator import Passage, Usage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.rescue import within
from wbrag_pipeline.training.scoring import passages_of, select_passages

THRESHOLDS = {"tau_s": (0.0, 0.1, 0.5), "tau_delta": (0.0, 0.01, 0.2), "tau_doc": (0.0, 0.01, 0.1)}
AS_IN_THE_PAPER: dict[str, Any] = {"rescue_depth": 0, "validation_share": 0.0}


def engine(questions: int, turns: int, folder: Path) -> None:
    """Print seconds on both sides and their ratio."""
    from vllm import SamplingParams

    from tests.tiny_models import make_model
    from tests.vllm.conftest import ENGINE
    from wbrag_pipeline.generation.engine_protocol import Request
    from wbrag_pipeline.generation.in_process.vllm_engine import VllmEngine

    registry = Registry.load(BUILT_IN / "none")
    there = itertools.cycle(registry.splits("sample_nq").train["question"])
    asked = [f"{n}. {question}" for n, question in enumerate(itertools.islice(there, questions))]  # none twice
    given = [[Passage(*row)] for row in registry.passages("sample").select("passage_id", "title", "text").rows()]
    passages = [given[n % len(given)] for n in range(questions)]
    bare = VllmEngine.named(f"vllm:{make_model('llama', folder / 'llama')}", ENGINE)
    messages = [prompts.answer_prompt(q, row, OPEN_QA) for q, row in zip(asked, passages, strict=True)]
    texts = bare.render([Request(message, 32) for message in messages])
    sampling = SamplingParams(max_tokens=32, temperature=0.0, seed=0, logprobs=0)
    ours, theirs = [], []
    for turn in range(turns + 1):  # the first one warms both up
        bare._llm.reset_prefix_cache()
        began = time.perf_counter()
        raw = [output.outputs[0].text for output in bare._llm.generate(texts, sampling, use_tqdm=False)]
        between = time.perf_counter()
        bare._llm.reset_prefix_cache()
        model = LanguageModel(bare, CompletionCache(folder / f"{turn}.sqlite"))
        again = time.perf_counter()
        answers = model.answer(asked, passages, OPEN_QA)
        ended = time.perf_counter()
        assert [answer.text for answer in answers] == [text.rstrip("\ufffd").strip() for text in raw]
        if turn:
            theirs.append(between - began)
            ours.append(ended - again)
    print(f"engine: {questions} prompts of {sum(map(len, texts)) // questions} characters, {turns} turns each")
    print(f"  vllm.LLM.generate     {median(theirs):7.2f} s")
    print(f"  LanguageModel.answer  {median(ours):7.2f} s")
    # Neighbours in time are compared with each other, so that what else the machine does falls on both.
    ratio = median(raw / whole for raw, whole in zip(theirs, ours, strict=True))
    print(f"  throughput, pipeline ÷ raw engine: {ratio:.2f}")


def row(context: StageContext, scores: pl.DataFrame, retrievals: pl.DataFrame, texts: pl.DataFrame) -> str:
    """One line of the table. scores: UTILITY_SCORES of the lazy order; texts: the PASSAGES of ``retrievals``."""
    keys = scores["question_id"].to_list()
    top_k = passages_of(within(retrievals, context.settings.top_k), texts, keys)
    passages = dict(zip(keys, top_k, strict=True))
    lazy: list[tuple[str, Sequence[Passage]]] = []
    for key, bare, rag in scores.select("question_id", "status_no_retrieval", "status_rag").iter_rows():
        lazy += [(key, ())] * (bare != "not_asked") + [(key, passages[key])] * (rag != "not_asked")
    plain: list[tuple[str, Sequence[Passage]]] = [(key, given) for key in keys for given in ((), passages[key])]
    kept = stages.kept_questions(context, scores)["question_id"].to_list()
    alone: list[tuple[str, Sequence[Passage]]] = [(key, [passage]) for key in kept for passage in passages[key]]
    asked = dict(scores.select("question_id", "question").iter_rows())
    calls = [len(requests) + len(alone) + len(kept) for requests in (plain, lazy)]
    tokens = [prompt_tokens(requests + alone, asked, context.task) for requests in (plain, lazy)]
    cells = [cell for most, sent in (calls, tokens) for cell in (f"{most:,}", f"{sent:,}", f"{sent / most:.2f}")]
    return f"| {context.benchmark.name} | {' | '.join(cells)} |"


def prompt_tokens(requests: Sequence[tuple[str, Sequence[Passage]]], asked: dict[str, str], task: Task) -> int:
    """Tokens of the requests' prompts in the reader's vocabulary."""
    made = [prompts.answer_prompt(asked[key], given, task) for key, given in requests]
    return sum(_reader().count_tokens([message.content for prompt in made for message in prompt]))


@cache
def _reader() -> Reader:
    return Reader(None)


def gating(folder: Path, home: Path | None, names: Sequence[str], limit: int | None) -> None:
    """Print what is sent for the sample's benchmarks, and for those that have been run in ``home``."""
    settings = Settings(home=folder, limit=limit, **AS_IN_THE_PAPER)
    registry, encoder = Registry.load(settings.home), load_encoder(settings.encoder)
    refresh_corpus(settings, registry, "sample", encoder, run="perf")
    moved = Usage()
    print(
        "| benchmark | calls, plain | lazy | ÷ | prompt tokens, plain | lazy | ÷ |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for name in names or registry.benchmarks:
        context = StageContext.of(settings, name, registry=registry, encoder=lambda _: encoder)
        moved.add(swept(context))
    for context in finished(home, encoder):
        scores, retrievals = (
            table.load(context.settings, context.benchmark.name) for table in (tables.UTILITY_SCORES, tables.RETRIEVALS)
        )
        passages = tables.PASSAGES.load_lazily(context.settings, context.benchmark.corpus)
        print(row(context, scores, retrievals, select_passages(passages, retrievals)), flush=True)
    print(f"thresholds moved 27 times on each sample benchmark: {moved.calls:,} calls wanted, {moved.sent:,} sent")


def swept(context: StageContext) -> Usage:
    """Print the benchmark's row, run its gates under all THRESHOLDS, and give what that asked of the generator."""
    passages = tables.PASSAGES.load_lazily(context.settings, context.benchmark.corpus)
    questions = stages.questions(context).table
    hits = stages.retrievals(context, questions).table
    scores = stages.utility_scores(context, questions, hits, passages).table
    print(row(context, scores, hits, select_passages(passages, hits)), flush=True)
    stages.gated_docs(context, questions, hits, scores, passages)
    before = replace(context.generator.usage)
    for values in itertools.product(*THRESHOLDS.values()):
        thresholds = dict(zip(THRESHOLDS, values, strict=True))
        other = replace(context, settings=context.settings.with_(**thresholds))
        scores = stages.utility_scores(other, questions, hits, passages).table
        stages.gated_docs(other, questions, hits, scores, passages)
    return context.generator.usage.since(before)


def finished(home: Path | None, encoder: Encoder) -> list[StageContext]:
    """Benchmarks that have been scored in ``home`` with the default settings, WBRAG_* variables applied."""
    if home is None:
        return []
    settings = Settings.from_environment(home=home)
    registry = Registry.load(settings.home)
    names = [name for name in registry.benchmarks if settings.table("utility_scores", name).is_file()]
    return [StageContext.of(settings, name, registry=registry, encoder=lambda _: encoder) for name in names]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("engine", "gating"))
    parser.add_argument("home", nargs="?", type=Path)
    parser.add_argument("--benchmarks", nargs="+", default=(), help="gating: some of the sample's; all by default")
    parser.add_argument("--limit", type=int, help="gating: at most so many questions a benchmark")
    parser.add_argument("--questions", type=int, default=400, help="engine: prompts a turn")
    parser.add_argument("--turns", type=int, default=8, help="engine: how often both sides take one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.part != "engine":
            gating(Path(folder) / "home", options.home, options.benchmarks, options.limit)
        if options.part != "gating":
            engine(options.questions, options.turns, Path(folder))


if __name__ == "__main__":
    main()
