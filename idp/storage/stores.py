"""Everything that the services are given, made from an engine and the master keys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine

from ..domain.master_key import MasterKeys
from ..domain.ports import Clock, Randomness, Stores
from .assertion_ids import SqlAssertionIds
from .cleanup import SqlSweeper
from .client_sessions import SqlClientSessions
from .clients import SqlClients
from .clock import DatabaseClock
from .codes import SqlCodes
from .consents import SqlConsents
from .database import Database
from .detail_types import SqlDetailTypes
from .devices import SqlDevices
from .events import SqlEvents
from .health import SqlHealth
from .hot_client_sessions import HotClientSessions, Lately
from .hot_copy import HotCopy, NoWitness, Witness
from .initial_access_tokens import SqlInitialAccessTokens
from .interactions import SqlInteractions
from .leases import Leases
from .outbox import SqlOutbox
from .pairwise_subjects import SqlPairwiseSubjects
from .passwords import ArgonPasswords
from .polled_requests import SqlPolledRequests
from .pushed_requests import SqlPushedRequests
from .recently import Recently
from .redemptions import SqlRedemptions
from .redis_throttles import RedisThrottles
from .redis_url import servers as redis_servers
from .refresh_families import SqlRefreshFamilies
from .resources import SqlResources
from .revocations import SqlRevocations
from .sessions import SqlSessions
from .settling import Settling
from .signing_keys import SqlSigningKeys
from .system import SystemClock, SystemRandomness
from .throttles import SqlThrottles
from .tombstones import HotTombstones, NoTombstones
from .trusted_issuers import SqlTrustedIssuers
from .users import SqlUsers
from .vault import AesVault
from .work import SqlWork


@dataclass(frozen=True, slots=True, kw_only=True)
class HotOptions:
    """Where Redis is and what must hold there; ``tombstone_seconds`` outlives every access token.

    ``every``: look every ``sid`` up there, also one that nobody has asked for lately.
    """

    url: str
    replicas: int = 0
    tombstone_seconds: int = 3660
    every: bool = False
    witness: Witness = field(default_factory=NoWitness)


def build_stores(
    engine: Engine,
    master_keys: MasterKeys,
    migrations: Path,
    *,
    clock: Clock | None = None,
    randomness: Randomness | None = None,
    hot: HotOptions | None = None,
) -> Stores:
    """One set per process, after any fork. ``engine`` must have been made with ``engine_options``.

    With ``hot``, Redis answers where it can. Raises ConfigurationError for a URL that cannot be used.
    """
    database, touched = Database(engine), Recently()
    stores = Stores(
        work=SqlWork(database),
        clock=clock or _clock(engine),
        randomness=randomness or SystemRandomness(),
        vault=AesVault(master_keys),
        passwords=ArgonPasswords(),
        users=SqlUsers(database),
        pairwise_subjects=SqlPairwiseSubjects(database),
        devices=SqlDevices(database),
        sessions=SqlSessions(database),
        client_sessions=SqlClientSessions(database, touched),
        clients=SqlClients(database),
        resources=SqlResources(database),
        detail_types=SqlDetailTypes(database),
        trusted_issuers=SqlTrustedIssuers(database),
        consents=SqlConsents(database),
        interactions=SqlInteractions(database),
        pushed_requests=SqlPushedRequests(database),
        codes=SqlCodes(database),
        redemptions=SqlRedemptions(database),
        polled_requests=SqlPolledRequests(database),
        refresh_families=SqlRefreshFamilies(database, touched),
        signing_keys=SqlSigningKeys(database),
        revocations=SqlRevocations(database),
        events=SqlEvents(database),
        outbox=SqlOutbox(database),
        throttles=SqlThrottles(database),
        tombstones=NoTombstones(Leases(database), Settling(database)),
        assertion_ids=SqlAssertionIds(database),
        initial_access_tokens=SqlInitialAccessTokens(database),
        sweeper=SqlSweeper(database),
        health=SqlHealth(database, migrations),
    )
    return stores if hot is None else _with_hot_copy(stores, database, hot)


def _clock(engine: Engine) -> Clock:
    own = SystemClock()
    return own if engine.dialect.name == "sqlite" else DatabaseClock(engine, own)


def _with_hot_copy(stores: Stores, database: Database, hot: HotOptions) -> Stores:
    servers = redis_servers(hot.url, hot.replicas, hot.witness.breaker)
    copy = HotCopy(servers, stores.randomness, hot.tombstone_seconds, hot.witness)
    again = (lambda _sid: True) if hot.every else Lately().again
    return replace(
        stores,
        client_sessions=HotClientSessions(
            stores.client_sessions, copy, Leases(database), lambda: database.in_work, again
        ),
        tombstones=HotTombstones(copy, Settling(database)),
        throttles=RedisThrottles(servers, stores.throttles),
    )
