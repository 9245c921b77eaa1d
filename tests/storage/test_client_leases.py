"""Clients as they were a moment ago: never a moment longer than whoever changed them had to wait."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from idp.domain.client import Client
from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.services import build
from idp.settings import load
from idp.storage.client_leases import LEASE_SECONDS, SETTLED_SECONDS, ClientLeases
from idp.storage.stores import build_stores
from tests.builders import a_client


@dataclass
class Record:
    """A row that takes a while to be read, and counts who reads it."""

    client: Client | None
    at: float = 0.0
    slow: float = 0.0
    reads: int = 0
    waited: list[float] = field(default_factory=list)

    def leases(self) -> ClientLeases:
        return ClientLeases(lambda: self.at, self.waited.append)

    def read(self, _client_id: str) -> Client | None:
        self.reads += 1
        self.at += self.slow
        return self.client


def test_a_record_counts_from_before_it_was_read() -> None:
    record = Record(a_client(client_id="api"), slow=0.04)
    leases = record.leases()
    found = []
    for record.at in (1.0, 1.05, 1.0 + LEASE_SECONDS - 0.001, 1.0 + LEASE_SECONDS + 0.001):
        leases.of("api", record.read)
        found.append(record.reads)
    assert found == [1, 1, 1, 2]


def test_that_there_is_none_is_not_remembered() -> None:
    record = Record(None)
    leases = record.leases()
    assert leases.of("api", record.read) is None
    record.client = a_client(client_id="api")
    assert leases.of("api", record.read) == record.client


def test_whoever_makes_a_change_waits_for_longer_than_a_lease() -> None:
    record = Record(None)
    record.leases().settle()
    assert record.waited == [SETTLED_SECONDS]
    assert SETTLED_SECONDS > LEASE_SECONDS


def test_a_transaction_sees_its_own_writes_and_leaves_nothing_of_them(stores: Stores) -> None:
    client = a_client()
    stores.clients.add(client)
    undone = replace(client, client_name="undone")

    def change() -> None:
        with stores.work():
            stores.clients.save(undone)
            assert stores.clients.lately(client.client_id) == undone
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert stores.clients.lately(client.client_id) == client


@pytest.mark.spec("RFC 7662", "2.1")
@pytest.mark.parametrize("change", ["rotate_secret", "disable", "delete"])
def test_nobody_is_taken_for_what_they_were_once_the_change_is_told(engine: Engine, change: str) -> None:
    """Two processes: one has just read the record, the other changes it and says so."""
    keys = MasterKeys([MasterKey(b"\x01" * 32)])
    here, there = build_stores(engine, keys, MIGRATIONS), build_stores(engine, keys, MIGRATIONS)
    services = build(there, load(issuer="https://idp.example", master_key="A" * 43), keys)
    client = a_client(client_id=str(uuid4()), secret_hash=b"x" * 32)
    there.clients.add(client)
    assert here.clients.lately(client.client_id) == client
    with there.work():
        getattr(services.clients, change)(client.client_id)
    found = here.clients.lately(client.client_id)
    assert found == there.clients.get(client.client_id)
    assert found != client
