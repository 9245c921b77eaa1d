"""Server-sent events (WHATWG HTML, section 9.2): bytes in, events out, within a limit.

Lines end with LF, CRLF or CR; a line with a colon first is a comment; events end with an empty line.
``retry`` and ``id`` are not used: when to come back and where to go on stand in the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .revocation_page import PageRefused

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MOST_BYTES = 8 * 1024 * 1024


class Event(NamedTuple):
    """``name`` is ``message`` where none was sent."""

    name: str
    data: str


def events(pieces: Iterable[bytes], most_bytes: int = _MOST_BYTES) -> Iterator[Event]:
    """Each event as soon as it is complete; what is cut off at the end is dropped.

    Raises PageRefused for an event beyond ``most_bytes`` or that is not UTF-8.
    """
    name, data, size = "", [], 0
    for line in _lines(pieces, most_bytes):
        size += len(line)
        if size > most_bytes:
            raise PageRefused("an event of the revocation stream is too long")
        if line:
            field, value = _field(line)
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            continue
        if data:
            yield Event(name or "message", "\n".join(data))
        name, data, size = "", [], 0


def _lines(pieces: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    """Complete lines, without their ends. A CR that comes last may be the first half of a CRLF."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if b"\n" not in piece and b"\r" not in piece:
            if size > most_bytes:
                raise PageRefused("a line of the revocation stream is too long")
            continue  # looked at once, when its end has come: a long line costs no more than its length
        text, begin = b"".join(waiting), 0
        for end in _LINE_END.finditer(text):
            if end.group() == b"\r" and end.end() == len(text):
                break
            yield text[begin : end.start()]
            begin = end.end()
        waiting, size = [text[begin:]], len(text) - begin


def _field(line: bytes) -> tuple[str, str]:
    try:
        field, _, value = line.decode().partition(":")
    except ValueError:
        raise PageRefused("the revocation stream is not UTF-8") from None
    return field, value.removeprefix(" ")
