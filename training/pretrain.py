"""Teaches the reader to find what fills a gap: ``python -m training.pretrain --cloze FILE --out FILE``.

Trains the adapter on the questions that ``training.cloze`` made; ``training.train_reader --start`` then shows it those
of people. An eighth of them or so also come with a similar passage that does not hold the answer.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import time
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from training.examples import Example, Tensors
from training.train_reader import PEAK_LR, WARM_UP, Trainee, update

WITHOUT = 0.12  # share of the questions that also come with a passage that does not answer them


def read_examples(file: Path, most: int, rng: random.Random) -> list[Example]:
    """The first ``most`` examples of the file."""
    examples: list[Example] = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            examples.append(Example("span", row["question"], row["context"], (row["start"], row["end"])))
            if row["without"] and rng.random() < WITHOUT:
                examples.append(Example("span", row["question"], row["without"], None))
            if len(examples) >= most:
                break
    return examples


def pretrain(rank: int, options: argparse.Namespace) -> None:
    """One of two training processes, each with half of every step; rank 0 writes."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{options.out}.rendezvous", rank=rank, world_size=2)
    trainee, rng = Trainee(options.seed), random.Random(options.seed)
    parameters = list(trainee.parameters.values())
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_LR, weight_decay=0.01)
    torch.manual_seed(1000 * options.seed + rank)
    steps = Tensors().batches(read_examples(options.cloze, options.examples, rng), options.batch, rng)
    begun, losses = time.time(), []
    for at, step in enumerate(steps):
        progress = at / len(steps)
        optimizer.param_groups[0]["lr"] = PEAK_LR * min(1.0, (at + 1) / WARM_UP) * (1 - progress)
        loss = trainee.loss(step[rank])
        loss.backward()
        losses.append(loss.item())
        update(parameters, optimizer, progress)
        if rank == 0 and (at + 1) % 100 == 0:
            print(
                f"{time.time() - begun:6.0f}s step {at + 1}/{len(steps)} loss {sum(losses[-100:]) / 100:.3f}",
                flush=True,
            )
    if rank == 0:
        part = options.out.with_suffix(".part")
        save_file({name: parameter.detach() for name, parameter in trainee.parameters.items()}, part)
        os.replace(part, options.out)
    dist.barrier()
    dist.destroy_process_group()


def main() -> None:
    """Parse the command line and start the two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloze", type=Path, required=True, help="what training.cloze wrote")
    parser.add_argument("--out", type=Path, required=True, help="for training.train_reader --start")
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=16, help="examples of a process and step")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    Path(f"{options.out}.rendezvous").unlink(missing_ok=True)
    torch.multiprocessing.spawn(pretrain, (options,), nprocs=2)


if __name__ == "__main__":
    main()
