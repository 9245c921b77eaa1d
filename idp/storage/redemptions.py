"""A code redeemed by one statement: the claim, its locks and what it creates (P4; RFC 6749 section 4.1.3).

For a client's first code of a Session, which most are. A transaction of separate statements takes eight
round trips for the same, and decides everything else: other databases, further codes of a Session, refusals.

Why it is as safe as they are: each step is fed by the one before it, so locks are taken in their order
(consent, code, Session: ``endings``), and each holds until the statement's own commit. Where a step waits for
somebody, PostgreSQL tests the row anew as they have left it. What it could not see, a client session that
came between, breaks the unique index: then nothing of the statement remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Boolean, Select, Table, Text, Uuid, bindparam, exists, insert, or_, select, true, update

from ..domain.client import Client
from ..domain.code import Redeemed
from ..domain.refresh import RefreshFamily
from ..domain.session import ClientSession
from ..errors import Conflict
from .database import Database
from .liveness import NOW, SESSION_LIVE, USER_LIVE
from .refresh_families import FAMILY
from .rows import CLIENT_SESSION, Rows
from .tables import client_sessions, clients, codes, consents, sessions, users

_APP = bindparam("app", type_=Text)
_GIVEN = (
    select(consents.c.user_id)
    .where(
        consents.c.user_id == bindparam("owner", type_=Uuid), consents.c.client_id == _APP,
        consents.c.scopes.op("@>")(bindparam("wanted", type_=consents.c.scopes.type)),
    )
    .with_for_update(read=True, key_share=True)
    .cte("given")
)  # fmt: skip
_AS_KNOWN = exists().where(
    clients.c.client_id == _APP, clients.c.disabled_at.is_(None),
    clients.c.updated_at == bindparam("as_of", type_=clients.c.updated_at.type),
)  # fmt: skip
_HOLDS_ALREADY = exists().where(
    client_sessions.c.session_id == codes.c.session_id, client_sessions.c.client_id == _APP,
    client_sessions.c.ended_at.is_(None),
)  # fmt: skip
_CLAIMED = (
    update(codes)
    .where(
        codes.c.code_hash == bindparam("key"), codes.c.used_at.is_(None), codes.c.expires_at > NOW,
        or_(bindparam("trusted", type_=Boolean), exists(select(_GIVEN.c.user_id))), _AS_KNOWN, ~_HOLDS_ALREADY,
    )
    .values(used_at=NOW, client_session_id=bindparam("held_id", type_=Uuid))
    .returning(codes.c.session_id)
    .cte("claimed")
)  # fmt: skip
_LIVE = (
    select(sessions.c.id)
    .select_from(_CLAIMED.join(sessions, sessions.c.id == _CLAIMED.c.session_id).join(users))
    .where(SESSION_LIVE, USER_LIVE)
    .with_for_update(key_share=True, of=sessions)
    .cte("live")
)


def _born(rows: Rows[Any], table: Table, prefix: str, after: CTE) -> CTE:
    """INSERT of a row whose every value is a parameter, once ``after`` has one."""
    values = [bindparam(prefix + column.name, type_=column.type) for column in rows.columns]
    wanted = select(*values).select_from(after)
    return insert(table).from_select(list(rows.columns), wanted).returning(table.c.id).cte(f"born_{prefix}")


_HELD = _born(CLIENT_SESSION, client_sessions, "held_", _LIVE)
_REDEEM: Select[Any] = select(_HELD.c.id).select_from(_CLAIMED.outerjoin(_HELD, true()))
_REDEEM_TO_REFRESH = _REDEEM.add_cte(_born(FAMILY, FAMILY.table, "family_", _HELD))  # type: ignore[arg-type]


class SqlRedemptions:
    """Implements ``ports.Redemptions``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def at_once(
        self, code_hash: bytes, client: Client, consent: Sequence[str] | None, client_session: ClientSession,
        family: RefreshFamily | None, now: datetime,
    ) -> Redeemed:  # fmt: skip
        """PostgreSQL alone can; on SQLite a round trip costs nothing."""
        if self._db.sqlite:
            return Redeemed.NOT
        asked = {
            "key": code_hash, "app": client.client_id, "as_of": client.updated_at, "now": now,
            "owner": client_session.user_id, "trusted": consent is None, "wanted": consent or (),
            **_prefixed("held_", CLIENT_SESSION.parameters(client_session)),
            **(_prefixed("family_", FAMILY.parameters(family)) if family is not None else {}),
        }  # fmt: skip
        try:
            rows = self._db.hot_changed(_REDEEM if family is None else _REDEEM_TO_REFRESH, asked)
        except Conflict:
            return Redeemed.NOT
        if not rows:
            return Redeemed.NOT
        return Redeemed.IN_VAIN if rows[0][0] is None else Redeemed.DONE


def _prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in values.items()}
