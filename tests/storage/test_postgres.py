"""The connector alone: connections that come late, and servers that refuse."""

from __future__ import annotations

import time

import psycopg
import pytest

from idp.storage.postgres import CONNECT_SECONDS, PAUSE_SECONDS, Connector, TimedConnection

from ..postgres import PostgresServer

pytestmark = pytest.mark.promise("P5")


def test_a_connection_that_comes_late_goes_to_whoever_asks_next(postgres: PostgresServer) -> None:
    url = postgres.url("postgres").replace("postgresql+psycopg", "postgresql")
    waits, made = iter([CONNECT_SECONDS + 0.5]), []

    def slow() -> TimedConnection:
        time.sleep(next(waits, 0))
        made.append(TimedConnection.connect(url))
        return made[-1]

    connector = Connector(slow)
    with pytest.raises(psycopg.OperationalError, match="too long"):
        connector()
    with pytest.raises(psycopg.OperationalError, match="a moment ago"):
        connector()
    time.sleep(PAUSE_SECONDS + 0.05)
    assert connector() is made[0]
    other = connector()
    assert made == [made[0], other]
    for connection in made:
        connection.close()


def test_a_refusal_that_came_at_once_is_all_but_forgotten() -> None:
    """A server that restarts is found as soon as it is back."""
    asked = []

    def refuse() -> TimedConnection:
        asked.append(1)
        raise psycopg.OperationalError("refused")

    connector = Connector(refuse)
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError, match="refused"):
            connector()
        time.sleep(0.05)
    assert len(asked) == 3
