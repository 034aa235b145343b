"""What curation knows of German words."""

from __future__ import annotations

from wbrag_pipeline.curation.language_words import LanguageWords, both_ways


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.casefold().split())


_NUMBER_WORDS = {
    word.casefold(): str(number)
    for number, word in enumerate(
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
        "achtzehn neunzehn zwanzig".split(),
        start=2,
    )
} | {"eins": "1", "einmal": "1x", "zweimal": "2x", "dreimal": "3x"}
_NEGATIONS = _listed(
    "nicht nie niemals ohne weder nein kein keine keinen keinem keiner keines niemand niemanden nichts nirgends "
    "kaum falsch unwahr"
)
_OPPOSITES = (
    "norden süden|osten westen|nördlich südlich|östlich westlich|nördliche südliche|östliche westliche"
    "|nördlichen südlichen|östlichen westlichen|nordufer südufer|ostufer westufer|links rechts|linken rechten"
    "|linke rechte|steigt sinkt|stieg sank|gewann verlor|gewinnt verliert|öffnet schließt|geöffnet geschlossen"
    "|eröffnet geschlossen|begann endete|beginnt endet|männlich weiblich|vater mutter|sohn tochter|bruder schwester"
    "|ehemann ehefrau|könig königin|er sie|sein ihr|wahr falsch|hoch niedrig|höher niedriger|höchste niedrigste"
    "|groß klein|größer kleiner|größte kleinste|größten kleinsten|lang kurz|länger kürzer|längste kürzeste|früh spät"
    "|früher später|alt jung|älter jünger|älteste jüngste|ältesten jüngsten|einfuhr ausfuhr|gekauft verkauft"
    "|kaufte verkaufte|geboren gestorben|angenommen abgelehnt|unterstützt abgelehnt|legal illegal|erlaubt verboten"
    "|möglich unmöglich|öffentlich privat|öffentliche private|obere untere|oberen unteren|oben unten|antik modern"
    "|heiß kalt|warm kalt|mehrheit minderheit|maximum minimum|erfolg misserfolg|positiv negativ|schuldig unschuldig"
    "|verheiratet geschieden|gut schlecht|mehr weniger|vor nach|über unter|innerhalb außerhalb|mit ohne|immer nie"
).casefold()

GERMAN_WORDS = LanguageWords(
    language="de",
    articles=_listed("der die das den dem des ein eine einen einem eines einer"),
    function_words=_listed(
        "der die das den dem des ein eine einen einem eines einer dies diese dieser dieses diesen diesem jene "
        "jener jenes er sie es ihn ihm ihr ihnen sein seine seinen seinem seiner seines ihre ihren ihrem ihrer "
        "ihres wir uns unser ich du man sich und oder aber denn sondern von vom in im an am auf zu zum zur mit "
        "aus bei beim nach vor über unter um durch für gegen ohne bis seit während wegen trotz neben zwischen "
        "hinter gegenüber entlang als wie wenn weil dass ob obwohl damit da dort hier auch noch schon nur nicht "
        "kein keine keinen keinem keiner sehr so dann danach davor dabei dazu daher deshalb jedoch sowie etwa "
        "rund knapp ist sind war waren wird werden wurde wurden worden hat haben hatte hatten kann können konnte "
        "soll sollte muss musste darf will wollte mehr weniger viele viel einige alle jeder jede jedes jedem "
        "jeden mehrere beide heute später zunächst ursprünglich schließlich derzeit zuletzt laut zwei drei vier "
        "fünf sechs sieben acht neun zehn"
    ),
    negations=_NEGATIONS,
    turns=_listed(
        "nur alle jeder jede jedes einige meisten mehrere viele wenige beide halb könnte würde sollte muss kann "
        "soll darf ehemalig ehemalige ehemaligen früher fast beinahe etwa ungefähr rund circa ca über unter mehr "
        "weniger mindestens höchstens vor nach seit bis oberhalb unterhalb letzte letzten angeblich vermutlich "
        "mutmaßlich wahrscheinlich möglicherweise vielleicht fiktiv versuchte vergeblich außer aber wenn sofern "
        "oder als von zu durch geplant geplante geplanten vorgeschlagen ehrenamtlich stellvertretend "
        "stellvertretende teilweise größtenteils hauptsächlich selten manchmal oft häufig immer meist meistens "
        "wieder anti bei außerhalb innerhalb gegen für sogenannt sogenannte"
    ),
    opposites=both_ways(_OPPOSITES),
    number_words=_NUMBER_WORDS,
    large=_listed("dutzend hundert hunderte tausend tausende million millionen mio milliarde milliarden mrd"),
    months=_listed("januar februar märz april mai juni juli august september oktober november dezember"),
    pronouns=_listed("er sie es"),
    connecting=_listed("von vom zu zum zur van der an am im in auf ob bei und de la del"),
    states=_listed("ist war sind waren wird wurde wurden hat hatte haben liegt steht"),
    is_=_listed("ist sind war waren wird werden wurde wurden liegt liegen lag steht stehen stand"),
    is_or_has=_listed(
        "ist sind war waren hat haben hatte hatten umfasst umfasste misst wiegt zählt zählte besteht bestand "
        "enthält beschäftigt beschäftigte fasst"
    ),
    happens_once=_listed("geboren starb gestorben sank entstand"),
    done_once=_listed(
        "gegründet errichtet eingerichtet gebaut erbaut fertiggestellt eröffnet eingeweiht veröffentlicht "
        "entdeckt erfunden abgeschafft aufgelöst abgerissen zerstört geboren geschaffen stillgelegt"
    ),
    either=_listed(
        "norden süden osten westen nördlich südlich östlich westlich links rechts vater mutter sohn tochter "
        "bruder schwester ehemann ehefrau könig königin wahr falsch höher niedriger größer kleiner größte "
        "kleinste länger kürzer älter jünger älteste jüngste legal illegal erlaubt verboten möglich unmöglich "
        "schuldig unschuldig mehrheit minderheit maximum minimum nordufer südufer ostufer westufer"
    ),
    # No dating words: a date at the beginning changes the order of the verb and its subject.
    personal=_listed("er sie es sein seine seinem seinen seiner ihr ihre ihrem ihren ihrer dessen deren"),
    demonstrative=_listed(
        "dies diese dieser dieses diesem diesen jener jene jenes solche damit dabei dafür dadurch daher dort"
    ),
    participles_last=True,
    nouns_have_capitals=True,
    decimal_comma=True,
    stemmer="german",
)
