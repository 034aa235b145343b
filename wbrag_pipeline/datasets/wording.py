"""Texts as they are compared: case, punctuation, blanks and Unicode's several forms of one letter are put aside.

Both forms hold words with one blank in between. Some scripts write no blanks between words (Japanese, Chinese, Thai …):
there every letter counts as a word. So a line break inside a Japanese text changes nothing, and any run of its letters
is found.
"""

from __future__ import annotations

import re

import polars as pl

from wbrag_pipeline.datasets.articles import without_articles

# Blocks of scripts without blanks, as ranges that Python's and Rust's regular expressions both read. A script that is
# missing here is not lost: its runs of letters are long words, which _LONGEST cuts.
HAN = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_OTHER = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # the Tai scripts
    "\u1b00-\u1b7f\ua980-\ua9df"  # Balinese, Javanese
    "\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\U0001b000-\U0001b16f"  # kana, bopomofo
    "\ua000-\ua4cf"  # Yi
)
_HANGUL = "\uac00-\ud7af"
# ASCII punctuation, quotation marks and apostrophes.
_WITHIN_WORDS = r"[!-/:-@\[-`{-~\p{Pi}\p{Pf}\x{201A}\x{201E}\x{02BC}]"
_LONGEST = 16  # letters; a longer word is cut, so that its beginning alone is found too

_UNSPACED = rf"([{HAN}{_OTHER}]\p{{M}}*)"
_WITHOUT_BLANKS = re.compile(f"[{HAN}{_OTHER}]")
# Format characters (soft hyphen, zero-width blanks, marks of direction) and variation selectors are seen by nobody.
_UNSEEN = r"[\p{Cf}\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]"


def words(texts: pl.Series) -> pl.Series:
    """Texts (String) as words of letters and digits, in lower case, with one blank between them; null stays null."""
    return _folded(texts, r"[^\p{L}\p{M}\p{N}]+")


def search_words(texts: pl.Series) -> pl.Series:
    """Texts (String) as a search by words reads them: as ``words``, and each syllable of Korean is a word too.

    Particles are written to Korean words, so a question hardly ever has a word as a passage has it. Null stays null.
    """
    return words(texts).str.replace_all(rf"([{_HANGUL}])", " $1 ").str.replace_all(" {2,}", " ").str.strip_chars(" ")


def wording(texts: pl.Series) -> pl.Series:
    """As ``words``, with symbols ("C++" is not "C#", "x > 1" not "x < 1"); a text of punctuation alone as it is.

    Two texts with one wording say the same.
    """
    told = _folded(texts, r"[^\p{L}\p{M}\p{N}\p{Sm}\p{Sc}\p{So}#%]+")
    return pl.select(pl.when(told == "").then(texts.str.strip_chars()).otherwise(told)).to_series()


def wording_of(text: str) -> str:
    """``wording`` of one text."""
    told: str = wording(pl.Series([text], dtype=pl.String))[0]
    return told


def answer_words(texts: pl.Series) -> pl.Series:
    """Texts (String) as their words are looked for in each other: as ``words``, but long words stay whole.

    ASCII punctuation and quotation marks go without a blank ("U.S." is "US", "1,000" is "1000"), as in FlashRAG's
    metrics; and each syllable of Korean is a word, since particles are written to its words. Null stays null.
    """
    plain = _small(texts).str.replace_all(_WITHIN_WORDS, "").str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ")
    apart = plain.str.replace_all(rf"([{HAN}{_OTHER}{_HANGUL}]\p{{M}}*)", " $1 ")
    return apart.str.replace_all(" {2,}", " ").str.strip_chars(" ")


def same_question(texts: pl.Series) -> pl.Series:
    """Questions (String) as they are compared: their ``wording`` without articles and blanks ("who's" is "whos")."""
    told = wording(texts)
    bare = pl.Series(["".join(without_articles(words.split())) for words in told], dtype=pl.String)
    return pl.select(pl.when(bare == "").then(told).otherwise(bare)).to_series()


def without_blanks(word: str) -> bool:
    """Whether a word of ``words`` is a letter of a script without blanks."""
    return _WITHOUT_BLANKS.match(word) is not None


def _folded(texts: pl.Series, between_words: str) -> pl.Series:
    apart = _small(texts).str.replace_all(between_words, " ").str.replace_all(_UNSPACED, " $1 ")
    apart = apart.str.replace_all(rf"([^ ]{{{_LONGEST}}})", "$1 ")
    return apart.str.replace_all(" {2,}", " ").str.strip_chars(" ")


def _small(texts: pl.Series) -> pl.Series:
    plain = texts.str.to_lowercase()
    other = texts.str.len_bytes() != texts.str.len_chars()
    if other.any():  # most English texts are ASCII and need none of this
        plain = plain.scatter(other.arg_true(), _of_one_form(texts.filter(other)))
    return plain


def _of_one_form(texts: pl.Series) -> pl.Series:
    """NFKC, in lower case, with what full case folding does beyond that as far as texts have it."""
    seen = texts.str.replace_all(_UNSEEN, "").str.normalize("NFKC").str.to_lowercase()
    return seen.str.replace_all("ß", "ss", literal=True).str.replace_all("ς", "σ", literal=True)
