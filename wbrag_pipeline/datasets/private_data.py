"""Credentials and personal data in a text (OWASP LLM02: sensitive information), by libraries that know their forms.

detect-secrets (Yelp) knows the credentials, phonenumbers (Google's library) the telephone numbers, python-stdnum the
check digits of cards and bank accounts. Names of persons, dates and places are what an encyclopedia is about, and no
personal data here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import ENGLISH

# Detectors of detect-secrets that go by a credential's own form. Those that go by entropy take formulas, gene names and
# words of other languages for keys.
_CREDENTIALS = (
    "ArtifactoryDetector AWSKeyDetector AzureStorageKeyDetector BasicAuthDetector CloudantDetector "
    "DiscordBotTokenDetector GitHubTokenDetector GitLabTokenDetector JwtTokenDetector MailchimpDetector NpmDetector "
    "OpenAIDetector PrivateKeyDetector PypiTokenDetector SendGridDetector SlackDetector SquareOAuthDetector "
    "StripeDetector TelegramBotTokenDetector TwilioKeyDetector"
).split()
# A password that is told in prose or in a configuration line.
_PASSWORD = re.compile(
    r"\b(?:password|passwd|pwd|passphrase|api[ _-]?key|secret[ _-]?key|access[ _-]?token|auth[ _-]?token"
    r"|passwort|kennwort|zugangscode|mot de passe|contraseña|senha|wachtwoord|пароль)\b[\"']?\s*"
    r"(?:=|:|is|ist|lautet|est|es|é)\s*[\"']?(?=\S*[\d!@#$%^&*])[^\s\"']{6,}",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}\b", re.IGNORECASE)
# What stands before a telephone number; without it a national one is as likely a year's range or a part's number.
_PHONE_WORD = re.compile(
    r"\b(?:telefon\w*|tel|fon|mobil\w*|handy|rufnummer|fax|téléphone|tél|portable|teléfono|móvil|telefone|celular"
    r"|telefono|cellulare|telefoon|телефон|тел|моб)\b\.?|電話|电话|هاتف",
    re.IGNORECASE,
)
_NEAR = 20  # characters between the two
# Countries whose code is not that of their language.
_REGIONS = {
    "ar": "EG",
    "cs": "CZ",
    "da": "DK",
    "el": "GR",
    "hi": "IN",
    "ja": "JP",
    "ko": "KR",
    "sv": "SE",
    "uk": "UA",
    "zh": "CN",
}
_DIGITS = re.compile(r"(?<![\w.])\+?\(?\d[\d ().\-/]{6,24}\d(?![\w])")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_SOCIAL_SECURITY = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")

_GERMAN_TAX_WORD = re.compile(r"\bsteuer-?(?:id|ident\w*|nummer)|\bidnr\b", re.IGNORECASE)
_ELEVEN = re.compile(r"(?<!\d)\d{2} ?\d{3} ?\d{3} ?\d{3}(?!\d)")
_CODICE = re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]\b")
_NIR = re.compile(r"(?<!\d)[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)")


def private_data(text: str, kinds: Sequence[str], language: str = ENGLISH) -> str | None:
    """The first of ``kinds`` that a text holds, in plain words; None where it holds none.

    language: of the text. In another one than English telephone numbers are also found as they are written in the
    country that it is named after, behind a word such as "Telefon".
    """
    found = (DETECTORS[kind][0] for kind in kinds if DETECTORS[kind][1](text))
    told = next(found, None)
    if told is None and "phone" in kinds and _national_phone(text, language):
        return DETECTORS["phone"][0]
    return told


def kinds_named(names: str) -> tuple[str, ...]:
    """Kinds from "credentials,email" or "none". Raises InputError for one that there is not."""
    kinds = tuple(name.strip() for name in names.split(",") if name.strip() not in ("", "none"))
    for kind in kinds:
        if kind not in DETECTORS:
            known = ", ".join(DETECTORS)
            raise InputError(f"there is no detector {kind!r}", field="private", hint=f"of {known}; or none")
    return kinds


def _credential(text: str) -> bool:
    return bool(_PASSWORD.search(text)) or any(True for detector in _detectors() for _ in detector.analyze_string(text))


@cache
def _detectors() -> list[Any]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: Iterable[Any] = get_mapping_from_secret_type_to_class().values()
    return [found() for found in classes if found.__name__ in _CREDENTIALS]


def _phone(text: str) -> bool:
    # Without a country's code a number of this length is as likely a year's range or a part's number.
    if "+" not in text or not _DIGITS.search(text):
        return False
    from phonenumbers import PhoneNumberMatcher

    return PhoneNumberMatcher(text, None).has_next()


def _national_phone(text: str, language: str) -> bool:
    if language == ENGLISH or not _PHONE_WORD.search(text):
        return False
    from phonenumbers import PhoneNumberMatcher
    from phonenumbers.phonenumberutil import SUPPORTED_REGIONS

    region = _REGIONS.get(language, language.upper())
    if region not in SUPPORTED_REGIONS:
        return False
    ends = [word.end() for word in _PHONE_WORD.finditer(text)]
    matches = list(PhoneNumberMatcher(text, region))
    return any(0 <= match.start - end <= _NEAR for match in matches for end in ends)


def _card(text: str) -> bool:
    from stdnum import luhn

    for found in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", found.group())
        # What cards begin with (ISO/IEC 7812); one in ten other numbers has a fitting last digit.
        if 13 <= len(digits) <= 19 and digits[0] in "3456" and luhn.is_valid(digits):
            return True
    return False


def _account(text: str) -> bool:
    from stdnum import iban

    return any(iban.is_valid(found.group()) for found in _ACCOUNT.finditer(text))


def _social_security(text: str) -> bool:
    from stdnum.us import ssn

    return any(ssn.is_valid(found.group()) for found in _SOCIAL_SECURITY.finditer(text))


def _national_number(text: str) -> bool:
    return _social_security(text) or _tax_number(text)


def _tax_number(text: str) -> bool:
    """The German and Italian tax numbers and the French social security number, each with check digits."""
    from stdnum.de import idnr
    from stdnum.fr import nir
    from stdnum.it import codicefiscale

    if _GERMAN_TAX_WORD.search(text) and any(idnr.is_valid(found.group()) for found in _ELEVEN.finditer(text)):
        return True
    return any(codicefiscale.is_valid(found.group()) for found in _CODICE.finditer(text)) or any(
        nir.is_valid(found.group()) for found in _NIR.finditer(text)
    )


# Kind → what it is in plain words, and what finds it.
DETECTORS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "credentials": ("a credential", _credential),
    "email": ("an e-mail address", lambda text: bool(_EMAIL.search(text))),
    "phone": ("a telephone number", _phone),
    "card": ("a payment card's number", _card),
    "account": ("a bank account's number", _account),
    "ssn": ("a social security number", _national_number),
}
EVERY_KIND = ",".join(DETECTORS)
