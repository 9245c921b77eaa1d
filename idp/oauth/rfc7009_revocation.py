"""RFC 7009 (Token Revocation): revoking any token ends the client session it belongs to.

Section 2.1: the client authenticates, a public one by its ``client_id``; a token of another client is
left alone. The hint is only a hint: every kind is tried. Section 2.2: 200 also for what is unknown;
200 is said only once the ending is stored; section 2.2.1: 503 while it cannot be.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from ..domain.client import Client
from ..domain.ports import Work
from ..errors import TokenRejected
from ..services.refresh import Refreshing
from ..services.tokens import Tokens
from .requests import form, received
from .responses import empty_answer
from .rfc6749_client_authentication import ClientAuthentication
from .rfc9068_access_token import AccessTokens, expires_at


class RevocationEndpoint:
    """POST /revoke."""

    def __init__(
        self,
        authentication: ClientAuthentication,
        access_tokens: AccessTokens,
        refreshing: Refreshing,
        tokens: Tokens,
        work: Work,
        address_of_request: Callable[[], str],
    ) -> None:
        self._authentication = authentication
        self._access_tokens = access_tokens
        self._refreshing = refreshing
        self._tokens = tokens
        self._work = work
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/revoke", "revoke", self.post, methods=["POST"])

    def post(self) -> Response:
        """One revocation request."""
        asked = received(self._address)
        parameters = form(asked)
        client = self._authentication.authenticate(parameters, asked)
        text = parameters.require("token", "RFC 7009 2.1")
        with self._work():
            if not self._refresh_token(client, text):
                self._access_token(client, text)
        return empty_answer(200)

    def _refresh_token(self, client: Client, text: str) -> bool:
        """Any genuine token of a family will do, an old one too: its holder asks for the end."""
        found = self._refreshing.find(text, client)
        if found is None:
            return False
        self._tokens.end_sid(found[0].client_session_id, client)
        return True

    def _access_token(self, client: Client, text: str) -> None:
        try:
            token = self._access_tokens.read(text)
        except TokenRejected:
            return
        if token.client_id != client.client_id:
            return
        if token.sid is None or not self._tokens.end_sid(token.sid, client):
            self._tokens.revoke_jti(token.jti, client, expires_at(token))
