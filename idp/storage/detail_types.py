"""Types of authorization details (RFC 9396): an operator's, few, asked for only where details are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, select

from ..domain.authorization_details import DetailType
from ..errors import Conflict
from .database import Database
from .rows import Rows
from .tables import detail_types
from .upsert import insert_or_nothing

TYPE = Rows(DetailType, detail_types)

_ADD = insert_or_nothing(detail_types)
_LIST = select(*TYPE.columns).order_by(detail_types.c.name)
_SOME = select(*TYPE.columns).where(detail_types.c.name.in_(bindparam("names", expanding=True)))
_DELETE = delete(detail_types).where(detail_types.c.name == bindparam("key"))


class SqlDetailTypes:
    """Implements ``ports.DetailTypes``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, kind: DetailType) -> None:
        """Raises Conflict if the name is taken."""
        if not self._db.count(_ADD, TYPE.parameters(kind)):
            raise Conflict("the type is registered already")

    def list(self) -> Sequence[DetailType]:
        """By name."""
        return TYPE.read_all(self._db.rows(_LIST))

    def some(self, names: Sequence[str]) -> Mapping[str, DetailType]:
        """Those of the names that are registered."""
        found = TYPE.read_all(self._db.rows(_SOME, {"names": list(dict.fromkeys(names))}))
        return {kind.name: kind for kind in found}

    def delete(self, name: str) -> bool:
        """False if there is none."""
        return self._db.count(_DELETE, {"key": name}) == 1
