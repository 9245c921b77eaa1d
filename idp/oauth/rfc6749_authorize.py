"""RFC 6749 section 3.1 and 4.1.2 (Authorization Endpoint): who asks, what happens next, the answer.

The order is the security: first the client, then its redirect URI, both answered with a page of ours
and never a redirect when they are wrong (section 4.1.2.1); only then everything else, answered at the
vetted redirect URI. What is asked, ``authorization_requests`` reads; how an answer leaves,
``response_modes`` knows.

Why two ways in: the browser comes to ``/authorize`` by navigation and may be sent on with a 303; it
comes to ``/authorize/resume`` from a form of ours and leaves through the hand-off page. A request by
POST is kept and resumed by GET, because a cross-site POST carries no SameSite=Lax cookie, so whoever
is signed in would look signed out.

Why an error goes to the redirect URI also of a client that registered itself, although RFC 9700 section 4.11.2
would have a person signed in, or asked, before: OpenID Connect Core 1.0 section 3.1.2.6 wants it there, ``prompt=none``
lives on it, and the conformance suite, whose clients register themselves, waits for it there. Whoever lets anybody
register has such redirects; ``IDP_CLIENT_REGISTRATION=token`` has none.

Why a request that says it is for an image is refused: a page elsewhere could have its visitors ask a thousand times,
and all who share their address would be braked. The same of a frame, where a person would have to be asked: no
page of ours is ever shown in one. Browsers that do not say what for pass.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from ..browser import Browser
from ..domain.client import Client
from ..domain.decision import AskConsent, Decision, Issue, Refuse, SignIn
from ..domain.interaction import AuthorizationRequest, Interaction
from ..errors import ProtocolError, Throttled
from ..services import Services
from ..settings import Settings
from .authorization_requests import AuthorizationRequests, check_redirect_uri, vetted_redirect_uri
from .developer_help import help_for
from .requests import MAX_FRONT_CHANNEL, Parameters, invalid_request, kept_size, query_or_form
from .response_modes import ResponseModes, WayBack, mode_of_error
from .responses import NO_STORE


class AuthorizationEndpoint:
    """GET and POST /authorize; GET /authorize/resume."""

    def __init__(
        self, settings: Settings, services: Services, browser: Browser, requests: AuthorizationRequests,
        modes: ResponseModes, introduced: Callable[[str], Client | None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._services = services
        self._browser = browser
        self._requests = requests
        self._modes = modes
        self._introduced = introduced

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/authorize", "authorize", self.enter, methods=["GET", "POST"])
        blueprint.add_url_rule("/authorize/resume", "resume", self.resume, methods=["GET"])

    # ── the request ──────────────────────────────────────────────────────────────────────────────

    def enter(self) -> Response:
        """A new authorization request."""
        _check_seen("document", "iframe", "frame")  # prompt=none works in a frame
        parameters = query_or_form()
        client = self._client(parameters)
        try:
            resolved = self._requests.resolve(parameters, client)
            parameters = resolved.parameters
            if kept_size(parameters) > MAX_FRONT_CHANNEL:
                raise invalid_request("the request is too long to be kept", "RFC 6749 4.1.2.1")
            asked = self._requests.read(resolved, client)
        except ProtocolError as error:
            return self._refused(parameters, client, error)
        if request.method == "POST":
            return self._see_other(self._resume_path(self._start(asked)))
        return self._act(asked, client)

    def _client(self, parameters: Parameters) -> Client:
        """RFC 6749 section 4.1.2.1: an unknown or invalid client is told to the person, never redirected."""
        if "client_id" in parameters.repeated:
            raise invalid_request("client_id is repeated", "RFC 6749 3.1")
        client = self._introduced(parameters.require("client_id", "RFC 6749 4.1.1"))
        if client is None or client.disabled_at is not None:
            raise ProtocolError("invalid_request", "client_id names no app we know", section="RFC 6749 4.1.2.1")
        return client

    def _refused(self, parameters: Parameters, client: Client, error: ProtocolError) -> Response:
        """Told to the client where its redirect URI can be vetted, else to the person (section 4.1.2.1)."""
        try:
            redirect_uri = vetted_redirect_uri(parameters, client)
        except ProtocolError:
            raise error from None
        way = WayBack(redirect_uri, parameters.get("state"), mode_of_error(parameters, client, redirect_uri))
        return self._modes.send(way, client, error.body() | help_for(error, self._settings.issuer))

    # ── the answer ───────────────────────────────────────────────────────────────────────────────

    def _act(self, asked: AuthorizationRequest, client: Client) -> Response:
        """Answer at once where nobody must be asked; else keep the request and show a page."""
        current = self._browser.current()
        decision = self._services.interactions.decide(asked, client, current, None)
        way = WayBack.of(asked)
        if isinstance(decision, Issue) and current is not None:
            with self._services.work():
                self._services.pushed_requests.answer(asked)
                code = self._services.codes.issue(asked, current)
            return self._modes.send(way, client, {"code": code})
        if isinstance(decision, Refuse):
            with self._services.work():
                self._services.pushed_requests.answer(asked)
            return self._modes.send(way, client, _error(decision))
        return self._see_other(self._page(decision, self._start(asked)))

    def resume(self) -> Response:
        """The browser comes back from a page of ours: ask again what is next, and do it."""
        interaction = self._services.interactions.get(request.args.get("interaction", ""))
        if interaction.completed_at is not None or self._services.interactions.expired(interaction):
            return self._see_other(self._path("/login", interaction))
        client = self._services.interactions.client(interaction)
        check_redirect_uri(interaction.request.redirect_uri, client)  # it may have been taken back meanwhile
        decision = self._services.interactions.next_step(interaction, self._browser.current())
        if not isinstance(decision, Issue | Refuse):
            return self._see_other(self._page(decision, interaction))
        parameters = self._complete(interaction, decision)
        if parameters is None:
            return self._see_other(self._path("/login", interaction))
        return self._modes.send(WayBack.of(interaction.request), client, parameters, after_form=True)

    def _complete(self, interaction: Interaction, decision: Issue | Refuse) -> dict[str, str] | None:
        """Claim the interaction and make the answer; None if another tab was first."""
        current = self._browser.current()
        with self._services.work():
            if not self._services.interactions.complete(interaction):
                return None
            self._services.pushed_requests.answer(interaction.request)
            if isinstance(decision, Refuse):
                return _error(decision)
            if current is None:
                return None
            return {"code": self._services.codes.issue(interaction.request, current)}

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _start(self, asked: AuthorizationRequest) -> Interaction:
        """Keep it. What anybody can make us keep is braked: raises Throttled."""
        current = self._browser.current()
        if current is None:
            _check_seen("document")
        if wait := self._services.interactions.wait_before(self._browser.origin().address, current):
            raise Throttled(wait)
        with self._services.work():
            return self._services.interactions.start(asked)

    def _page(self, decision: Decision, interaction: Interaction) -> str:
        if isinstance(decision, SignIn) and decision.create:
            return self._path("/login/new", interaction)
        return self._path("/consent" if isinstance(decision, AskConsent) else "/login", interaction)

    def _resume_path(self, interaction: Interaction) -> str:
        return self._path("/authorize/resume", interaction)

    def _path(self, path: str, interaction: Interaction) -> str:
        return f"{self._settings.path_prefix}{path}?interaction={interaction.id}"

    def _see_other(self, path: str) -> Response:
        response = Response(status=303, headers={"Location": path, **NO_STORE})
        response.headers.pop("Content-Type", None)
        return response


def _error(decision: Refuse) -> dict[str, str]:
    return {"error": decision.error, "error_description": f"{decision.description} ({decision.section})"}


def _check_seen(*destinations: str) -> None:
    """Raises ProtocolError where the browser says that it asks for something else than these (Fetch Metadata)."""
    if request.headers.get("Sec-Fetch-Dest", "document") not in destinations:
        raise ProtocolError("invalid_request", "this page is for people to see", section="RFC 6749 4.1.1")
