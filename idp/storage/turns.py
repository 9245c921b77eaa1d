"""Turns: a queue in which one transaction stands at a time, until it commits; each turn has a number.

One row per queue, moved by an upsert. Its row lock is held until commit, so numbers are given in
commit order and never twice, even after everything numbered has been swept away (design.md 4.3).

Why a row and no advisory lock: the row gives the number as well as the turn, in one statement, and
PostgreSQL-compatible distributed engines have row locks where they lack advisory ones.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import BigInteger, bindparam, text

from .database import Database
from .tables import turns
from .upsert import upsert

_insert = upsert(turns).values(name=bindparam("queue"), value=bindparam("amount", type_=BigInteger))
_TAKE = _insert.on_conflict_do_update(
    index_elements=[turns.c.name], set_={"value": turns.c.value + _insert.excluded.value}
).returning(turns.c.value)
_WAIT_LONGER = text("SELECT set_config('lock_timeout', '10s', true), set_config('statement_timeout', '12s', true)")


def take_turn(database: Database, queue: str, amount: int = 1) -> int:
    """Wait for the queue, take ``amount`` numbers and return the last. Only inside a transaction."""
    if not database.in_work:
        raise RuntimeError("a turn lasts until commit: open a transaction first")
    return cast("int", database.changed(_TAKE, {"queue": queue, "amount": amount})[0].value)


def be_patient(database: Database) -> None:
    """Let this transaction wait 10 s for locks: others may be making an RSA key meanwhile."""
    if not database.sqlite:
        database.wait_longer(13.0)
        database.rows(_WAIT_LONGER)
