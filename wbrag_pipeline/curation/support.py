"""Does a unit follow from its sources? Sentence by sentence: word for word, or by the generator's verdict.

A sentence that stands in a source needs no verdict, which is every sentence of an extractive distiller. Neither does
one that has the words of a source's sentence (``same_words``). Another one must bring no number and no name of its own,
and the generator must say that the sources support it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wbrag_pipeline.curation.details import is_name, is_number, words_as_written
from wbrag_pipeline.curation.known_languages import words_of_language
from wbrag_pipeline.curation.language_words import LanguageWords
from wbrag_pipeline.curation.same_words import normalized_sentence
from wbrag_pipeline.curation.sources import SourcePassage, present_sources
from wbrag_pipeline.curation.unit import REJECTED, Unit
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.lineage.node import count_of
from wbrag_pipeline.sentences import split_sentences

# Support that a verdict must give a sentence, as a probability.
LEAST_SUPPORT = 0.5


def cut_unsupported(units: Sequence[Unit], sources: Mapping[str, SourcePassage], generator: Generator) -> None:
    """Cut, in place, the sentences that do not follow from their unit's sources; reject what is left empty.

    A sentence that begins by pointing back to one that was cut ("This …", "He …") goes with it. A source counts only
    while it is the passage that the unit was made from: with the same content hash.
    """
    read = [
        (unit, split_sentences(unit.text, unit.language), present_sources(unit, sources))
        for unit in units
        if unit.published
    ]
    asked = [(sentence, there) for _, sentences, there in read for sentence in sentences]
    follows = iter(supported(asked, generator))
    for unit, sentences, there in read:
        verdicts = [next(follows) for _ in sentences]
        stands = _without_dangling_references(unit.title, sentences, verdicts, unit.language)
        kept = [sentence for sentence, good in zip(sentences, stands, strict=True) if good]
        if not there:
            unit.leave(REJECTED, "none of its sources is in the corpus as it was when the unit was made")
        elif not kept:
            unit.leave(REJECTED, "no sentence of it follows from its sources")
        elif len(kept) < len(sentences):
            unit.cut_sentences = [sentence for sentence, good in zip(sentences, stands, strict=True) if not good]
            unit.text = " ".join(kept)
            unit.note(f"{count_of(verdicts.count(False), 'sentence')} cut that did not follow from its sources")
            if pointing := len(unit.cut_sentences) - verdicts.count(False):
                unit.note(f"{count_of(pointing, 'sentence')} cut that pointed back to such a one")
        if unit.published and made_up(unit.title, there):
            unit.title = there[0].title


def supported(asked: Sequence[tuple[str, tuple[SourcePassage, ...]]], generator: Generator) -> list[bool]:
    """Whether each sentence follows from its sources; the generator is asked only for what the words leave open."""
    decided = [
        True if _has_its_words(sentence, there) else False if not there or made_up(sentence, there) else None
        for sentence, there in asked
    ]
    unclear = [place for place, verdict in enumerate(decided) if verdict is None]
    verdicts = generator.verify(
        [asked[place][0] for place in unclear],
        [[source.passage for source in asked[place][1]] for place in unclear],
    )
    given = {
        place: not verdict.failed and verdict.supports >= LEAST_SUPPORT
        for place, verdict in zip(unclear, verdicts, strict=True)
    }
    return [given[place] if verdict is None else verdict for place, verdict in enumerate(decided)]


def _without_dangling_references(
    title: str, sentences: Sequence[str], verdicts: Sequence[bool], language: str
) -> list[bool]:
    """Whether each sentence can stay: it follows, and does not point back to one that is cut.

    "He" and "its" may still mean what the title names, where the sentences before are about that.
    """
    known, stands = words_of_language(language), list(verdicts)
    of_title = {known.token_of(word) for word in words_as_written(title)} - known.function_words
    of_the_title = True  # what a first sentence means by "it"
    for place, sentence in enumerate(sentences):
        begins = _first_word(sentence, known)
        if begins not in known.personal:
            of_the_title = begins in of_title
        pointing = begins in known.demonstrative or not known.known or (begins in known.personal and not of_the_title)
        if place and not stands[place - 1] and pointing:
            stands[place] = False
    return stands


def points_back(sentence: str, language: str) -> bool:
    """Whether a sentence begins with a word for what was said before it ("This", "He"), by the language's words."""
    known = words_of_language(language)
    return _first_word(sentence, known) in known.demonstrative | known.personal


def _first_word(sentence: str, known: LanguageWords) -> str:
    """The first word that is no article, as it is compared; "" where there is none."""
    tokens = (known.token_of(word) for word in words_as_written(sentence))
    return next((token for token in tokens if token not in known.articles), "")


def _has_its_words(sentence: str, sources: Sequence[SourcePassage]) -> bool:
    """Whether a source says the sentence, word for word or with other punctuation or its date in another place."""
    return stands_in(sentence, sources) or any(normalized_sentence(sentence, s.words) in s.sentences for s in sources)


def stands_in(sentence: str, sources: Sequence[SourcePassage]) -> bool:
    """Whether a source has the sentence word for word, at its title or in its text.

    A passage's border may have cut a sentence short of its full stop, and the next one follows it without a seam: so
    the end of a source's text, and then a sentence that stands in one, will do too.
    """
    # Beginnings of what is left once seams are taken off, each looked at once however many ways lead there.
    rests, seen = [0], {0}
    while rests:
        start = rests.pop()
        if any(holds(source.whole, sentence[start:]) for source in sources):
            return True
        for end in range(start, len(sentence)):
            if sentence[end] == " " and end + 1 not in seen and _ends_some(sources, sentence[start:end]):
                rests.append(end + 1)
                seen.add(end + 1)
    return False


def _ends_some(sources: Sequence[SourcePassage], part: str) -> bool:
    """Whether the text of a source ends with ``part``, and with whole words of it."""
    return any(
        source.squeezed.endswith(part) and _at_word(source.squeezed, len(source.squeezed) - len(part))
        for source in sources
    )


def made_up(sentence: str, sources: Sequence[SourcePassage]) -> list[str]:
    """The numbers and names of a sentence that none of its sources has."""
    known = words_of_language(sources[0].language if sources else ENGLISH)

    def held(token: str) -> bool:
        if any(token in source.tokens for source in sources):
            return True
        # Where every noun has a capital, a noun is held in another form, and in a compound, too.
        return known.nouns_have_capitals and any(known.holds_noun(source.stems, token) for source in sources)

    words = words_as_written(sentence)
    strange = []
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else ""
        # Every sentence begins with a capital; a name at its beginning goes on with one, or with what it is or did.
        named = is_name(word) and (place > 0 or is_name(after) or after in known.states)
        token = known.token_of(word)
        counted = is_number(token, known) and word.casefold() != "one"  # "one of the towns" counts nothing
        if (counted or (named and word.casefold() not in known.function_words)) and not held(token):
            strange.append(word)
    return strange


def holds(text: str, sentence: str) -> bool:
    """Whether ``sentence`` stands in ``text`` and no word goes across its ends ("5 years" is not in "15 years")."""
    start = text.find(sentence)
    while start >= 0:
        if _at_word(text, start) and _at_word(text, start + len(sentence)):
            return True
        start = text.find(sentence, start + 1)
    return False


def _at_word(text: str, place: int) -> bool:
    """Whether no word goes across ``place``."""
    return place in (0, len(text)) or not (text[place - 1].isalnum() and text[place].isalnum())
