"""Text that speaks to the model and not of its topic (OWASP LLM01: prompt injection).

Patterns find the known forms and nothing more; whoever writes for this very list gets past it. What holds beside them:
prompts declare passages as quoted material (``generation.writing.prompts``), and a reader without a prompt cannot be
told anything.
"""

from __future__ import annotations

import re
import unicodedata

# Letters of other scripts that look like Latin ones, for words that mix both.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁԛԝһАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "aeopcyxijsdqwhABEKMHOPCTYXIJSABEZHIKMNOPTYXo"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
# Overrides of the writing direction and tag characters have no place in prose, nor zero-width marks in a Latin word.
_HIDDEN = re.compile(
    "[\u202d\u202e\u2066-\u2069\U000e0001-\U000e007f]|(?<=[A-Za-z])[\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-z])"
)
_YOURS = r"(?:all |any |the |these |those |your |every |of |my |other |such )*"
_PREVIOUS = r"(?:previous|prior|above|earlier|preceding|former|foregoing|initial|original|system)"
_ORDERS = (
    r"(?:instructions?|prompts?|rules?|directions?|commands?|guidelines?|messages?|context|passages?|constraints?)"
)
_PATTERNS = {
    "tells the model to leave its instructions": (
        rf"\b(?:ignore|disregard|forget|override|overrule|bypass|skip) {_YOURS}(?:{_PREVIOUS} )?{_YOURS}{_ORDERS}\b"
        rf"|\b(?:ignore|disregard|forget) (?:everything|anything|all|whatever)(?: (?:that|you))*"
        r"(?: (?:was|were|have|has|had|been))* (?:above|before|said|told|read)\b"
        r"|\bdo not (?:follow|obey|trust|use) (?:the |your |any |these |other )*"
        r"(?:instructions?|system prompts?|rules|other passages?)\b"
        r"|\b(?:new|updated|revised|real|actual) (?:system )?instructions?\s*:"
        # German, French, Spanish: whoever attacks chooses the language.
        r"|\b(?:ignorier\w*|missacht\w*|vergiss|vergessen sie|überspring\w*|befolge nicht) (?:\w+ ){0,4}"
        r"(?:anweisung|anweisungen|vorgaben?|regeln|befehle?|prompts?|nachrichten|instruktionen)\b"
        r"|\bneue (?:system)?anweisung(?:en)?\s*:"
        r"|\b(?:ignore[zr]?|oublie[zr]?) (?:\w+ ){0,4}(?:instructions|consignes|règles)\b"
        r"|\b(?:ignor[ae]|olvid[ae])n? (?:\w+ ){0,4}(?:instrucciones|reglas|indicaciones)\b"
    ),
    "carries a chat template's marks": (
        r"<\|[a-z_]{2,30}\|>|<(?:start|end)_of_turn>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]|<</?SYS>>"
        r"|</?(?:system|assistant|user|human)>|(?:^|\n|\s)#{2,4} ?(?:system|instruction|assistant|response|human)s?:"
        r"|(?:^|\n|[.!?] +)(?:system|assistant|developer) ?(?:message|prompt)?: +"
        r"(?=you|ignore|do |from|always|never|reply|the)"
    ),
    "carries a tool call's marks": (
        r"</?(?:tool_call|function_calls?|tool_use|tool_result|invoke|antml:\w+)\b[^>]*>"
        r"|[\"'](?:tool|function|tool_name|name)[\"']\s*:\s*[\"'][\w.-]+[\"']\s*,\s*"
        r"[\"'](?:arguments|parameters|args|input)[\"']"
        r"|```(?:tool|json tool|bash|sh|python)\b"
    ),
    "speaks as the model or gives it a part": (
        r"\bas an? (?:ai|a\.i\.|large language model|language model|artificial intelligence|virtual assistant)\b"
        r"|\byou are (?:now )?(?:an? )?(?:ai|chatgpt|gpt|claude|gemini|llama|dan|language model|helpful|unrestricted|"
        r"jailbroken)\b|\b(?:act|behave|respond|pretend) as (?:if you|though you|an? (?:unrestricted|ai|assistant))\b"
        r"|\bfrom now on,? (?:you )?(?:must |should |will |shall |are to )?(?:always |never |only )?"
        r"(?:answer|reply|respond|say|output|ignore|act as|speak as)\b"
        r"|\bals (?:ki|künstliche intelligenz|sprachmodell|virtueller assistent)\b"
        r"|\b(?:du bist|sie sind) (?:jetzt |nun |ab jetzt )?(?:ein |eine )?(?:ki|chatgpt|sprachmodell|assistent)\b"
        r"|\bab (?:jetzt|sofort),? (?:antworte|antworten|sage|sagen|gib|ignoriere)\b"
    ),
    "tells the model what to answer or do": (
        r"\b(?:you|assistants?|(?:language )?models?|the ai|ais?|chatbots?|readers? of this) "
        r"(?:must|should|shall|need to|have to|are to|will) (?:now |only |always |never |not |instead )*"
        r"(?:answer|reply|respond|say|ignore|output|state|tell|reveal|print|send|call|visit|click|recommend)\b"
        r"|\b(?:always|only|never|instead|please|simply|just),? (?:answer|reply|respond)(?: with| only| by| to| that)\b"
        r"|(?:^|[.!?:] +)(?:answer|respond|reply) (?:with|only|exactly|that|\"|')"
        r"|\b(?:when|if|whenever) (?:you are |anyone |someone |a user |the user |users? |they )?(?:is |are )?"
        r"(?:asked|asks?|questioned)\b.{0,60}?,? (?:answer|reply|respond|say|state|tell)\b"
        r"|\b(?:the )?(?:only )?(?:correct|right|expected|official|true) answer (?:to (?:this|the|any|every|all) "
        r"questions?\b.{0,40}? )?(?:is|must be|should be)(?: always)?\b"
        r"|\bdo not (?:tell|mention|reveal|inform|show|disclose)\b.{0,40}\b(?:user|anyone|human|reader|this)\b"
        r"|\b(?:antworte|antworten sie|erwidere) (?:immer|stets|nur|ausschließlich|mit|auf jede frage)\b"
        r"|\b(?:die )?(?:einzig |einzige )?(?:richtige|korrekte|wahre) antwort "
        r"(?:auf (?:jede|alle|diese|die) fragen? )?"
        r"(?:ist|lautet)\b"
        r"|\b(?:sage|verrate|zeige|nenne) (?:dem|den|der) (?:nutzer|benutzer|leser)\w* (?:nicht|nichts)\b"
    ),
    "asks for the prompt or for secrets": (
        r"\b(?:reveal|print|repeat|show|output|leak|disclose|display|send|give|tell)\b.{0,30}?\b"
        r"(?:system prompts?|hidden prompts?|your (?:prompt|instructions|api keys?|configuration)|api keys?|passwords?"
        r"|credentials|environment variables|conversation history|chat history)\b"
    ),
}
_COMPILED = {reason: re.compile(pattern, re.IGNORECASE) for reason, pattern in _PATTERNS.items()}


def addressed_to_the_model(text: str) -> str | None:
    """Why a text is no mere statement about the world, in plain words; None where no pattern fits.

    Compared with marks that nobody sees taken out and look-alike letters put back.
    """
    if _HIDDEN.search(text):
        return "hides characters that a reader does not see"
    seen = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    forms = (seen, " ".join(_latin(word) for word in seen.split()))
    return next((reason for reason, pattern in _COMPILED.items() if any(map(pattern.search, forms))), None)


def _latin(word: str) -> str:
    """A word that mixes Latin letters with look-alikes, in Latin ones; a word in another script stays."""
    return word.translate(_LOOKALIKES) if re.search("[A-Za-z]", word) else word
