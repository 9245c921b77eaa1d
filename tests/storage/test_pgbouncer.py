"""PgBouncer in transaction mode: the storage contract through it, its limits, and a race between two workers.

The contract is that of the other modules here, every test of them, on an engine that the pooler stands before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import ModuleType

import pytest
from sqlalchemy import Engine, create_engine, text

from idp.errors import Unavailable
from idp.paths import MIGRATIONS
from idp.storage.database import Database, engine_options
from idp.storage.migrate import upgrade
from idp.storage.postgres import SERVER_LIMITS, STATEMENT_SECONDS, connector
from idp.storage.tables import Base

from ..pgbouncer import PgBouncer, binary
from ..postgres import PostgresServer
from ..races.play import Play
from ..running import RunningProvider, operating, running
from . import test_credentials, test_endings, test_outbox, test_people, test_records, test_sessions, test_throttles
from .test_endings import world

__all__ = ["world"]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pgbouncer")]


OWN_ENGINES = {"test_across_processes"}


def _contract(*modules: ModuleType) -> dict[str, object]:
    tests = ((module, name) for module in modules for name in vars(module) if name.startswith("test_"))
    return {
        f"{name}__{module.__name__.rpartition('.')[2]}": getattr(module, name)
        for module, name in tests
        if name not in OWN_ENGINES
    }


globals().update(
    _contract(test_credentials, test_endings, test_outbox, test_people, test_records, test_sessions, test_throttles)
)


@pytest.fixture(scope="module")
def pooler(postgres: PostgresServer) -> Iterator[PgBouncer]:
    if binary() is None:
        reason = "PgBouncer is not installed; nothing was tested through it"
        if os.environ.get("IDP_TEST_NO_SKIP"):
            pytest.fail(reason)
        pytest.skip(reason)
    for name, most in SERVER_LIMITS.items():
        postgres.execute(f"ALTER ROLE idp SET {name} = {most}")
    with PgBouncer(postgres) as made:
        yield made
    for name in SERVER_LIMITS:
        postgres.execute(f"ALTER ROLE idp RESET {name}")


@pytest.fixture(scope="module")
def url(postgres: PostgresServer, pooler: PgBouncer) -> str:
    """A migrated database behind the pooler; migrated through it, too."""
    made = pooler.url(postgres.new_database().rpartition("/")[2])
    engine = create_engine(made, **engine_options(made, 1, pooled=True))
    upgrade(engine, MIGRATIONS)
    engine.dispose()
    return made


@pytest.fixture(scope="module")
def pooled_engine(url: str) -> Iterator[Engine]:
    made = create_engine(url, **engine_options(url, 20, pooled=True) | {"pool_timeout": 20})
    yield made
    made.dispose()


@pytest.fixture
def engine(pooled_engine: Engine) -> Engine:
    """What the contract's tests run on here."""
    with pooled_engine.connect() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(table.name for table in Base.metadata.sorted_tables)}"))
    return pooled_engine


def test_the_contract_is_not_empty() -> None:
    assert sum(name.startswith("test_") and "__test_" in name for name in globals()) > 60


def test_clients_share_connections_and_nothing_of_one_reaches_another(engine: Engine) -> None:
    """More clients than connections: each sees its own transaction and UTC, whichever connection it gets."""
    connections = [engine.connect() for _ in range(8)]
    backends = set()
    for _ in range(3):
        for connection in connections:
            backend, zone = connection.execute(text("SELECT pg_backend_pid(), current_setting('timezone')")).one()
            backends.add(backend)
            assert zone == "UTC"
    for connection in connections:
        connection.close()
    assert len(backends) <= 4


def test_statements_end_in_time(engine: Engine) -> None:
    """By the role's own settings; and by ours, where the pooler has no connection to give."""
    database = Database(engine)
    with pytest.raises(Unavailable, match="statement timeout"):
        database.rows(text("SELECT pg_sleep(10)"))
    connections = [engine.connect() for _ in range(4)]
    for connection in connections:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT 1")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        database.count(text("UPDATE turns SET value = value"))
    assert time.monotonic() - began < STATEMENT_SECONDS + 2
    for connection in connections:
        connection.exec_driver_sql("COMMIT")
        connection.close()
    database.rows(text("SELECT 1"))


def test_without_the_setting_it_refuses_our_options_and_we_say_unavailable(url: str) -> None:
    engine = create_engine(url, **engine_options(url, 1))
    with pytest.raises(Unavailable, match="unsupported startup parameter"):
        Database(engine).rows(text("SELECT 1"))
    engine.dispose()


def test_no_statement_is_prepared(url: str) -> None:
    connection = connector(url, pooled=True)()
    assert connection.prepare_threshold is None
    connection.close()


@pytest.mark.promise("P3")
def test_two_workers_through_the_pooler_keep_one_successor(url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"IDP_DATABASE_POOLER": "transaction", "IDP_TRUSTED_PROXIES": "127.0.0.1"}
    provider = RunningProvider(tmp_path_factory.mktemp("pooled"), url, settings=settings)
    with operating(provider) as operator, running(provider):
        play = Play(provider, operator)
        app = play.app()
        for _ in range(3):
            held = play.holding(app)
            presented = held.tokens["refresh_token"]
            known = [answer for answer in play.all_at_once(play.refresh, app, presented) if not answer.unknown]
            assert {answer.status for answer in known} == {200}
            assert len({answer["refresh_token"] for answer in known}) == 1
            assert play.until_known(lambda: play.revoke(app, presented)).ok  # noqa: B023 - called at once
            play.assert_dead(app, known[:5])
    assert "Traceback" not in provider.log.read_text()
