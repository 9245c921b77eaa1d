"""What a person's record may say of them: the standard claims and their forms (OpenID Connect Core 1.0 section 5.1).

``address`` is the JSON object of section 5.1.1. A name that people read may have a language tag (section
5.2). ``email``, ``email_verified`` and ``updated_at`` are members of ``User`` and never stored here;
``phone_number_verified`` is the operator's to say, for nothing here calls a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from .claims import IN_LANGUAGES
from .user import PROFILE_CLAIMS

ADDRESS_MEMBERS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
MAX_TEXT, MAX_URL = 256, 2000
_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,7}")
_FORMS = {
    "birthdate": (re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2})?"), "Write the date as 1990-12-31, or the year alone."),
    "zoneinfo": (re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}"), "Write the time zone as Europe/Paris."),
    "locale": (re.compile(r"[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,7}"), "Write the language as en or pt-BR."),
    "phone_number": (
        re.compile(r"\+[0-9]{1,3}[0-9 ().-]{3,20}(;ext=[0-9]{1,8})?"), "Write the number as +1 604 555 1234.",
    ),
}  # fmt: skip
_LINKS = ("profile", "picture", "website")


def profile_problem(name: str, value: object) -> str | None:
    """Why a claim cannot be kept so, as a sentence for the person; None if it can. None removes a claim."""
    plain, tagged, language = name.partition("#")
    if plain not in (*PROFILE_CLAIMS, "address", "phone_number", "phone_number_verified"):
        return "There is no such entry."
    if tagged and (plain not in IN_LANGUAGES or not _TAG.fullmatch(language)):
        return "This entry has no such language."
    if value is None:
        return None
    return _CHECKS.get(plain, _text)(plain, value)


def _text(name: str, value: object) -> str | None:
    if not isinstance(value, str) or not _readable(value, lines=False):
        return "Use letters, digits and signs that can be shown, on one line."
    if len(value) > MAX_TEXT:
        return f"Use at most {MAX_TEXT} characters."
    form, sentence = _FORMS.get(name, (None, ""))
    return sentence if form is not None and not form.fullmatch(value) else None


def _link(_name: str, value: object) -> str | None:
    sentence = "Write an address that begins with https://."
    if not isinstance(value, str) or len(value) > MAX_URL or not value.isascii() or not value.isprintable():
        return sentence
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("https", "http") and bool(parts.hostname) and " " not in value
    except ValueError:
        right = False
    return None if right else sentence


def _verified(_name: str, value: object) -> str | None:
    return None if isinstance(value, bool) else "Say true or false."


def _address(_name: str, value: object) -> str | None:
    """Section 5.1.1: members that are not there are not known."""
    if not isinstance(value, Mapping) or not set(value) <= set(ADDRESS_MEMBERS):
        return f"An address has {', '.join(ADDRESS_MEMBERS)}."
    for member in value.values():
        if not isinstance(member, str) or len(member) > 2 * MAX_TEXT or not _readable(member, lines=True):
            return "Use letters, digits and signs that can be shown."
    return None


def _readable(text: str, *, lines: bool) -> bool:
    """Without control and direction characters, which could disguise what is shown (ASVS 10.4.7)."""
    seen = text.replace("\n", "") if lines else text
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in seen)


_CHECKS: Mapping[str, Callable[[str, object], str | None]] = {
    **dict.fromkeys(_LINKS, _link), "address": _address, "phone_number_verified": _verified,
}  # fmt: skip
