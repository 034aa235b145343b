"""Texts as words that can be compared, in whatever case, width and script they are written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import split_sentences

# Scripts without blanks between words, and Korean, whose words change with their particles.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_WORD = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_])+(?:'(?:(?![{_UNSPACED}])[^\W_])+)*")
# Words that say nothing of a topic: English in full, of other languages the commonest.
STOPWORDS = frozenset(
    (
        "a an the this that these those it its he his him she her they them their we our us you your i my me and or "
        "but nor so yet for of in on at to from by with as into onto over under about after before during between "
        "through since until while when where which who whom whose what why how if unless although though because "
        "however moreover therefore thus hence also then there here not no never only both either neither each every "
        "all some most many few several such other another is are was were be been being am do does did has have had "
        "having can could will would shall should may might must than too very more less much lot any just even again "
        "up out off down own same one thing things really let's it's that's "
        "der die das den dem des ein eine einen einem einer eines und oder aber ist sind waren haben von zu zur "
        "zum mit auf für im am als auch nicht es er sie wir "
        "le la les l' un une des du de et ou est sont était à au aux en dans par pour sur que qui il elle ce cette "
        "el los las una unos unas y o del al es son era lo se su sus por con para como no "
        "il gli i uno dei della e di che è per da nel um uma os as do da dos das em não het een van en"
    ).split()
)


def folded(text: str) -> str:
    """``text`` without differences of case, width, apostrophes and blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split())


def words_of(text: str) -> list[str]:
    """Words and numbers in order, folded; a run of a script without blanks is one."""
    return _WORD.findall(folded(text))


def length_in_words(text: str) -> int:
    """How long a text is, in words; in scripts without blanks two characters count as one word."""
    return sum(-(-len(word) // 2) if _UNSPACED_RUN.match(word) else 1 for word in words_of(text))


def content_words(text: str) -> frozenset[str]:
    """What of a text belongs to a topic: words but for stopwords; of scripts without blanks, pairs of characters."""
    found: set[str] = set()
    for word in words_of(text):
        if _UNSPACED_RUN.match(word):
            found.update(word[place : place + 2] for place in range(max(1, len(word) - 1)))
        elif word not in STOPWORDS and (len(word) > 1 or word.isdigit()):
            found.add(word.removesuffix("'s"))
    return frozenset(found)


@dataclass(frozen=True)
class SourceText:
    """A source as what is written from it is held against it. Its words are taken once."""

    title: str
    text: str
    language: str = ENGLISH

    @cached_property
    def folded(self) -> str:
        """Title and text, folded."""
        return folded(f"{self.title} {self.text}")

    @cached_property
    def content(self) -> frozenset[str]:
        """The content words of title and text."""
        return content_words(f"{self.title} {self.text}")

    @cached_property
    def _phrases(self) -> str:
        return f" {' '.join(words_of(f'{self.title} {self.text}'))} "

    @cached_property
    def _unspaced(self) -> str:
        return self.folded.replace(" ", "")

    def times(self, phrase: str) -> int:
        """How often the phrase stands here: whole words in their order, whatever stands between two of them."""
        words = words_of(phrase)
        if not words or any(map(_UNSPACED_RUN.match, words)):
            return self._unspaced.count(folded(phrase).replace(" ", ""))
        return self._phrases.count(f" {' '.join(words)} ")

    def holds(self, phrase: str) -> bool:
        """Whether the phrase stands here at all."""
        return self.times(phrase) > 0

    @cached_property
    def sentences(self) -> frozenset[str]:
        """Its sentences, folded."""
        return frozenset(map(folded, split_sentences(self.text, self.language)))
