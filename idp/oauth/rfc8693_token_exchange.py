"""RFC 8693 (Token Exchange): an API that was called gets a token for the next one.

By memory of the text and what public quotations have of it, sections 1.1, 2.1, 2.1.1, 2.2.1, 2.2.2, 3, 4.1 to 4.4:

- Section 2.1: subject and actor tokens are access tokens of ours, alive at this moment, by either name that
  section 3 has for them (they are JWTs). Not ID tokens: one names its client as its audience and travels
  through browsers as a hint. Not refresh tokens: used beside their rotation, a stolen one would go unnoticed.
  A client exchanges what was given to itself or, being the resource server of an audience, what it was called
  with. An actor token is the client's own of the client credentials grant: one that hung on somebody's
  session could not end what comes of it, as this one's revocation does. ``resource`` and ``audience`` may be
  repeated, and name the same things: identifiers of APIs (section 2.1.1: the scope that is left is for all).
- What may be had is the operator's policy (``services.exchange``). Section 2.2.2: a token that cannot be taken
  is ``invalid_request``, a target that cannot be had ``invalid_target``.
- Section 2.2.1: no refresh token ever comes of it. ``token_type`` is never ``N_A``: all of it is an access token.
- Section 4.1: ``act``; 4.3: ``client_id`` is who exchanged; 4.4: ``may_act`` stands in a person's token where
  the operator has named the one client that may exchange it, and is honoured here.
- RFC 9396 section 6: ``authorization_details`` may narrow those of the subject token.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ..domain.client import Client, GrantType
from ..domain.device import Origin
from ..domain.exchange import Actor, Exchanged
from ..errors import ProtocolError, TokenRejected
from ..services.codes import Grant
from .grants import OwnGrant, TokenAnswer, requested_scope
from .requests import invalid_request
from .rfc7662_introspection import alive
from .rfc9068_access_token import AccessToken, expires_at
from .rfc9396_authorization_details import requested_details

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TOKEN_TYPES = (ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt")


class ExchangeGrant(OwnGrant):
    """Section 2."""

    GRANT_TYPE = GrantType.TOKEN_EXCHANGE

    def granted(self, client: Client) -> Grant:
        """Both tokens, then the policy."""
        parameters = self.request.parameters
        if client.public:
            raise ProtocolError(
                "unauthorized_client", "token exchange is for confidential clients", section="RFC 8693 5"
            )
        _check_type("requested_token_type", parameters.get("requested_token_type", ACCESS_TOKEN))
        subject, actor = self._subject_token(client), self._actor_token(client)
        targets = tuple(dict.fromkeys((*parameters.lists["resource"], *parameters.lists["audience"])))
        services, origin = self.server.services, Origin(address=self.request.asked.address)
        with services.work():
            made = services.exchange.exchange(
                client, subject, actor, requested_scope(parameters), targets, origin, requested_details(parameters)
            )
            return self.bound(made)

    def generate_token(self, *_args: object, **_kwargs: object) -> TokenAnswer:
        """Section 2.2.1: ``issued_token_type`` is required."""
        kind = self.request.parameters.get("requested_token_type", ACCESS_TOKEN)
        return {**super().generate_token(), "issued_token_type": kind}

    def _subject_token(self, client: Client) -> Exchanged:
        parameters = self.request.parameters
        text = parameters.require("subject_token", "RFC 8693 2.1")
        _check_type("subject_token_type", parameters.require("subject_token_type", "RFC 8693 2.1"))
        tokens = self.server.services.tokens
        token = self._read(text, "subject_token", client)
        held = tokens.liveness(token.sid) if token.sid is not None else None
        if token.sid is None or held is None or not tokens.may_introspect(client, token.client_id, token.audience):
            raise _unacceptable("subject_token")
        claims = token.claims
        act, may_act, signed_in = claims.get("act"), claims.get("may_act"), claims.get("auth_time")
        return Exchanged(
            user_id=held.user_id, sid=token.sid, client_id=token.client_id, scope=token.scope,
            auth_time=None if signed_in is None else datetime.fromtimestamp(signed_in, tz=UTC),
            acr=claims.get("acr"), amr=tuple(claims.get("amr", ())), expires_at=expires_at(token),
            act=act if isinstance(act, dict) else None, may_act=may_act if isinstance(may_act, dict) else None,
            authorization_details=tuple(claims.get("authorization_details", ())),
            via=token.via if held.client_id == token.client_id else (*token.via, token.link),
        )  # fmt: skip

    def _actor_token(self, client: Client) -> Actor | None:
        parameters = self.request.parameters
        text = parameters.get("actor_token")
        if text is None:
            if "actor_token_type" in parameters:
                raise invalid_request("actor_token_type must not be sent without actor_token", "RFC 8693 2.1")
            return None
        _check_type("actor_token_type", parameters.require("actor_token_type", "RFC 8693 2.1"))
        token = self._read(text, "actor_token", client)
        if token.client_id != client.client_id or token.sid is not None:
            raise _unacceptable("actor_token")
        return Actor(subject=client.client_id, link=token.link, expires_at=expires_at(token))

    def _read(self, text: str, name: str, client: Client) -> AccessToken:
        """Genuine, alive, and not exchanged for less than it asks of its sender (RFC 9449, RFC 8705).

        A bound token makes bound ones alone: bound to what the API that got it proves, or, where a client
        exchanges its own, to the very same.
        """
        try:
            token = self.server.access_tokens.read(text)
        except TokenRejected:
            raise _unacceptable(name) from None
        if not alive(token, self.server.services.tokens):
            raise _unacceptable(name)
        bound, proven = token.claims.get("cnf", {}), self.request.confirmation
        if bound and not proven:
            raise invalid_request(f"{name} is bound to its sender: send a proof of your own", "RFC 9449 5")
        if token.client_id == client.client_id and not bound.items() <= proven.items():
            raise _unacceptable(name)
        return token


def _check_type(name: str, value: str) -> None:
    if value not in TOKEN_TYPES:
        raise invalid_request(f"{name} must be {ACCESS_TOKEN}", "RFC 8693 3")


def _unacceptable(name: str) -> ProtocolError:
    """One answer for every cause: forged, expired, ended, of another kind, none of this client's business."""
    return invalid_request(f"{name} is not acceptable", "RFC 8693 2.2.2")
