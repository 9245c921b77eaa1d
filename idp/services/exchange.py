"""Token exchange: what an operator's policy makes of a subject token (RFC 8693).

The new token carries the ``sid`` of the subject token and so dies with it (P1), and names every token on its
way (``via``), whose revocation, or whose client's disabling, is its end too. It lives no longer than what it came
of, and there is no refresh token, so whoever exchanges needs a live token each time. Each exchange is a line in
the record.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.authorization_details import Detail
from ..domain.client import Client
from ..domain.device import Origin
from ..domain.event import SecurityEvent
from ..domain.exchange import MOST_ACTORS, MOST_LINKS, Actor, Exchanged, ExchangePolicy, Link, acting, actors
from ..domain.ports import Stores
from ..domain.scope import REVOCATIONS, STANDARD_SCOPES
from ..errors import ProtocolError
from .authorization_details import AuthorizationDetails
from .codes import Grant
from .tokens import Tokens


class Exchanging:
    """Decide and record."""

    def __init__(self, stores: Stores, tokens: Tokens, details: AuthorizationDetails) -> None:
        self._stores = stores
        self._tokens = tokens
        self._details = details

    def exchange(
        self, client: Client, subject: Exchanged, actor: Actor | None, scope: tuple[str, ...] | None,
        targets: tuple[str, ...], origin: Origin, wanted: Sequence[Detail] | None = None,
    ) -> Grant:  # fmt: skip
        """The grant of the new token, addressed. In the caller's transaction; raises ProtocolError.

        ``scope`` and ``wanted`` details None mean all that may be had.
        """
        policy = client.exchange
        if policy is None or not policy.targets:
            raise ProtocolError(
                "unauthorized_client", "the operator has not allowed this client to exchange", section="RFC 8693 5"
            )  # fmt: skip
        _check_manner(policy, actor, subject)
        _check_actor(subject, actor.subject if actor is not None else client.client_id)
        via = _links(subject, actor)
        audience, granted = self._addressed(policy, subject, scope, targets)
        details = self._detailed(client, subject, audience, wanted)
        act = acting(actor.subject, subject.act) if actor is not None else subject.act
        self._record(client, subject, actor, audience, granted, origin)
        return Grant(
            client_id=client.client_id, user_id=subject.user_id, sid=subject.sid, scope=granted, resources=audience,
            audience=audience, auth_time=subject.auth_time, acr=subject.acr, amr=subject.amr, act=act, via=via,
            not_after=subject.expires_at if actor is None else min(subject.expires_at, actor.expires_at),
            authorization_details=details,
        )  # fmt: skip

    def _detailed(
        self, client: Client, subject: Exchanged, audience: tuple[str, ...], wanted: Sequence[Detail] | None
    ) -> tuple[Detail, ...]:
        """Of the subject token's authorization details those for the targets, or fewer: an exchange adds none."""
        homes = self._details.homes(subject.authorization_details, client)
        held = [one for one in subject.authorization_details if homes.get(str(one["type"])) in audience]
        return self._details.narrow(held, wanted)

    def _addressed(
        self, policy: ExchangePolicy, subject: Exchanged, scope: tuple[str, ...] | None, targets: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """For which APIs, and what of them. Scopes of the person's own data stay behind: they are for userinfo."""
        wanted = targets or (policy.targets if len(policy.targets) == 1 else ())
        if not wanted or not set(wanted) <= set(policy.targets):
            raise _invalid_target("name one of the targets that the operator allows this client")
        may = tuple(
            name for name in dict.fromkeys((*subject.scope, *policy.scope))
            if name not in STANDARD_SCOPES and name != REVOCATIONS
        )  # fmt: skip
        if scope is not None and not set(scope) <= set(may):
            raise ProtocolError("invalid_scope", "scope exceeds what may be exchanged", section="RFC 8693 2.1")
        audience, granted = self._tokens.address(wanted, may if scope is None else scope)
        if len(audience) != len(wanted):
            raise _invalid_target("a target does not exist any more")
        return audience, granted

    def _record(
        self, client: Client, subject: Exchanged, actor: Actor | None, audience: tuple[str, ...],
        scope: tuple[str, ...], origin: Origin,
    ) -> None:  # fmt: skip
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind="token.exchanged",
                user_id=subject.user_id, client_id=client.client_id, actor=f"client:{client.client_id}",
                address=origin.address, user_agent=origin.user_agent,
                details={
                    "manner": "impersonation" if actor is None else "delegation", "of_client": subject.client_id,
                    "sid": str(subject.sid), "audience": list(audience), "scope": list(scope),
                },
            )
        )  # fmt: skip


def _links(subject: Exchanged, actor: Actor | None) -> tuple[Link, ...]:
    """All that the new token hangs on beside its session. Raises ProtocolError for a way that is too long."""
    via = (*subject.via, *([actor.link] if actor is not None else []))
    if len(via) > MOST_LINKS:
        raise ProtocolError("invalid_request", "this token has been exchanged too often", section="RFC 8693 2.2.2")
    return via


def _check_manner(policy: ExchangePolicy, actor: Actor | None, subject: Exchanged) -> None:
    """Section 1.1. A token that policy does not accept is invalid_request (section 2.2.2)."""
    if actor is None and not policy.impersonation:
        raise ProtocolError(
            "invalid_request", "this client may only act for others by name: send actor_token", section="RFC 8693 1.1"
        )  # fmt: skip
    if actor is not None and not policy.delegation:
        raise ProtocolError("invalid_request", "this client may not send actor_token", section="RFC 8693 2.2.2")
    if actor is not None and actors(subject.act) >= MOST_ACTORS:
        raise ProtocolError("invalid_request", "too many have acted one for another", section="RFC 8693 4.1")


def _check_actor(subject: Exchanged, party: str) -> None:
    """Section 4.4: of a token that says who may act with it, nobody else makes another."""
    if subject.may_act is not None and subject.may_act != {"sub": party}:
        raise ProtocolError("invalid_request", "may_act of subject_token names somebody else", section="RFC 8693 4.4")


def _invalid_target(description: str) -> ProtocolError:
    return ProtocolError("invalid_target", description, section="RFC 8693 2.2.2")
