"""Which keys mean access labels, however they are spelled.

A key that is overlooked shows a passage to everybody. So ``Labels``, ``label`` and ``access_labels`` are read like
``labels``, and a key that only looks like one of them is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

LabelKey = Literal["labels", "unclear"]

_READ = {prefix + word for prefix in ("", "access") for word in ("label", "labels")}
_OTHER_NAMES = {"access", "acl", "acls", "accesslist", "accesscontrol", "accesscontrollist"}
# Letters of other scripts that look like those of the words above.
_LOOK_ALIKES = str.maketrans("аɑαеεсϲѕӏıӀьвΑΒΕабβ", "aaaeeccslllbbabeabb")
_LONGEST = 200  # characters of a key that is looked at; a longer one is no word


def label_key(key: str) -> LabelKey | None:
    """``labels`` for a key that is read as access labels, ``unclear`` for one that may be meant so, None for any other.

    Case, blanks, punctuation, invisible marks and look-alike letters are passed over; so is a plural s.
    """
    return _label_key(key) if len(key) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _label_key(key: str) -> LabelKey | None:
    word = letters_of(key)
    if word in _READ:
        return "labels"
    return "unclear" if word in _OTHER_NAMES or word in _SLIPS else None


def letters_of(text: str) -> str:
    """The letters and digits of ``text``, as ``plain_letters`` shows them."""
    return "".join(mark for mark in plain_letters(text) if mark.isalnum())


def plain_letters(text: str) -> str:
    """``text`` in lower case, wide letters and look-alikes as the plain ones, without accents and invisible marks."""
    marks = unicodedata.normalize("NFKD", text).translate(_LOOK_ALIKES).casefold().translate(_LOOK_ALIKES)
    return "".join(mark for mark in marks if unicodedata.category(mark) not in ("Cf", "Mn"))


def nested_label_key(value: object) -> str | None:
    """The first key inside objects and lists that means labels or may; None where there is none."""
    waiting: list[object] = [value]  # no recursion: a document may be nested as deeply as its writer likes
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            for key, found in inner.items():
                if isinstance(key, str) and label_key(key) is not None:
                    return key
                waiting.append(found)
        elif isinstance(inner, (list, tuple)):
            waiting.extend(inner)
    return None


def _slips(word: str) -> Iterable[str]:
    """``word`` with one letter left out, doubled, or changed with the one before."""
    for at in range(1, len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at - 1] + word[at:]
        yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]


_SLIPS = {slip for word in _READ for slip in _slips(word)} - _READ
