"""Token exchange (RFC 8693): what an operator lets a client do, and the facts of what is exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .authorization_details import Detail

MOST_ACTORS = 4
"""How many may have acted one for another: a longer chain in ``act`` is refused."""
MOST_LINKS = 6
"""How many tokens a token may hang on beyond its session: each is looked at whenever it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePolicy:
    """``targets`` are the resources for which tokens may be had.

    ``scope`` is what may be had there although the subject token lacks it; without it an exchange only
    narrows. ``impersonation`` lets the new token look like the subject's own, ``delegation`` has it say in
    ``act`` who acts (section 1.1). ``may_act`` is about the tokens that are issued to this client: the one client
    that may exchange them (section 4.4); None leaves that to the policies of those who exchange.
    """

    targets: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    impersonation: bool = False
    delegation: bool = False
    may_act: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A token that another came of and dies with, beyond the session of both: an exchanged one, or an actor's.

    ``issued_at`` is in seconds since 1970, as its ``iat``.
    """

    client_id: str
    jti: str
    issued_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A live actor token: who acts, on which token that hangs, until when."""

    subject: str
    link: Link
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """A live subject token: whose it is, what it allows, until when, and what it hangs on."""

    user_id: UUID
    sid: UUID
    client_id: str
    scope: tuple[str, ...]
    auth_time: datetime | None
    acr: str | None
    amr: tuple[str, ...]
    expires_at: datetime
    act: Mapping[str, object] | None = None
    may_act: Mapping[str, object] | None = None
    authorization_details: tuple[Detail, ...] = ()
    via: tuple[Link, ...] = ()


def acting(actor: str, before: Mapping[str, object] | None) -> dict[str, object]:
    """The ``act`` claim (section 4.1): who acts now, and within it who acted before."""
    return {"sub": actor, **({"act": dict(before)} if before else {})}


def may_act(policy: ExchangePolicy | None) -> dict[str, object] | None:
    """The ``may_act`` claim (section 4.4) of a person's token that is issued under this policy."""
    return None if policy is None or policy.may_act is None else {"sub": policy.may_act}


def actors(act: Mapping[str, object] | None) -> int:
    """How many there are in a chain."""
    count = 0
    while isinstance(act, Mapping):
        count, act = count + 1, act.get("act")  # type: ignore[assignment]
    return count
