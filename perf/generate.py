"""What stands between the pipeline and a bare engine, and what is never sent: ``python -m perf.generate``.

    python -m perf.generate                    # both parts, with the environment of scripts/setup-vllm
    python -m perf.generate gating [HOME]      # only what is sent: any environment; of the runs in HOME too

engine: the same rendered prompts go through ``LanguageModel.answer`` (templates, cache, ledger, fitting) and through
``vllm.LLM.generate``, in turns, on a random tiny Llama. With so small a model the engine does almost nothing for a
prompt, so this is the worst case for what stands around it. Medians of the turns count, and prefix caches are emptied
between them.

gating: calls and prompt tokens of a language model, had the reader's scores been its own: the lazy order against the
plain formula 2N + |kept|·K + |kept| (paper, section 4.5), of which the last |kept| are alike on both sides. Then
thresholds are moved over the same questions, and what the generator is sent for that is counted.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import BUILT_IN, Registry
from wbrag_pipeline.datasets.tasks import OPEN_QA, task_named
from wbrag_pipeline.generation import prompts
from wbrag_pipeline.generation.completions import CompletionCache
from wbrag_pipeline.generation.generator import Passage, Usage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.retrieval.encoder import load_encoder
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.settings import DEFAULT_ENCODER, Gates, Settings
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.scoring import Scorer, passages_of, retrieve, score_passages, score_utility

TOP_K = 5


def engine(questions: int, turns: int, folder: Path) -> None:
    """Print seconds on both sides and their ratio."""
    from vllm import SamplingParams

    from tests.vllm.conftest import ENGINE, make_model
    from wbrag_pipeline.generation.engine_protocol import Request
    from wbrag_pipeline.generation.vllm_engine import VllmEngine

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


def sent(scores: pl.DataFrame, hits: pl.DataFrame, texts: pl.DataFrame, gates: Gates, task: str) -> tuple[str, ...]:
    """A table's cells: calls and prompt tokens, plain and lazy, and their ratios. ``scores`` are the lazy order's."""
    kept = utility_gate(scores, gates).filter("kept")["question_id"]
    keys = scores["question_id"].to_list()
    rows = dict(zip(keys, passages_of(hits, texts, keys, "question_id"), strict=True))
    asked = dict(scores.select("question_id", "question").iter_rows())
    lazy = [(key, ()) for key in scores.filter(pl.col("answer_no_retrieval").is_not_null())["question_id"]]
    lazy += [(key, rows[key]) for key in scores.filter(pl.col("answer_rag").is_not_null())["question_id"]]
    plain = [(key, given) for key in keys for given in ((), rows[key])]
    alone = [(key, [passage]) for key in kept for passage in rows[key]]
    count = Reader(None).count_tokens
    tokens = []
    for requests in (plain + alone, lazy + alone):
        made = [prompts.answer_prompt(asked[key], given, task_named(task)) for key, given in requests]
        tokens.append(sum(count([message.content for pair in made for message in pair])))
    calls = [len(plain + alone) + len(kept), len(lazy + alone) + len(kept)]
    both = [f"{value:,}" for value in (*calls, *tokens)]
    return (*both[:2], f"{calls[1] / calls[0]:.2f}", *both[2:], f"{tokens[1] / tokens[0]:.2f}")


def gating(folder: Path, home: Path | None) -> None:
    """Print what is sent on the sample's benchmarks, and on those that have been run in ``home``."""
    registry, encoder = Registry.load(BUILT_IN / "none"), load_encoder(DEFAULT_ENCODER)
    corpus = registry.passages("sample")
    corpus.write_parquet(folder / "passages.parquet")
    vectors = encoder.encode_passages(corpus["title"].to_list(), corpus["text"].to_list())
    build_index(vectors, corpus["passage_id"].to_list(), folder / "index", encoder)
    base = KnowledgeBase(encoder, open_index(folder / "index", encoder), folder / "passages.parquet")
    reader = Reader(CompletionCache(folder / "c.sqlite"))
    moved = Usage()
    print(
        "| benchmark | calls, plain | lazy | ÷ | prompt tokens, plain | lazy | ÷ |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for name, entry in registry.benchmarks.items():
        questions = registry.splits(name).train
        hits = retrieve(questions, base, TOP_K)
        scorer = Scorer(reader, NaiveRag(), task_named(entry.task), entry.metric)
        scores = score_utility(questions, hits, corpus, scorer)
        print(f"| {name} | {' | '.join(sent(scores, hits, corpus, Gates(), entry.task))} |", flush=True)
        before = replace(reader.usage)
        for tau_s, tau_delta, tau_doc in itertools.product((0.0, 0.1, 0.5), (0.0, 0.01, 0.2), (0.0, 0.01, 0.1)):
            gates = Gates(tau_s, tau_delta, tau_doc)
            kept = utility_gate(score_utility(questions, hits, corpus, scorer), gates).filter("kept")
            some = questions.join(kept, on="question_id", how="semi")
            document_gate(kept, score_passages(some, hits, corpus, scorer), gates)
        moved.add(reader.usage.since(before))
    for settings, name in finished(home):
        scores = tables.UTILITY_SCORES.read(settings.table("utility_scores", name))
        hits = pl.read_parquet(settings.table("retrievals", name))
        entry = Registry.load(settings.home).benchmark(name)
        texts = pl.read_parquet(settings.table("passages", entry.corpus), columns=["passage_id", "title", "text"])
        texts = texts.join(hits, on="passage_id", how="semi")
        print(f"| {name} | {' | '.join(sent(scores, hits, texts, settings, entry.task))} |", flush=True)
    print(f"thresholds moved 27 times on each sample benchmark: {moved.calls:,} calls wanted, {moved.sent:,} sent")


def finished(home: Path | None) -> list[tuple[Settings, str]]:
    """Benchmarks with scores by the reader and naive RAG in ``home``."""
    settings = Settings(home or BUILT_IN / "none")
    names = Registry.load(settings.home).benchmarks
    return [(settings, name) for name in names if settings.table("utility_scores", name).is_file()]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("engine", "gating"))
    parser.add_argument("home", nargs="?", type=Path)
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--turns", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.part != "engine":
            gating(Path(folder), options.home)
        if options.part != "gating":
            engine(options.questions, options.turns, Path(folder))


if __name__ == "__main__":
    main()
