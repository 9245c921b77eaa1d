"""RFC 7662 (Token Introspection): is this token alive, from the session's state and nothing older.

Section 2.1: the caller authenticates; a public client cannot. Section 2.2: whoever may not know, and
any token that is unknown, expired, ended or of another kind, gets ``{"active": false}`` and nothing
else. Answers are for the token's own client and for resource servers of its audience (design.md 6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from ..domain.client import Client
from ..errors import TokenRejected
from ..services.refresh import Refreshing
from ..services.subjects import Subjects
from ..services.tokens import Tokens
from .requests import Received, form, received
from .responses import Answer, as_response, json_document
from .rfc6749_client_authentication import ClientAuthentication, invalid_client
from .rfc9068_access_token import AccessToken, AccessTokens, token_type
from .rfc9701_signed_introspection import SignedIntrospection, wanted

INACTIVE: dict[str, Any] = {"active": False}
_SHOWN = (
    "iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope", "sid", "auth_time", "acr", "amr", "cnf", "act",
    "may_act",
)  # fmt: skip


class Introspection:
    """The decision, free of HTTP."""

    def __init__(
        self, issuer: str, access_tokens: AccessTokens, refreshing: Refreshing, tokens: Tokens, subjects: Subjects
    ) -> None:
        self._issuer = issuer
        self._access_tokens = access_tokens
        self._refreshing = refreshing
        self._tokens = tokens
        self._subjects = subjects

    def read(self, text: str) -> AccessToken | None:
        """An access token of ours, whoever asks; None for anything else."""
        try:
            return self._access_tokens.read(text)
        except TokenRejected:
            return None

    def introspect(self, caller: Client, text: str) -> dict[str, Any]:
        """What the caller may know of a token. Raises Unavailable rather than guess."""
        if text.startswith("rt_"):
            return self._refresh_token(caller, text)
        token = self.read(text)
        if token is None or not self._tokens.may_introspect(caller, token.client_id, token.audience):
            return INACTIVE
        if not self.alive(token):
            return INACTIVE
        shown = {name: token.claims[name] for name in _SHOWN if name in token.claims}
        if (details := token.claims.get("authorization_details")) is not None:
            shown["authorization_details"] = self._tokens.details_for(caller, token.client_id, details)
        return {"active": True, "token_type": token_type(token.claims.get("cnf", {})), **shown}

    def alive(self, token: AccessToken) -> bool:
        """Does what this token hangs on live at this moment?"""
        return alive(token, self._tokens)

    def _refresh_token(self, caller: Client, text: str) -> dict[str, Any]:
        found = self._refreshing.find(text, caller)
        if found is None or not found[1]:
            return INACTIVE
        family, _usable = found
        details = {"authorization_details": list(family.authorization_details)} if family.authorization_details else {}
        return {
            "active": True, "iss": self._issuer, "sub": self._subjects.subject(family.user_id, caller),
            "client_id": family.client_id, "scope": " ".join(family.scope), "sid": str(family.client_session_id),
            "iat": int(family.rotated_at.timestamp()), "exp": int(family.ends_at.timestamp()), **details,
        }  # fmt: skip


def alive(token: AccessToken, tokens: Tokens) -> bool:
    """Does what a token of ours hangs on live at this moment?

    One that was exchanged (RFC 8693) hangs on the session of the token it came of, on its own client, and on every
    token on its way.
    """
    own = (token.client_id, token.jti, token.iat)
    if token.sid is None:
        return tokens.client_token_live(*own)
    found = tokens.liveness(token.sid)
    if found is None or not found.live:
        return False
    if found.client_id != token.client_id and not tokens.client_token_live(*own):
        return False
    return all(tokens.client_token_live(one.client_id, one.jti, one.issued_at) for one in token.via)


class IntrospectionEndpoint:
    """POST /introspect."""

    ways = (("POST", "/introspect", "introspect"),)

    def __init__(
        self,
        authentication: ClientAuthentication,
        introspection: Introspection,
        signed: SignedIntrospection,
        address_of_request: Callable[[], str],
    ) -> None:
        self._authentication = authentication
        self._introspection = introspection
        self._signed = signed
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/introspect", "introspect", self.view, methods=["POST"])

    def view(self) -> Response:
        """In the ordinary lane."""
        return as_response(self.answer(received(self._address)))

    def answer(self, asked: Received) -> Answer:
        """One introspection request."""
        parameters = form(asked)
        caller = self._authentication.authenticate(parameters, asked, lately=True)
        if caller.public:
            raise invalid_client(challenge=False)  # section 4: the endpoint must not become an oracle
        text = parameters.require("token", "RFC 7662 2.1")
        found = self._introspection.introspect(caller, text)
        return self._signed.answer(caller, found) if wanted(asked) else json_document(found)
