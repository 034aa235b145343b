"""What every engine keeps to, see ``generation.engine_protocol.Engine``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Engine, Message, Request
from wbrag_pipeline.generation.engines import check_generator, engine_named
from wbrag_pipeline.testing.conformance import Conformance, made_once

_FRUIT = ("apple", "banana", "cherry", "damson", "elderberry")
_HEAD = 5


def _asks(text: str, **more: Any) -> Request:
    return Request((Message("system", "Answer in one sentence."), Message("user", text)), max_tokens=16, **more)


REQUESTS = [_asks(f"Which colour has the fruit {fruit}?") for fruit in _FRUIT]


class EngineConformance(Conformance):
    """Subclass it and write ``make``. What an engine's ``capabilities`` do not tell of is not asked for.

    arguments: the engine's arguments, where ``make`` has other than none.
    by_name: whether the engine is made by its name too; False where loading it twice costs too much.
    """

    arguments: Mapping[str, Any] = {}
    by_name = True

    def make(self) -> Engine:
        """The engine. It is made once for all checks but that of the fingerprint, which makes it twice."""
        raise NotImplementedError

    def others(self) -> Sequence[Engine]:
        """Engines whose output differs from ``make``'s and from each other's: another model, revision, argument."""
        return ()

    def make_failing(self) -> Engine | None:
        """An engine of which no request can be answered: no server there, a program that ends with an error."""
        return None

    def too_long(self) -> Request | None:
        """A request that does not fit the model's context; None where the engine has no limit, or cannot tell."""
        return None

    @property
    def engine(self) -> Engine:
        """What ``make`` gave."""
        engine: Engine = made_once(type(self))
        return engine

    def test_it_has_what_an_engine_has(self) -> None:
        """All that the protocol names, and ``capabilities`` that are ``Capabilities``."""
        self._check_members(self.engine, Engine)
        found: object = self.engine.capabilities
        self._check(isinstance(found, Capabilities), f"`capabilities` is {found!r}, not a Capabilities")

    def test_its_name_is_the_settings_value(self) -> None:
        """``name`` is a value of the setting ``generator`` that names this engine."""
        name = self.engine.name
        try:
            check_generator(name)
            found = engine_named(name, self.arguments) if self.by_name else self.engine
        except InputError as error:
            raise AssertionError(f"its name does not name it; is the plug-in installed? {error}") from error
        self._check(found.name == name, f"{name!r} names an engine that is called {found.name!r}")
        self._check(type(found) is type(self.engine), f"{name!r} names {type(found).__name__}")

    def test_its_fingerprint_says_what_it_answers(self) -> None:
        """The same each time; another one for each of ``others``: completions are kept by it."""
        if not hasattr(self.engine, "fingerprint"):
            self._skip("the fingerprint is that of the plug-in's code")
        others: list[object] = [other.fingerprint for other in self.others()]
        self._check_fingerprint(self.engine.fingerprint, self.make().fingerprint, others)

    def test_every_request_has_one_outcome(self) -> None:
        """``arrived`` is called once a request, before ``complete`` is back; the outcome is a ``Completion``."""
        found: list[tuple[int, object]] = []

        def arrived(index: int, outcome: object) -> None:
            found.append((index, outcome))

        self.engine.complete(REQUESTS, arrived)
        places = sorted(index for index, _ in found)
        expected = list(range(len(REQUESTS)))
        self._check(places == expected, f"requests {expected} arrive as {places}")
        for _, outcome in found:
            self._check(isinstance(outcome, Completion), f"{outcome!r} is no Completion")

    def test_nothing_asked_is_nothing_done(self) -> None:
        """Empty batches give empty lists, and no request is sent."""
        before = self.engine.attempts
        self.engine.complete([], lambda index, outcome: self._check(False, "an outcome arrives for no request"))
        self._check(self.engine.attempts == before, "a request is sent for an empty batch")
        for method in (self.engine.render, self.engine.count_tokens, self.engine.token_ids):
            found: object = method([])
            self._check(found == [], f"{method.__name__}([]) gives {found!r}, not []")

    def test_a_request_is_completed_alike_alone_and_in_a_batch(self) -> None:
        """In order, and whatever else is asked."""
        whole = self._texts(REQUESTS)
        for place, request in enumerate(REQUESTS):
            (alone,) = self._texts([request])
            self._check(alone == whole[place], f"request {place} gives {whole[place]!r} in a batch and {alone!r} alone")

    def test_temperature_zero_leaves_nothing_to_chance(self) -> None:
        """The same requests give the same texts: the pipeline's requests all have temperature 0."""
        first, second = self._texts(REQUESTS), self._texts(REQUESTS)
        self._check(first == second, f"greedy completions differ: {first} and {second}")

    def test_max_tokens_are_kept(self) -> None:
        """No more tokens than asked for, by the engine's own count, and "length" where the text was cut."""
        (whole,) = self._complete(REQUESTS[:1])
        (cut,) = self._complete([replace(REQUESTS[0], max_tokens=1)])
        for completion, most in ((whole, REQUESTS[0].max_tokens), (cut, 1)):
            made = completion.completion_tokens
            self._check(made <= most, f"{made} tokens where {most} are asked for")
            self._check(completion.prompt_tokens >= 0, f"a prompt of {completion.prompt_tokens} tokens")
        self._check(len(cut.text) <= len(whole.text), f"max_tokens=1 gives the longer text {cut.text!r}")
        if cut.text != whole.text:
            self._check(cut.finish_reason == "length", f'cut at max_tokens, it has ended by "{cut.finish_reason}"')

    def test_stop_strings_end_it(self) -> None:
        """The text ends before the first of ``stop``."""
        (whole,) = self._complete(REQUESTS[:1])
        words = whole.text.split()
        if len(words) < 2:
            self._skip("its completions are of one word")
        (stopped,) = self._complete([replace(REQUESTS[0], stop=(words[-1],))])
        self._check(words[-1] not in stopped.text, f"stop={words[-1]!r} gives {stopped.text!r}")

    def test_render_shows_all_that_the_model_gets(self) -> None:
        """Different requests differ: completions are kept by what ``render`` gives, with the sampling beside it."""
        requests = [*REQUESTS, replace(REQUESTS[0], prefix="The colour"), _asks("Which colour has the fruit apple!")]
        other_system = replace(
            REQUESTS[0], messages=(Message("system", "Answer in one word."), REQUESTS[0].messages[1])
        )
        requests.append(other_system)
        texts: list[object] = [*self.engine.render(requests)]
        self._check(len(texts) == len(requests), f"{len(requests)} requests are rendered as {len(texts)} texts")
        self._check(texts == [*self.engine.render(requests)], "the same requests are rendered otherwise each time")
        self._check(all(isinstance(text, str) for text in texts), "a rendered prompt is no text")
        self._check(len(set(texts)) == len(texts), "two different requests are rendered alike")

    def test_attempts_are_counted(self) -> None:
        """At least one for each request that was sent."""
        before = self.engine.attempts
        self._complete(REQUESTS)
        made = self.engine.attempts - before
        self._check(made >= len(REQUESTS), f"{len(REQUESTS)} requests are counted as {made} attempts")

    def test_tokens_are_counted(self) -> None:
        """A whole number a text, 0 for an empty one, and more for a longer text."""
        counts = self.engine.count_tokens(["", "apple", "apple and banana and cherry and damson"])
        self._check(all(isinstance(count, int) for count in counts), f"{counts!r} are no whole numbers")
        self._check(len(counts) == 3 and counts[0] == 0 < counts[1] < counts[2], f"three texts have {counts} tokens")

    def test_a_failed_request_is_told_and_not_raised(self) -> None:
        """``finish_reason`` "failed" and no text for each: a run records such rows, and asks for them again later."""
        engine = self.make_failing()
        if engine is None:
            self._skip("`make_failing` is not written")
        found: dict[int, Completion] = {}
        engine.complete(REQUESTS, found.__setitem__)
        self._check(len(found) == len(REQUESTS), f"{len(REQUESTS)} requests fail, and {len(found)} arrive")
        for completion in found.values():
            self._check(completion.failed and not completion.text, f"what cannot be answered arrives as {completion!r}")

    def test_a_prompt_that_does_not_fit_is_told(self) -> None:
        """``finish_reason`` "context", so that the prompt is made shorter; the others of the batch are answered."""
        request = self.too_long()
        if request is None:
            self._skip("`too_long` is not written")
        sound, long = self._complete([REQUESTS[0], request])
        self._check(long.finish_reason == "context", f'a prompt that does not fit ends by "{long.finish_reason}"')
        self._check(sound.final, "a prompt that does not fit fails another one")

    # What only some engines can do: asked for where ``capabilities`` say so.

    def test_structured_output_gives_choices(self) -> None:
        """With ``choices`` the text is one of them."""
        self._needs("structured")
        for choices in (("yes", "no"), ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")):
            for text in self._texts([replace(request, choices=choices) for request in REQUESTS]):
                self._check(text.strip() in choices, f"{text!r} is none of {choices}")

    def test_log_probabilities_are_given(self) -> None:
        """Each token has one, at most 0; with alternatives, the chosen token is the likeliest of them."""
        self._needs("logprobs")
        most = self.engine.capabilities.logprobs or 0
        for completion in self._complete([replace(request, logprobs=most) for request in REQUESTS]):
            self._check(bool(completion.tokens), f"the completion {completion.text!r} has no tokens")
            for token in completion.tokens:
                self._check(token.logprob <= 0.0, f"{token.logprob} is the logarithm of no probability")
                self._check(len(token.top) <= most + 1, f"{len(token.top)} alternatives where {most} are asked for")
                self._check(bool(token.top) or not most, f"no alternatives where {most} are asked for")
                if token.top:
                    likeliest = max(logprob for _, logprob in token.top)
                    self._check(token.logprob >= likeliest - 1e-3, f"{token.text!r} is chosen and not the likeliest")

    def test_a_beginning_is_gone_on_from(self) -> None:
        """With ``prefix`` the completion goes on and does not repeat it."""
        self._needs("continues")
        prefix = "The colour of this fruit is"
        for text in self._texts([replace(request, prefix=prefix) for request in REQUESTS]):
            self._check(not text.strip().startswith(prefix), f"{text!r} repeats the beginning {prefix!r}")

    def test_distributions_are_those_it_completes_by(self) -> None:
        """The head of each distribution: probabilities that sum to at most 1, of which the greatest is what follows."""
        self._needs("distributions")
        prompts = self.engine.encode(REQUESTS)
        self._check(all(prompts) and len(prompts) == len(REQUESTS), "a prompt that fits is encoded as no tokens")
        rows = self.engine.next_tokens(prompts, _HEAD)
        self._check(len(rows) == len(prompts), f"{len(prompts)} prompts have {len(rows)} distributions")
        for row, text in zip(rows, self._texts(REQUESTS), strict=True):
            if row is None:
                raise AssertionError("a distribution could not be had")
            self._check(0 < len(row) <= _HEAD, f"{len(row)} tokens where {_HEAD} are asked for")
            self._check(min(row.values()) >= 0.0 and sum(row.values()) <= 1.0 + 1e-3, f"{row} is no distribution")
            first = self.engine.decode([max(row, key=lambda token: row[token])]).strip()
            self._check(text.strip().startswith(first), f"the likeliest token is {first!r}, and the text {text!r}")

    def test_whole_distributions_sum_to_one(self) -> None:
        """With ``top`` None all of the vocabulary, or None where the engine does not hand that out."""
        self._needs("distributions")
        for row in self.engine.next_tokens(self.engine.encode(REQUESTS), None):
            if row is not None:
                self._check(abs(sum(row.values()) - 1.0) <= 1e-3, f"a distribution sums to {sum(row.values())}")

    def test_a_prefix_is_encoded_behind_its_prompt(self) -> None:
        """The tokens with a prefix begin with those without: RePlug goes on from them."""
        self._needs("distributions")
        plain, begun = self.engine.encode([REQUESTS[0], replace(REQUESTS[0], prefix="yes")])
        self._check(len(begun) > len(plain), "a prefix adds no tokens")
        self._check(begun[: len(plain)] == plain, "a prefix changes the tokens of the prompt before it")

    def _needs(self, capability: str) -> None:
        if self.engine.capabilities.lacks(capability):
            self._skip(f"its capabilities have no {capability}")

    def _complete(self, requests: Sequence[Request]) -> list[Completion]:
        found: dict[int, Completion] = {}
        self.engine.complete(requests, found.__setitem__)
        for index in range(len(requests)):
            outcome = found.get(index)
            self._check(outcome is not None and not outcome.failed, f"request {index} has the outcome {outcome!r}")
        return [found[index] for index in range(len(requests))]

    def _texts(self, requests: Sequence[Request]) -> list[str]:
        return [completion.text for completion in self._complete(requests)]
