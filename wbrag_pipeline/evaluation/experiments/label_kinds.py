"""What the answers that training goes by are worth: right, found good in use, judged, or written with the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from wbrag_pipeline.datasets.hash_draws import share_by_hash
from wbrag_pipeline.datasets.question_files import shared_questions
from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments.sampling import with_labels
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.experiments.written_keys import asked_back, passages_asked_about
from wbrag_pipeline.tables import GOLD, QUESTIONS, SYNTHETIC, WEAK
from wbrag_pipeline.training.question_writing import require_writer

THUMBS_WRONG = 0.1  # so many of the thumbs are the other way round
# Each kind, and what it is.
KIND_MEANINGS = {
    "gold": "the benchmark's right answers",
    "weak": "a log: each question has the answer that the corpus alone gives, with a thumb up where it is right; "
    f"{THUMBS_WRONG:.0%} of the thumbs, chosen by a hash of the question, are the other way round. What has a thumb up "
    "trains on that answer. The number is that of logged questions",
    "judge": "no answers: the gates go by the generator's own verdict (--scorer judge)",
    "synthetic": "no question of the benchmark: the generator wrote questions from as many passages as there are "
    "training questions, and those that were asked back train (as wbrag add questions)",
}


def label_kinds_named(given: str, generators: Sequence[str]) -> list[str]:
    """The kinds in ``gold,weak``, each once. Raises InputError for one that there is not, or that needs a writer."""
    kinds = list(dict.fromkeys(kind.strip() for kind in given.split(",")))
    if unknown := [kind for kind in kinds if kind not in KIND_MEANINGS]:
        hint = f"some of {', '.join(KIND_MEANINGS)}"
        raise InputError(f"there is no kind of labels {unknown[0]!r}", field="--kinds", hint=hint)
    for generator in generators if "synthetic" in kinds else ():
        require_writer(generator)
    return kinds


@dataclass(frozen=True)
class LabelPool:
    """All that there is of a kind to train on.

    trial: how it is trained on. questions: QUESTIONS, of which those with ``label`` train. worth: what their answers
    are turned into, once a number of them is drawn.
    """

    trial: Trial
    questions: pl.DataFrame
    label: str = GOLD
    worth: Callable[[pl.DataFrame], pl.DataFrame] = lambda questions: questions

    @property
    def there(self) -> int:
        """How many there are."""
        return self.questions.filter((pl.col("split") == "train") & (pl.col("label") == self.label)).height

    def drawn(self, bench: Workbench, number: int, draw: int) -> Trial:
        """The trial on so many of them, or on all."""
        seed, some = self.trial.settings.seed, self.questions
        if number < self.there:
            some = with_labels(some, number, draw, self.label, seed=seed)
        return bench.asking(self.trial, self.worth(some))


def pool_of(bench: Workbench, trial: Trial, kind: str) -> LabelPool:
    """What there is of a kind, of KIND_MEANINGS.

    Raises InputError where the generator cannot make it, or where the task's answers stand in no passage.
    """
    asked = bench.asked(trial).read()
    if kind == "judge":
        return LabelPool(trial.with_(scorer="judge"), asked)
    if kind == "weak":
        train = bench.questions(trial, "train")
        served = bench.answered(trial, train).read()
        return LabelPool(trial, asked, worth=lambda questions: with_thumbs(questions, served))
    if kind == "synthetic":
        return LabelPool(trial, _with_synthetic(bench, trial, asked), SYNTHETIC)
    return LabelPool(trial, asked)


def with_thumbs(questions: pl.DataFrame, served: pl.DataFrame, wrong: float = THUMBS_WRONG) -> pl.DataFrame:
    """QUESTIONS whose training part is what a log of it would teach: the served answers that got a thumb up.

    served: ANSWERED of the training questions. wrong: share of thumbs that are the other way round.
    """
    train = questions.filter(split="train").join(served, on="question_id", maintain_order="left")
    told = wording(train["question"])
    mistaken = pl.Series([share_by_hash("thumb", text) < wrong for text in told], dtype=pl.Boolean)
    right = (train["score"] >= 1.0).fill_null(False)
    answered = (train["answer"] != "").fill_null(False)
    up = train.filter((right ^ mistaken) & answered)
    logged = up.with_columns(golden_answers=pl.concat_list("answer"), label=pl.lit(WEAK)).select(list(QUESTIONS.schema))
    return QUESTIONS.check(pl.concat([logged, questions.filter(pl.col("split") != "train")]))


def _with_synthetic(bench: Workbench, trial: Trial, asked: pl.DataFrame) -> pl.DataFrame:
    """QUESTIONS that train on what the generator writes and validate and test on the benchmark's own."""
    require_writer(trial.settings.generator)
    task = bench.context(trial).task
    if task.choices:
        raise InputError(f"no passage states an answer to a {task.name} question", field="--kinds", hint="leave it out")
    number = asked.filter(split="train").height
    written = asked_back(bench, trial, passages_asked_about(bench, trial, number)).read()
    own = asked.filter(pl.col("split") != "train")
    shared = shared_questions(written, own)["train_id"]
    train = written.filter(~pl.col("question_id").is_in(shared.implode()))
    train = train.with_columns(split=pl.lit("train"), label=pl.lit(SYNTHETIC)).select(list(QUESTIONS.schema))
    return QUESTIONS.check(pl.concat([train, own]))
