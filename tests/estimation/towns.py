"""Some dozen towns, and a scripted model that answers, is unsure, writes and judges, and counts its tokens."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.generation.scripted_engine import ScriptedEngine
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.estimation.worlds import happens
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.engine_protocol import Completion, Distribution, Request, Token
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.testing.hash_encoder import HashEncoder
from wbrag_pipeline.training.context import StageContext

TOWNS = [
    f"{first}{last}" for first in ("Alder", "Brack", "Cor", "Dun", "Esk", "Far") for last in ("moor", "by", "mere")
]
GOODS = ("salt", "tin", "wool", "glass", "paper", "cider", "lace", "slate", "coal")


class TownEngine(ScriptedEngine):
    """Answers with what a passage says of the town.

    knows: the share of questions that it can answer without one. sure: of answers that it gives with certainty.
    """

    def __init__(self, gold: dict[str, str], knows: float = 0.3, sure: float = 0.6) -> None:
        self.knows, self.sure = knows, sure
        super().__init__(self._said, vocabulary=["<end>", "unknown", *sorted(set(gold.values()))])
        self.gold = gold

    def complete(self, requests, arrived):  # type: ignore[no-untyped-def]
        for index, request in enumerate(requests):
            self.attempts += 1
            self.asked.append(request)
            arrived(index, self._said(request))

    def _said(self, request: Request) -> Completion:
        said = "\n".join(message.content for message in request.messages)
        text, probability = self._text(said, request)
        tokens = [Token(text, math.log(probability), ((text, math.log(probability)),))]
        counted = 20 + round(0.9 * sum(estimated_tokens([said, request.prefix])))
        return Completion(text, tuple(tokens), counted, max(1, len(text.split())))

    def _text(self, said: str, request: Request) -> tuple[str, float]:
        if request.choices == ("yes", "no"):
            return ("yes" if happens(0.7, said) else "no"), 0.9
        if request.choices:
            return request.choices[0], 0.9
        if "<evidence>" in said:
            evidence = said.rpartition("<evidence>\n")[2].partition("\n</evidence>")[0]
            words = evidence.split()
            return f"{words[0]}\n" + ("" if happens(0.2, said) and "cannot be used" not in said else evidence), 0.9
        if "Copy from the passages" in said:
            return "\n".join(re.findall(r"^[A-Z][^<\n]*\.$", said, re.MULTILINE)[:2]), 0.9
        if "Write a passage" in said:
            return f"{said.split()[-2]} is a town of which much is told. " * 7, 0.9
        return self._answer(said), 0.95 if happens(self.sure, said, request.prefix) else 0.2

    def _answer(self, said: str) -> str:
        passages, _, question = said.rpartition("Question: ")
        gold = self.gold[question.splitlines()[0]]
        return gold if gold in passages.split() or happens(self.knows, question) else "unknown"

    # RePlug: a prompt has as many tokens as it has pieces.

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        prompts = super().encode(requests)
        said = ["\n".join(m.content for m in request.messages) for request in requests]
        return [(prompt[0],) * (20 + round(0.9 * n)) for prompt, n in zip(prompts, estimated_tokens(said), strict=True)]

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        found: list[Distribution | None] = []
        for prompt in prompts:
            ended = prompt[-1] < len(self.vocabulary)
            word = "<end>" if ended else self._answer(self._texts[prompt[0] - len(self.vocabulary)].strip())
            found.append(
                {
                    place: 0.9 if w == word else 0.1 / (len(self.vocabulary) - 1)
                    for place, w in enumerate(self.vocabulary)
                }
            )
        return found


@dataclass(frozen=True)
class Place:
    """A home with the benchmark ``towns``."""

    settings: Settings
    gold: dict[str, str]
    knows: float = 0.3
    sure: float = 0.6

    def model(self, settings: Settings) -> Generator:
        """A model with the home's cache and a memory of its own."""
        return LanguageModel(TownEngine(self.gold, self.knows, self.sure), CompletionCache(settings.layout.completions))

    def context(self, **change: object) -> StageContext:
        """The benchmark under these settings; one generator for all its stages."""
        settings = self.settings.with_(**change)
        model = self.model(settings)
        return StageContext.of(settings, "towns", encoder=lambda s: HashEncoder(), generator=lambda s: model, run="run")

    def index(self) -> None:
        """Index the corpus."""
        refresh_corpus(self.settings, Registry.load(self.settings.home), "towns", HashEncoder(), run="index")


def make_place(folder: Path) -> Place:
    passages, train, test = [], [], []
    for n, town in enumerate(TOWNS):
        goods, year = GOODS[n % len(GOODS)], str(1600 + 7 * n)
        passages += [
            (town, f"{town} is a town by the sea. For two centuries {town} lived from {goods} and from little else."),
            (f"History of {town}", f"The town of {town} was founded in {year} by merchants. It burnt down twice."),
            (f"Roads of {town}", f"Three roads lead from {town} to the hills. In winter they are closed."),
        ]
        train += [(f"What did {town} live from?", goods), (f"In what year was {town} founded?", year)]
        test += [(f"From what did the people of {town} live?", goods)]
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": str(i), "title": title, "text": text} for i, (title, text) in enumerate(passages)]
    files = {"corpus": rows}
    for split, asked in (("train", train), ("test", test)):
        files[split] = [{"id": f"{split}{i}", "question": q, "golden_answers": [a]} for i, (q, a) in enumerate(asked)]
    for name, lines in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = Settings(home=folder / "home", top_k=3, rescue_depth=6, generator="scripted:model")
    add_corpus(settings.home, "towns", folder / "corpus.jsonl")
    add_benchmark(
        settings.home, "towns", corpus="towns", train=folder / "train.jsonl", test=folder / "test.jsonl", task="open_qa"
    )
    return Place(settings, dict([*train, *test]))
