"""How a sentence gives away that it was written for a task: it cites its passages, tells the prompt back, or declines.

Patterns for folded sentences (``source_words.folded``): what is common in English, and the commonest forms in some
other languages. A corpus may itself be about passages, documents or questions, so what is found counts only where the
sources do not say it (``unit_faults``).
"""

from __future__ import annotations

import re

_THE = r"(?:the|this|that|these|those|your|my|our|all|each|both|every|any)"
_GIVEN = (
    r"(?:given|provided|above|below|following|previous|preceding|supplied|attached|retrieved|quoted|cited|source|input"
    r"|first|second|third|fourth|fifth|last|present|aforementioned|above-mentioned|relevant)"
)
# Nouns that stand for the material. A travel document may state something, a strait is a passage but says nothing, and
# everything has data and sources.
_MATERIAL = r"(?:passages?|texts?|contexts?|excerpts?|extracts?|snippets?|paragraphs?|chunks?|quoted material)"
_DOCUMENTS = r"(?:documents?|docs?)"
_TOPICAL = r"(?:documents?|docs?|evidence|information|data|sources?|articles?|references?|content|materials?)"
_ADVERBS = r"(?:(?:also|only|clearly|briefly|further|then|mainly|explicitly|does not|do not|doesn't|don't|did not) )*"
_SAYS = (
    r"(?:say|state|mention|describe|tell|explain|discusse?|note|indicate|report|suggest|ask|reveal|specifie|specify|refer"
    r"|talk|confirm|highlight|outline|summari[sz]e)s?\b|(?:said|told)\b"
)
_STATED = (
    r"(?:stated|mentioned|described|noted|shown|seen|written|said|told|explained|discussed|indicated|reported|outlined"
    r"|specified)"
)


def _citation(noun: str) -> str:
    """Attribution to the material."""
    return (
        rf"\b(?:according to|based (?:up)?on|judging (?:by|from)|as per) (?:{_THE} )?(?:{_GIVEN} )*{noun}\b"
        rf"|\b(?:from|in|within|using|by|per) {_THE} (?:{_GIVEN} )+{noun}\b"
        rf"|\b(?:as )?(?:is |was |are |were )?{_STATED} (?:in|by|within) (?:{_THE} )?(?:{_GIVEN} )*{noun}\b"
        rf"|\b(?:found|contained|given|provided|listed) (?:in|by|within) {_THE} (?:{_GIVEN} )*{noun}\b"
    )


# Attribution to the material, its numbers, and what was said "above". Never the topic's, unless the sources say it.
CITATIONS = re.compile(
    _citation(rf"(?:{_MATERIAL}|{_DOCUMENTS})")
    + rf"|\bas (?:is |was |already |previously )*{_STATED}(?: above| below| earlier| before| previously|,)"
    rf"|\b{_STATED} (?:above|below)\b"
    rf"|\b{_THE} (?:{_GIVEN} )+(?:{_MATERIAL}|{_DOCUMENTS})\b"
    rf"|\b(?:{_MATERIAL}|{_DOCUMENTS}) (?:above|below|provided|given|supplied|retrieved)\b"
    rf"|\b{_GIVEN} (?:{_MATERIAL}|{_DOCUMENTS})(?=\W*$|[,;:(])"
    rf"|\b(?:{_MATERIAL}|{_DOCUMENTS}|sources?|evidence)(?: (?:no\.?|number|nr\.?))? ?[#(\[]? ?\d{{1,3}}\b"
    r"(?! (?:years?|times?|days?|months?|weeks?|hours?|people|percent)\b)(?![-–/.,]\d)"
    r"|\b(?:passage|document|excerpt|snippet) (?:one|two|three|four|five)\b"
    rf"|\b{_THE} {_MATERIAL} {_ADVERBS}(?:{_SAYS})"
    rf"|\b{_THE} (?:{_MATERIAL}|{_DOCUMENTS}) (?:is|are|was|were) "
    r"(?:about|taken from|talking|describing|discussing|mentioning)\b"
    # German, French, Spanish, Portuguese, Italian, Dutch.
    r"|\b(?:laut|gemäß|gemäss|nach) (?:dem|der|den|diesem|dieser) (?:\w+en )?"
    r"(?:text|textabschnitt|abschnitt|passagen?|dokument|dokumenten|kontext)\b"
    r"|\b(?:im|in dem|in diesem|in der|in den) (?:(?:obigen|vorliegenden|gegebenen|genannten|angegebenen) )?"
    r"(?:text|textabschnitt|abschnitt|passagen?|dokument|dokumenten|kontext) "
    r"(?:wird|werden|steht|heißt|heisst|erwähnt|erwähnte|genannt)\w*"
    r"|\b(?:wie|wird|wurde) (?:bereits |schon )?(?:oben|im text|zuvor) (?:erwähnt|genannt|beschrieben)\b"
    r"|\bwie (?:bereits |schon )?erwähnt\b"
    r"|\b(?:der|dieser) (?:text|abschnitt) (?:sagt|besagt|beschreibt|erwähnt|handelt)\b"
    r"|\b(?:selon|d'après) (?:le|la|les|ce|cet|cette|ces) (?:texte|passages?|documents?|contexte|extraits?)\b"
    r"|\bcomme (?:mentionné|indiqué|décrit)e?s?\b|\ble (?:texte|passage|document) (?:mentionne|indique|dit|décrit)\b"
    r"|\bsegún (?:el|la|los|las|este|esta) (?:texto|pasajes?|documentos?|contexto|fragmentos?)\b"
    r"|\bcomo se (?:menciona|indica|describe)\b|\bel (?:texto|pasaje|documento) (?:menciona|indica|dice|describe)\b"
    r"|\b(?:de acordo com|segundo) (?:o|a|os|as|este|esta) (?:texto|trechos?|documentos?|contexto|passage(?:m|ns))\b"
    r"|\bsecondo (?:il|lo|la|i|questo|questa) (?:testo|brani?|documenti?|contesto|passaggi?)\b"
    r"|\bvolgens (?:de|het|deze|dit) (?:tekst|passages?|documenten|document|context)\b"
    # Chinese, Japanese, Korean, Russian.
    r"|(?:根据|依据|根據|基于)(?:上述|以上|所提供的|提供的|给出的|该|这些|这段)?(?:文章|段落|文本|文字|上下文|文档|文件|资料|信息)"
    r"|(?:文中|上文|文章中)(?:提到|指出|所述|说)|如(?:上|前|文中)所述"
    r"|(?:文章|文書|本文|パッセージ|テキスト|資料|文脈)(?:に|で)(?:よると|よれば|は述べ)|(?:前述|上記)の(?:とおり|通り|文章|文書|テキスト)"
    r"|(?:본문|지문|문서|텍스트|문맥)에 (?:따르면|의하면)|위(?:에서)? 언급"
    r"|\bсогласно (?:этому )?(?:тексту|документу|отрывку|контексту)\b|\bкак (?:упомянуто|указано|сказано)\b"
    r"|\bв (?:тексте|отрывке|документе) (?:говорится|упоминается|указано|сказано)\b"
)
# The same with nouns that a topic has as well: it is the topic's where the sources have the noun.
LOOSE_CITATIONS = re.compile(_citation(_TOPICAL) + rf"|\b{_THE} (?:{_GIVEN} )*{_TOPICAL} {_ADVERBS}(?:{_SAYS})")
# "The passage", and nothing tells whether it is the material: again the topic's where the sources have the noun, and
# where it is said of what ("the passage of the bill").
THE_PASSAGE = re.compile(
    r"\b(?:the|this|these|those) (?:passages?|documents?|excerpts?|snippets?|texts?)\b"
    r"(?! (?:of|for|to|from|between|through)\b)|\bthe context\b(?! of\b)"
)
NOUN = re.compile(rf"\b(?:{_MATERIAL}|{_TOPICAL})\b")

_ENTRY = r"(?:entry|paragraph|summary|answer|response|text|passage|article|rewrite|version|output|title)"
# What speaks of the task, or has the form of its examples.
TASK = re.compile(
    rf"\b(?:here|below) (?:is|are|follows) (?:the|an?|your|my|one|some) (?:[\w-]+ ){{0,4}}{_ENTRY}s?\b"
    rf"|\bhere's (?:the|an?|your|my|one|some) (?:[\w-]+ ){{0,4}}{_ENTRY}s?\b"
    r"|\b(?:write|rewrite|make|create|produce|compose|generate) (?:an?|one|the|your) (?:[\w-]+ ){0,3}"
    r"(?:encyclopa?edi\w+|paragraph|noun phrase)\b"
    r"|\b(?:i'm|i am|i'll|i will|i would|i'd|let me|let's) (?:be )?(?:(?:happy|glad|ready|going|here|able) to )?"
    r"(?:help|assist|write|rewrite|provide|answer|summari[sz]e|create|start|begin|explain)\b"
    r"|\bplease (?:answer|respond|rewrite|write|let me know|note that)\b"
    r"|\b(?:your|my) (?:task|instructions?|prompt|question|query|assignment) (?:is|are|was|asks?|says?|requires?)\b"
    r"|\b(?:the|this) (?:prompt|instructions?|question|query|claim) (?:asks?|says?|requires?|wants)\b"
    r"|\bthe (?:correct |right |final )?answer (?:to (?:the|this|your) (?:question|query) )?is\b"
    r"|\bthe (?:entry|entry's title|title line|paragraph) (?:should|must|needs? to)\b"
    r"|\b(?:answer|respond to|reply to) (?:the|this|your) (?:question|claim)\b"
    r"|\bencyclopa?edi(?:a|c) entry\b|\b(?:hope this helps|feel free to|let me know if|thank you for)\b"
    r"|\bhier (?:ist|sind|folgt) (?:der|die|das|ein|eine|ihr|ihre|dein|deine) (?:\w+ ){0,3}"
    r"(?:eintrag|absatz|text|antwort|zusammenfassung|fassung|titel)\b|\blexikoneintrag\b"
    r"|\bdie (?:richtige |korrekte )?antwort (?:auf (?:die|diese) frage )?(?:ist|lautet)\b"
    r"|\bich (?:werde|helfe|schreibe|fasse|möchte|würde)\b"
    r"|\b(?:ihre|deine|meine) (?:aufgabe|frage|anweisung) (?:ist|lautet)\b"
)
LABEL = re.compile(
    r"(?:^|[.!?;|] ?)\W*(?:question|claim|evidence|passages?|context|instructions?|response|assistant|user|system|input"
    r"|output|answer|title|entry|example|paragraph|topic|documents?|draft|q|a"
    r"|frage|antwort|titel|eintrag|absatz|belege?|textstelle|zusammenfassung)(?: ?\d+)? ?:(?!\d)"
)
MARK = re.compile(
    r"(?:[<‹《\[]|&lt;) ?/? ?(?:passages?|evidence|question|claim|answer|draft|document|context)\b[^>›\]]{0,20}"
    r"(?:[>›》\]]|&gt;|$)|<\|[a-z_]+\|>|\[/?inst\]|</?s>|(?:^|\s)#{2,} ?(?:instruction|response|input|question|answer)"
)

_IN_SOURCES = rf"(?:in|by|within|from) (?:{_THE} )?(?:{_GIVEN} )*(?:{_MATERIAL}|{_TOPICAL})"
# What declines to say anything.
REFUSAL = re.compile(
    r"\bi (?:am |was )?(?:sorry|afraid|unable|not able|not sure|don't know|do not know|cannot|can't|could not|couldn't"
    r"|won't|will not|have no|don't have|do not have|apologi[sz]e|must decline)\b"
    r"|\bi'm (?:sorry|afraid|unable|not able|not sure|just an?)\b|\bas an? (?:ai|language model|assistant)\b"
    r"|^\W*(?:sorry|apologies)[,.!]|^\W*unfortunately,? (?:i|there is no|the (?:passages?|texts?|context|evidence))\b"
    rf"|\b(?:{_MATERIAL}|{_TOPICAL}) (?:above |below |provided |given )?"
    r"(?:does not|do not|doesn't|don't|did not|didn't|cannot|can't) "
    r"(?:contain|provide|mention|include|say|state|give|specify|answer|support|have|describe|tell|offer|reveal|address)"
    r"|\b(?:no|not enough|insufficient|too little) (?:relevant |further |specific |sufficient |such |other )*"
    r"(?:information|context|passages?|sentences?|details|answer|facts) "
    r"(?:is|are|was|were|in|about|on|to|available|provided|given|found|can|bears?|regarding)\b"
    rf"|\bno (?:evidence|data) (?:is |was |are )?(?:provided|given|available|{_IN_SOURCES})\b"
    r"|\b(?:it is|it's) (?:not possible|impossible) to (?:determine|answer|say|tell)\b"
    rf"|\bnot (?:mentioned|stated|specified|provided|given|answered|included|described|found) {_IN_SOURCES}\b"
    r"|\b(?:is|are|was|were) not (?:mentioned|stated|specified|answered|answerable)\W*$"
    r"|\bcannot be (?:determined|answered|inferred)\b|\b(?:question|claim|query) (?:cannot|can't|could not) be\b"
    r"|\bes tut mir leid\b|\bich (?:kann|weiß) (?:es |das |die frage |diese frage )?(?:leider )?nicht\b"
    r"|\bkeine (?:angaben?|informationen?) (?:zu|über|im|in)\b|\bals (?:ki|sprachmodell|assistent)\b"
    r"|\b(?:text|textabschnitt|abschnitt|quelle|quellen|kontext) (?:enthält|enthalten|nennt|nennen) (?:keine?|nicht)\b"
    r"|\bje suis désolée?\b|\bje ne (?:peux|sais) pas\b|\baucune information\b"
    r"|\blo siento\b|\bno puedo\b|\bno hay información\b|\bdesculpe\b|\bnão posso\b|\bmi dispiace\b|\bnon posso\b"
    r"|抱歉|对不起|無法回答|无法回答|没有提到|没有相关|申し訳|お答えできません|わかりません|記載されていません|죄송"
    r"|\bизвините\b|\bк сожалению\b|\bя не могу\b|\bнет информации\b"
)
# And in place of any.
NOTHING_SAID = frozenset(
    "|none|n/a|n.a|na|null|nil|nan|unknown|not applicable|not available|no answer|no information|not found|no title"
    "|untitled|no text|no entry|no evidence|empty|tbd|todo|undefined|error|yes|no|true|false|supports|refutes"
    "|not enough info|not enough information|not mentioned|not specified|title|entry|paragraph|first line|second line"
    "|keine|keine angabe|aucun|aucune|ninguno|nessuno|nenhum|无|沒有|没有|なし|不明|없음|нет".split("|")
)
