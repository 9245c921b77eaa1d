"""Lists without an end, read page by page: nothing is left out, and no statement takes too long.

By the key of the last row and not by OFFSET, which reads everything before it once more each time and
skips a row whenever one before it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Column, Integer, Select, bindparam, tuple_

from .database import Database
from .rows import Rows

T = TypeVar("T")

PAGE = 5_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Pages:
    """All rows of a query, oldest first; ``key`` tells those of one moment apart, ``least`` is below every key."""

    def __init__(self, query: Select[Any], born: Column[Any], key: Column[Any], least: object) -> None:
        last = tuple_(bindparam("last_born", type_=born.type), bindparam("last_key", type_=key.type))
        most = bindparam("most", type_=Integer)
        self._page = query.where(tuple_(born, key) > last).order_by(born, key).limit(most)
        self._names = born.name, key.name
        self._least = _BEGINNING, least

    def read(self, database: Database, rows: Rows[T]) -> Sequence[T]:
        """Every one of them, as ``rows`` reads it."""
        found: list[T] = []
        (born, key), last = self._names, self._least
        while True:
            where = {"last_born": last[0], "last_key": last[1], "most": PAGE}
            page = rows.read_all(database.rows(self._page, where))
            found += page
            if len(page) < PAGE:
                return tuple(found)
            last = getattr(page[-1], born), getattr(page[-1], key)
