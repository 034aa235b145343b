"""What every RAG method keeps to, see ``rag.policy.Method``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np

from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA, YES_NO, Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import NEEDED_BY, Capabilities
from wbrag_pipeline.generation.generator import Answer, Generator, Passage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.rag import method_options
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.rag.policy import Method, Retrieve
from wbrag_pipeline.rag.searching import TransformsQueries
from wbrag_pipeline.testing.conformance import Conformance
from wbrag_pipeline.testing.hash_engine import EVERYTHING, HashEngine
from wbrag_pipeline.testing.towns import ROWS, TOWN_QUESTIONS, TOWNS, NamedRetriever, search_of_the_towns

_TASKS = (OPEN_QA, YES_NO, FACT_VERIFICATION)
_FAILING = 1  # the row of TOWNS that fails where one is to fail


class MethodConformance(Conformance):
    """Subclass it and write ``make``. The method must be found by its name: install the plug-in before."""

    def make(self) -> Method:
        """The method, or a query transform before a method; with whatever options."""
        raise NotImplementedError

    def generator(self, engine: HashEngine) -> Generator:
        """What the method asks: a language model on ``engine``, whose every answer follows from its whole prompt."""
        return LanguageModel(engine)

    def test_it_has_what_a_method_has(self) -> None:
        """A dataclass with ``name``, ``needs`` and ``answer``; ``needs`` are fields of ``Capabilities``."""
        method = self.make()
        self._check_members(method, Method)
        self._check(is_dataclass(method), "it is no dataclass, so it can have no options")
        self._check(isinstance(method.needs, tuple), f"`needs` is a tuple of names, not {method.needs!r}")
        unknown = set(method.needs) - set(NEEDED_BY)
        self._check(not unknown, f"it needs {unknown}, and an engine can have {', '.join(NEEDED_BY)}")

    def test_its_name_names_it(self) -> None:
        """The setting's value ``name`` gives the same method, whose name is spelled alike."""
        method = self.make()
        try:
            found = method_named(method.name)
        except InputError as error:
            raise AssertionError(f"its name does not name it; is the plug-in installed? {error}") from error
        self._check(found == method, f"{method.name!r} names {found!r}, not {method!r}")
        self._check(found.name == method.name, f"{method.name!r} is called {found.name!r} once it is read")

    def test_its_options_are_in_its_name(self) -> None:
        """Methods that differ in an option differ in their names, which are read back: names are in every path."""
        method: Any = self.make()
        for changed in _with_other_options(method):
            self._check(changed.name != method.name, f"{changed!r} and {method!r} have one name, {method.name!r}")
            self._check(method_named(changed.name) == changed, f"{changed.name!r} does not name {changed!r}")

    def test_no_question_is_no_answer(self) -> None:
        """An empty batch gives an empty list."""
        found = self._answers([])
        self._check(found == [], f"no question gives {found!r}, not []")

    def test_one_answer_a_question(self) -> None:
        """As many answers as questions, each an ``Answer`` with a probability in [0, 1]."""
        for answers in (
            self._answers(),
            self._answers(retrieve=NamedRetriever()),
            self._answers(rows=[[]] * len(TOWNS)),
        ):
            self._check(
                len(answers) == len(TOWN_QUESTIONS), f"{len(TOWN_QUESTIONS)} questions give {len(answers)} answers"
            )
            for answer in answers:
                self._check(isinstance(answer, Answer), f"{answer!r} is no Answer")
                self._check(0.0 <= answer.probability <= 1.0, f"{answer.probability} is no probability")
                self._check(not answer.failed, "an answer is failed where no call failed")

    def test_a_question_is_answered_alike_alone_and_in_a_batch(self) -> None:
        """In order, and whatever else is asked: batches are cut where it suits the stage."""
        for search in (lambda: None, NamedRetriever):
            for task in _TASKS:
                whole = self._answers(task=task, retrieve=search())
                for place in range(len(TOWNS)):
                    (alone,) = self._answers([place], task=task, retrieve=search())
                    self._check(
                        alone == whole[place],
                        f"question {place} of {len(TOWNS)} is answered {whole[place]!r}, and alone {alone!r}",
                    )

    def test_the_same_question_is_answered_alike_twice(self) -> None:
        """Nothing is left to chance, and nothing is carried over from call to call."""
        method = self.make()
        first, second = (self._answers(method=method) for _ in range(2))
        self._check(first == second, "the same questions are answered otherwise the second time")

    def test_choice_tasks_get_choices(self) -> None:
        """Where the generator gives one of the task's choices, so does the method."""
        for task in (YES_NO, FACT_VERIFICATION):
            for answer in self._answers(task=task):
                self._check(task.parse(answer.text) in task.choices, f"{answer.text!r} is none of {task.choices}")

    def test_passages_of_other_questions_are_not_read(self) -> None:
        """Without ``retrieve`` a question's passages are all there is: the document gate scores them one by one."""
        engine = HashEngine()
        self._answers(engine=engine)
        for prompt in engine.prompts:
            of = {
                town
                for town, question, row in zip(TOWNS, TOWN_QUESTIONS, ROWS, strict=True)
                if question in prompt or any(passage.text in prompt for passage in row)
            }
            self._check(len(of) <= 1, f"one prompt has questions or passages about {' and '.join(sorted(of))}")

    def test_what_it_is_given_stays_as_it_is(self) -> None:
        """Questions and passages are not changed."""
        questions, rows = list(TOWN_QUESTIONS), deepcopy(ROWS)
        self.make().answer(self.generator(HashEngine()), questions, rows, OPEN_QA, NamedRetriever())
        self._check(
            (questions, rows) == (TOWN_QUESTIONS, ROWS), "it has changed the questions or passages that it was given"
        )

    def test_it_searches_for_text(self) -> None:
        """``retrieve`` is called with a list of texts, none of them empty."""
        search = NamedRetriever()
        self._answers(retrieve=search)
        wrong = [query for query in search.queries if not (isinstance(query, str) and query.strip())]
        self._check(not wrong, f"it searches for {wrong!r}")

    def test_a_failed_call_is_a_failed_answer(self) -> None:
        """A question whose calls all fail has a failed answer, not a wrong one; the others have theirs."""
        engine = HashEngine(fails_on=TOWNS[_FAILING])
        failing, sound = self._answers(engine=engine), self._answers()
        if not any(TOWNS[_FAILING] in prompt for prompt in engine.prompts):
            self._skip("it asks the generator nothing about the question")
        for place, (answer, expected) in enumerate(zip(failing, sound, strict=True)):
            if place == _FAILING:
                self._check(
                    answer.failed, f"every call failed, and the answer is {answer!r}: give Answer('', failed=True)"
                )
            else:
                self._check(answer == expected, "a failed call changes the answer to another question")

    def test_one_failed_call_of_several_is_no_wrong_answer(self) -> None:
        """Where the calls on one passage fail, the answer is one from the others, or failed; never an empty one."""
        for passage in ROWS[_FAILING]:
            answer = self._answers(engine=HashEngine(fails_on=passage.text))[_FAILING]
            self._check(
                answer.failed or bool(answer.text.strip()), "a call failed, and the answer is empty and not failed"
            )

    def test_it_needs_no_more_than_it_says(self) -> None:
        """An engine that has just what ``needs`` names is enough."""
        method = self.make()
        least = Capabilities(
            logprobs=20 if "logprobs" in method.needs else None,
            structured="structured" in method.needs,
            continues="continues" in method.needs,
            distributions="distributions" in method.needs,
        )
        try:
            self._answers(engine=HashEngine(least), retrieve=NamedRetriever(), method=method)
        except InputError as error:
            raise AssertionError(f"it needs {method.needs} and yet: {error}") from error

    def test_a_query_transform_gives_a_vector_a_question(self) -> None:
        """``query_vectors`` of a query transform: [n, dimension], of length 1, alone as in a batch."""
        method = self.make()
        if not isinstance(method, TransformsQueries):
            self._skip("it is no query transform")
        model = self.generator(HashEngine(EVERYTHING))
        with search_of_the_towns() as search:
            vectors = method.query_vectors(model, TOWN_QUESTIONS, search)
            shape = (len(TOWN_QUESTIONS), search.base.encoder.dimension)
            self._check(np.shape(vectors) == shape, f"the vectors have the shape {np.shape(vectors)}, not {shape}")
            lengths = np.linalg.norm(vectors, axis=1)
            self._check(bool(np.allclose(lengths, 1.0, atol=1e-4)), f"vectors have the lengths {lengths}, not 1")
            for place, question in enumerate(TOWN_QUESTIONS):
                alone = method.query_vectors(model, [question], search)
                same = bool(np.allclose(alone, vectors[place : place + 1], atol=1e-5))
                self._check(same, f"question {place} alone has another vector than in a batch")
            none = np.shape(method.query_vectors(model, [], search))
            self._check(none == (0, shape[1]), f"no question gives vectors of the shape {none}")

    def _answers(
        self,
        places: Sequence[int] = range(len(TOWNS)),
        *,
        rows: Sequence[Sequence[Passage]] = ROWS,
        task: Task = OPEN_QA,
        engine: HashEngine | None = None,
        retrieve: Retrieve | None = None,
        method: Method | None = None,
    ) -> list[Answer]:
        model = self.generator(engine or HashEngine())
        asked, given = [TOWN_QUESTIONS[place] for place in places], [list(rows[place]) for place in places]
        return (method or self.make()).answer(model, asked, given, task, retrieve)


def _with_other_options(method: Any) -> Iterator[Any]:
    """The method with each option changed in turn, where some other value may be had."""
    others: dict[type, Callable[[Any], list[Any]]] = {
        bool: lambda value: [not value],
        int: lambda value: [value + 1, value - 1],
        float: lambda value: [value / 2, value + 1.0, 0.5],
        str: lambda value: ["other"],
    }
    for option in method_options.option_fields(method):
        value = getattr(method, option.name)
        for other in others[type(option.default)](value):
            try:
                changed = replace(method, **{option.name: other})
            except InputError:
                continue
            if changed != method:
                yield changed
                break
