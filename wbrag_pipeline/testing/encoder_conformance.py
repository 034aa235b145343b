"""What every encoder keeps to, see ``retrieval.protocols.Encoder``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Advance, Encoder, Vectors
from wbrag_pipeline.testing.conformance import Conformance, made_once

TITLES = ["Corvane", "Bread", "", "Danube", "Øresund"]
TEXTS = [
    "The town of Corvane was founded by Lena Thorne in 1701.",
    "Bread is baked from flour, water, salt and yeast.",
    "A passage without a title, " + "and a long one, " * 400,
    "The Danube flows through ten countries and ends in the Black Sea.",
    "Die Brücke über den Øresund verbindet 丹麦 and Sweden.",
]
_ASKED = ["Who founded the town of Corvane?", "What is bread baked from?", "Which sea does the Danube end in?"]
# The passage that answers each question.
_ANSWERS = (0, 1, 3)


class EncoderConformance(Conformance):
    """Subclass it and write ``make``.

    tolerance: by how much a number of a vector may differ where it should be the same. The embedding store keeps each
    vector, so what is encoded again only differs where it is new.
    """

    tolerance = 1e-5

    def make(self) -> Encoder:
        """The encoder. It is made once for all checks but that of the fingerprint, which makes it twice."""
        raise NotImplementedError

    def others(self) -> Sequence[Encoder]:
        """Encoders whose vectors mean something else than ``make``'s and each other's: another model, dimension."""
        return ()

    @property
    def encoder(self) -> Encoder:
        """What ``make`` gave."""
        encoder: Encoder = made_once(type(self))
        return encoder

    def test_it_has_what_an_encoder_has(self) -> None:
        """All that the protocol names, a dimension above 0, and an arithmetic that is said."""
        encoder = self.encoder
        self._check_members(encoder, Encoder)
        self._check(encoder.dimension > 0, f"the dimension is {encoder.dimension}")
        self._check(bool(encoder.arithmetic), "`arithmetic` is empty: say for example cpu-fp32")

    def test_its_name_is_the_settings_value(self) -> None:
        """``name`` is a value of the setting ``encoder`` that names this encoder."""
        encoder = self.encoder
        try:
            found = load_encoder(encoder.name)
        except InputError as error:
            raise AssertionError(f"its name does not name it; is the plug-in installed? {error}") from error
        self._check(found.name == encoder.name, f"{encoder.name!r} names an encoder that is called {found.name!r}")
        self._check(type(found) is type(encoder), f"{encoder.name!r} names {type(found).__name__}")

    def test_its_fingerprint_says_what_a_vector_means(self) -> None:
        """The same each time; another one for each of ``others``: an index is searched by it alone."""
        encoder = self.encoder
        if not hasattr(encoder, "fingerprint"):
            self._skip("the fingerprint is that of the plug-in's code")
        others: list[object] = [other.fingerprint for other in self.others()]
        self._check_fingerprint(encoder.fingerprint, self.make().fingerprint, others)

    def test_a_vector_a_text(self) -> None:
        """Float32 of the shape [n, dimension], with no number that is none."""
        encoder = self.encoder
        for vectors, count in ((self._passages(encoder), len(TEXTS)), (encoder.encode_queries(_ASKED), 3)):
            shape = (count, encoder.dimension)
            self._check(np.shape(vectors) == shape, f"vectors of the shape {np.shape(vectors)}, not {shape}")
            kind: Any = vectors.dtype
            self._check(kind == np.float32, f"vectors of {kind}, not float32")
            self._check(bool(np.isfinite(vectors).all()), "a vector holds something that is not a number")

    def test_vectors_have_the_length_one(self) -> None:
        """Their inner product is the score, which RePlug and the reader take for a cosine."""
        encoder = self.encoder
        for vectors in (self._passages(encoder), encoder.encode_queries(_ASKED)):
            lengths = np.linalg.norm(np.asarray(vectors, dtype=np.float64), axis=1)
            self._check(bool(np.allclose(lengths, 1.0, atol=1e-3)), f"vectors have the lengths {lengths}, not 1")

    def test_no_text_is_no_vector(self) -> None:
        """An empty batch gives the shape [0, dimension]."""
        encoder = self.encoder
        for vectors in (encoder.encode_passages([], []), encoder.encode_queries([])):
            shape = (0, encoder.dimension)
            self._check(
                np.shape(vectors) == shape, f"no text gives vectors of the shape {np.shape(vectors)}, not {shape}"
            )

    def test_an_empty_text_is_no_error(self) -> None:
        """It has a vector of length 1, or zeros."""
        encoder = self.encoder
        for vectors in (encoder.encode_passages([""], [""]), encoder.encode_queries([""])):
            length = float(np.linalg.norm(vectors))
            self._check(length == 0.0 or abs(length - 1.0) <= 1e-3, f"an empty text has a vector of length {length}")

    def test_a_text_has_one_vector_alone_and_in_a_batch(self) -> None:
        """In order, and whatever is encoded beside it: a corpus that changes is encoded in other batches."""
        encoder = self.encoder
        passages, queries = self._passages(encoder), encoder.encode_queries(_ASKED)
        for place, (title, text) in enumerate(zip(TITLES, TEXTS, strict=True)):
            self._same(encoder.encode_passages([title], [text]), passages[place : place + 1], f"passage {place} alone")
        for place, question in enumerate(_ASKED):
            self._same(encoder.encode_queries([question]), queries[place : place + 1], f"question {place} alone")

    def test_a_text_has_one_vector_each_time(self) -> None:
        """Nothing is left to chance."""
        encoder = self.encoder
        self._same(self._passages(encoder), self._passages(encoder), "the same passages encoded again")
        self._same(encoder.encode_queries(_ASKED), encoder.encode_queries(_ASKED), "the same questions again")

    def test_titles_and_texts_belong_together(self) -> None:
        """Lists of different length are an error, ValueError say, and not cut in silence."""
        encoder = self.encoder
        try:
            encoder.encode_passages(TITLES, TEXTS[:-1])
        except Exception:
            return
        raise AssertionError(f"{len(TITLES)} titles and {len(TEXTS) - 1} texts are encoded without an error")

    def test_progress_is_told(self) -> None:
        """``progress`` is told of each finished text once."""
        encoder = self.encoder
        calls: list[tuple[Callable[[Advance], Vectors], int]] = [
            (lambda advance: encoder.encode_passages(TITLES, TEXTS, advance), len(TEXTS)),
            (lambda advance: encoder.encode_queries(_ASKED, advance), len(_ASKED)),
        ]
        for call, count in calls:
            told: list[int] = []
            call(told.append)
            self._check(sum(told) == count, f"progress is told of {sum(told)} finished texts of {count}")

    def test_a_question_is_near_to_the_passage_that_answers_it(self) -> None:
        """Questions and passages share one space, in which words in common or a meaning in common are near."""
        encoder = self.encoder
        scores = encoder.encode_queries(_ASKED) @ self._passages(encoder).T
        for question, row, answer in zip(_ASKED, scores, _ANSWERS, strict=True):
            found = int(np.argmax(row))
            self._check(found == answer, f"{question!r} is nearest to {TEXTS[found]!r}")

    def _passages(self, encoder: Encoder) -> Vectors:
        return encoder.encode_passages(TITLES, TEXTS)

    def _same(self, found: Vectors, expected: Vectors, what: str) -> None:
        if np.shape(found) != np.shape(expected):
            raise AssertionError(f"{what}: {np.shape(found)} numbers, not {np.shape(expected)}")
        difference = float(np.abs(found - expected).max())
        self._check(difference <= self.tolerance, f"{what}: a vector that differs by {difference:.2g}")
