"""Trains the embedded reader's adapter: ``python -m reader_training.train_reader --data DIR --out DIR``."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as functional
from safetensors.torch import load_file, save, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from reader_training.examples import (
    MAX_QUESTION,
    Tensors,
    epoch_examples,
    held_back,
    load_mined,
    mine,
    read_records,
    save_mined,
)
from reader_training.held_back import evaluate
from wbrag_pipeline import minilm
from wbrag_pipeline.cpu_arithmetic import product_dtype
from wbrag_pipeline.generation.reader import network

RANK, ALPHA, PEAK_LR, WARM_UP, DROPOUT = 32, 64, 1e-3, 40, 0.1


class LoraLinear(torch.autograd.Function):
    """A dense layer whose weight is already ``W + scale B A``; only A and B get gradients.

    One full product forward and one backward, as without LoRA; the gradients of A and B need thin products
    only. Working with the merged bfloat16 weight also trains exactly what is run at inference.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x, weight, a, b)
        ctx.scale = scale
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b = ctx.saved_tensors
        flat_x, flat_grad = x.flatten(0, 1), grad.flatten(0, 1)
        grads_a, grads_b = [], []
        for block, part in enumerate(flat_grad.split(b.shape[1], dim=1)):
            grads_b.append(ctx.scale * (part.T @ (flat_x @ a[block].T)))
            grads_a.append(ctx.scale * ((part @ b[block]).T @ flat_x))
        return grad @ weight, None, None, torch.stack(grads_a), torch.stack(grads_b), None


lora_linear: Callable[..., Tensor] = LoraLinear.apply


class Trainee:
    """The base in bfloat16 and float32 plus the trained float32 parameters."""

    def __init__(self, seed: int) -> None:
        self.base = minilm.load_weights()
        self.dtype = product_dtype()
        self.weights = {name: tensor.to(self.dtype) for name, tensor in self.base.items()}
        generator = torch.Generator().manual_seed(seed)
        self.parameters = {"token_types": self.base["token_types"].clone()}
        for layer in range(minilm.LAYERS):
            for name, parts in minilm.DENSE.items():
                rows, columns = self.base[f"{layer}.{name}.weight"].shape
                a = torch.randn(len(parts), RANK, columns, generator=generator) / columns**0.5
                self.parameters[f"{layer}.{name}.lora_a"] = a
                self.parameters[f"{layer}.{name}.lora_b"] = torch.zeros(len(parts), rows // len(parts), RANK)
        for head, shape in {"span": (2, minilm.WIDTH), "yes_no": (3, 768), "verdict": (3, 768)}.items():
            self.parameters[f"{head}.weight"] = 0.02 * torch.randn(*shape, generator=generator)
            self.parameters[f"{head}.bias"] = torch.zeros(shape[0])
        for parameter in self.parameters.values():
            parameter.requires_grad_()
        kept = torch.rand(1 << 23, generator=generator) > DROPOUT
        self._noise = (kept / (1 - DROPOUT)).to(self.dtype)

    def noise(self, like: Tensor) -> Tensor:
        """Dropout factors: a random cut of one long noise tape, because drawing anew costs 7 % of a step."""
        at = int(torch.randint(self._noise.numel() - like.numel(), ()))
        return self._noise[at : at + like.numel()].view_as(like)

    def loss(self, batch: dict[str, Any]) -> Tensor:
        """Mean cross-entropy of one batch of one kind."""
        own = self.parameters
        for name in self.base:
            if f"{name.removesuffix('.weight')}.lora_a" in own:
                layer = name.removesuffix(".weight")
                delta = network.lora_delta(
                    own[f"{layer}.lora_a"].detach(), own[f"{layer}.lora_b"].detach(), ALPHA / RANK
                )
                self.weights[name] = self.base[name].add(delta).to(self.dtype)
        weights = {**self.weights, "token_types": own["token_types"].to(self.dtype)}

        def dense(name: str, x: Tensor) -> Tensor:
            a, b = (own[f"{name}.lora_{leaf}"].to(self.dtype) for leaf in "ab")
            y = lora_linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"], a, b, ALPHA / RANK)
            return y * self.noise(y) if name.endswith(("down", "output")) else y

        ids, lengths = batch["ids"], batch["lengths"]
        places = torch.arange(ids.shape[1])
        real = places < lengths[:, None]
        mask = torch.zeros(real.shape).masked_fill(~real, -1e4).to(self.dtype)[:, None, None]
        hidden = minilm.encode(weights, ids, batch["types"], mask, dense).float()
        if batch["kind"] == "span":
            logits = hidden @ own["span.weight"].T + own["span.bias"]
            context = (batch["types"] > 0) & (places < lengths[:, None] - 1)
            logits = logits.masked_fill(~(context | (places == 0))[..., None], -1e4)
            return functional.cross_entropy(logits, batch["targets"])
        mean = (hidden * real[..., None]).sum(1) / lengths[:, None]
        pooled = functional.dropout(torch.cat([hidden[:, 0], mean], 1), DROPOUT)
        logits = pooled @ own[f"{batch['kind']}.weight"].T + own[f"{batch['kind']}.bias"]
        return functional.cross_entropy(logits, batch["targets"][:, 0])


def write_adapter(trainee: Trainee, folder: Path, provenance: dict[str, Any]) -> None:
    """Writes ``adapter.safetensors`` (fp16) and ``config.json``; each appears whole, by renaming."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: p.detach().half().contiguous() for name, p in trainee.parameters.items()}
    part = folder / f"adapter.{os.getpid()}.part"
    part.write_bytes(save(tensors))
    config = {
        "network": {
            "lora_rank": RANK,
            "lora_alpha": ALPHA,
            "max_tokens": 192,
            "max_question_tokens": MAX_QUESTION,
            "max_answer_tokens": 24,
        },
        "adapter_sha256": hashlib.sha256(part.read_bytes()).hexdigest(),
        "training": provenance,
    }
    os.replace(part, folder / "adapter.safetensors")
    part.write_text(json.dumps(config, indent=2) + "\n")
    os.replace(part, folder / "config.json")


def save_state(path: Path, trainee: Trainee, optimizer: torch.optim.Optimizer, at: list[float]) -> None:
    """Parameters, AdamW moments and the place ``at``: epoch, steps done in it, seconds trained."""
    tensors = {"at": torch.tensor(at, dtype=torch.float64)}
    for name, parameter in trainee.parameters.items():
        tensors[f"parameter/{name}"] = parameter.detach()
        for leaf, value in optimizer.state[parameter].items():
            tensors[f"{leaf}/{name}"] = value
    save_file(tensors, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def load_state(path: Path, trainee: Trainee, optimizer: torch.optim.Optimizer) -> tuple[int, int, float]:
    """Restores what :func:`save_state` wrote and returns its place; the very start without a file."""
    if not path.exists():
        return 0, 0, 0.0
    stored = load_file(path)
    for name, parameter in trainee.parameters.items():
        with torch.no_grad():
            parameter.copy_(stored[f"parameter/{name}"])
        optimizer.state[parameter] = {leaf: stored[f"{leaf}/{name}"] for leaf in ("step", "exp_avg", "exp_avg_sq")}
    epoch, step, seconds = stored["at"].tolist()
    return int(epoch), int(step), seconds


def update(parameters: list[Tensor], optimizer: torch.optim.Optimizer, progress: float) -> float:
    """Averages the gradients over the processes, clips and steps; returns rank 0's ``progress`` to all."""
    for parameter in parameters:
        if parameter.grad is None:  # a head that this step's kind does not use
            parameter.grad = torch.zeros_like(parameter)
    clock = torch.tensor([progress if dist.get_rank() == 0 else 0.0])
    flat = torch.cat([*(p.grad.flatten() for p in parameters if p.grad is not None), clock])
    dist.all_reduce(flat)
    flat, shared = flat[:-1] / dist.get_world_size(), float(flat[-1])
    flat *= min(1.0, 1.0 / (float(flat.norm()) + 1e-6))
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)
    optimizer.step()
    optimizer.zero_grad()
    return shared


def train(rank: int, options: argparse.Namespace) -> None:
    """One training process of ``--processes``; rank 0 also evaluates and writes."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{options.out / 'rendezvous'}", rank=rank, world_size=options.processes)
    records = read_records(options.data)
    ours = [r for r in records if not held_back(r["context"])]
    near = load_mined(options.out / "mined_train.json")
    trainee, tensors = Trainee(options.seed), Tensors()
    parameters = list(trainee.parameters.values())
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_LR, weight_decay=0.01)
    state = options.out / "state.safetensors"
    epoch, skip, seconds = load_state(state, trainee, optimizer)
    begun, progress, done, judged = time.time() - seconds, 0.0, 0, 0.0

    def log(line: str) -> None:
        if rank == 0:
            print(f"{time.time() - begun:6.0f}s {line}", flush=True)

    def keep(step: int, sample: int) -> None:
        """Writes state and adapter, and judges the adapter on every ``sample``-th held-back record."""
        nonlocal judged
        if rank == 0:
            before = time.time()
            save_state(state, trainee, optimizer, [epoch, step, before - begun - judged])
            settings = {"epochs": options.epochs, "minutes": options.minutes, "seed": options.seed}
            write_adapter(trainee, options.adapter, {**settings, "epoch": epoch, "steps_in_epoch": step})
            torch.set_num_threads(2)
            theirs = [r for r in records if held_back(r["context"])][::sample]
            mined = load_mined(options.out / "mined_held_back.json")[::sample]
            figures = evaluate(network.ReaderNetwork.load(options.adapter), theirs, mined)
            torch.set_num_threads(1)
            judged += time.time() - before
            log(f"epoch {epoch} step {step} " + json.dumps({k: round(v, 4) for k, v in figures.items()}))
        dist.barrier()

    while progress < 1:
        rng = random.Random(1000 * options.seed + epoch)
        torch.manual_seed(1000 * options.seed + 10 * epoch + rank)
        steps = tensors.batches(epoch_examples(ours, near, rng), options.batch, rng)
        counts = {kind: sum(s[0]["kind"] == kind for s in steps) for kind in ("span", "yes_no", "verdict")}
        log(f"epoch {epoch}: steps {counts}")
        begun = time.time() - seconds if done == 0 else begun  # the clock starts with the first step
        sums: dict[str, list[float]] = {kind: [] for kind in counts}
        index = skip - 1
        for index in range(skip, len(steps)):
            warm = min(1.0, (index + 1) / WARM_UP) if epoch == 0 else 1.0
            optimizer.param_groups[0]["lr"] = PEAK_LR * warm * max(0.0, 1 - progress)
            # One process walks through both halves of a step; two take one each.
            for batch in steps[index][rank :: options.processes]:
                loss = trainee.loss(batch)
                (loss * options.processes / 2).backward()
                sums[batch["kind"]].append(loss.item())
            progress = (epoch + (index + 1) / len(steps)) / options.epochs
            if options.minutes:
                progress = (time.time() - begun - judged) / 60 / options.minutes
            progress = update(parameters, optimizer, progress)
            done += 1
            if done % 100 == 0:
                means = {kind: round(sum(v[-50:]) / max(1, len(v[-50:])), 3) for kind, v in sums.items()}
                log(f"epoch {epoch} step {index + 1}/{len(steps)} progress {progress:.3f} loss {means}")
            if done % options.save_every == 0 and progress < 0.95:
                keep(index + 1, 8)
            if progress >= 1:
                break
        epoch, skip = (epoch, index + 1) if progress >= 1 and options.minutes else (epoch + 1, 0)
        keep(skip, 1 if progress >= 1 else 4)
    dist.destroy_process_group()


def mine_once(options: argparse.Namespace) -> None:
    """Mines hard negatives within each part and keeps them in ``--out``."""
    records = read_records(options.data)
    for name, wanted in (("train", False), ("held_back", True)):
        path = options.out / f"mined_{name}.json"
        if not path.exists():
            save_mined(path, mine([r for r in records if held_back(r["context"]) == wanted]))


def main() -> None:
    """Parses the command line, mines negatives, starts the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the three .jsonl.gz files")
    parser.add_argument("--out", type=Path, required=True, help="working folder: mined negatives, state to resume")
    parser.add_argument("--adapter", type=Path, default=network.ADAPTER_DIR, help="where the adapter is written")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2)
    parser.add_argument("--batch", type=int, default=16, help="examples of a process and step")
    parser.add_argument("--minutes", type=float, default=None, help="train this long instead of whole epochs")
    parser.add_argument("--save-every", type=int, default=500, help="steps between checkpoints")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "rendezvous").unlink(missing_ok=True)
    mine_once(options)
    spawn(train, (options,), nprocs=options.processes)


if __name__ == "__main__":
    main()
