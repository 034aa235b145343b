"""What curation knows of English words."""

from __future__ import annotations

from wbrag_pipeline.curation.language_words import LanguageWords, both_ways
from wbrag_pipeline.languages import ENGLISH

_NUMBER_WORDS = dict(
    zip(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split(),
        map(str, range(1, 21)),
        strict=True,
    )
) | {"first": "1st", "second": "2nd", "third": "3rd", "twice": "2x", "thrice": "3x", "once": "1x"}
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

ENGLISH_WORDS = LanguageWords(
    language=ENGLISH,
    articles=frozenset(("a", "an", "the")),
    function_words=frozenset(
        "a an the this that these those it its he his him she her they their them we our us you your i my and or "
        "but nor so yet for of in on at to from by with as into onto over under about after before during between "
        "through since until while when where which who whom whose what why how if unless although though because "
        "however moreover therefore thus hence also then there here not no never only both either neither each "
        "every all some most many few several such other another is are was were be been being am do does did has "
        "have had having can could will would shall should may might must than too very more less one two three "
        "four five six seven eight nine ten first second third later today now originally initially finally "
        "eventually currently recently historically according along among amongst around upon without within "
        "despite instead like unlike near born due".split()
    ),
    negations=frozenset(
        "not no never without neither nor none cannot nobody nothing nowhere hardly scarcely barely false "
        "untrue".split()
    ),
    # Words whose coming or going turns what the rest says.
    turns=frozenset(
        "only all every each some most many few several any both half may might could would should must can will "
        "former formerly almost nearly about approximately over under more less least fewer before after since "
        "until above below last alleged allegedly reportedly claimed supposed supposedly fictional attempted "
        "unsuccessful unsuccessfully except but if unless either or than to from by planned proposed candidate "
        "fake mock honorary acting deputy vice assistant partly partially largely mainly possibly probably likely "
        "perhaps rarely seldom sometimes often always usually again anti non ex pre post sub so-called would-be "
        "near outside inside against for".split()
    ),
    opposites=both_ways(_OPPOSITES),
    number_words=_NUMBER_WORDS,
    large=frozenset("dozen dozens hundred hundreds thousand thousands million millions billion billions".split()),
    months=frozenset("january february march april may june july august september october november december".split()),
    pronouns=frozenset("he she it they".split()),
    connecting=frozenset("of de la von van der den bin al del di da".split()),
    states=frozenset("is was are were has had became".split()),
    is_=frozenset("is are was were be been lies lie stands".split()),
    is_or_has=frozenset(
        "is are was were has have had covers contains consists comprises stands measures weighs".split()
    ),
    doing=frozenset("do does did".split()),
    happens_once=frozenset("born died sank premiered".split()),
    done_once=frozenset(
        "founded established incorporated formed created built constructed completed opened launched released "
        "published discovered invented abolished dissolved demolished destroyed born".split()
    ),
    by_one=(
        *((deed, "by") for deed in "founded directed written discovered invented designed painted composed".split()),
        *(("born", "in"), ("died", "in"), ("capital", "is")),
    ),
    either=frozenset(
        "north south east west northern southern eastern western left right father mother son daughter brother "
        "sister husband wife king queen true false higher lower highest lowest larger smaller largest smallest "
        "longer shorter longest shortest older younger oldest youngest legal illegal possible impossible guilty "
        "innocent majority minority maximum minimum".split()
    ),
    personal=frozenset("he she it they his her its their".split()),
    demonstrative=frozenset("this that these those such".split()),
    dating=frozenset(("in", "on")),
    clauses=frozenset(
        "that which who whom whose when while where after before since until if unless because although though than "
        "whether would will could should might may can said".split()
    ),
    infinitives=frozenset(("to",)),
)
