"""Cookie ↔ Session and Device. Nobody else touches the cookies.

Three cookies, each 256 random bits of which only a hash is kept (or none):

- *session*: one sign-in. ``__Host-``, HttpOnly, SameSite=Lax, a new value at every proof, so a value
  planted or stolen before is worth nothing after (ASVS 7.2.4, CVE-2024-28197).
- *device*: this browser; lives a year, a new value at every sign-in.
- *visit*: exists only so that forms shown before sign-in have something to bind their token to.

Why Lax and not Strict: a person comes here by a link from an app, and must be seen as signed in.
Why two cookies of one name count as none: a sibling domain can toss a second one at us
(CVE-2023-23934); which of them is ours cannot be known.

The anti-forgery token of a form is an HMAC over the session cookie, or over the visit cookie while
nobody is signed in: a token from before the sign-in is worthless after it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, cast

from flask import Flask, Response, g, request
from flask.sessions import SessionInterface, SessionMixin

from .client_address import client_address
from .domain.device import Origin
from .services.sessions import Current, SessionControl
from .services.sign_in import SignedIn
from .settings import DAY, Settings

DEVICE_LIFE = 365 * DAY
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class BrowserState:
    """The secrets this browser sent, each None if absent, malformed or sent twice."""

    session_secret: str | None
    device_secret: str | None
    csrf_secret: str | None


class Browser:
    """The one reader and writer of cookies. Holds no state of a request: that is in ``flask.g``."""

    def __init__(
        self, settings: Settings, sessions: SessionControl, csrf_key: bytes, new_secret: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._csrf_key = csrf_key
        self._new_secret = new_secret
        self._proxies = settings.proxy_networks()
        prefix = "__Host-" if settings.secure else ""
        self._names = {kind: f"{prefix}idp-{kind}" for kind in ("session", "device", "visit")}

    # ── read ─────────────────────────────────────────────────────────────────────────────────────

    def read(self) -> BrowserState:
        """What the cookies of this request say."""
        return BrowserState(self._cookie("session"), self._cookie("device"), self._cookie("visit"))

    def origin(self) -> Origin:
        """Where this request comes from."""
        address = client_address(request.remote_addr, request.headers.get("X-Forwarded-For"), self._proxies)
        agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
        return Origin(address=address, user_agent=agent[:400])

    def current(self) -> Current | None:
        """Who is signed in on this browser, looked up once per request."""
        if "idp_current" not in g:
            secret = self.read().session_secret
            g.idp_current = self._sessions.current(secret, self.origin()) if secret else None
        return cast("Current | None", g.idp_current)

    def shows_an_ended_session(self) -> bool:
        """Its cookie stays until the end is settled: it opens nothing, and tells whose ending that is."""
        secret = self.read().session_secret
        return secret is not None and self._sessions.ended(secret)

    # ── write ────────────────────────────────────────────────────────────────────────────────────

    def remember(self, response: Response, signed_in: SignedIn) -> None:
        """Give the browser the cookies of a fresh proof; the visit cookie has done its duty."""
        life = self._settings.session_remember_life if signed_in.session.persistent else None
        self._set(response, "session", signed_in.session_secret, life)
        self._set(response, "device", signed_in.device_secret, DEVICE_LIFE)
        self._expire(response, "visit")

    def forget(self, response: Response) -> None:
        """Expire the session cookie by name; the device stays known.

        Not ``Clear-Site-Data: "cookies"``: that clears the whole registrable domain (pages.md 57).
        """
        self._expire(response, "session")

    def prepare(self, response: Response) -> None:
        """Give a browser that is not signed in a visit cookie, if a form of this response needs it."""
        fresh = g.get("idp_visit")
        if fresh is not None:
            self._set(response, "visit", fresh, None)

    # ── forms ────────────────────────────────────────────────────────────────────────────────────

    def csrf_token(self) -> str:
        """The token for forms of this response."""
        return self._csrf(self._binding(create=True))

    def check_csrf(self, token: str) -> bool:
        """Was this token made for this browser in its present state? Constant time."""
        binding = self._binding(create=False)
        if not binding:
            return False
        return hmac.compare_digest(self._csrf(binding).encode(), token.encode("utf-8", "surrogatepass"))

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _binding(self, *, create: bool) -> str:
        state = self.read()
        if state.session_secret is not None and self.current() is not None:
            return f"session:{state.session_secret}"
        visit = state.csrf_secret or g.get("idp_visit")
        if visit is None and create:
            visit = g.idp_visit = self._new_secret()
        return f"visit:{visit}" if visit else ""

    def _csrf(self, binding: str) -> str:
        digest = hmac.digest(self._csrf_key, binding.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _cookie(self, kind: str) -> str | None:
        values = request.cookies.getlist(self._names[kind])
        return values[0] if len(values) == 1 and _SECRET.fullmatch(values[0]) else None

    def _set(self, response: Response, kind: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            self._names[kind], value, max_age=max_age, secure=self._settings.secure, httponly=True, samesite="Lax",
            path="/",
        )  # fmt: skip

    def _expire(self, response: Response, kind: str) -> None:
        response.delete_cookie(
            self._names[kind], secure=self._settings.secure, httponly=True, samesite="Lax", path="/"
        )  # fmt: skip


class NoFlaskSession(SessionInterface):
    """Flask's signed cookie cannot be ended by us (ASVS 7.2.2); whoever touches it is mistaken."""

    def open_session(self, app: Flask, request: object) -> SessionMixin:  # noqa: ARG002 - Flask's signature
        """A session that cannot be used."""
        return cast("SessionMixin", _Untouchable())

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing is ever kept."""


class _Untouchable:
    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(f"flask.session.{name}: sessions are server-side here (idp.browser)")
