"""OpenID Connect Core 1.0 section 5.3 (UserInfo Endpoint): GET and POST, header or form body.

The token must be for us (``aud``, ASVS 10.3.1), must carry ``openid``, and its session must live at
this moment; else 401 with the challenge of RFC 6750. Claims are those of the token's scopes and those
asked for with ``claims``. JSON, unless the client registered for signed answers (``core_signed_userinfo``);
``Accept`` changes nothing about that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response

from ..domain.claims import claims_of, names_of_scope
from ..domain.scope import OPENID
from ..oauth.requests import Received, received
from ..oauth.responses import Answer, as_response, json_document
from ..oauth.rfc6750_bearer import insufficient_scope, invalid_token
from ..oauth.sender_constraint import PresentedTokens
from ..services.tokens import Tokens
from .core_signed_userinfo import SignedUserinfo


class UserinfoEndpoint:
    """GET and POST /userinfo."""

    ways = (("GET", "/userinfo", "userinfo"), ("POST", "/userinfo", "userinfo"))

    def __init__(
        self,
        presented: PresentedTokens,
        uris: Sequence[str],
        tokens: Tokens,
        signed: SignedUserinfo,
        address_of_request: Callable[[], str],
    ) -> None:
        self._presented = presented
        self._uris = uris
        self._tokens = tokens
        self._signed = signed
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/userinfo", "userinfo", self.view, methods=["GET", "POST"])

    def view(self) -> Response:
        """In the ordinary lane."""
        return as_response(self.answer(received(self._address)))

    def answer(self, asked: Received) -> Answer:
        """One request."""
        token = self._presented.read(asked, self._uris)
        if OPENID not in token.scope:
            raise insufficient_scope(OPENID)
        holder = self._tokens.holder(token.sid) if token.sid is not None else None
        if holder is None:
            raise invalid_token()
        wanted = [str(name) for name in token.claims.get("userinfo_claims", [])]
        locales = [str(tag) for tag in token.claims.get("claims_locales", [])]
        names = [*names_of_scope(token.scope), *wanted]
        told = {**claims_of(holder.user, names, locales), "sub": token.sub}
        headers = self._presented.headers(asked)
        if alg := holder.metadata_of(token.client_id).get("userinfo_signed_response_alg"):
            return self._signed.answer(token.client_id, str(alg), told, headers)
        return json_document(told, headers=headers)
