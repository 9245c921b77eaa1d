"""Tokens by what they hang on: is this sid alive, whose is this refresh token, end what it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..domain.authorization_details import Detail
from ..domain.client import Client
from ..domain.event import SecurityEvent
from ..domain.ports import Stores
from ..domain.revocation import CLOCKS_APART, Revocation, RevocationKind
from ..domain.scope import OPENID, REVOCATIONS, STANDARD_SCOPES, Resource
from ..domain.session import EndReason, Liveness, OneClientSession
from ..domain.user import User
from .sessions import SessionControl


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a live ``sid`` belongs to: the person, and the client with what it has registered."""

    user: User
    client_id: str
    client_metadata: Mapping[str, object]

    def metadata_of(self, client_id: str) -> Mapping[str, object]:
        """Nothing for another client, which got a token of this ``sid`` by exchange (RFC 8693)."""
        return self.client_metadata if client_id == self.client_id else {}


class Tokens:
    """What introspection, userinfo and revocation ask of the session record."""

    def __init__(self, stores: Stores, issuer: str, sessions: SessionControl) -> None:
        self._stores = stores
        self._issuer = issuer
        self._sessions = sessions

    def liveness(self, sid: UUID) -> Liveness | None:
        """One read by primary key; the truth at this moment (P1, P5)."""
        return self._stores.client_sessions.liveness(sid, self._stores.clock.now())

    def holder(self, sid: UUID) -> Holder | None:
        """Who holds a live sid; None if anything it hangs on has ended."""
        found = self._stores.client_sessions.liveness_with_user(sid, self._stores.clock.now())
        if found is None or not found[0].live:
            return None
        return Holder(found[1], found[0].client_id, found[2])

    def session_of(self, sid: UUID) -> UUID | None:
        """The Session that a client session hangs on, if any."""
        found = self._stores.client_sessions.get(sid)
        return found.session_id if found is not None else None

    def client_token_live(self, client_id: str, jti: str, issued_at: int) -> bool:
        """Is a token without a session alive: its client enabled, itself not revoked (RFC 7009)?

        What was issued before the client was last disabled or deleted stays dead after it is enabled
        or registered again: ended never comes back (P1).
        """
        client = self._stores.clients.get(client_id)
        if client is None or client.disabled_at is not None or issued_at < int(client.created_at.timestamp()):
            return False
        revoked_at = self._stores.revocations.client_revoked_at(client_id)
        if revoked_at is not None and issued_at <= revoked_at.timestamp():
            return False
        return not self._stores.revocations.revoked_jti(jti)

    def end_sid(self, sid: UUID, client: Client) -> bool:
        """RFC 7009: revoking any token ends the client session it belongs to. In a transaction.

        False, and nothing ends, if that is another client's: the token was exchanged (RFC 8693).
        """
        found = self._stores.client_sessions.get(sid)
        if found is not None and found.client_id != client.client_id:
            return False
        if found is not None:
            by = f"client:{client.client_id}"
            self._sessions.end_session(OneClientSession(sid), EndReason.TOKEN_REVOKED, by=by)
        return True

    def revoke_jti(self, jti: str, client: Client, expires_at: datetime) -> None:
        """A client-credentials token has no session, an exchanged one another's: its ``jti`` is kept until its end."""
        if self._stores.revocations.revoked_jti(jti):
            return
        now = self._stores.clock.now()
        entry = Revocation(
            kind=RevocationKind.JTI, value=jti, at=now, expires_at=expires_at + CLOCKS_APART,
            reason=EndReason.TOKEN_REVOKED.value,
        )  # fmt: skip
        self._stores.revocations.append([entry])
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=now, kind="token.revoked", client_id=client.client_id,
                actor=f"client:{client.client_id}", details={"jti": jti},
            )
        )  # fmt: skip

    def may_introspect(self, client: Client, token_client_id: str, audience: tuple[str, ...]) -> bool:
        """The token's own client, or a resource server of its audience (design.md section 6)."""
        if client.client_id == token_client_id:
            return True
        return bool(set(self._stores.resources.of_server(client.client_id)) & set(audience))

    def details_for(self, client: Client, token_client_id: str, held: Sequence[Detail]) -> list[Detail]:
        """Of a token's authorization details those for this caller's eyes (RFC 9396 section 9.2)."""
        if client.client_id == token_client_id:
            return list(held)
        own = self._stores.resources.of_server(client.client_id)
        types = self._stores.detail_types.some([str(one["type"]) for one in held])
        return [one for one in held if one["type"] in types and types[one["type"]].resource in own]

    def audience(
        self, resources: tuple[str, ...], scope: tuple[str, ...], more: Collection[str] = ()
    ) -> tuple[str, ...]:  # fmt: skip
        """For whom a token is: what was asked (RFC 8707), else what its scopes belong to.

        Without ``resource`` that is this provider, for userinfo, and every API whose scopes were
        granted (RFC 9068 section 3); with it, exactly the resources asked for.
        """
        return self.address(resources, scope, more)[0]

    def address(
        self, resources: tuple[str, ...], scope: tuple[str, ...], more: Collection[str] = ()
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The audience of a token and the scope it may carry there.

        Scopes whose API has gone are left out, and so are resources. The provider itself is among the
        audience only where there is something for it: ``openid``, or nothing else. ``more`` are the APIs of
        authorization details (RFC 9396): there without being asked for, as those of scopes are.
        """
        homes = self._homes(scope)
        own = tuple(dict.fromkeys((*homes.values(), *more)))
        if resources:
            others = tuple(item for item in resources if item != self._issuer)
            known = self.known_resources(others) if others else {}
            audience = tuple(item for item in resources if item == self._issuer or item in known)
        else:
            audience = (self._issuer, *own) if OPENID in scope or not own else own
        kept = tuple(name for name in scope if name in STANDARD_SCOPES or homes.get(name) in audience)
        return audience, kept

    def _homes(self, scope: tuple[str, ...]) -> dict[str, str]:
        """The resource that each scope belongs to; reading the revocation log is ours."""
        own = [name for name in scope if name not in (*STANDARD_SCOPES, REVOCATIONS)]
        known = self._stores.resources.scopes(own) if own else {}
        homes = {name: known[name].resource for name in own if name in known}
        return {**homes, REVOCATIONS: self._issuer} if REVOCATIONS in scope else homes

    def serves_a_resource(self, client: Client) -> bool:
        """Is this client the resource server of anything, and so one who may read the revocation log?"""
        return bool(self._stores.resources.of_server(client.client_id))

    def known_resources(self, identifiers: tuple[str, ...]) -> dict[str, Resource]:
        """Those of the identifiers that an operator has registered."""
        return dict(self._stores.resources.known(identifiers))
