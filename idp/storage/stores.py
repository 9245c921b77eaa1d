"""Everything that the services are given, made from an engine and the master keys."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from ..domain.master_key import MasterKeys
from ..domain.ports import Clock, Randomness, Stores
from .assertion_ids import SqlAssertionIds
from .cleanup import SqlSweeper
from .client_sessions import SqlClientSessions
from .clients import SqlClients
from .codes import SqlCodes
from .consents import SqlConsents
from .database import Database
from .devices import SqlDevices
from .events import SqlEvents
from .health import SqlHealth
from .interactions import SqlInteractions
from .outbox import SqlOutbox
from .passwords import ArgonPasswords
from .refresh_families import SqlRefreshFamilies
from .resources import SqlResources
from .revocations import SqlRevocations
from .sessions import SqlSessions
from .signing_keys import SqlSigningKeys
from .system import SystemClock, SystemRandomness
from .throttles import SqlThrottles
from .tombstones import NoTombstones
from .users import SqlUsers
from .vault import AesVault
from .work import SqlWork


def build_stores(
    engine: Engine,
    master_keys: MasterKeys,
    migrations: Path,
    *,
    clock: Clock | None = None,
    randomness: Randomness | None = None,
) -> Stores:
    """One set per process, after any fork. ``engine`` must have been made with ``engine_options``."""
    database = Database(engine)
    return Stores(
        work=SqlWork(database),
        clock=clock or SystemClock(),
        randomness=randomness or SystemRandomness(),
        vault=AesVault(master_keys),
        passwords=ArgonPasswords(),
        users=SqlUsers(database),
        devices=SqlDevices(database),
        sessions=SqlSessions(database),
        client_sessions=SqlClientSessions(database),
        clients=SqlClients(database),
        resources=SqlResources(database),
        consents=SqlConsents(database),
        interactions=SqlInteractions(database),
        codes=SqlCodes(database),
        refresh_families=SqlRefreshFamilies(database),
        signing_keys=SqlSigningKeys(database),
        revocations=SqlRevocations(database),
        events=SqlEvents(database),
        outbox=SqlOutbox(database),
        throttles=SqlThrottles(database),
        tombstones=NoTombstones(),
        assertion_ids=SqlAssertionIds(database),
        sweeper=SqlSweeper(database),
        health=SqlHealth(database, migrations),
    )
