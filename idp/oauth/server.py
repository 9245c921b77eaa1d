"""Authlib, wired: it dispatches token requests to grants and orders their steps; we decide.

What is ours and why (``authlib.md`` section 1.3 numbers in brackets):

- Requests are read by ``requests`` alone: no query mixed into the form [2], repeats refused [3].
- Client authentication is one choke point for all grants [7, 8, 10, 11].
- Codes and refresh tokens are consumed by one atomic statement in ``services`` [12, 13].
- Tokens are made by our services, with the facts of this request; Authlib's generators have no
  request and its ``save_token`` is too late for a transaction.
- PKCE is ours [14]; no hook is registered at all, for their order is random [19].
- Authlib's own errors become ProtocolError, so that there is one way out.
- The authorization endpoint does not go through ``get_consent_grant`` (it answers an unknown
  response_type before it has vetted the redirect URI of the request [6, 25, 29]): its checks are an
  ordered list of ours in ``rfc6749_authorize``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidClientError

from ..domain.client import Client, GrantType
from ..errors import ProtocolError
from ..services import Services
from ..services.codes import Grant
from .grants import OwnGrant, TokenAnswer, TokenRequest
from .rfc6749_client_authentication import ClientAuthentication
from .rfc6749_grants import CodeGrant, CredentialsGrant, RefreshGrant
from .rfc7523_jwt_bearer import BearerAssertions, BearerGrant
from .rfc8628_device import DeviceGrant
from .rfc8693_token_exchange import ExchangeGrant
from .rfc9068_access_token import AccessTokens
from .sender_constraint import TokenBinding

# Every grant of Authlib writes live tokens at DEBUG (authlib.md 1.3 #18).
logging.getLogger("authlib").setLevel(logging.WARNING)

_GRANTS = (CodeGrant, RefreshGrant, CredentialsGrant, DeviceGrant, ExchangeGrant, BearerGrant)

_BY_LEASE: frozenset[str] = frozenset(
    (GrantType.REFRESH_TOKEN, GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS)
)

MakeAnswer = Callable[[Grant, Client], TokenAnswer]


class IdpServer(AuthorizationServer):
    """Authlib's dispatcher over our services. ``more`` grants are OpenID's, which this room does not know."""

    def __init__(
        self,
        authentication: ClientAuthentication,
        services: Services,
        access_tokens: AccessTokens,
        assertions: BearerAssertions,
        make_answer: MakeAnswer,
        binding: TokenBinding,
        more: Sequence[type[OwnGrant]] = (),
    ) -> None:
        super().__init__()
        self.authentication = authentication
        self.binding = binding
        self.services = services
        self.access_tokens = access_tokens
        self.assertions = assertions
        self.make_answer = make_answer
        for grant in (*_GRANTS, *more):
            self.register_grant(grant)

    def answer(self, request: TokenRequest) -> tuple[int, TokenAnswer]:
        """Status and body for a token request. Raises ProtocolError."""
        status, body = self.create_token_response(request)
        return status, body

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        """The request is made by the endpoint; nothing is read from Flask."""
        return request

    def authenticate_client(self, request: TokenRequest, methods: Any, endpoint: str = "token") -> Client:  # noqa: ARG002
        """Whatever the grant's own list says: the client's registration decides.

        As it was a moment ago (``client_leases``) where that brings nothing to life: a refresh and a code are decided
        by what looks anew at the client (``refresh_families``, ``redemptions``, ``founding``); a token of a client for
        itself lives, wherever it is asked about, only while its client is enabled and was not disabled after it.
        """
        lately = request.payload.grant_type in _BY_LEASE
        return self.authentication.authenticate(request.parameters, request.asked, lately=lately)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: Any, _headers: Any) -> tuple[int, TokenAnswer]:
        """The endpoint writes the HTTP answer."""
        return status, body

    def handle_error_response(self, _request: TokenRequest, error: OAuth2Error) -> NoReturn:
        """Authlib's refusals leave by the same door as ours."""
        status = 401 if isinstance(error, InvalidClientError) else 400
        description = error.get_error_description() or "the request was refused"
        raise ProtocolError(error.error, description, section="RFC 6749 5.2", status=status)
