"""What must hold of every answer, whatever was asked."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin, urlsplit

from sqlalchemy import select

from idp.storage import tables
from idp.web.security import always

from .wire import Answered, Throw
from .world import ISSUER, World

SECONDS = 5.0
_HAND_OFF = re.compile(rb'http-equiv="?refresh"?[^>]*content="\d+;\s*url=([^"]*)"')
_ACTION = re.compile(rb'<form[^>]*\saction="([^"]*)"')
_FRAME = re.compile(rb'<iframe[^>]*\ssrc="([^"]*)"')
_SCRIPTED = re.compile(rb'(?:href|src|action)\s*=\s*"?\s*(?:javascript|data|vbscript):', re.IGNORECASE)
_MEMBERS = ("redirect_uris", "post_logout_redirect_uris")


class Promises:
    """Of one world. ``hold`` says which one is broken; ``unchanged`` looks at the rows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._registered: set[str] = set()

    def hold(self, thrown: Throw, answered: Answered) -> None:
        """Raises AssertionError."""
        told = (thrown, answered.status, answered.body[:500], *self._world.noted.records)
        assert answered.status < 500, told
        assert not self._world.noted.records, told
        assert answered.seconds < SECONDS, (answered.seconds, thrown)
        if answered.header("Content-Type").startswith("text/html"):
            self._protected(thrown, answered)
        for place in _places(answered):
            assert self._ours(place) or self._known(place), (place, thrown)

    def unchanged(self, thrown: Throw | None = None) -> None:
        """No row of the victim's, and none of everybody's, is other than it was."""
        before, after = self._world.before, self._world.rows_of_the_victim()
        assert after == before, (thrown, [name for name in after if after[name] != before[name]])

    def _protected(self, thrown: Throw, answered: Answered) -> None:
        missing = [name for name in always(self._world.settings) if not answered.header(name)]
        assert missing == [], (missing, thrown)
        policy = answered.header("Content-Security-Policy")
        for needed in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert needed in policy, (policy, thrown)
        assert not _SCRIPTED.search(answered.body), (thrown, answered.body)

    def _ours(self, place: str) -> bool:
        return urlsplit(place)[:2] == urlsplit(ISSUER)[:2]

    def _known(self, place: str) -> bool:
        """Does a client have it registered, whatever was added to its query or fragment?"""
        if not self._matches(place):
            self._registered = self._now_registered()
        return self._matches(place)

    def _matches(self, place: str) -> bool:
        return any(place == uri or place.startswith((f"{uri}?", f"{uri}#", f"{uri}&")) for uri in self._registered)

    def _now_registered(self) -> set[str]:
        with self._world.engine.connect() as connection:
            rows = connection.execute(select(*(tables.clients.c[name] for name in _MEMBERS), tables.clients.c.metadata))
            return {
                uri for redirects, logouts, rest in rows
                for uri in (*redirects, *logouts, str((rest or {}).get("frontchannel_logout_uri")))
            }  # fmt: skip


def _places(answered: Answered) -> list[str]:
    """Where this answer sends a browser, absolute."""
    found = [html.unescape(part.decode()) for pattern in (_HAND_OFF, _ACTION, _FRAME)
             for part in pattern.findall(answered.body)]  # fmt: skip
    if 300 <= answered.status < 400 and answered.status != 304:
        found.append(answered.header("Location"))
    return [urljoin(f"{ISSUER}/", place) for place in found]
