"""The outbox: claims as leases, outcomes, and the questions of people and operators.

A claim is one statement. On PostgreSQL it locks what it takes and skips what another worker is taking
(``FOR UPDATE SKIP LOCKED``); on SQLite a writing statement holds the one writer's lock from its start.
The condition is repeated where the row is locked, so a row claimed a moment ago is not claimed again.

Why a lease and no open transaction while sending: a receiver that hangs would hold a connection and the
row's lock; and a worker that dies would be noticed only when its connection is. When the lease is over
the message is anybody's again (I12).

Why ``attempts`` fences: it moves with every claim, so the outcome of a claim that was overtaken (its
worker slept past the lease) hits no row.

Why turn by turn: ranking each lane's messages gives every receiver its first place before any gets its
second, so a long queue for one delays no other. The ranking looks at a few hundred that are due longest:
a queue longer than that is left out of the next claim while its receiver is busy (``idp.courier``). More
candidates are looked at than are taken, because workers that ask at the same moment rank alike and skip
what the other has locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)  # fmt: skip

from ..domain.outbox import Backlog, MessageKind, MessageState, OutboxMessage, Search, Telling
from .database import AnyRow, Database
from .liveness import NOW
from .rows import Rows
from .tables import clients, outbox

MESSAGE = Rows(OutboxMessage, outbox)
MAX_ERROR = 300
_O = outbox.c
_LANE = func.coalesce(_O.client_id, _O.kind)
_LANES = bindparam("lanes", expanding=True, type_=Text)
_MOST = bindparam("most", type_=Integer)
_WAITING = and_(_O.delivered_at.is_(None), _O.gave_up_at.is_(None))
_FREE = or_(_O.claimed_until.is_(None), _O.claimed_until <= NOW)
_DUE = and_(_WAITING, _O.due_at <= NOW, _FREE)
_CONTENDERS = 4
_WINDOW = 500

_ADD = insert(outbox)
_PENDING = select(*MESSAGE.columns).where(_WAITING).order_by(_O.due_at, _O.id).limit(_MOST)
_ANY_DUE = select(_O.id).where(_DUE).limit(1)


def _claim(lanes: ColumnElement[bool]) -> Update:
    early = (
        select(_O.id, _O.due_at, _LANE.label("lane")).where(_DUE, lanes).order_by(_O.due_at).limit(_WINDOW).subquery()
    )
    place = func.row_number().over(partition_by=early.c.lane, order_by=(early.c.due_at, early.c.id)).label("place")
    ranked = select(early.c.id, early.c.due_at, place).subquery("ranked")
    candidates = (
        select(*ranked.c)
        .where(ranked.c.place <= bindparam("share", type_=Integer))
        .order_by(ranked.c.place, ranked.c.due_at)
        .limit(_MOST * _CONTENDERS)
        .subquery("candidates")
    )
    taken = (
        select(_O.id)
        .join(candidates, candidates.c.id == _O.id)
        .where(_DUE)
        .order_by(candidates.c.place, candidates.c.due_at)
        .limit(_MOST)
        .with_for_update(skip_locked=True, of=outbox)
        .cte("taken")
    )
    return (
        update(outbox)
        .where(_O.id.in_(select(taken.c.id)))
        .values(claimed_until=bindparam("until", type_=_O.claimed_until.type), attempts=_O.attempts + 1)
        .returning(*MESSAGE.columns)
    )


_CLAIM_OF = _claim(_LANE.in_(_LANES))
_CLAIM_OTHERS = _claim(_LANE.not_in(_LANES))

_ID = _O.id == bindparam("key")
_CURRENT = and_(_ID, _WAITING, _O.attempts == bindparam("claim", type_=Integer))
_ERROR = bindparam("error", type_=Text)
_DELIVERED = (
    update(outbox)
    .where(_ID, _O.delivered_at.is_(None))
    .values(delivered_at=NOW, gave_up_at=null(), claimed_until=null(), last_error=null())
)
_FORGET = delete(outbox).where(_ID)
_POSTPONE = (
    update(outbox)
    .where(_CURRENT)
    .values(due_at=bindparam("at", type_=_O.due_at.type), claimed_until=null(), last_error=_ERROR)
)
_GIVE_UP = update(outbox).where(_CURRENT).values(gave_up_at=NOW, claimed_until=null(), last_error=_ERROR)
_RELEASE = update(outbox).where(_CURRENT).values(claimed_until=null(), attempts=_O.attempts - 1)

_CONDITIONS: dict[MessageState, ColumnElement[bool]] = {
    MessageState.WAITING: _WAITING,
    MessageState.DELIVERED: _O.delivered_at.is_not(None),
    MessageState.GAVE_UP: and_(_O.delivered_at.is_(None), _O.gave_up_at.is_not(None)),
}
_STATE = case(
    (_O.delivered_at.is_not(None), literal(MessageState.DELIVERED.value)),
    (_O.gave_up_at.is_not(None), literal(MessageState.GAVE_UP.value)),
    else_=literal(MessageState.WAITING.value),
)
_TELLINGS = (
    select(_O.session_id, _O.client_id, clients.c.client_name, _STATE, _O.attempts, _O.created_at)
    .select_from(outbox.outerjoin(clients, clients.c.client_id == _O.client_id))
    .where(
        _O.user_id == bindparam("owner", type_=_O.user_id.type),
        _O.kind == MessageKind.BACKCHANNEL_LOGOUT.value,
        _O.created_at >= bindparam("since", type_=_O.created_at.type),
        _O.session_id.is_not(None),
        _O.client_id.is_not(None),
    )
    .order_by(_O.created_at.desc(), _O.id)
)
_BACKLOG = (
    select(_O.kind, func.count(), func.min(_O.due_at, type_=_O.due_at.type))
    .where(_WAITING)
    .group_by(_O.kind)
    .order_by(_O.kind)
)


class SqlOutbox:
    """Implements ``ports.Outbox``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, messages: Sequence[OutboxMessage]) -> None:
        """In the transaction of what they report, so that neither exists without the other."""
        if messages:
            self._db.count(_ADD, [MESSAGE.parameters(message) for message in messages])

    def pending(self, limit: int) -> Sequence[OutboxMessage]:
        """Longest due first."""
        return MESSAGE.read_all(self._db.rows(_PENDING, {"most": limit}))

    # ── claims and outcomes ──────────────────────────────────────────────────────────────────────

    def due(self, now: datetime) -> bool:
        """A read of the index of what waits."""
        return self._db.row(_ANY_DUE, {"now": now}) is not None

    def claim(
        self, now: datetime, until: datetime, limit: int, share: int, *, lanes: Sequence[str], only: bool
    ) -> Sequence[OutboxMessage]:
        """Longest due first."""
        values = {"now": now, "until": until, "most": limit, "share": share, "lanes": list(lanes)}
        rows = self._db.changed(_CLAIM_OF if only else _CLAIM_OTHERS, values)
        return tuple(sorted(MESSAGE.read_all(rows), key=lambda message: message.due_at))

    def delivered(self, message: OutboxMessage, now: datetime) -> None:
        """Not fenced: it has arrived, whoever claimed it since."""
        self._db.count(_DELIVERED, {"key": message.id, "now": now})

    def forget(self, message: OutboxMessage) -> None:
        """Delete it."""
        self._db.count(_FORGET, {"key": message.id})

    def postpone(self, message: OutboxMessage, due_at: datetime, error: str) -> bool:
        """Fenced."""
        return self._outcome(_POSTPONE, message, {"at": due_at, "error": _storable(error)})

    def give_up(self, message: OutboxMessage, now: datetime, error: str) -> bool:
        """Fenced."""
        return self._outcome(_GIVE_UP, message, {"now": now, "error": _storable(error)})

    def release(self, message: OutboxMessage) -> bool:
        """Fenced."""
        return self._outcome(_RELEASE, message, {})

    def _outcome(self, statement: Update, message: OutboxMessage, values: dict[str, Any]) -> bool:
        return self._db.count(statement, {"key": message.id, "claim": message.attempts} | values) == 1

    # ── questions ────────────────────────────────────────────────────────────────────────────────

    def list(self, search: Search, limit: int) -> Sequence[OutboxMessage]:
        """Latest first."""
        found = select(*MESSAGE.columns).where(_fits(search)).order_by(_O.created_at.desc(), _O.id).limit(limit)
        return MESSAGE.read_all(self._db.rows(found))

    def retry(self, search: Search, now: datetime) -> int:
        """What a worker holds right now is left to it."""
        again = {"due_at": now, "attempts": 0, "gave_up_at": None, "claimed_until": None}
        undelivered = and_(_O.delivered_at.is_(None), _FREE, _fits(search))
        return self._db.count(update(outbox).where(undelivered).values(again), {"now": now})

    def tellings(self, user_id: UUID, since: datetime) -> Sequence[Telling]:
        """One statement, names of clients included."""
        return [_telling(row) for row in self._db.rows(_TELLINGS, {"owner": user_id, "since": since})]

    def backlog(self) -> Sequence[Backlog]:
        """Counted over the index of what waits."""
        rows = self._db.rows(_BACKLOG)
        return [Backlog(kind=kind, waiting=waiting, oldest_due=oldest) for kind, waiting, oldest in rows]


def _fits(search: Search) -> ColumnElement[bool]:
    """The conditions of every member that is given."""
    given = {member.name: getattr(search, member.name) for member in fields(search) if member.name != "state"}
    conditions = [_O[name] == value for name, value in given.items() if value is not None]
    if search.state is not None:
        conditions.append(_CONDITIONS[search.state])
    return and_(true(), *conditions)


def _telling(row: AnyRow) -> Telling:
    session_id, client_id, client_name, state, attempts, created_at = row
    return Telling(
        session_id=session_id, client_id=client_id, client_name=client_name, state=MessageState(state),
        attempts=attempts, created_at=created_at,
    )  # fmt: skip


def _storable(error: str) -> str:
    """Words of a stranger: short, and nothing that a database or a terminal cannot hold."""
    return "".join(sign if sign.isprintable() else " " for sign in error)[:MAX_ERROR]
