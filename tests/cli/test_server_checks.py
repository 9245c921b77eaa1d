"""What ``idp doctor`` says of a PostgreSQL server: room for connections, limits behind a pooler."""

from __future__ import annotations

import pytest

from idp.cli.findings import GOOD, WARN, Check
from idp.cli.server_checks import server_checks
from idp.settings import Settings
from idp.storage.postgres import SERVER_LIMITS
from tests.postgres import PostgresServer


def found(url: str, **settings: object) -> Check:
    [check] = server_checks(Settings(database_url=url, **settings))
    return check


def test_an_embedded_database_has_no_connections_to_count() -> None:
    assert list(server_checks(Settings(database_url="sqlite:///x.sqlite"))) == []


def test_there_is_room_for_so_many_machines(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.cli.server_checks.cores", lambda: 4)
    check = found(postgres_url, database_pool_size=8)
    assert (check.level, check.name) == (GOOD, "connections")
    assert "42 at most" in check.text
    assert "room for 3 such machines" in check.text, "150 less 3 for superusers"


def test_a_machine_that_may_ask_for_too_many_is_told(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.cli.server_checks.cores", lambda: 16)
    check = found(postgres_url, database_pool_size=10)
    assert check.level == WARN
    assert "IDP_DATABASE_POOL_SIZE" in check.todo


def test_behind_a_pooler_the_role_has_the_limits_or_is_told_how(postgres: PostgresServer, postgres_url: str) -> None:
    """Seen without a pooler: what counts is what the connection gets."""
    name = postgres_url.rpartition("/")[2]
    check = found(postgres_url, database_pooler="transaction")
    assert (check.level, check.name) == (WARN, "limits")
    for statement in check.todo.split("; "):
        postgres.execute(statement.replace("ROLE idp SET", f"ROLE idp IN DATABASE {name} SET"))
    assert all(setting in check.todo for setting in SERVER_LIMITS)
    assert found(postgres_url, database_pooler="transaction").level == GOOD
