"""What a request is before it is sent, and how names in it become values.

A strategy cannot know the values of a running provider, so it draws *names* in braces, such as
``{victim.code}``, which are filled in as the request is sent; a sign after a name damages its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_from_bytes

FORM = "application/x-www-form-urlencoded"
SELF = (("Cookie", "__Host-idp-session={mallory.session}; __Host-idp-device={mallory.device}"),)
VISITOR = (("Cookie", "__Host-idp-visit={visit}"),)
OURS = (("Sec-Fetch-Site", "same-origin"), ("Origin", "{issuer}"))
BASIC = (("Authorization", "{mallory.basic}"),)
SERVICE = (("Authorization", "{service.basic}"),)

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Odd:
    """Changes to every JWT that is signed for the request; a member that is ``GONE`` is left out."""

    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)


GONE = "{gone}"
EVEN = Odd()


@dataclass(frozen=True)
class Document:
    """What a stranger's server answers, whatever is asked of it."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    cache_control: str = ""


@dataclass(frozen=True)
class Throw:
    """One request with names still in it. ``fields`` is the form, ``raw`` another body.

    ``odd`` changes what is signed for it, ``document`` what strangers' servers answer meanwhile. ``expect``:
    the status of a seed as it stands; None for one that is to be refused, however.
    """

    method: str
    path: str
    fields: Pairs = ()
    headers: Pairs = ()
    query: Pairs = ()
    content_type: str | None = None
    raw: bytes | None = None
    odd: Odd = EVEN
    document: Document | None = None
    expect: int | None = None


@dataclass(frozen=True)
class Request:
    """A request as a server is sent it. ``address`` is where it comes from."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    address: str = "192.0.2.7"


@dataclass(frozen=True)
class Answered:
    """What came back, after how many seconds."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str:
        """The first of that name, or nothing."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")


# ── names become values ───────────────────────────────────────────────────────────────────────────

_NAME = re.compile(r"\{([a-z_.]+)\}([-+~!*^0]?)")


def fill(text: str, known: Mapping[str, str]) -> str:
    """Put values for names in braces; a sign after one damages the value."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            return match[0]
        return _damage(known[match[1]], match[2])

    return _NAME.sub(value, text)


def _damage(value: str, how: str) -> str:
    middle = len(value) // 2
    return {
        "": value, "+": value + "A", "-": value[:-1], "~": value.swapcase(), "!": value + "\0", "^": " " + value,
        "*": value[:middle] + ("A" if value[middle : middle + 1] != "A" else "B") + value[middle + 1 :],
        "0": value[:middle] + "\ud800" + value[middle:],
    }[how]  # fmt: skip


def encoded(text: str) -> bytes:
    """UTF-8, with surrogates as they are."""
    return text.encode("utf-8", "surrogatepass")


def urlencoded(fields: Pairs, known: Mapping[str, str]) -> bytes:
    """``application/x-www-form-urlencoded``, whatever is in it."""
    parts = (tuple(quote_from_bytes(encoded(fill(text, known))) for text in pair) for pair in fields)
    return "&".join(f"{name}={value}" for name, value in parts).encode()


def header_bytes(text: str, known: Mapping[str, str]) -> bytes:
    """What a server lets through: no line ends and no NUL, any other byte."""
    return re.sub(rb"[\r\n\0]", b"", encoded(fill(text, known)))


def requested(thrown: Throw, known: Mapping[str, str], address: str) -> Request:
    """The request with its values."""
    body = thrown.raw if thrown.raw is not None else urlencoded(thrown.fields, known)
    if thrown.raw is not None and body.isascii():
        body = encoded(fill(body.decode(), known))
    sent = [(name, header_bytes(text, known)) for name, text in thrown.headers]
    if thrown.content_type is not None:
        sent.insert(0, ("Content-Type", header_bytes(thrown.content_type, known)))
    bare = thrown.method == "GET" and thrown.raw is None
    return Request(
        thrown.method, encoded(fill(thrown.path, known)) or b"/", urlencoded(thrown.query, known), tuple(sent),
        b"" if bare else body, address,
    )  # fmt: skip
