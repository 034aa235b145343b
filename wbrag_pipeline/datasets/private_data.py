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
    r"\b(?:password|passwd|pwd|passphrase|api[ _-]?key|secret[ _-]?key|access[ _-]?token|auth[ _-]?token)\b[\"']?\s*"
    r"(?:=|:|is)\s*[\"']?(?=\S*[\d!@#$%^&*])[^\s\"']{6,}",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}\b", re.IGNORECASE)
_DIGITS = re.compile(r"(?<![\w.])\+?\(?\d[\d ().\-/]{6,24}\d(?![\w])")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_SOCIAL_SECURITY = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")


def private_data(text: str, kinds: Sequence[str]) -> str | None:
    """The first of ``kinds`` that a text holds, in plain words; None where it holds none."""
    return next((DETECTORS[kind][0] for kind in kinds if DETECTORS[kind][1](text)), None)


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


# Kind → what it is in plain words, and what finds it.
DETECTORS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "credentials": ("a credential", _credential),
    "email": ("an e-mail address", lambda text: bool(_EMAIL.search(text))),
    "phone": ("a telephone number", _phone),
    "card": ("a payment card's number", _card),
    "account": ("a bank account's number", _account),
    "ssn": ("a social security number", _social_security),
}
EVERY_KIND = ",".join(DETECTORS)
