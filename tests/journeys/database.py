"""Hands in the provider's database, for what no test can wait for: time that passes, windows that close."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, delete, select, update

from idp.storage.tables import client_sessions, devices, interactions, sessions, throttles, users


@contextmanager
def _opened(data_dir: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{data_dir / 'idp.sqlite'}", connect_args={"timeout": 20})
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def release_brakes(data_dir: Path) -> None:
    """Nobody has tried anything: all tests come from one address."""
    with _opened(data_dir) as connection:
        connection.execute(delete(throttles))


def let_expire(data_dir: Path, interaction_id: str) -> None:
    """This request has waited too long."""
    key = hashlib.sha256(interaction_id.encode()).digest()
    with _opened(data_dir) as connection:
        done = connection.execute(
            update(interactions).where(interactions.c.id_hash == key).values(expires_at=datetime.now(UTC))
        )  # fmt: skip
        assert done.rowcount == 1


def age(data_dir: Path, email: str, of: Callable[[str], tuple[timedelta, timedelta, str]]) -> None:
    """Make sign-ins older: ``of(user_agent)`` says since when, last seen when, and from where."""
    with _opened(data_dir) as connection:
        user = connection.execute(select(users.c.id).where(users.c.email == email)).scalar_one()
        for row in connection.execute(select(sessions).where(sessions.c.user_id == user)).all():
            _age(connection, row, *of(row.user_agent))


def _age(connection: Connection, row: Any, began: timedelta, seen: timedelta, address: str) -> None:
    factors = tuple(type(factor)(method=factor.method, at=factor.at - began) for factor in row.factors)
    at = row.last_seen_at - seen
    connection.execute(
        update(sessions).where(sessions.c.id == row.id).values(
            created_at=row.created_at - began, factors=factors, last_seen_at=at, address=address,
            ended_at=row.ended_at and row.ended_at - seen,
        )
    )  # fmt: skip
    connection.execute(update(devices).where(devices.c.id == row.device_id).values(last_seen_at=at))
    connection.execute(
        update(client_sessions).where(client_sessions.c.session_id == row.id).values(last_used_at=at)
    )  # fmt: skip
