"""Reading single members of client metadata, strictly: the vocabulary of RFC 7591 section 2.

Every function takes the members that were sent and raises MetadataProblem for one that cannot be. The
modules that use it stand one to a specification (``client_metadata`` names them).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from .redirect_uris import MAX_URI, URI, is_loopback

MAX_VALUES, MAX_NAME = 20, 256

Sent = Mapping[str, object]


class MetadataProblem(Exception):
    """``code`` is the RFC 7591 section 3.2.2 error, ``text`` says which member and why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def bad(text: str, code: str = "invalid_client_metadata") -> MetadataProblem:
    """The problem, to be raised."""
    return MetadataProblem(code, text)


def strings(sent: Sent, member: str) -> tuple[str, ...]:
    """An array of strings without its repetitions; absent is empty."""
    value = sent.get(member, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad(f"{member} must be an array of strings")
    if len(value) > MAX_VALUES:
        raise bad(f"{member} has more than {MAX_VALUES} entries")
    return tuple(dict.fromkeys(value))


def choice(sent: Sent, member: str, allowed: Sequence[str], default: str) -> str:
    """One of the allowed values, or the default where it was not sent."""
    value = sent.get(member, default)
    if value not in (*allowed, default) or not isinstance(value, str):
        raise bad(f"{member} must be one of: {', '.join(allowed)}")
    return value


def boolean(sent: Sent, member: str) -> bool | None:
    """True, false, or None where it was not sent."""
    value = sent.get(member)
    if value is not None and not isinstance(value, bool):
        raise bad(f"{member} must be true or false")
    return value


def seconds(sent: Sent, member: str) -> int | None:
    """A duration, or None where it was not sent."""
    value = sent.get(member)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9):
        raise bad(f"{member} must be a number of seconds")
    return value


def name(sent: Sent, member: str) -> str:
    """A short text that people may read; '' where it was not sent."""
    value = sent.get(member, "")
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise bad(f"{member} must be a string of at most {MAX_NAME} characters")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in value):
        raise bad(f"{member} holds control or direction characters (ASVS 10.4.7)")
    return value.strip()


def language_of(member: str) -> tuple[str, str | None]:
    """``client_name#fr`` taken apart (RFC 7591 section 2.2); the language is None where there is no tag,
    and '' where what follows is none."""
    plain, sign, language = member.partition("#")
    if not sign:
        return plain, None
    return plain, language if re.fullmatch(r"[A-Za-z0-9-]{1,35}", language) else ""


def link(sent: Sent, member: str, *, loopback: bool = True, fragment: bool = True) -> str | None:
    """An https URL, or http to loopback where ``loopback`` allows it; None where it was not sent."""
    value = sent.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_URI or not URI.fullmatch(value.replace("#", "")):
        raise bad(f"{member} must be an https URL")
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise bad(f"{member} must be an https URL") from None
    fine = parts.scheme == "https" or (loopback and parts.scheme == "http" and is_loopback(host))
    if not fine or not host or "@" in parts.netloc:
        raise bad(f"{member} must be an https URL")
    if "#" in value and not fragment:
        raise bad(f"{member} must not include a fragment")
    return value
