"""RePlug's mixture, against sums done by hand and by brute force."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generation.scripted_engine import ScriptedEngine
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.generation.ensemble import mix
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.language_model import LanguageModel

ONE, TWO = Passage("1", "One", "first"), Passage("2", "Two", "second")
VOCABULARY = ["Paris", "London", "True", "False", "<end>"]


def test_probabilities_are_mixed_and_not_logits() -> None:
    # The product of the rows would choose token 1 (0.4 * 0.4 = 0.16 against 0.9 * 0.05), the sum chooses token 0.
    rows = [{0: 0.9, 1: 0.05, 2: 0.05}, {0: 0.05, 1: 0.4, 2: 0.55}]
    mixed = mix(rows, [0.5, 0.5], whole=True, allowed=None)
    assert (mixed.token, mixed.probability, mixed.sure) == (0, pytest.approx(0.475), True)


def test_equally_likely_tokens_give_the_lowest_id() -> None:
    assert mix([{3: 0.5, 1: 0.5}], [1.0], whole=True, allowed=None).token == 1


def test_choices_share_the_probability_among_themselves() -> None:
    mixed = mix([{0: 0.6, 2: 0.3, 3: 0.1}], [1.0], whole=True, allowed=frozenset({2, 3}))
    assert (mixed.token, mixed.probability) == (2, pytest.approx(0.75))


@given(
    st.lists(st.lists(st.integers(1, 50), min_size=6, max_size=6), min_size=1, max_size=4),
    st.integers(1, 6),
    st.data(),
)
def test_what_heads_prove_is_what_whole_distributions_give(
    counts: list[list[int]], top: int, data: st.DataObject
) -> None:
    rows = [{token: count / sum(row) for token, count in enumerate(row)} for row in counts]
    shares = data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows)))
    weights = [share / sum(shares) for share in shares]
    allowed = data.draw(st.none() | st.frozensets(st.integers(0, 5), min_size=1))
    whole = mix(rows, weights, True, allowed)
    heads = [dict(sorted(row.items(), key=lambda pair: -pair[1])[:top]) for row in rows]
    part = mix(heads, weights, False, allowed)
    if part.sure:
        assert part.token == whole.token
        assert part.probability == pytest.approx(whole.probability)
    if top == 6:
        assert part.sure or whole.token == part.token


def speaks(prompt: str) -> list[float]:
    """Passage one says Paris, passage two London, a little less surely; after a city comes the end."""
    so_far = prompt.rsplit("\n", 1)[-1]
    if so_far in ("Paris", "London"):
        return [0.0, 0.0, 0.0, 0.0, 1.0]
    if "first" in prompt:
        return [0.7, 0.1, 0.1, 0.05, 0.05]
    return [0.2, 0.6, 0.05, 0.1, 0.05]


def test_all_prompts_go_on_with_the_token_that_the_mixture_chose() -> None:
    engine = ScriptedEngine(vocabulary=VOCABULARY, distribution=speaks)
    model = LanguageModel(engine)
    (even,) = model.answer_ensemble(["Where?"], [[ONE, TWO]], [[0.5, 0.5]], OPEN_QA)
    assert (even.text, even.probability, even.finished) == ("Paris", pytest.approx(0.45), True)
    assert even.token_probabilities == (("Paris", pytest.approx(0.45)),)
    assert [text.rsplit("\n", 1)[-1] for text, _ in engine.steps[-2:]] == ["Paris", "Paris"]
    (second,) = model.answer_ensemble(["Where?"], [[ONE, TWO]], [[0.1, 0.9]], OPEN_QA)
    assert (second.text, second.probability) == ("London", pytest.approx(0.1 * 0.1 + 0.9 * 0.6))
    assert (model.usage.calls, model.usage.sent) == (4, 4)


def test_a_unit_beside_its_source_does_not_count_twice() -> None:
    model = LanguageModel(ScriptedEngine(vocabulary=VOCABULARY, distribution=speaks))
    unit = Passage("u_1", TWO.title, TWO.text, sources=(TWO.passage_id,))
    third = [[1 / 3] * 3]
    (plain,) = model.answer_ensemble(["Where?"], [[ONE, TWO, replace(unit, sources=())]], third, OPEN_QA)
    assert (plain.text, plain.probability) == ("London", pytest.approx((0.1 + 0.6 + 0.6) / 3))
    (once,) = model.answer_ensemble(["Where?"], [[ONE, TWO, unit]], third, OPEN_QA)
    assert (once.text, once.probability) == ("Paris", pytest.approx((0.7 + 0.2) / 2))


def test_choice_tasks_say_one_of_their_choices() -> None:
    model = LanguageModel(ScriptedEngine(vocabulary=VOCABULARY, distribution=speaks))
    answers = model.answer_ensemble(["Is it?"] * 2, [[ONE], [TWO]], [[1.0], [1.0]], YES_NO)
    assert [answer.text for answer in answers] == ["True", "False"]
    assert [answer.probability for answer in answers] == [pytest.approx(2 / 3), pytest.approx(2 / 3)]


def test_no_passage_is_one_prompt_without() -> None:
    engine = ScriptedEngine(vocabulary=VOCABULARY, distribution=speaks)
    (answer,) = LanguageModel(engine).answer_ensemble(["Where?"], [[]], [[]], OPEN_QA)
    assert answer.text == "London"
    assert "passage" not in engine.steps[0][0]


def test_whole_distributions_are_asked_for_only_where_heads_prove_nothing() -> None:
    # 40 tokens all alike but for one, which the second passage's head of 20 does not show.
    def flat(prompt: str) -> list[float]:
        if prompt.rsplit("\n", 1)[-1]:
            return [0.0] * 39 + [1.0]
        row = [1.0 / 40] * 40
        if "first" in prompt:
            row[25] += 0.001
            row[3] -= 0.001
        return row

    engine = ScriptedEngine(vocabulary=[f"w{i}" for i in range(39)] + ["<end>"], distribution=flat)
    (answer,) = LanguageModel(engine).answer_ensemble(["Which?"], [[ONE, TWO]], [[0.5, 0.5]], OPEN_QA)
    assert answer.text == "w25"
    assert [top for _, top in engine.steps] == [20, 20, None, None, 20, 20]
