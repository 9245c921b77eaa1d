"""OpenID Connect RP-Initiated Logout 1.0, sections 2 to 4.

- A valid ``id_token_hint`` of this very session signs out without a question; anything less asks,
  because a link on any page can bring a browser here (ASVS 10.6.2).
- A redirect goes to an exactly registered ``post_logout_redirect_uri`` of a client that the hint or
  ``client_id`` names; otherwise there is none (section 3).
- A POST is turned into a GET of ours: a cross-site POST carries no SameSite=Lax cookie.
- ``logout_hint`` has no meaning here: without an ID token the person is asked, whoever is named (section 2).
- The answer to our question is its own address with an anti-forgery token, apart from a client's POST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from ..browser import Browser
from ..domain.client import Client, ClientOrigin
from ..domain.session import EndReason, ThisSession
from ..errors import ProtocolError, TokenRejected
from ..oauth.requests import Parameters, invalid_request, parse, query_or_form, refuse_repeats
from ..oauth.responses import NO_STORE, hand_off, redirect_to_client, with_parameters
from ..services import Services
from ..services.sessions import Current
from ..settings import Settings
from ..signing_out import once_settled
from .core_id_token import IdTokens
from .frontchannel_logout import FrontchannelLogout, allow_frames

_KEPT = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")
_SECTION = "OpenID Connect RP-Initiated Logout 1.0 section 2"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A checked request: who asks, where to go after, whether there is a hint of ours, and whether it
    proves this very session."""

    client: Client | None
    target: str | None
    hinted: bool
    proven: bool

    @property
    def vouched(self) -> bool:
        """Did an operator register who asks?"""
        return self.client is not None and self.client.origin is ClientOrigin.OPERATOR


class LogoutEndpoint:
    """GET and POST /logout; POST /logout/confirm."""

    def __init__(
        self, settings: Settings, services: Services, browser: Browser, id_tokens: IdTokens,
        telling: FrontchannelLogout,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._services = services
        self._browser = browser
        self._id_tokens = id_tokens
        self._telling = telling

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/logout", "logout", self.enter, methods=["GET", "POST"])
        blueprint.add_url_rule("/logout/confirm", "logout_confirm", self.confirm, methods=["POST"])

    def enter(self) -> Response:
        """A client, or a person, asks to sign out."""
        parameters = query_or_form()
        refuse_repeats(parameters)
        if request.method == "POST":
            return self._as_get(parameters)
        current = self._browser.current()
        asked = self._read(parameters, current)
        if current is not None and not asked.proven:
            return self._question(parameters, asked)
        return once_settled(
            lambda: self._end(current),
            lambda: self._done(asked, after_form=False, ended=current is not None),
            self._address(parameters),
        )

    def confirm(self) -> Response:
        """The person answered our question with yes."""
        if not self._browser.check_csrf(request.form.get("csrf_token", "")):
            raise ProtocolError("access_denied", "this form was not ours", section="ASVS 3.5.1", status=403)
        if request.form.get("decision") != "sign_out":
            return Response(status=303, headers={"Location": f"{self._settings.path_prefix}/account", **NO_STORE})
        parameters = parse(request.form.get("transaction", "").encode())
        current = self._browser.current()
        asked = self._read(parameters, current)
        return once_settled(
            lambda: self._end(current),
            lambda: self._done(asked, after_form=True, ended=current is not None),
            self._address(parameters),
        )

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def _read(self, parameters: Parameters, current: Current | None) -> LogoutRequest:
        hint = self._hint(parameters)
        client = self._client(parameters, hint)
        target = self._target(parameters, client)
        return LogoutRequest(client, target, hint is not None, self._proves(hint, current))

    def _hint(self, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """The claims of the hint; a hint that is none of ours counts as absent: then we ask."""
        text = parameters.get("id_token_hint")
        try:
            return self._id_tokens.read_hint(text) if text is not None else None
        except TokenRejected:
            return None

    def _client(self, parameters: Mapping[str, str], hint: Mapping[str, Any] | None) -> Client | None:
        named, hinted = parameters.get("client_id"), hint["aud"] if hint else None
        if named is not None and hinted is not None and named != hinted:
            raise invalid_request("client_id is not the one that id_token_hint was issued to", _SECTION)
        client_id = named or (hinted if isinstance(hinted, str) else None)
        found = self._services.clients.find(client_id) if client_id else None
        client = found if found is not None and found.disabled_at is None else None
        if named is not None and client is None:
            raise invalid_request("client_id names no app we know", _SECTION)
        return client

    def _target(self, parameters: Mapping[str, str], client: Client | None) -> str | None:
        uri = parameters.get("post_logout_redirect_uri")
        if uri is None:
            return None
        if client is None:
            raise invalid_request(_nobodys(parameters), f"{_SECTION}, 3")
        if uri not in client.post_logout_redirect_uris:
            raise invalid_request("post_logout_redirect_uri is not registered for this app", f"{_SECTION}, 3")
        state = parameters.get("state")
        return with_parameters(uri, {"state": state}) if state is not None else uri

    def _proves(self, hint: Mapping[str, Any] | None, current: Current | None) -> bool:
        """Was the hinted ID token issued in the very session of this browser?"""
        if hint is None or current is None:
            return False
        try:
            sid = UUID(str(hint.get("sid")))
        except ValueError:
            return False
        return self._services.tokens.session_of(sid) == current.session.id

    # ── acting ───────────────────────────────────────────────────────────────────────────────────

    def _as_get(self, parameters: Parameters) -> Response:
        return Response(status=303, headers={"Location": self._address(parameters), **NO_STORE})

    def _address(self, parameters: Mapping[str, str]) -> str:
        return f"{self._settings.path_prefix}/logout?{urlencode(_kept(parameters))}"

    def _question(self, parameters: Parameters, asked: LogoutRequest) -> Response:
        page = render_template(
            "sign_out.html",
            action=f"{self._settings.path_prefix}/logout/confirm",
            csrf_token=self._browser.csrf_token(),
            current=self._browser.current(),
            transaction=urlencode(_kept(parameters)),
            app_name=asked.client.client_name if asked.client else None,
        )
        response = make_response(page)
        self._browser.prepare(response)
        response.headers.update(NO_STORE)
        return response

    def _end(self, current: Current | None) -> None:
        secret = self._browser.read().session_secret
        with self._services.work():
            if current is not None:
                self._services.sessions.end_session(
                    ThisSession(current.session.id), EndReason.RP_LOGOUT, by=f"user:{current.user.id}",
                    origin=self._browser.origin(),
                )  # fmt: skip
            elif secret is not None:
                self._services.sessions.settle_cookie(secret)

    def _done(self, asked: LogoutRequest, *, after_form: bool, ended: bool) -> Response:
        """Leave for the app only if a hint of ours or the person's own answer vouches for that.

        ``client_id`` alone is public, and where anybody may register it makes no redirect trustworthy
        (section 3, RFC 9700 section 4.11.2): then the way on is a link on our page. So it is for an app that
        registered itself and brings an ID token of no session of this browser: whoever made it has ID tokens of
        their own, and section 2 lets us decline what is suspect. Section 2: the other apps are told before the
        browser leaves.
        """
        target, name = asked.target, asked.client.client_name if asked.client else ""
        if target is None or not (after_form or asked.proven or (asked.hinted and asked.vouched)):
            response = self._page(target, name)
        else:
            leave = partial(hand_off, target, name) if after_form else partial(redirect_to_client, target)
            response = self._telling.first(target, name, leave)
        self._browser.forget(response)
        response.headers.update(NO_STORE)
        if ended:
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    def _page(self, target: str | None, name: str) -> Response:
        continue_to = {"url": target, "name": name} if target is not None else None
        minutes = -(-self._settings.access_token_life // 60)
        frames = self._telling.frames()
        page = render_template("signed_out.html", minutes=minutes, continue_to=continue_to, frames=frames)
        response = make_response(page)
        allow_frames(response, frames)
        return response


def _nobodys(parameters: Mapping[str, str]) -> str:
    """Why nobody can say whose address it is: people who make the app must learn which of the two it was."""
    if "id_token_hint" in parameters:
        return "id_token_hint is not an ID token of ours for an app we know"
    return "id_token_hint is missing: without it, or client_id, nothing says whose post_logout_redirect_uri that is"


def _kept(parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: parameters[name] for name in _KEPT if name in parameters}
