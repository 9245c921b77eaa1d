"""RFC 6749 section 4.1.1 and 4.1.2 (Authorization Endpoint), by RFC 9700 and OAuth 2.1.

The order is the security: first the client, then its redirect URI, both answered with a page of ours
and never a redirect when they are wrong (section 4.1.2.1); only then everything else, in the order of
``_read``, answered at the vetted redirect URI. OpenID Connect adds its parameters through
``extensions``, so that this file knows nothing of it.

Why two ways in: the browser comes to ``/authorize`` by navigation and may be sent on with a 303; it
comes to ``/authorize/resume`` from a form of ours and leaves through the hand-off page. A request by
POST is kept and resumed by GET, because a cross-site POST carries no SameSite=Lax cookie, so whoever
is signed in would look signed out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request

from ..browser import Browser
from ..domain.client import Client, GrantType
from ..domain.decision import AskConsent, Decision, Issue, Refuse
from ..domain.interaction import AuthorizationRequest, Interaction
from ..errors import ProtocolError
from ..services import Services
from ..settings import Settings
from .requests import Parameters, invalid_request, query_or_form, refuse_repeats
from .responses import NO_STORE, hand_off, redirect_to_client, with_parameters
from .rfc6749_scope import scope_for_person
from .rfc7636_pkce import read_challenge
from .rfc8252_loopback import redirect_uri_matches
from .rfc8707_resource import check_resources
from .rfc9207_issuer import response_parameters

Extension = Callable[[Parameters, Client], Mapping[str, Any]]


class AuthorizationEndpoint:
    """GET and POST /authorize; GET /authorize/resume."""

    def __init__(
        self, settings: Settings, services: Services, browser: Browser, extensions: Sequence[Extension]
    ) -> None:  # fmt: skip
        self._settings = settings
        self._services = services
        self._browser = browser
        self._extensions = extensions

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/authorize", "authorize", self.enter, methods=["GET", "POST"])
        blueprint.add_url_rule("/authorize/resume", "resume", self.resume, methods=["GET"])

    # ── the request ──────────────────────────────────────────────────────────────────────────────

    def enter(self) -> Response:
        """A new authorization request."""
        parameters = query_or_form()
        client = self._client(parameters)
        redirect_uri = _redirect_uri(parameters, client)
        try:
            asked = self._read(parameters, client, redirect_uri)
        except ProtocolError as error:
            return redirect_to_client(self._answer(redirect_uri, parameters.get("state"), error.body()))
        if request.method == "POST":
            return self._see_other(self._resume_path(self._start(asked)))
        return self._act(asked, client)

    def _client(self, parameters: Parameters) -> Client:
        """RFC 6749 section 4.1.2.1: an unknown or invalid client is told to the person, never redirected."""
        if "client_id" in parameters.repeated:
            raise invalid_request("client_id is repeated", "RFC 6749 3.1")
        client = self._services.clients.find(parameters.require("client_id", "RFC 6749 4.1.1"))
        if client is None or client.disabled_at is not None:
            raise ProtocolError("invalid_request", "client_id names no app we know", section="RFC 6749 4.1.2.1")
        return client

    def _read(self, parameters: Parameters, client: Client, redirect_uri: str) -> AuthorizationRequest:
        """Everything whose error the client may hear, in this order."""
        refuse_repeats(parameters)
        _response_type(parameters, client)
        members: dict[str, Any] = {
            "scope": scope_for_person(parameters, client),
            "code_challenge": read_challenge(parameters, client, self._settings.pkce_required),
            "resources": check_resources(
                parameters.lists["resource"], self._settings.issuer, self._services.tokens
            ),
        }  # fmt: skip
        for extension in self._extensions:
            members |= extension(parameters, client)
        return AuthorizationRequest(
            client_id=client.client_id, redirect_uri=redirect_uri, state=parameters.get("state"), **members
        )  # fmt: skip

    # ── the answer ───────────────────────────────────────────────────────────────────────────────

    def _act(self, asked: AuthorizationRequest, client: Client) -> Response:
        """Answer at once where nobody must be asked; else keep the request and show a page."""
        current = self._browser.current()
        decision = self._services.interactions.decide(asked, client, current, None)
        if isinstance(decision, Issue) and current is not None:
            with self._services.work():
                code = self._services.codes.issue(asked, current)
            return redirect_to_client(self._answer(asked.redirect_uri, asked.state, {"code": code}))
        if isinstance(decision, Refuse):
            return redirect_to_client(self._answer(asked.redirect_uri, asked.state, _error(decision)))
        return self._see_other(self._page(decision, self._start(asked)))

    def resume(self) -> Response:
        """The browser comes back from a page of ours: ask again what is next, and do it."""
        interaction = self._services.interactions.get(request.args.get("interaction", ""))
        if interaction.completed_at is not None or self._services.interactions.expired(interaction):
            return self._see_other(self._path("/login", interaction))
        client = self._services.interactions.client(interaction)
        decision = self._services.interactions.next_step(interaction, self._browser.current())
        if not isinstance(decision, Issue | Refuse):
            return self._see_other(self._page(decision, interaction))
        parameters = self._complete(interaction, decision)
        if parameters is None:
            return self._see_other(self._path("/login", interaction))
        asked = interaction.request
        return hand_off(self._answer(asked.redirect_uri, asked.state, parameters), client.client_name)

    def _complete(self, interaction: Interaction, decision: Issue | Refuse) -> dict[str, str] | None:
        """Claim the interaction and make the answer; None if another tab was first."""
        current = self._browser.current()
        with self._services.work():
            if not self._services.interactions.complete(interaction):
                return None
            if isinstance(decision, Refuse):
                return _error(decision)
            if current is None:
                return None
            return {"code": self._services.codes.issue(interaction.request, current)}

    def _answer(self, redirect_uri: str, state: str | None, parameters: Mapping[str, str]) -> str:
        return with_parameters(redirect_uri, response_parameters(parameters, state, self._settings.issuer))

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _start(self, asked: AuthorizationRequest) -> Interaction:
        with self._services.work():
            return self._services.interactions.start(asked)

    def _page(self, decision: Decision, interaction: Interaction) -> str:
        return self._path("/consent" if isinstance(decision, AskConsent) else "/login", interaction)

    def _resume_path(self, interaction: Interaction) -> str:
        return self._path("/authorize/resume", interaction)

    def _path(self, path: str, interaction: Interaction) -> str:
        return f"{self._settings.path_prefix}{path}?interaction={interaction.id}"

    def _see_other(self, path: str) -> Response:
        response = Response(status=303, headers={"Location": path, **NO_STORE})
        response.headers.pop("Content-Type", None)
        return response


def _redirect_uri(parameters: Parameters, client: Client) -> str:
    """Vetted, or a page: required always, so no default can be guessed at (OAuth 2.1 section 2.3.2)."""
    if "redirect_uri" in parameters.repeated:
        raise invalid_request("redirect_uri is repeated", "RFC 6749 3.1")
    redirect_uri = parameters.require("redirect_uri", "RFC 6749 3.1.2.3")
    if not redirect_uri_matches(client, redirect_uri):
        raise invalid_request("redirect_uri is not registered for this app", "RFC 9700 2.1")
    return redirect_uri


def _response_type(parameters: Parameters, client: Client) -> None:
    response_type = parameters.require("response_type", "RFC 6749 4.1.1")
    if response_type != "code":
        raise ProtocolError(
            "unsupported_response_type", "only response_type code is supported", section="OAuth 2.1 4.1.1"
        )  # fmt: skip
    if GrantType.AUTHORIZATION_CODE not in client.grant_types:
        raise ProtocolError(
            "unauthorized_client", "the app is not registered for authorization_code", section="RFC 6749 4.1.2.1"
        )  # fmt: skip
    if parameters.get("response_mode", "query") != "query":
        raise invalid_request("response_mode must be query", "OAuth 2.0 Multiple Response Types 2.1")


def _error(decision: Refuse) -> dict[str, str]:
    return {"error": decision.error, "error_description": f"{decision.description} ({decision.section})"}
