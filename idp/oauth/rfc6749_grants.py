"""RFC 6749 sections 4.1.3, 4.4 and 6 at the token endpoint: code, client credentials, refresh token.

The order is always: client, grant type, what was presented, what must be compared, one atomic claim, tokens.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant

from ..domain.authorization_details import Detail
from ..domain.client import Client, ClientOrigin, GrantType
from ..domain.code import AuthorizationCode
from ..domain.refresh import PresentedToken
from ..domain.scope import REVOCATIONS, STANDARD_SCOPES
from ..errors import ProtocolError
from ..services.authorization_details import refused_details
from ..services.codes import Grant, invalid_grant
from .grants import Answering, AuthlibClient, TokenAnswer, requested_scope
from .rfc7636_pkce import check_verifier
from .rfc8707_resource import narrow
from .rfc9396_authorization_details import requested_details


class _LoadedCode:
    """A code's facts behind the questions that Authlib asks."""

    def __init__(self, code: AuthorizationCode) -> None:
        self.code = code

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.code.scope)


class CodeGrant(Answering, AuthorizationCodeGrant):
    """RFC 6749 section 4.1.3. Authlib compares ``redirect_uri``; then PKCE; then the one claim."""

    def query_authorization_code(self, code: str, client: AuthlibClient) -> _LoadedCode:
        """Load, and compare what must be compared before the code may be used up."""
        loaded = self.server.services.codes.load(code, client.client)
        if self.request.payload.redirect_uri != loaded.redirect_uri:
            raise invalid_grant("redirect_uri is not that of the authorization request", "RFC 6749 4.1.3")
        check_verifier(loaded.code_challenge, self.request.form.get("code_verifier"))
        if loaded.dpop_jkt not in (None, self.request.confirmation.get("jkt")):
            raise invalid_grant("the code is bound to another key", "RFC 9449 10")
        details = self.server.services.authorization_details
        details.narrow(loaded.authorization_details, requested_details(self.request.form))
        more = set(details.homes(loaded.authorization_details, client.client).values())
        narrow(loaded.resources, self.request.resources, loaded.scope, self.server.services.tokens, more)
        return _LoadedCode(loaded)

    def authenticate_user(self, authorization_code: _LoadedCode) -> bool:
        """The atomic claim, and what it creates; whom the answer is for is looked up before that."""
        codes, found, client = self.server.services.codes, authorization_code.code, self.request.client.client
        codes.refuse_used(found)
        grant = self.addressed(codes.prospect(found, client))
        self.grant = codes.redeem(found, client, self.request.confirmation, grant)
        return True

    def delete_authorization_code(self, authorization_code: _LoadedCode) -> None:
        """Used up already; the row stays so that a replay is recognised."""


class RefreshGrant(Answering, RefreshTokenGrant):
    """RFC 6749 section 6 with the rotation of RFC 9700 section 4.14.2."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def _validate_request_token(self, client: AuthlibClient) -> PresentedToken:
        text = self.request.parameters.require("refresh_token", "RFC 6749 6")
        return self.server.services.refresh.read(text, client.client)

    def _validate_token_scope(self, token: PresentedToken) -> None:
        """Compared with what was granted inside the service, before anything rotates."""

    def authenticate_user(self, refresh_token: PresentedToken) -> bool:
        """Rotate."""
        scope = requested_scope(self.request.parameters)
        client = self.request.client.client
        self.grant = self.addressed(
            self.server.services.refresh.refresh(
                refresh_token, client, scope, self.request.resources, self.request.confirmation,
                requested_details(self.request.form),
            )
        )  # fmt: skip
        return True

    def issue_token(self, user: Any, refresh_token: PresentedToken) -> TokenAnswer:  # noqa: ARG002
        """The successor's answer."""
        return self.generate_token()

    def revoke_old_credential(self, refresh_token: PresentedToken) -> None:
        """Rotation has done it."""


class CredentialsGrant(Answering, ClientCredentialsGrant):
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
        self.grant = self.addressed(
            Grant(
                client_id=client.client_id, scope=self._granted(client), resources=(),
                authorization_details=self._detailed(client),
            )
        )  # fmt: skip

    def _detailed(self, client: Client) -> tuple[Detail, ...]:
        """RFC 9396 section 6, without a person: types that an operator has registered this very client for."""
        wanted = requested_details(self.request.form)
        if not wanted:
            return ()
        if client.origin is ClientOrigin.DYNAMIC or "authorization_details_types" not in client.metadata:
            raise refused_details("the client is registered for no type", "RFC 9396 5")
        self.server.services.authorization_details.check(wanted, client)
        return wanted

    def _granted(self, client: Client) -> tuple[str, ...]:
        """Scopes of APIs alone: there is no person. What anybody can register earns no API scope."""
        own = () if client.origin is ClientOrigin.DYNAMIC else client.scope
        allowed = tuple(name for name in own if name not in STANDARD_SCOPES)
        wanted = requested_scope(self.request.parameters)
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
        if not self.server.services.tokens.serves_a_resource(client):
            raise ProtocolError(
                "invalid_scope", "revocations is for the resource server of an API", section="RFC 6749 3.3"
            )  # fmt: skip
        if len(wanted) > 1:
            raise ProtocolError("invalid_scope", "ask for revocations in a token of its own", section="RFC 6749 3.3")
        return wanted
