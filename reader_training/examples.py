"""Training examples for the embedded reader: files, the held-back part, mined negatives, batches."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wbrag_pipeline import minilm
from wbrag_pipeline.cpu_arithmetic import product_dtype
from wbrag_pipeline.generation.reader import network

Record = dict[str, Any]
# Share of the given spans without an answer that an epoch takes.
NULLS = {"squad": 0.2, "zsre": 0.5}
FILES = {"span": "spans.jsonl.gz", "yes_no": "yes_no.jsonl.gz", "verdict": "verdicts.jsonl.gz"}
MAX_QUESTION, WINDOW = 48, 160


@dataclass(frozen=True)
class Example:
    """One training example; ``target`` is a label index, or for spans a character range (None: no answer)."""

    kind: str
    question: str
    context: str
    target: int | tuple[int, int] | None


def read_records(folder: Path) -> list[Record]:
    """All records of the three files, each with ``kind`` and ``question`` set."""
    records = []
    for kind, name in FILES.items():
        with gzip.open(folder / name, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                record["kind"] = kind
                record["question"] = record.get("question") or record["claim"]
                if kind == "yes_no":
                    # At use a passage is "title\ntext"; BoolQ writes "Title -- text".
                    record["context"] = record["context"].replace(" -- ", "\n", 1)
                records.append(record)
    return records


def held_back(context: str) -> bool:
    """Whether a passage belongs to the twentieth that is never trained on."""
    return int(hashlib.sha256(context.encode()).hexdigest(), 16) % 20 == 0


def embed(texts: list[str], processes_threads: int = 2) -> torch.Tensor:
    """Unit-length plain MiniLM embeddings (texts, 384): mean pooling, 192 tokens at most."""
    from concurrent.futures import ThreadPoolExecutor

    weights = {name: tensor.to(product_dtype()) for name, tensor in minilm.load_weights().items()}
    pieces = network.PairEncoder(minilm.load_tokenizer()).pieces(texts)

    def one(ids: tuple[int, ...]) -> torch.Tensor:
        with torch.inference_mode():
            tokens = torch.tensor([[101, *ids[:190], 102]])
            mean = minilm.encode(weights, tokens, torch.zeros_like(tokens))[0].float().mean(0)
            unit: torch.Tensor = mean / mean.norm()
            return unit

    with ThreadPoolExecutor(processes_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return torch.stack(list(pool.map(one, (p.ids for p in pieces))))


def mine(records: list[Record], keep: int = 10) -> list[list[str]]:
    """For each record the most similar other contexts that cannot answer its question.

    A context is passed over where it is labelled for the same question, and, for spans, where it holds the
    answer string. Give training records only (or held-back ones only) to keep the two parts apart.
    """
    contexts = sorted({r["context"] for r in records})
    questions = sorted({r["question"] for r in records})
    vectors = embed(contexts)
    asked = dict(zip(questions, embed(questions), strict=True))
    labelled: dict[str, set[str]] = {}
    for record in records:
        labelled.setdefault(record["question"], set()).add(record["context"])
    lower = [c.lower() for c in contexts]
    mined = []
    for first in range(0, len(records), 512):
        part = records[first : first + 512]
        nearest = (torch.stack([asked[r["question"]] for r in part]) @ vectors.T).topk(min(40, len(contexts)))[1]
        for record, row in zip(part, nearest.tolist(), strict=True):
            answer = str(record["answer"]).lower() if record["kind"] == "span" and record["answer"] else None
            fits = [
                contexts[i]
                for i in row
                if contexts[i] not in labelled[record["question"]] and (answer is None or answer not in lower[i])
            ]
            mined.append(fits[:keep])
    return mined


def save_mined(path: Path, mined: list[list[str]]) -> None:
    """Keeps :func:`mine`'s result as JSON: the distinct contexts, and their indices for each record."""
    contexts = sorted({context for near in mined for context in near})
    index = {context: at for at, context in enumerate(contexts)}
    path.write_text(json.dumps({"contexts": contexts, "near": [[index[c] for c in near] for near in mined]}))


def load_mined(path: Path) -> list[list[str]]:
    """What :func:`save_mined` kept."""
    stored = json.loads(path.read_text())
    return [[stored["contexts"][at] for at in near] for near in stored["near"]]


def epoch_examples(records: list[Record], mined: list[list[str]], rng: random.Random) -> list[Example]:
    """One epoch's examples: everything given, fresh hard negatives, padded verdict contexts."""
    sentences = [s for r in records if r["kind"] == "verdict" for s in re.split(r"(?<=[.!?])\s+", r["context"])]
    sentences = [s for s in sentences if 30 < len(s) < 400]
    examples = []
    for record, near in zip(records, mined, strict=True):
        kind, question, context = record["kind"], record["question"], record["context"]
        if kind == "span":
            if record["answer"] is None:
                # Paragraphs of other articles are easy; mined ones below take most of their place.
                if rng.random() < NULLS[record["source"]]:
                    examples.append(Example(kind, question, context, None))
                continue
            start = record["answer_start"]
            examples.append(Example(kind, question, context, (start, start + len(record["answer"]))))
            if near and rng.random() < 0.2:
                examples.append(Example(kind, question, rng.choice(near), None))
        elif kind == "yes_no":
            label = network.YES_NO_LABELS.index(record["answer"])
            examples += [Example(kind, question, context, label)] * 2
            if near:
                examples.append(Example(kind, question, rng.choice(near), 2))
        else:
            if rng.random() < 0.5:  # the easiest task of the three: half of it an epoch is plenty
                continue
            label = network.VERDICT_LABELS.index(record["verdict"])
            if label != 2 and near and rng.random() < 0.2:
                examples.append(Example(kind, question, _padded(rng.choice(near), sentences, rng), 2))
            examples.append(Example(kind, question, _padded(context, sentences, rng), label))
    return examples


def _padded(context: str, sentences: list[str], rng: random.Random) -> str:
    """Every second short context between unrelated sentences, up to about a passage's 100 words."""
    if rng.random() < 0.5:
        return context
    goal = rng.randint(40, 100)
    before, after = list[str](), list[str]()
    words = len(context.split())
    while words < goal:
        sentence = rng.choice(sentences)
        (before if rng.random() < 0.5 else after).append(sentence)
        words += len(sentence.split())
    return " ".join([*before, context, *after])


class Tensors:
    """Turns examples into padded batches; keeps word pieces of every text it has seen."""

    def __init__(self) -> None:
        self.pairs = network.PairEncoder(minilm.load_tokenizer())
        self._seen: dict[str, network.Pieces] = {}

    def _pieces(self, text: str) -> network.Pieces:
        if text not in self._seen:
            self._seen[text] = self.pairs.pieces([text])[0]
        return self._seen[text]

    def encode(self, example: Example, rng: random.Random) -> tuple[list[int], list[int], int, int]:
        """Ids, types and two targets: start and end position (0: no answer), or the label twice."""
        question = self._pieces(example.question)[:MAX_QUESTION]
        context = self._pieces(example.context)
        room = WINDOW - len(question.ids) - 3
        first, head = 0, len(question.ids) + 2
        if example.kind != "span":
            assert isinstance(example.target, int)
            ids, types = self.pairs.join(question, context[:room])
            return ids, types, example.target, example.target
        start = end = -1
        if isinstance(example.target, tuple):
            inside = [i for i, (a, b) in enumerate(context.offsets) if a < example.target[1] and b > example.target[0]]
            start, end = inside[0], inside[-1]
            end = min(end, start + room - 1)
        spare = len(context.ids) - room
        if spare > 0:
            low, high = (max(0, end - room + 1), min(spare, start)) if start >= 0 else (0, spare)
            first = rng.randint(low, high)
        ids, types = self.pairs.join(question, context[first : first + room])
        return (ids, types, 0, 0) if start < 0 else (ids, types, head + start - first, head + end - first)

    def batches(self, examples: list[Example], size: int, rng: random.Random) -> list[list[dict[str, Any]]]:
        """Steps of one epoch in random order; a step is one batch of ``size`` for each of two processes.

        The examples of a step are of one kind and of about one length, so that little is padding and neither
        process waits for the other.
        """
        steps = []
        for kind in FILES:
            rows = [(self.encode(e, rng), e.question) for e in examples if e.kind == kind]
            rng.shuffle(rows)
            pool = size * 2 * 24
            for at in range(0, len(rows), pool):
                part = sorted((row for row, _ in rows[at : at + pool]), key=lambda row: len(row[0]))
                for begin in range(0, len(part) - 2 * size + 1, 2 * size):
                    chunk = part[begin : begin + 2 * size]
                    steps.append([_collate(kind, chunk[rank::2]) for rank in (0, 1)])
        rng.shuffle(steps)
        return steps


def _collate(kind: str, rows: list[tuple[list[int], list[int], int, int]]) -> dict[str, Any]:
    longest = max(len(row[0]) for row in rows)

    def padded(values: list[int]) -> list[int]:
        return values + [0] * (longest - len(values))

    return {
        "kind": kind,
        "ids": torch.tensor([padded(row[0]) for row in rows]),
        "types": torch.tensor([padded(row[1]) for row in rows]),
        "lengths": torch.tensor([len(row[0]) for row in rows]),
        "targets": torch.tensor([row[2:] for row in rows]),
    }
