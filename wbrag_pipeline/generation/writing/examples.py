"""Examples that precede a question in a prompt (few-shot), for base models and small ones: of no benchmark, all alike.

The same examples stand in the prompt with passages and in its twin without, so the two still differ by the evidence
alone. They show the form of an answer and hold nothing that a benchmark would ask.
"""

from __future__ import annotations

from wbrag_pipeline.datasets.tasks import TaskKind
from wbrag_pipeline.generation.generator import Passage

# Question, or claim, and answer.
ANSWERED_EXAMPLES: dict[TaskKind, tuple[tuple[str, str], ...]] = {
    "span": (
        ("How many legs does a spider have?", "eight"),
        ("What do bees make from nectar?", "honey"),
        ("Which month comes after March?", "April"),
        ("What colour is a ripe lemon?", "yellow"),
    ),
    "yes_no": (
        ("Do fish live in water?", "True"),
        ("Is ice warmer than steam?", "False"),
        ("Does a week have seven days?", "True"),
        ("Is a triangle round?", "False"),
    ),
    "verdict": (
        ("A spider has eight legs.", "SUPPORTS"),
        ("Honey is made by cows.", "REFUTES"),
        ("The tallest baker of the town owns a red bicycle.", "NOT ENOUGH INFO"),
        ("April comes after March.", "SUPPORTS"),
    ),
}

# And one for the distiller: a question, its passages, the sentences that bear on it, and the unit made of these.
DISTILLED_QUESTION = "Where does the lemon tree grow, and what is its fruit like?"
DISTILLED_PASSAGES = (
    Passage(
        "1",
        "Lemon",
        "The lemon is a small evergreen tree of the family Rutaceae. It grows in warm places and dies of hard frost. "
        "Market stalls were often painted in bright colours.",
    ),
    Passage("2", "Citrus fruit", "Its ripe fruit is yellow and sour. Oranges are sold by weight."),
)
EVIDENCE = (
    "The lemon is a small evergreen tree of the family Rutaceae.",
    "It grows in warm places and dies of hard frost.",
    "Its ripe fruit is yellow and sour.",
)
UNIT = (
    "Lemon\n"
    "The lemon is a small evergreen tree of the family Rutaceae. The lemon tree "
    "grows in warm places and dies of hard frost, so a cold winter is its end. The ripe fruit of the lemon tree is "
    "yellow and sour."
)

# And one for the writer of questions: a passage, and what it answers.
ASKED_PASSAGE = Passage(
    "1",
    "Orme Hall",
    "Orme Hall is a country house near the village of Linton. It was built in 1684 for Edith Vane, a dealer in wool, "
    "and has 32 rooms. Since the fire of 1871 the east wing has stood empty. Its garden was laid out by Hugo Ferrand.",
)
ASKED_QUESTIONS = (
    ("When was the country house Orme Hall built?", "1684"),
    ("Who laid out the garden of Orme Hall?", "Hugo Ferrand"),
    ("How many rooms does Orme Hall have?", "32"),
    ("Which village is the country house Orme Hall near?", "Linton"),
    ("What did Edith Vane, for whom Orme Hall was built, deal in?", "wool"),
)
