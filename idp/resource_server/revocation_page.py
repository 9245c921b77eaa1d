"""What the revocation endpoint says, read strictly.

    {"head": 1234, "more": false, "poll": 0.15, "tick": 81234567,
     "entries": [{"seq": 1230, "kind": "sid", "value": "…", "at": 1767225600.123, "exp": 1767226560}]}

A kind that we do not know is refused with the whole page: to pass over it would be to accept what it
revokes. The follower then stops vouching and every token is asked about, which is slower and right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .errors import VerifierUnavailable
from .revocations import Revocation

_KINDS = frozenset({"sid", "sub", "client_id", "jti"})
_LARGEST = 2**63


class PageRefused(VerifierUnavailable):
    """The endpoint answered, but not in a way that could be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything up to ``head`` that may still matter, given what was known before.

    ``more``: cut off, ask again at once. ``poll`` is in seconds, ``tick`` in seconds of the server's own
    clock, None where it was not said.
    """

    head: int
    entries: list[Revocation]
    more: bool
    poll: float
    tick: float | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The log has just been read up to ``head``; ``tick`` is in seconds of the server's own clock."""

    head: int
    tick: float


def read_page(document: Any) -> Page:
    """Raises PageRefused."""
    members = _object(document)
    entries = members.get("entries")
    if not isinstance(entries, list) or not isinstance(members.get("more", False), bool):
        raise PageRefused("a page of revocations has no list of entries")
    return Page(
        head=_count(members, "head"),
        entries=[_entry(_object(entry)) for entry in entries],
        more=members.get("more", False),
        poll=_number(members, "poll") if "poll" in members else 1.0,
        tick=_number(members, "tick") / 1000 if "tick" in members else None,
    )


def read_heartbeat(document: Any) -> Heartbeat:
    """Raises PageRefused."""
    members = _object(document)
    return Heartbeat(_count(members, "head"), _number(members, "tick") / 1000)


def read_bye(document: Any) -> float:
    """After how many seconds a stream that the server ended may be opened again. Raises PageRefused."""
    return min(_number(_object(document), "retry"), 5.0)


def read_json(text: str) -> Any:
    """Raises PageRefused."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise PageRefused("an event of the revocation stream is not JSON") from None


def _entry(members: dict[str, Any]) -> Revocation:
    kind, value = members.get("kind"), members.get("value")
    if not isinstance(kind, str) or kind not in _KINDS or not isinstance(value, str) or not value:
        raise PageRefused(f"a revocation of an unknown kind: {kind!r:.40}")
    _count(members, "seq")
    return Revocation(f"{kind}:{value}", _number(members, "at"), _count(members, "exp"))


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise PageRefused("the revocation endpoint did not send an object")
    return document


def _count(members: dict[str, Any], name: str) -> int:
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise PageRefused(f"{name} is not a whole number")
    return value


def _number(members: dict[str, Any], name: str) -> float:
    value = members.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return float(value)
    raise PageRefused(f"{name} is not a number")
