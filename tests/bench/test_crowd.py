"""What is made by the ten thousand is what the provider would have made."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import create_engine

from idp.domain.master_key import MasterKeys
from idp.domain.refresh import is_genuine, parse_token
from idp.paths import MIGRATIONS
from idp.storage.migrate import upgrade
from idp.storage.stores import build_stores
from tests.bench.crowd import Crowd, bytes_each, named
from tests.bench.seed import APP, seed
from tests.conftest import open_engine
from tests.postgres import PostgresServer


def test_a_crowd_is_alive_and_its_tokens_are_genuine(postgres: PostgresServer, master_keys: MasterKeys) -> None:
    url = postgres.new_database()
    engine, plain = open_engine(url), create_engine(url)
    try:
        upgrade(engine, MIGRATIONS)
        seed(engine, 4)
        people = Crowd(4, 11, APP, ("openid",))
        people.fill(plain)
        stores, now = build_stores(engine, master_keys, MIGRATIONS), datetime.now(UTC)
        for number, text in zip(range(4, 12), people.refresh_tokens(master_keys), strict=True):
            token = parse_token(text)
            assert token is not None
            assert is_genuine(master_keys, token, APP)
            found = stores.refresh_families.get(token.family_id, now)
            assert found is not None
            assert found[1]
            live = stores.client_sessions.liveness_with_user(named("c", number), now)
            assert live is not None
            assert live[0].live
            assert live[1].id == named("u", number - number % 4)
        with plain.connect() as connection:
            assert all(0 < row <= whole for row, whole in bytes_each(connection, 8).values())
    finally:
        engine.dispose()
        plain.dispose()
