"""The revocation log: ``seq`` grows in commit order and is never used twice (design.md 4.3).

Why the turn is taken in the ending's own transaction: a reader who has seen ``seq`` n has then seen
everything below it, for nobody gets n + 1 before the holder of n has committed or given up. (PostgreSQL
makes a commit visible before it lets its locks go.)

Why a page is one statement: the queue's number and the entries are then of one moment, so that ``head``
promises nothing that is not in the page, also when everything below it has been swept away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    bindparam,
    exists,
    insert,
    null,
    select,
    type_coerce,
    union_all,
)

from ..domain.revocation import LogPage, Revocation, RevocationKind
from .columns import UtcDateTime
from .database import Database
from .rows import Rows
from .tables import clients, resources, revocations, turns
from .timeline import Timeline
from .turns import take_turn

REVOCATION = Rows(Revocation, revocations)
QUEUE = "revocations"
_R = revocations.c
_SEQ, _KIND = (tuple(column.name for column in REVOCATION.columns).index(name) for name in ("seq", "kind"))

_ADD = insert(revocations)
_MOST = bindparam("most", type_=Integer)
_SEEN = bindparam("seen", type_=BigInteger)


def _page() -> Any:
    """The highest number given, in a row without ``kind``; and the entries that follow ``seen``."""
    blank = (type_coerce(null(), column.type).label(column.name) for column in REVOCATION.columns)
    members = {column.name: column for column in blank} | {"seq": turns.c.value.label("seq")}
    top = select(*(members[column.name] for column in REVOCATION.columns)).where(turns.c.name == QUEUE)
    entries = select(*REVOCATION.columns).where(_R.seq > _SEEN).order_by(_R.seq).limit(_MOST).subquery()
    return union_all(top, select(entries))


_PAGE = _page()
_CLIENT = (
    select(_R.at)
    .where(_R.kind == RevocationKind.CLIENT, _R.value == bindparam("of_client"))
    .order_by(_R.seq.desc())
    .limit(1)
)
_REVOKED = exists().where(_R.kind == RevocationKind.JTI, _R.value == bindparam("jti", type_=Text))
_OUTLIVED = exists().where(
    _R.kind == RevocationKind.CLIENT,
    _R.value == clients.c.client_id,
    _R.at >= bindparam("issued_at", type_=UtcDateTime()),
)
_SERVES = exists().where(resources.c.client_id == clients.c.client_id)
_MAY_FOLLOW = select(clients.c.client_id).where(
    clients.c.client_id == bindparam("of_client", type_=Text),
    clients.c.disabled_at.is_(None),
    _SERVES,
    ~_REVOKED,
    ~_OUTLIVED,
)
_FOLLOWING = select(clients.c.client_id).where(
    clients.c.client_id.in_(bindparam("names", expanding=True)), clients.c.disabled_at.is_(None), _SERVES
)
_JTI = select(_R.seq).where(_R.kind == RevocationKind.JTI, _R.value == bindparam("jti")).limit(1)


class SqlRevocations:
    """Implements ``ports.Revocations``."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._timeline = Timeline(database, QUEUE)

    def append(self, entries: Sequence[Revocation]) -> Sequence[Revocation]:
        """The entries with their ``seq``."""
        if not entries:
            return ()
        with self._db.work():
            last = take_turn(self._db, QUEUE, len(entries))
            first = (self._timeline.leapt() or last) - len(entries) + 1
            numbered = tuple(replace(entry, seq=first + place) for place, entry in enumerate(entries))
            self._db.count(_ADD, [REVOCATION.parameters(entry) for entry in numbered])
        return numbered

    def leap(self, step: int) -> None:
        """The next entry's number is that much higher."""
        take_turn(self._db, QUEUE, step)

    def page(self, seen: int, limit: int) -> LogPage:
        """Up to ``limit`` entries that came after ``seen``, in order."""
        rows = self._db.hot_rows(_PAGE, {"seen": seen, "most": limit + 1})
        last = next((row[_SEQ] for row in rows if row[_KIND] is None), 0)
        entries = sorted((REVOCATION.read(row) for row in rows if row[_KIND] is not None), key=lambda entry: entry.seq)
        kept = tuple(entries[:limit])
        return LogPage(head=kept[-1].seq if len(entries) > limit else last, last=last, entries=kept)

    def may_follow(self, client_id: str, jti: str, issued_at: datetime) -> bool:
        """One look for everything that a reader's token hangs on."""
        found = self._db.hot_row(_MAY_FOLLOW, {"of_client": client_id, "jti": jti, "issued_at": issued_at})
        return found is not None

    def still_following(self, client_ids: Collection[str]) -> frozenset[str]:
        """Those of the clients that are enabled and the resource server of something."""
        rows = self._db.rows(_FOLLOWING, {"names": sorted(client_ids)}) if client_ids else ()
        return frozenset(row[0] for row in rows)

    def reaffirm(self) -> None:
        """The log's own turn is written again, unchanged; its row is locked until the commit, as by any ending."""
        if not self._db.sqlite:
            with self._db.work():
                take_turn(self._db, "revocations", 0)

    def client_revoked_at(self, client_id: str) -> datetime | None:
        """The latest entry for the client as a whole."""
        row = self._db.hot_row(_CLIENT, {"of_client": client_id})
        return None if row is None else cast("datetime", row[0])

    def revoked_jti(self, jti: str) -> bool:
        """Has this very access token been revoked (RFC 7009)?"""
        return self._db.hot_row(_JTI, {"jti": jti}) is not None
