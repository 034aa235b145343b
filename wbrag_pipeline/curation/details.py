"""What a sentence says that another wording of it must say too: numbers, dates, names, and which way round.

English function words are listed here; in another language the guards are stricter, never looser, since a word that is
not known counts as a name or as content.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*(?:st|nd|rd|th|s)?(?![^\W\d_])|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+[^\W\d_]+|[%$€£°]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")
_NUMBER_WORDS = dict(
    zip(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split(),
        map(str, range(1, 21)),
        strict=True,
    )
) | {"first": "1st", "second": "2nd", "third": "3rd", "twice": "2x", "thrice": "3x", "once": "1x"}
_LARGE = frozenset("dozen dozens hundred hundreds thousand thousands million millions billion billions".split())
_ARTICLES = frozenset(("a", "an", "the"))
NEGATIONS = frozenset(
    "not no never without neither nor none cannot nobody nothing nowhere hardly scarcely barely false untrue".split()
)
# Words whose coming or going turns what the rest says.
_TURNS = frozenset(
    "only all every each some most many few several any both half may might could would should must can will former "
    "formerly almost nearly about approximately over under more less least fewer before after since until above below "
    "last alleged allegedly reportedly claimed supposed supposedly fictional attempted unsuccessful unsuccessfully "
    "except but if unless either or than to from by planned proposed candidate fake mock honorary acting deputy vice "
    "assistant partly partially largely mainly possibly probably likely perhaps rarely seldom sometimes often always "
    "usually again anti non ex pre post sub so-called would-be near outside inside against for".split()
)
_OPPOSITES = (
    "north south|east west|northern southern|eastern western|left right|increase decrease|increased decreased|rose fell"
    "|rise fall|win lose|won lost|defeated beaten|open close|opened closed|began ended|begin end|start end"
    "|started ended|male female|father mother|son daughter|brother sister|husband wife|king queen|he she|his her"
    "|true false|high low|higher lower|highest lowest|large small|larger smaller|largest smallest|long short"
    "|longer shorter|longest shortest|early late|earlier later|earliest latest|old young|older younger|oldest youngest"
    "|up down|import export|imports exports|bought sold|born died|alive dead|accepted rejected|supported opposed"
    "|supports opposes|legal illegal|possible impossible|public private|upper lower|ancient modern|hot cold"
    "|major minor|maximum minimum|majority minority|success failure|joined left|arrived departed|positive negative"
    "|guilty innocent|married divorced|top bottom|good bad|best worst|more less|most least|before after|above below"
    "|over under|inside outside|with without|can cannot|always never"
)
OPPOSITES: dict[str, str] = {}
for _pair in _OPPOSITES.split("|"):
    _one, _other = _pair.split()
    OPPOSITES.setdefault(_one, _other)
    OPPOSITES.setdefault(_other, _one)
FUNCTION_WORDS = frozenset(
    "a an the this that these those it its he his him she her they their them we our us you your i my and or but "
    "nor so yet for of in on at to from by with as into onto over under about after before during between through "
    "since until while when where which who whom whose what why how if unless although though because however "
    "moreover therefore thus hence also then there here not no never only both either neither each every all some "
    "most many few several such other another is are was were be been being am do does did has have had having "
    "can could will would shall should may might must than too very more less one two three four five six seven "
    "eight nine ten first second third later today now originally initially finally eventually currently recently "
    "historically according along among amongst around upon without within despite instead like unlike near born "
    "due".split()
)


@dataclass(frozen=True)
class Details:
    """A sentence taken apart.

    tokens: its words and numbers in order, normalised, without articles. numbers: sorted. names: in order.
    turns: sorted negations, opposites and other words that turn a meaning.
    """

    tokens: tuple[str, ...]
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    turns: tuple[str, ...]

    def agrees(self, other: Details) -> bool:
        """Whether nothing that must not differ does; names and shared words also in their order: it tells the roles."""
        return (self.numbers, self.names, self.turns) == (other.numbers, other.names, other.turns) and self._shared(
            other
        ) == other._shared(self)

    def _shared(self, other: Details) -> list[str]:
        theirs = {*other.tokens}
        return [token for token in self.tokens if token in theirs and token not in FUNCTION_WORDS]


@lru_cache(maxsize=65536)
def details_of(sentence: str) -> Details:
    """Take a sentence apart."""
    found = [(match.group(), match.start()) for match in _TOKEN.finditer(unicodedata.normalize("NFKC", sentence))]
    tokens: list[str] = []
    names: list[str] = []
    for place, (word, _) in enumerate(found):
        normal = token_of(word)
        if normal.endswith("n't") or normal == "cannot":  # "isn't" is "is not"
            tokens += [normal.removesuffix("n't").removesuffix("not"), "not"]
            continue
        if normal in _ARTICLES:
            continue
        tokens.append(normal)
        if is_name(word) and not (place == 0 and word.casefold() in FUNCTION_WORDS):
            names.append(normal)
    tokens = [token for token in tokens if token]
    numbers = sorted(token for token in tokens if is_number(token))
    turns = sorted(token for token in tokens if token in NEGATIONS or token in _TURNS or token in OPPOSITES)
    return Details(tuple(tokens), tuple(numbers), tuple(names), tuple(turns))


def token_of(word: str) -> str:
    """One word as it is compared: lower case, straight apostrophe, thousands unmarked, small numbers as digits."""
    plain = _THOUSANDS.sub("", word).replace("’", "'").casefold()
    plain = plain.removesuffix("'s") or plain
    return _NUMBER_WORDS.get(plain, plain)


def is_number(token: str) -> bool:
    """Whether a normalised token is a number, an ordinal, a decade or a word such as million."""
    return token[:1].isdigit() or token in _LARGE or token in "%$€£°"


def is_year(token: str) -> bool:
    """Whether a normalised token can be a year."""
    return len(token) == 4 and token.isdigit() and 1000 <= int(token) <= 2100


def is_name(word: str) -> bool:
    """Whether a word as written has a capital in it, and so names something."""
    return any(character.isupper() for character in word)


def words_as_written(sentence: str) -> list[str]:
    """The words and numbers of a sentence, as ``wording_of`` finds them, before it normalises them."""
    return [match.group() for match in _TOKEN.finditer(unicodedata.normalize("NFKC", sentence))]


def normalized(text: str) -> str:
    """``text`` without differences of case, blanks and Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
