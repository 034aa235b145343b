"""Write the German sample: a made-up town in short passages, and questions about it.

``python -m domains_and_languages.make_german_sample`` writes ``german/corpus.jsonl``, ``train.jsonl`` and
``test.jsonl`` from the tables below; the seed is fixed, so the same bytes come out. ``--check`` compares and writes
nothing.

Town, people and firms are made up for this project, so that no model knows them; every text is our own. As in the
English sample (``reader_training/make_sample.py``) what write-back can improve is built in on purpose: most facts stand
in pages that tell of three subjects, popular subjects are crowded by pages that name them and tell nothing, and three
in five test questions come back to a subject of training. ``metadata.seen`` says how.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OUT = Path(__file__).parent / "german"
SEED = 7
POPULAR = 4  # subjects of each kind that pages without facts are about
CROWD = 4  # such pages of each
_ADJECTIVES = ("Alte", "Eiserne", "Neue", "Rieksche")  # names that begin with one


@dataclass(frozen=True)
class Relation:
    """What is told of a subject: sentences with {n} (name), {N} (at the beginning), {d} (dative),
    {a} (accusative) and {v} (the value)."""

    tells: tuple[str, ...]
    asks: tuple[str, ...]  # of training: the passages' words
    hard: tuple[str, ...]  # of tests: others


@dataclass(frozen=True)
class Subject:
    """A subject with its article, and its facts."""

    kind: str
    article: str
    name: str
    facts: Mapping[str, str]

    def put(self, text: str, value: str = "") -> str:
        """A sentence or question about it."""
        article = f"{self.article} " if self.article else ""
        dative = {"der": "dem ", "das": "dem ", "die": "der "}.get(self.article, "")
        first, _, rest = self.name.partition(" ")
        bent = f"{first}n {rest}" if first in _ADJECTIVES else self.name
        nominative = f"{article}{self.name}"
        accusative = f"den {bent}" if self.article == "der" else nominative
        capital = nominative[:1].upper() + nominative[1:]
        return text.format(n=nominative, N=capital, d=f"{dative}{bent}", a=accusative, v=value)


RELATIONS = {
    "Betrieb.gegründet": Relation(
        ("{N} wurde {v} gegründet.", "Gegründet wurde {n} im Jahr {v}, d. h. in schwierigen Zeiten."),
        ("Wann wurde {n} gegründet?", "In welchem Jahr wurde {n} gegründet?"),
        ("Seit wann gibt es {n}?", "Aus welchem Jahr stammt {n}?"),
    ),
    "Betrieb.gründer": Relation(
        ("Der Gründer war {v}.", "Als Gründer von {d} gilt {v}."),
        ("Wer war der Gründer von {d}?", "Wer gilt als Gründer von {d}?"),
        ("Wer rief {n} ins Leben?", "Auf wen geht {n} zurück?"),
    ),
    "Betrieb.produkt": Relation(
        ("Hergestellt werden dort z. B. {v}.", "{N} stellt {v} her und verkauft sie u. a. nach Dänemark."),
        ("Was stellt {n} her?", "Was wird bei {d} hergestellt?"),
        ("Womit verdient {n} Geld?", "Welche Waren kommen von {d}?"),
    ),
    "Betrieb.leute": Relation(
        ("{N} beschäftigt {v} Leute.", "Bei {d} arbeiten {v} Leute."),
        ("Wie viele Leute beschäftigt {n}?", "Wie viele Leute arbeiten bei {d}?"),
        ("Wie groß ist die Belegschaft von {d}?", "Wie viele Arbeitsplätze bietet {n}?"),
    ),
    "Haus.eröffnet": Relation(
        ("{N} wurde am {v} eröffnet.", "Die Eröffnung von {d} war am {v}."),
        ("Wann wurde {n} eröffnet?", "An welchem Tag wurde {n} eröffnet?"),
        ("Seit welchem Tag steht {n} Besuchern offen?", "Wann konnten die ersten Gäste in {a}?"),
    ),
    "Haus.architektin": Relation(
        ("Den Bau entwarf {v}.", "Der Entwurf für {a} stammt von {v}."),
        ("Wer entwarf {a}?", "Von wem stammt der Entwurf für {a}?"),
        ("Welcher Kopf hat {a} geplant?", "Wer zeichnete die Pläne von {d}?"),
    ),
    "Haus.stein": Relation(
        ("Die Mauern sind aus {v}.", "{N} besteht zum größten Teil aus {v}."),
        ("Woraus besteht {n}?", "Woraus sind die Mauern von {d}?"),
        ("Aus welchem Baustoff ist {n}?", "Welches Material wurde bei {d} verbaut?"),
    ),
    "Haus.schatz": Relation(
        ("Dort wird {v} gezeigt.", "Gezeigt wird in {d} vor allem {v}."),
        ("Was wird in {d} gezeigt?", "Was wird vor allem in {d} gezeigt?"),
        ("Was gibt es in {d} zu sehen?", "Weshalb lohnt sich der Besuch von {d}?"),
    ),
    "Brücke.länge": Relation(
        ("{N} ist {v} Meter lang.", "Die Länge von {d} beträgt {v} Meter."),
        ("Wie lang ist {n}?", "Wie viele Meter ist {n} lang?"),
        ("Welche Strecke überspannt {n}?", "Welches Maß hat {n} von Ufer zu Ufer?"),
    ),
    "Brücke.baujahr": Relation(
        ("{N} wurde {v} gebaut.", "Gebaut wurde {n} im Jahr {v}."),
        ("Wann wurde {n} gebaut?", "In welchem Jahr wurde {n} gebaut?"),
        ("Seit wann kann man {a} benutzen?", "Wie lautet das Baujahr von {d}?"),
    ),
    "Brücke.ingenieur": Relation(
        ("Den Bau leitete {v}.", "Die Leitung beim Bau von {d} hatte {v}."),
        ("Wer leitete den Bau von {d}?", "Wer hatte beim Bau von {d} die Leitung?"),
        ("Wer war für {a} verantwortlich?", "Wessen Werk ist {n}?"),
    ),
    "Brücke.wasser": Relation(
        ("{N} führt über {v}.", "Auf {d} geht man über {v}."),
        ("Worüber führt {n}?", "Was fließt unter {d}?"),
        ("Welches Gewässer liegt unter {d}?", "Welcher Wasserlauf wird mit {d} gequert?"),
    ),
    "Verein.leitung": Relation(
        ("Den Vorsitz hat {v}.", "Vorsitz bei {d}: {v}."),
        ("Wer hat bei {d} den Vorsitz?", "Wer hat den Vorsitz von {d}?"),
        ("Wer steht an der Spitze von {d}?", "Wer führt {a}?"),
    ),
    "Verein.treffpunkt": Relation(
        ("Man trifft sich {v}.", "{N} trifft sich jede Woche {v}."),
        ("Wo trifft sich {n}?", "Wo trifft man sich bei {d}?"),
        ("An welchem Ort kommt {n} zusammen?", "Wohin muss, wer {a} besuchen will?"),
    ),
    "Verein.mitglieder": Relation(
        ("{N} hat {v} Mitglieder.", "Zu {d} gehören {v} Mitglieder."),
        ("Wie viele Mitglieder hat {n}?", "Wie viele Mitglieder gehören zu {d}?"),
        ("Wie groß ist {n}?", "Wie viele Menschen machen bei {d} mit?"),
    ),
    "Verein.fest": Relation(
        ("Zu {d} gehört jedes Jahr {v}.", "Von {d} ausgerichtet wird {v}."),
        ("Welches Fest gehört jedes Jahr zu {d}?", "Was wird von {d} ausgerichtet?"),
        ("Welches Fest geht auf {a} zurück?", "Für welche Feier sorgt {n}?"),
    ),
    "Person.geboren": Relation(
        ("{N} wurde {v} geboren.", "Das Geburtsjahr von {d} ist {v}."),
        ("Wann wurde {n} geboren?", "Was ist das Geburtsjahr von {d}?"),
        ("In welchem Jahr kam {n} zur Welt?", "Welchen Jahrgang hat {n}?"),
    ),
    "Person.ort": Relation(
        ("{N} stammt aus {v}.", "Der Geburtsort von {d} ist {v}."),
        ("Woher stammt {n}?", "Was ist der Geburtsort von {d}?"),
        ("Wo liegt die Heimat von {d}?", "In welchem Ort kam {n} zur Welt?"),
    ),
    "Person.werk": Relation(
        ("Bekannt wurde {n} durch {v}.", "{N} erfand {v}."),
        ("Was erfand {n}?", "Wodurch wurde {n} bekannt?"),
        ("Welche Erfindung verdankt man {d}?", "Worauf geht der Ruhm von {d} zurück?"),
    ),
    "Person.beruf": Relation(
        ("Von Beruf war {n} {v}.", "{N} arbeitete als {v}."),
        ("Was war {n} von Beruf?", "Als was arbeitete {n}?"),
        ("Womit verdiente {n} den Unterhalt?", "Welches Handwerk übte {n} aus?"),
    ),
}
_TABLE = """
Betrieb|die|Pumpenfabrik Kröger|1887|Hinrich Kröger|Tauchpumpen|214
Betrieb|die|Seilerei Brandtner|1842|Agathe Brandtner|Schiffstaue|38
Betrieb|die|Ahsemühle Lünnemann|1911|Dr. Otto Lünnemann|Haferflocken|57
Betrieb|die|Glashütte Vierlinden|1874|Emil Sarnow|Apothekerflaschen|126
Betrieb|die|Druckerei Petzold & Co.|1926|Walburga Petzold|Seekarten|19
Betrieb|die|Kerzenzieherei Ohlsen|1903|Jens Ohlsen|Bienenwachskerzen|12
Betrieb|das|Sägewerk Tannhof|1935|Ferdinand Riek|Schindeln|44
Betrieb|die|Orgelwerkstatt Quast|1868|Leberecht Quast|Drehorgeln|9
Haus|das|Stadtmuseum am Kolk|3. Oktober 1912|Prof. Dr. Irma Voss|Muschelkalk|die Sammlung alter Wetterfahnen
Haus|das|Haus Lindenhof|17. Mai 1896|Theodor Halbach|Backstein|das Zimmer der Uhrmacher
Haus|der|Rieksche Speicher|1. April 1929|Hanna Dierks|Eichenholz|die Ausstellung über Hochwasser
Haus|das|Kino Kronenhof|24. Dezember 1954|Kurt Wessling|Stahlbeton|der größte Filmprojektor der Gegend
Haus|die|Villa Sarnow|8. August 1907|Lotte Amberg|Sandstein|die Gläser der Familie
Haus|das|Torfschiffhaus|12. Juni 1988|Wiebke Janßen|Lärchenholz|ein Torfkahn von 1790
Haus|der|Alte Wasserturm|30. September 1904|August Kellinghusen|Klinker|die Dampfpumpe von Kröger
Haus|das|Salzhaus|5. März 1967|Gerd Oltmann|Feldstein|die Waage der Salzsieder
Brücke|die|Kolkbrücke|86|1893|Bertold Harms|die Ahse
Brücke|die|Marienbrücke|42|1931|Ludwig Steen|den Mühlengraben
Brücke|die|Eiserne Brücke|117|1878|Cornelius Fehr|die Große Wumme
Brücke|der|Färbersteg|23|1956|Edda Lohmann|den Färberbach
Brücke|die|Schäferbrücke|61|1849|Johann Trede|die Kleine Wumme
Brücke|die|Neue Hafenbrücke|204|1999|Meike Sörensen|das Hafenbecken
Brücke|der|Nonnensteg|18|1922|Alwin Busch|den Klosterbach
Verein|der|Ruderclub Ahsental|Birgit Tamm|im Bootshaus am Kolk|183|die Lichterfahrt
Verein|der|Heimatverein|Dr. Sven Ahrens|im Salzhaus|95|der Apfelmarkt
Verein|die|Liedertafel von 1861|Roswitha Kern|in der Aula der Kantorschule|46|das Brückensingen
Verein|die|Funkrunde Vierlinden|Tarek Haddad|im Alten Wasserturm|27|die Nacht der Antennen
Verein|der|Imkerbund|Gesine Wolters|in der Gaststätte Zum Aal|64|der Honigsonntag
Verein|der|Schachkreis Turmbauer|Pavel Novotny|in der Stadtbücherei|31|das Blitzturnier am Neujahrstag
Verein|die|Feuerwehrkapelle|Ulf Mertens|in der Wache an der Hauptstr. 12|52|der Maiumzug
Person||Lina Averdiek|1861|Oldewarden|den klappbaren Fischkasten|Korbflechterin
Person||Matthias Grohne|1798|Bad Essern|die doppelte Schleusentür|Zimmermann
Person||Ida Lenz|1884|Strückingen|die Tropfenuhr|Apothekerin
Person||Karl Anton Wiese|1829|Hohenmoor|den Torfpflug mit Rädern|Schmied
Person||Frieda Sprung|1907|Neuwarden|das Faltkanu aus Segeltuch|Segelmacherin
Person||Moritz Eckloff|1842|Garzin|die singende Wetterfahne|Klempner
Person||Thekla Rademacher|1876|Lüdersbrück|das Rezept für Aalpastete|Wirtin
Person||Jost Hennig|1815|Wendelsum|den Nebelhornkasten|Küster
"""
_FIELDS = {
    "Betrieb": ("gegründet", "gründer", "produkt", "leute"),
    "Haus": ("eröffnet", "architektin", "stein", "schatz"),
    "Brücke": ("länge", "baujahr", "ingenieur", "wasser"),
    "Verein": ("leitung", "treffpunkt", "mitglieder", "fest"),
    "Person": ("geboren", "ort", "werk", "beruf"),
}
_PAGES = {
    "Betrieb": "Betriebe in Ahsental",
    "Haus": "Häuser in Ahsental",
    "Brücke": "Brücken in Ahsental",
    "Verein": "Vereine in Ahsental",
    "Person": "Köpfe aus Ahsental",
}
# Pages that name a popular subject in the words of questions, and tell nothing.
_CROWD = {
    "Betrieb": (
        "Wer in Ahsental nach {d} fragt, hört viele Geschichten. Wann {n} gegründet wurde und wer der Gründer war, "
        "weiß kaum jemand aus dem Kopf; im Stadtarchiv liegt eine Mappe dazu.",
        "Vor {d} hält die Buslinie 3. Was dort hergestellt wird, riecht man manchmal bis zum Marktplatz.",
        "Schülerinnen der Kantorschule haben über {n} ein Heft gemacht. Es fragt, wie viele Leute dort arbeiten, und "
        "lässt die Antwort offen.",
        "Ein Bild von {d} hängt im Rathaus. Darunter steht nur »Fleiß und Geduld«.",
    ),
    "Haus": (
        "Wer {a} sucht, folgt den grünen Schildern. Wann die Eröffnung war und von wem der Entwurf stammt, steht auf "
        "keinem davon.",
        "Führungen zu {d} beginnen am Brunnen. Was gezeigt wird, ändert sich von Jahr zu Jahr ein wenig.",
        "Über {a} wird viel gestritten. Die einen loben die Mauern, die anderen finden sie zu dunkel.",
        "Im Winter ist {n} nur am Wochenende geöffnet. Karten gibt es an der Kasse, bzw. im Rathaus.",
    ),
    "Brücke": (
        "Im Herbst ist {n} oft im Nebel. Welche Länge es wirklich ist, lernt man in der Schule, und vergisst es "
        "wieder.",
        "Maler lieben {a}. Wann gebaut wurde und wer den Bau leitete, ist ihnen gleich.",
        "Bei Hochwasser wird {n} gesperrt. Dann stehen Leute am Ufer und sehen zu, was darunter fließt.",
        "Ein Modell von {d} steht im Rathaus, im 2. Stock. Es ist aus Streichhölzern.",
    ),
    "Verein": (
        "Wer bei {d} mitmachen will, braucht nur Zeit. Wo man sich trifft und wer den Vorsitz hat, steht am Aushang.",
        "Über {a} schreibt die Zeitung gern. Wie viele Mitglieder es sind, rundet sie jedes Mal anders.",
        "Im Umzug geht {n} immer als Letztes. Das hat, wie man sagt, keinen Grund.",
        "Jedes Jahr richtet die Stadt einen Abend für {a} aus, mit Suppe, Musik usw.",
    ),
    "Person": (
        "Nach {d} ist in Ahsental eine Straße benannt. Wann und wo die Geburt war, steht nicht auf dem Schild.",
        "Ein Theaterstück erzählt von {d}. Was {n} erfand, wird darin gesungen.",
        "In der Kantorschule hängt ein Bild von {d}. Der Beruf ist an den Händen zu erraten.",
        "Briefe von {d} wurden 2003 versteigert. Gekauft hat sie ein Sammler aus der Schweiz.",
    ),
}
_TOWN = """
Ahsental|Ahsental liegt an der Ahse, ca. 40 km südlich der Küste. Die Stadt hat 18.340 Einwohner und sieben Ortsteile.
Wappen von Ahsental|Das Wappen zeigt einen Aal und zwei Schlüssel. Seit dem 19. Jahrhundert sind die Schlüssel golden.
Marktplatz|Auf dem Marktplatz steht der Aalbrunnen. Mittwochs und samstags ist Markt, im Winter erst ab 8.30 Uhr.
Hochwasser von 1962|Am 17. Februar 1962 stand das Wasser bis zur Rathaustreppe. Dr. Meinert fuhr im Boot zu den Kranken.
Kantorschule|Die Kantorschule hat 640 Schüler. Ihr Chor sang 1998 im Rundfunk.
Bahnhof|Der Bahnhof wurde 1871 eröffnet. Heute halten dort nur noch Züge nach Garzin und Bad Essern.
Stadtwald|Im Stadtwald wachsen vor allem Buchen. Der älteste Baum ist, so heißt es, 400 Jahre alt.
Gaststätte Zum Aal|Die Gaststätte Zum Aal ist bekannt für Aalpastete, Grünkohl u. a. Der Wirt heißt Bruno Thies.
Stadtbücherei|Die Stadtbücherei leiht auch Werkzeug aus. Die Idee dazu hatte Frau Prof. Ehlers.
Hafen|Im Hafen liegen im Sommer etwa 60 Boote. Große Schiffe kommen seit 1974 nicht mehr.
Vierlinden|Vierlinden ist ein Ortsteil im Westen. Von den vier Linden steht noch eine.
Tannhof|Der Ortsteil Tannhof war bis 1938 ein eigenes Dorf. Er hat eine Kirche, aber keinen Laden.
Zeitung|Der »Ahsebote« erscheint seit 1859, seit 2011 nur noch freitags.
Wochenmarkt|Auf dem Wochenmarkt gibt es Fisch, Honig, Käse usw. Die Standgebühr beträgt 9,50 Euro.
Stadtarchiv|Das Stadtarchiv ist im Keller der Sparkasse. Es bewahrt 1.200 Karten auf.
Freibad|Das Freibad öffnet am 1. Mai. Der Sprungturm ist 5 m hoch.
Krankenhaus|Das Krankenhaus wurde 2008 geschlossen. Die nächste Klinik ist in Lüdersbrück.
Rathaus|Das Rathaus hat zwei Türme. Der linke ist um 1,3 m höher, was lange niemand bemerkte.
Buslinien|Es gibt vier Buslinien. Die Linie 3 fährt auch sonntags, d. h. stündlich.
Sage vom Aalkönig|Der Aalkönig soll unter der Stadt wohnen. Wer ihn sieht, darf drei Tage nicht lügen.
"""


def subjects() -> dict[str, list[Subject]]:
    """All subjects, by kind."""
    found: dict[str, list[Subject]] = {}
    for line in _TABLE.strip().splitlines():
        kind, article, name, *values = line.split("|")
        found.setdefault(kind, []).append(Subject(kind, article, name, dict(zip(_FIELDS[kind], values, strict=True))))
    return found


def passages(rng: random.Random) -> list[tuple[str, str]]:
    """Title and text of every passage."""
    pages = [tuple(line.split("|")) for line in _TOWN.strip().splitlines()]
    found: list[tuple[str, str]] = [(title, text) for title, text in pages]
    for kind, several in subjects().items():
        order = list(several)
        rng.shuffle(order)
        # Two facts of each of three subjects a page; the other two facts in another mixture.
        for turn, fields in enumerate((_FIELDS[kind][:2], _FIELDS[kind][2:])):
            moved = order[turn:] + order[:turn]
            for start in range(0, len(moved), 3):
                told = " ".join(_told(subject, fields, rng) for subject in moved[start : start + 3])
                found.append((f"{_PAGES[kind]} ({turn + 1}.{start // 3 + 1})", told))
        for subject in several[:POPULAR]:
            for text in _CROWD[kind][:CROWD]:
                found.append((subject.put("{N}"), subject.put(text)))
        for subject in several[POPULAR:]:
            for field in _FIELDS[kind][::2]:
                found.append((subject.put("{N}"), _alone(subject, field)))
    rng.shuffle(found)
    return found


def _names(tell: str) -> bool:
    return any(place in tell for place in ("{n}", "{N}", "{d}", "{a}"))


def _told(subject: Subject, fields: Sequence[str], rng: random.Random) -> str:
    first, second = fields
    tells = [RELATIONS[f"{subject.kind}.{field}"].tells for field in (first, second)]
    # The first sentence names the subject; the second may go on without.
    named = next(tell for tell in rng.sample(tells[0], len(tells[0])) if _names(tell))
    return f"{subject.put(named, subject.facts[first])} {subject.put(rng.choice(tells[1]), subject.facts[second])}"


def _alone(subject: Subject, field: str) -> str:
    tells = RELATIONS[f"{subject.kind}.{field}"].tells
    named = next(tell for tell in tells if _names(tell))
    more = "Mehr weiß man über {a} im Stadtarchiv."
    return f"{subject.put(named, subject.facts[field])} {subject.put(more)}"


def questions(rng: random.Random) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Training and test questions."""
    train: list[tuple[Subject, str, str]] = []
    test: list[tuple[Subject, str, str, str]] = []
    for kind, several in subjects().items():
        fields = list(_FIELDS[kind])
        for place, subject in enumerate(several[:POPULAR]):
            asked = [fields[place % 4], fields[(place + 2) % 4]]
            relation = [RELATIONS[f"{kind}.{field}"] for field in asked]
            train += [(subject, asked[0], ask) for ask in relation[0].asks]
            train.append((subject, asked[1], relation[1].asks[place % 2]))
            near = fields[(place + 1) % 4]
            test.append((subject, asked[0], relation[0].hard[place % 2], "same"))
            if place % 4 != 3:
                test.append((subject, near, RELATIONS[f"{kind}.{near}"].hard[place % 2], "near"))
        for place, subject in enumerate(several[POPULAR:]):
            field = fields[(place + 1) % 4]
            if place < 2:
                test.append((subject, field, RELATIONS[f"{kind}.{field}"].hard[place % 2], "new"))
    rng.shuffle(train)
    rng.shuffle(test)
    return (
        [_row(f"train_{i}", s, field, ask, {}) for i, (s, field, ask) in enumerate(train)],
        [_row(f"test_{i}", s, field, ask, {"seen": seen}) for i, (s, field, ask, seen) in enumerate(test)],
    )


def _row(name: str, subject: Subject, field: str, ask: str, metadata: Mapping[str, str]) -> dict[str, object]:
    value = subject.facts[field]
    answers = [value]
    first, _, rest = value.partition(" ")
    if first in ("die", "der", "das", "den", "ein"):
        answers.append(rest)
    if value.startswith(("Prof. Dr. ", "Dr. ")):
        answers.append(value.removeprefix("Prof. ").removeprefix("Dr. "))
    return {"id": name, "question": subject.put(ask), "golden_answers": answers, "metadata": dict(metadata)}


def files() -> dict[str, str]:
    """Every file's text by its name."""
    made = passages(random.Random(SEED))
    rows = [{"id": str(i), "contents": f'"{title}"\n{text}'} for i, (title, text) in enumerate(made)]
    train, test = questions(random.Random(SEED + 1))
    return {"corpus.jsonl": _lines(rows), "train.jsonl": _lines(train), "test.jsonl": _lines(test)}


def _lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _stale(texts: Mapping[str, str], out: Path) -> Iterator[str]:
    for name, text in texts.items():
        if not (out / name).is_file() or (out / name).read_text(encoding="utf-8") != text:
            yield name


def main() -> int:
    """Write or compare the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--check", action="store_true", help="compare with the files on disk, write nothing")
    options = parser.parse_args()
    texts = files()
    if options.check:
        stale = list(_stale(texts, options.out))
        for name in stale:
            print(f"differs: {name}", file=sys.stderr)
        return 1 if stale else 0
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (options.out / name).write_text(text, encoding="utf-8", newline="\n")
    print(", ".join(f"{text.count(chr(10))} lines in {name}" for name, text in texts.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
