"""Bytes of storage, measured so that two looks at the same facts give the same figure.

- *rows* and *bytes* of every table: live rows alone. On PostgreSQL ``pg_column_size`` of the row as it
  lies there, its header included; on SQLite 8 for each number, else the bytes of the value (a SQLite
  integer is longer the larger it is, so a counter would seem to grow).
- *disk*: PostgreSQL's ``pg_total_relation_size`` of all tables after VACUUM: indexes, dead rows and maps
  included; on SQLite the pages in use, after a checkpoint of the write-ahead log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Table, func, literal_column, select, text

from idp.storage.tables import Base, client_sessions, codes, devices, refresh_families, sessions

TABLES = tuple(Base.metadata.sorted_tables)


@dataclass(frozen=True)
class Use:
    """Live rows and their bytes."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class Storage:
    """A whole database at one moment, and what one session holds of it."""

    tables: Mapping[str, Use]
    session: Mapping[str, Use]
    disk: int

    @property
    def session_bytes(self) -> int:
        """Bytes of the rows that exist because of this one session."""
        return sum(use.bytes for use in self.session.values())

    def plain(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "session_bytes": self.session_bytes,
            "session_rows": {name: use.rows for name, use in self.session.items()},
            "bytes": sum(use.bytes for use in self.tables.values()),
            "rows": {name: use.rows for name, use in self.tables.items()},
            "disk": self.disk,
        }


def measure(engine: Engine, sid: UUID) -> Storage:
    """Look at everything. ``sid`` is the client session whose share is told."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _settle(connection)
        return Storage(
            tables={table.name: _use(connection, table, None) for table in TABLES},
            session={table.name: _use(connection, table, where) for table, where in _of_session(sid).items()},
            disk=_disk(connection),
        )


def growth(before: Storage, after: Storage) -> list[str]:
    """Every way in which they differ that must not be; empty if use has left nothing behind."""
    found = [
        f"{scope}{name}: {old.rows} rows, {old.bytes} bytes before, {new.rows} rows, {new.bytes} bytes after"
        for scope, olds, news in (("", before.tables, after.tables), ("session's ", before.session, after.session))
        for name, old in olds.items()
        if (new := news[name]) != old
    ]
    if after.disk > before.disk:
        found.append(f"disk: {before.disk} bytes before, {after.disk} after")
    return found


def _of_session(sid: UUID) -> dict[Table, ColumnElement[bool]]:
    """The rows that one session of one app is made of."""
    own = client_sessions.c.id == sid
    return {
        devices: devices.c.id == select(client_sessions.c.device_id).where(own).scalar_subquery(),
        sessions: sessions.c.id == select(client_sessions.c.session_id).where(own).scalar_subquery(),
        client_sessions: own,
        refresh_families: refresh_families.c.client_session_id == sid,
        codes: codes.c.client_session_id == sid,
    }


def _use(connection: Connection, table: Table, where: ColumnElement[bool] | None) -> Use:
    size: ColumnElement[Any] = literal_column(_row_bytes(connection, table))
    asked = select(func.count(), func.coalesce(func.sum(size), 0)).select_from(table)
    rows, total = connection.execute(asked if where is None else asked.where(where)).one()
    return Use(rows, int(total))


def _row_bytes(connection: Connection, table: Table) -> str:
    if connection.dialect.name == "postgresql":
        return f"pg_column_size({table.name})"
    quoted = [f'"{table.name}"."{column.name}"' for column in table.columns]
    return " + ".join(
        f"CASE typeof({name}) WHEN 'null' THEN 0 WHEN 'integer' THEN 8 WHEN 'real' THEN 8"
        f" ELSE length(CAST({name} AS BLOB)) END"
        for name in quoted
    )


def _settle(connection: Connection) -> None:
    """Have done what the database would do later."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("VACUUM"))
    else:
        connection.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))


def _disk(connection: Connection) -> int:
    if connection.dialect.name == "postgresql":
        total = " + ".join(f"pg_total_relation_size('{table.name}')" for table in TABLES)
        return int(connection.execute(text(f"SELECT {total}")).scalar_one())
    pages, free, size = (
        connection.execute(text(f"PRAGMA {name}")).scalar_one()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
