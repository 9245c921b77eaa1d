"""What the demo app remembers of the people in front of it: tokens on the server, never in a cookie.

The cookie holds an id of a Visit, signed by Flask under a key of this process; a restart forgets all.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

_MOST_VISITS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What the API (or the provider) said to the last button: shown as it came."""

    title: str
    status: int
    reason: str
    body: str

    @property
    def good(self) -> bool:
        """Was it a success?"""
        return 200 <= self.status < 300


@dataclass(slots=True, kw_only=True)
class Visit:
    """One signed-in person in one browser. ``form_key`` guards the forms against other sites.

    ``ended``: the provider has told us that it is over. An ordinary app would forget the tokens; this one
    keeps them to show that they are dead.
    """

    claims: dict[str, Any]
    token: dict[str, Any]
    form_key: str
    answer: ApiAnswer | None = None
    refreshes: int = 0
    id_token: str = ""
    ended: bool = False

    @property
    def access_claims(self) -> dict[str, Any]:
        """What is inside the access token, to look at; an app must not rely on it (RFC 9068 section 6)."""
        return peek(str(self.token.get("access_token", "")))


@dataclass(slots=True)
class Visits:
    """Visits by id; beyond the limit the oldest is forgotten. Safe to share between threads."""

    _visits: OrderedDict[str, Visit] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, visit: Visit) -> str:
        """Keep it and return its new id: a fresh one at every sign-in, so none can be fixed before."""
        visit_id = random_id()
        with self._lock:
            self._visits[visit_id] = visit
            while len(self._visits) > _MOST_VISITS:
                self._visits.popitem(last=False)
        return visit_id

    def get(self, visit_id: str | None) -> Visit | None:
        """The visit of that id, if it is still known."""
        with self._lock:
            return self._visits.get(visit_id or "")

    def end(self, sub: str | None, sid: str | None) -> None:
        """The visits of that session, or without one those of that person (Back-Channel Logout 1.0 section 2.7)."""
        with self._lock:
            for visit in self._visits.values():
                same = visit.claims.get("sub") == sub if sid is None else visit.claims.get("sid") == sid
                if same:
                    visit.ended = True

    def close(self, visit_id: str | None) -> Visit | None:
        """Forget it, and return what there was."""
        with self._lock:
            return self._visits.pop(visit_id or "", None)


def random_id() -> str:
    """256 random bits in base64url."""
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def peek(token: str) -> dict[str, Any]:
    """The claims of a JWT without any check; empty if it is none."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}
