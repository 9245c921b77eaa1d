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
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationServer, BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6749.errors import InvalidClientError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from ..domain.client import Client, ClientOrigin, GrantType
from ..domain.code import AuthorizationCode
from ..domain.ports import Work
from ..domain.refresh import PresentedToken
from ..domain.scope import REVOCATIONS, STANDARD_SCOPES, parse_scope
from ..errors import ProtocolError
from ..services.codes import Codes, Grant, invalid_grant
from ..services.refresh import Refreshing
from ..services.tokens import Tokens
from .requests import Parameters
from .rfc6749_client_authentication import ClientAuthentication
from .rfc7636_pkce import check_verifier
from .rfc8707_resource import narrow

# Every grant of Authlib writes live tokens at DEBUG (authlib.md 1.3 #18).
logging.getLogger("authlib").setLevel(logging.WARNING)

TokenAnswer = dict[str, object]
MakeAnswer = Callable[[Grant, Client], TokenAnswer]


class TokenRequest(OAuth2Request):
    """A token request that has been read already. The URI is the endpoint's, never the Host's [1]."""

    def __init__(self, uri: str, parameters: Parameters, authorization: str | None, address: str) -> None:
        super().__init__("POST", uri, headers={})
        self.parameters = parameters
        self.payload = BasicOAuth2Payload(parameters)
        self.authorization = authorization
        self.address = address

    @property
    def form(self) -> Mapping[str, str]:
        """The form alone; there is no query."""
        return self.parameters

    @property
    def resources(self) -> tuple[str, ...]:
        """RFC 8707 section 2.2."""
        return self.parameters.lists["resource"]


class IdpServer(AuthorizationServer):
    """Authlib's dispatcher over our services."""

    def __init__(
        self,
        authentication: ClientAuthentication,
        codes: Codes,
        refreshing: Refreshing,
        tokens: Tokens,
        issuer: str,
        work: Work,
        make_answer: MakeAnswer,
    ) -> None:
        super().__init__()
        self.authentication = authentication
        self.codes = codes
        self.refreshing = refreshing
        self.tokens = tokens
        self.issuer = issuer
        self.work = work
        self.make_answer = make_answer
        for grant in (CodeGrant, RefreshGrant, CredentialsGrant):
            self.register_grant(grant)

    def answer(self, request: TokenRequest) -> tuple[int, TokenAnswer]:
        """Status and body for a token request. Raises ProtocolError."""
        status, body = self.create_token_response(request)
        return status, body

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        """The request is made by the endpoint; nothing is read from Flask."""
        return request

    def authenticate_client(self, request: TokenRequest, methods: Any, endpoint: str = "token") -> Client:  # noqa: ARG002
        """Whatever the grant's own list says: the client's registration decides."""
        return self.authentication.authenticate(request.parameters, request.authorization, request.address)

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


class _Answering(BaseGrant, TokenEndpointMixin):
    """What all our grants share: who may use them, and how the answer is made."""

    server: IdpServer
    request: TokenRequest
    grant: Grant

    def authenticate_token_endpoint_client(self) -> Any:
        """The client, wrapped so that Authlib can ask for its grants."""
        return _AuthlibClient(self.server.authenticate_client(self.request, ()))

    def addressed(self, grant: Grant) -> Grant:
        """For whom the token is, and what it may carry there (RFC 8707 section 2.2)."""
        tokens = self.server.tokens
        resources = narrow(grant.resources, self.request.resources, grant.scope, tokens)
        audience, scope = tokens.address(resources, grant.scope)
        if not audience:
            raise ProtocolError("invalid_target", "none of the resources exists any more", section="RFC 8707 2")
        return replace(grant, resources=resources, audience=audience, scope=scope)

    def generate_token(self, *_args: Any, **_kwargs: Any) -> TokenAnswer:
        """From the grant that this request earned; Authlib's arguments know less."""
        return self.server.make_answer(self.grant, self.request.client.client)

    def save_token(self, token: TokenAnswer) -> None:
        """Whatever there is to keep has been kept by the service, in its transaction."""


class _AuthlibClient:
    """The two questions that Authlib's grants ask of a client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {item.value for item in self.client.grant_types}


class _LoadedCode:
    """A code's facts behind the questions that Authlib asks."""

    def __init__(self, code: AuthorizationCode) -> None:
        self.code = code

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.code.scope)


class CodeGrant(_Answering, AuthorizationCodeGrant):
    """RFC 6749 section 4.1.3. Authlib compares ``redirect_uri``; then PKCE; then the one claim."""

    def query_authorization_code(self, code: str, client: _AuthlibClient) -> _LoadedCode:
        """Load, and compare what must be compared before the code may be used up."""
        loaded = self.server.codes.load(code, client.client)
        if self.request.payload.redirect_uri != loaded.redirect_uri:
            raise invalid_grant("redirect_uri is not that of the authorization request", "RFC 6749 4.1.3")
        check_verifier(loaded.code_challenge, self.request.form.get("code_verifier"))
        narrow(loaded.resources, self.request.resources, loaded.scope, self.server.tokens)
        return _LoadedCode(loaded)

    def authenticate_user(self, authorization_code: _LoadedCode) -> bool:
        """The atomic claim, and what it creates.

        Everything that must be looked up for the answer is, before the code is used up for good: an
        honest client whose answer fails may try again, and not be taken for a replay.
        """
        with self.server.work():
            grant = self.server.codes.redeem(authorization_code.code, self.request.client.client)
            self.grant = self.addressed(grant)
        return True

    def delete_authorization_code(self, authorization_code: _LoadedCode) -> None:
        """Used up already; the row stays so that a replay is recognised."""


class RefreshGrant(_Answering, RefreshTokenGrant):
    """RFC 6749 section 6 with the rotation of RFC 9700 section 4.14.2."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def _validate_request_token(self, client: _AuthlibClient) -> PresentedToken:
        text = self.request.parameters.require("refresh_token", "RFC 6749 6")
        return self.server.refreshing.read(text, client.client)

    def _validate_token_scope(self, token: PresentedToken) -> None:
        """Compared with what was granted inside the service, before anything rotates."""

    def authenticate_user(self, refresh_token: PresentedToken) -> bool:
        """Rotate."""
        scope = _scope(self.request.parameters)
        client = self.request.client.client
        self.grant = self.addressed(
            self.server.refreshing.refresh(refresh_token, client, scope, self.request.resources)
        )  # fmt: skip
        return True

    def issue_token(self, user: Any, refresh_token: PresentedToken) -> TokenAnswer:  # noqa: ARG002
        """The successor's answer."""
        return self.generate_token()

    def revoke_old_credential(self, refresh_token: PresentedToken) -> None:
        """Rotation has done it."""


class CredentialsGrant(_Answering, ClientCredentialsGrant):
    """RFC 6749 section 4.4: a client for itself. Confidential clients only; no refresh token."""

    def validate_token_request(self) -> None:
        """Client, then scope, then resource."""
        wrapped = self.authenticate_token_endpoint_client()
        client: Client = wrapped.client
        if GrantType.CLIENT_CREDENTIALS not in client.grant_types or client.public:
            raise ProtocolError(
                "unauthorized_client", "the client is not registered for client_credentials", section="RFC 6749 5.2"
            )  # fmt: skip
        self.request.client = wrapped
        self.grant = self.addressed(Grant(client_id=client.client_id, scope=self._granted(client), resources=()))

    def _granted(self, client: Client) -> tuple[str, ...]:
        """Scopes of APIs alone: there is no person. What anybody can register earns no API scope."""
        own = () if client.origin is ClientOrigin.DYNAMIC else client.scope
        allowed = tuple(name for name in own if name not in STANDARD_SCOPES)
        wanted = _scope(self.request.parameters)
        if wanted is None:
            return allowed
        if REVOCATIONS in wanted:
            return self._following(client, wanted)
        if not set(wanted) <= set(allowed):
            raise ProtocolError("invalid_scope", "scope exceeds the client's registration", section="RFC 6749 3.3")
        return wanted

    def _following(self, client: Client, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The scope of the revocation log: not registered for, but had by every API's resource server.

        Alone in its token: with another scope it would be for other audiences too, and each of those
        APIs could read the log with it (RFC 8707 section 3, RFC 9700 section 2.3).
        """
        if not self.server.tokens.serves_a_resource(client):
            raise ProtocolError(
                "invalid_scope", "revocations is for the resource server of an API", section="RFC 6749 3.3"
            )  # fmt: skip
        if len(wanted) > 1:
            raise ProtocolError("invalid_scope", "ask for revocations in a token of its own", section="RFC 6749 3.3")
        return wanted


def _scope(parameters: Parameters) -> tuple[str, ...] | None:
    text = parameters.get("scope")
    if text is None:
        return None
    scope = parse_scope(text)
    if scope is None:
        raise ProtocolError("invalid_scope", "scope holds a character that is not allowed", section="RFC 6749 3.3")
    return scope
