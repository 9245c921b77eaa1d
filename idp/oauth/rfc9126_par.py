"""RFC 9126 (Pushed Authorization Requests): a request is left here, and its reference goes to /authorize.

Section 2.1: the client authenticates as at the token endpoint; ``request_uri`` must not be pushed; the
request is checked as one at the authorization endpoint would be, and again when it is used, for the
registration may have changed (section 7.4). Section 2.2: the reference is 256 random bits, bound to the
client. Section 4: of an authorization request with a reference nothing else counts but ``client_id``.
Used up by its answer: ``services.pushed_requests``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, Response

from ..domain.client import Client, ClientOrigin
from ..domain.ports import Clock, Throttles
from ..domain.throttle import pushed_request_brakes
from ..errors import ProtocolError, Throttled
from ..services.pushed_requests import PushedRequests
from ..settings import Settings
from .authorization_requests import Asked, AuthorizationRequests, Resolver
from .requests import MAX_FRONT_CHANNEL, Parameters, Received, form, invalid_request, kept_size, received
from .responses import Answer, as_response, json_document
from .rfc6749_client_authentication import ClientAuthentication
from .rfc9101_request_object import must_sign
from .rfc9449_dpop import PushedProofs

PREFIX = "urn:ietf:params:oauth:request_uri:"
_CREDENTIALS = ("client_id", "client_secret", "client_assertion", "client_assertion_type")


class PushedReferences:
    """The resolver: what a reference of ours stands for, and who must send one."""

    def __init__(self, settings: Settings, pushed: PushedRequests, otherwise: Resolver) -> None:
        self._settings = settings
        self._pushed = pushed
        self._otherwise = otherwise

    def resolve(self, asked: Asked, client: Client) -> Asked:
        """The pushed request, or what was sent says ``otherwise`` if that is allowed. Raises ProtocolError."""
        sent = asked.parameters
        reference = sent.get("request_uri", "")
        if not reference.startswith(PREFIX):
            if pushed_required(client, self._settings):
                raise invalid_request("this app must push its requests to /par and send request_uri", "RFC 9126 4")
            return self._otherwise(asked, client)
        if "request" in sent or "request_uri" in sent.repeated:
            raise invalid_request("request_uri stands alone, with client_id", "RFC 9101 5")
        found = self._pushed.find(reference.removeprefix(PREFIX), client)
        if found is None:
            raise ProtocolError(
                "invalid_request_uri", "request_uri is unknown, expired, used or another app's", section="RFC 9126 4"
            )
        if must_sign(client) and not found.signed:
            raise invalid_request("this app must sign its requests", "RFC 9101 10.5")
        return Asked(Parameters(found.parameters), pushed_as=found.reference_hash.hex(), signed=found.signed)


def pushed_required(client: Client, settings: Settings) -> bool:
    """Sections 5 and 6: is this the only way for the client to ask?"""
    return settings.require_pushed_requests or client.metadata.get("require_pushed_authorization_requests") is True


class PushedRequestEndpoint:
    """POST /par."""

    ways = (("POST", "/par", "par"),)

    def __init__(
        self, authentication: ClientAuthentication, requests: AuthorizationRequests, proofs: PushedProofs,
        pushed: PushedRequests, throttles: Throttles, clock: Clock, address_of_request: Callable[[], str],
    ) -> None:  # fmt: skip
        self._authentication = authentication
        self._requests = requests
        self._proofs = proofs
        self._pushed = pushed
        self._throttles = throttles
        self._clock = clock
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/par", "par", self.view, methods=["POST"])

    def view(self) -> Response:
        """In the ordinary lane."""
        return as_response(self.answer(received(self._address)))

    def answer(self, asked: Received) -> Answer:
        """One pushed request (sections 2.1 to 2.3)."""
        parameters = form(asked)
        client = self._authentication.authenticate(parameters, asked)
        self._brake(client, asked.address)
        if "request_uri" in parameters:
            raise invalid_request("request_uri must not be pushed", "RFC 9126 2.1")
        request = self._requests.resolve_pushed(_without_credentials(parameters), client)
        request = replace(request, parameters=_without_credentials(self._proofs.bind(asked, request.parameters)))
        self._requests.read(request, client)
        if kept_size(request.parameters) > MAX_FRONT_CHANNEL:
            raise invalid_request("the request is too long", "RFC 9126 2.3", 413)
        reference = self._pushed.push(client, request.parameters.pairs, signed=request.signed)
        answer = {"request_uri": PREFIX + reference, "expires_in": self._pushed.life}
        return json_document(answer, 201, self._proofs.headers(asked))

    def _brake(self, client: Client, address: str) -> None:
        """Section 2.3: 429, for a client that anybody may name, or make."""
        if not client.public and client.origin is ClientOrigin.OPERATOR:
            return
        if wait := self._throttles.take(pushed_request_brakes(client.client_id, address), self._clock.now()):
            raise Throttled(wait)


def _without_credentials(parameters: Parameters) -> Parameters:
    """Section 2.1: what authenticates the client is not germane to the request, and is never kept.

    Not of a signed request either, in which a client may have put everything it sends (P7).
    """
    return Parameters([(name, value) for name, value in parameters.pairs if name not in _CREDENTIALS])
