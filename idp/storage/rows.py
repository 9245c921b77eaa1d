"""One mapper between rows and the domain's frozen values: columns are named like members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

from sqlalchemy import FromClause
from sqlalchemy.sql.elements import ColumnElement

from ..domain.session import ClientSession, Session
from ..domain.user import User
from .database import AnyRow
from .tables import client_sessions, sessions, users

T = TypeVar("T")


class Rows(Generic[T]):
    """Reads ``kind`` from rows that select ``columns``, and writes it as parameters."""

    def __init__(self, kind: type[T], table: FromClause) -> None:
        self._kind = kind
        self.table = table
        self._names = tuple(member.name for member in fields(kind))  # type: ignore[arg-type]  # T is a dataclass
        self.columns: tuple[ColumnElement[Any], ...] = tuple(table.c[name] for name in self._names)

    def read(self, row: Sequence[Any] | AnyRow) -> T:
        """The value in the first columns of ``row``; what follows them is the caller's."""
        return self._kind(**dict(zip(self._names, row, strict=False)))

    def read_one(self, row: Sequence[Any] | AnyRow | None) -> T | None:
        """The same, of a row that may not be there."""
        return None if row is None else self.read(row)

    def read_all(self, rows: Sequence[AnyRow]) -> tuple[T, ...]:
        """The same, of many."""
        return tuple(self.read(row) for row in rows)

    def parameters(self, value: T) -> dict[str, Any]:
        """Every member under its column's name."""
        return {name: getattr(value, name) for name in self._names}

    def changes(self, value: T, *fixed: str) -> dict[str, Any]:
        """Every member but the ``fixed`` ones, for an UPDATE."""
        return {name: getattr(value, name) for name in self._names if name not in fixed}


USER = Rows(User, users)
SESSION = Rows(Session, sessions)
CLIENT_SESSION = Rows(ClientSession, client_sessions)
