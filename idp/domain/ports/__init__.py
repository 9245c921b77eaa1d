"""What the services need from outside, as protocols. ``storage`` provides every one of them.

Rules for all stores:

- Inside ``with work():`` every call takes part in that transaction; outside, each call is its own.
- Times are aware UTC datetimes and come from the caller; a store reads no clock.
- "Take" and "claim" mean one atomic statement whose row count decides; two callers never both win.
- A backend that does not answer raises ``errors.Unavailable``; absence is None or an empty result.
- Text that a database cannot hold (NUL, lone surrogates) never reaches a store: edges refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .clients import Clients, Consents, DetailTypes, Resources, TrustedIssuers
from .foundations import Clock, PasswordHasher, Randomness, Vault, Work
from .people import ClientSessions, Devices, PairwiseSubjects, Sessions, Users
from .record import (
    AssertionIds,
    Events,
    Health,
    InitialAccessTokens,
    Outbox,
    Revocations,
    SigningKeys,
    Sweeper,
    Throttles,
    Tombstones,
)
from .requests import Codes, Interactions, PolledRequests, PushedRequests, Redemptions, RefreshFamilies

__all__ = [
    "AssertionIds",
    "ClientSessions",
    "Clients",
    "Clock",
    "Codes",
    "Consents",
    "DetailTypes",
    "Devices",
    "Events",
    "Health",
    "InitialAccessTokens",
    "Interactions",
    "Outbox",
    "PairwiseSubjects",
    "PasswordHasher",
    "PolledRequests",
    "PushedRequests",
    "Randomness",
    "Redemptions",
    "RefreshFamilies",
    "Resources",
    "Revocations",
    "Sessions",
    "SigningKeys",
    "Stores",
    "Sweeper",
    "Throttles",
    "Tombstones",
    "TrustedIssuers",
    "Users",
    "Vault",
    "Work",
]


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Everything the services are given."""

    work: Work
    clock: Clock
    randomness: Randomness
    vault: Vault
    passwords: PasswordHasher
    users: Users
    pairwise_subjects: PairwiseSubjects
    devices: Devices
    sessions: Sessions
    client_sessions: ClientSessions
    clients: Clients
    resources: Resources
    detail_types: DetailTypes
    trusted_issuers: TrustedIssuers
    consents: Consents
    interactions: Interactions
    pushed_requests: PushedRequests
    codes: Codes
    redemptions: Redemptions
    polled_requests: PolledRequests
    refresh_families: RefreshFamilies
    signing_keys: SigningKeys
    revocations: Revocations
    events: Events
    outbox: Outbox
    throttles: Throttles
    tombstones: Tombstones
    assertion_ids: AssertionIds
    initial_access_tokens: InitialAccessTokens
    sweeper: Sweeper
    health: Health
