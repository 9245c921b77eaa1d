"""RFC 6749 section 3.2 and 5 (Token Endpoint): read, authenticate, grant, answer.

The steps of each grant stand in the file of its RFC (``server`` lists them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response

from ..domain.client import Client
from ..domain.ports import Clock
from ..services.codes import Grant
from .grants import TokenAnswer, TokenRequest
from .requests import Received, form, received
from .responses import Answer, as_response, json_document
from .rfc9068_access_token import AccessTokens, token_type
from .server import IdpServer

Extend = Callable[[TokenAnswer, Grant, Client], None]


class TokenAnswers:
    """RFC 6749 section 5.1: what a successful answer holds; OpenID Connect adds ``id_token``."""

    def __init__(self, access_tokens: AccessTokens, clock: Clock, extensions: Sequence[Extend]) -> None:
        self._access_tokens = access_tokens
        self._clock = clock
        self._extensions = extensions

    def make(self, grant: Grant, client: Client) -> TokenAnswer:
        """The JSON object of the answer."""
        now = self._clock.now()
        answer: TokenAnswer = {
            "access_token": self._access_tokens.make(grant, now, client.access_token_alg),
            "token_type": token_type(grant.confirmation),
            "expires_in": self._access_tokens.life_of(grant, now),
            "scope": " ".join(grant.scope),
        }
        if grant.refresh_token is not None:
            answer["refresh_token"] = grant.refresh_token
        for extend in self._extensions:
            extend(answer, grant, client)
        return answer


class TokenEndpoint:
    """POST /token."""

    ways = (("POST", "/token", "token"),)

    def __init__(self, server: IdpServer, uri: str, address_of_request: Callable[[], str]) -> None:
        self._server = server
        self._uri = uri
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/token", "token", self.view, methods=["POST"])

    def view(self) -> Response:
        """In the ordinary lane."""
        return as_response(self.answer(received(self._address)))

    def answer(self, asked: Received) -> Answer:
        """One token request."""
        parameters = form(asked)
        parameters.require("grant_type", "RFC 6749 4.1.3")
        token_request = TokenRequest(self._uri, parameters, asked)
        status, answer = self._server.answer(token_request)
        return json_document(answer, status, self._server.binding.headers(asked))
