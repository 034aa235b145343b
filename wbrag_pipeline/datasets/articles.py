"""Articles by language: "the valve" and "valve", "die Mühle" and "Mühle" are one answer.

The lists are those of MLQA's evaluation (Lewis et al. 2020), with more languages. A text's language is told by its
small words: what is an article in one is a word in another ("die", "a").
"""

from __future__ import annotations

_ARTICLES = {
    "English": "the a an",
    "German": "der die das den dem des ein eine einen einem eines einer",
    "French": "le la les l un une des",
    "Spanish": "el la los las un una unos unas",
    "Italian": "il lo la i gli le l un uno una",
    "Portuguese": "o a os as um uma uns umas",
    "Dutch": "de het een",
}
# With the articles, what tells the language.
_SMALL_WORDS = {
    "English": "of is was are were in to and what who which how when where did does by for that it on at from with",
    "German": "ist sind war wer wie was wann wo wem wen welche welcher welches und von vom zu im am wurde hat mit für",
    "French": "est sont qui que quel quelle où quand comment dans et du de au aux par pour a été",
    "Spanish": "es son quién qué cuál dónde cuándo cómo en y de del por para con fue",
    "Italian": "è sono chi che quale dove quando come in e di del della per con nel fu",
    "Portuguese": "é são quem que qual onde quando como em e de do da por para com no na foi",
    "Dutch": "is zijn was wie wat welke hoe wanneer waar van en door voor met op heeft",
}
_ARABIC = "\u0627\u0644"  # al-, which is written as one word with its noun
_OF = {language: frozenset(articles.split()) for language, articles in _ARTICLES.items()}
_TELLING = {language: _OF[language] | frozenset(told.split()) for language, told in _SMALL_WORDS.items()}


def without_articles(words: list[str]) -> list[str]:
    """Words in small letters less the articles of their language; of English where nothing tells it."""
    articles = _OF[_language(words)]
    return [_without_prefix(word) for word in words if word not in articles]


def _language(words: list[str]) -> str:
    # max gives the first of equals: English, where no word tells anything.
    return max(_TELLING, key=lambda language: sum(word in _TELLING[language] for word in words))


def _without_prefix(word: str) -> str:
    return word[len(_ARABIC) :] if word.startswith(_ARABIC) and len(word) > len(_ARABIC) + 1 else word
